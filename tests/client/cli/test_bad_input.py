"""Whatever a user gets wrong: an exit code, one clear message, no traceback, nothing on stdout."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]

RECIPE = """\
version: 1
name: bad
search: {{catalog: items.json, collections: [sentinel-2-l2a]{search}}}
process: {{mask: none}}
{more}
"""


def item(**properties: object) -> dict[str, object]:
    square = [[[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]]
    assets = {"B04": {"href": "B04.tif"}, "B08": {"href": "B08.tif"}}
    moment = {"datetime": "2023-06-01T10:50:29Z", "s2:processing_baseline": "05.09"}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2A_X",
        "collection": "sentinel-2-l2a",
        "bbox": [5, 51, 6, 52],
        "geometry": {"type": "Polygon", "coordinates": square},
        "properties": {**moment, "eo:cloud_cover": 50, **properties},
        "assets": assets,
        "links": [],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def write(*, search: str = "", more: str = "") -> None:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(search=search, more=more))
        items = {"type": "FeatureCollection", "features": [item()]}
        (tmp_path / "items.json").write_text(json.dumps(items))

    return write


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_no_recipe(cli: Cli) -> None:
    refused(cli("run"), 1, "recipe.yaml", "scenefleet init")
    refused(cli("status"), 2, "--recipe", "--store")


def test_an_unknown_verb_or_option(cli: Cli) -> None:
    refused(cli("rnu"), 2, "rnu")
    refused(cli("run", "--fast"), 2, "--fast")


def test_an_unknown_key(cli: Cli, write: Callable[..., None]) -> None:
    write(more="proces: {}")
    refused(cli("plan"), 1, "recipe.yaml:5: proces", "did you mean `process`")


def test_an_empty_search_says_what_filtered(cli: Cli, write: Callable[..., None]) -> None:
    write(search=", cloud_below: 10")
    refused(cli("run"), 1, "no scene", "cloud")


def test_an_area_beyond_the_catalogue(cli: Cli, write: Callable[..., None]) -> None:
    write(search=", bbox: [100, 10, 101, 11]")
    refused(cli("run"), 1, "no scene")


def test_a_catalogue_that_is_not_there(
    cli: Cli, write: Callable[..., None], tmp_path: Path
) -> None:
    write()
    (tmp_path / "items.json").unlink()
    refused(cli("search"), 1, "items.json")


def test_a_missing_band(cli: Cli, write: Callable[..., None], tmp_path: Path) -> None:
    write()
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("none}", "none, indices: [ndmi]}"))
    refused(cli("plan"), 1, "swir16", "nir", "red")


AZURE = {"SCENEFLEET_AZURE_BATCH_ENDPOINT": "http://127.0.0.1:9"}
ON_AZURE = "compute: {backend: azure, image: x/y:1}\noutput: {store: 'az://acct/cont'}\n"


def test_azure_without_settings_names_what_is_missing(cli: Cli, write: Callable[..., None]) -> None:
    write(more=ON_AZURE)
    refused(cli("run", "--yes"), 4, "batch_endpoint", "SCENEFLEET_AZURE_BATCH_ENDPOINT")


def test_azure_needs_an_image_and_a_store_that_nodes_reach(
    cli: Cli, write: Callable[..., None]
) -> None:
    write(more="compute: {backend: azure}\noutput: {store: 'az://acct/cont'}")
    refused(cli("run", "--yes", **AZURE), 1, "image")
    write(more="compute: {backend: azure, image: x/y:1}")
    refused(cli("run", "--yes", **AZURE), 1, "az://account/container/prefix")


def test_over_the_budget(cli: Cli, write: Callable[..., None]) -> None:
    write(more=ON_AZURE + "budget: {max_cost: 0.01, node_price: 100}")
    refused(cli("run", "--yes", **AZURE), 6, "0.01")


def test_a_run_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    refused(cli("status", "nothing", "--store", "results"), 2, "nothing", "there is none")
    refused(cli("status", "--store", "results"), 2, "no run yet")


def test_init_never_overwrites(cli: Cli, tmp_path: Path) -> None:
    assert cli("init").returncode == 0
    (tmp_path / "recipe.yaml").write_text("mine")
    refused(cli("init"), 2, "recipe.yaml", "--force")
    assert (tmp_path / "recipe.yaml").read_text() == "mine"


def test_init_for_azure_brings_the_pool_templates(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", "--azure").returncode == 0
    names = {path.name for path in (tmp_path / "pool_templates").iterdir()}
    assert {"spot.pool.json", "dedicated.pool.json", "main.bicep", "README.md"} <= names
    assert json.loads(cli("init", "--schema").stdout)["title"] == "scenefleet recipe"
