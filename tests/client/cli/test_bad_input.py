"""Whatever a user gets wrong: an exit code, one clear message, no traceback, nothing on stdout."""

import json
import subprocess
import sys
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
    refused(cli("run"), 2, "recipe.yaml", "scenefleet init")
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
    # in a checkout they are there already
    (tmp_path / "recipe.yaml").unlink()
    assert cli("init", "--azure").returncode == 0
    (tmp_path / "pool_templates/README.md").write_text("mine")
    (tmp_path / "recipe.yaml").unlink()
    kept = cli("init", "--azure")
    assert kept.returncode == 0
    assert "kept pool_templates/README.md" in kept.stderr
    assert (tmp_path / "pool_templates/README.md").read_text() == "mine"


def test_a_search_without_any_bound_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("version: 1\nname: a\nsearch: {}\n")
    refused(cli("search"), 1, "area", "dates", "millions")


def test_a_list_is_asked_for_where_a_list_is_meant(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(
        "version: 1\nname: a\nsearch: {collections: landsat-c2-l2}\n"
    )
    refused(cli("search"), 1, "search.collections", "write a list")


def test_a_signed_address_is_refused_and_not_repeated(cli: Cli, tmp_path: Path) -> None:
    for address in ("az://a/cont?sig=SECRET", "https://a.blob.core.windows.net/c?sig=SECRET"):
        done = cli("status", "--store", address)
        refused(done, 2, "az://account/container/prefix")
        assert "SECRET" not in done.stderr
    (tmp_path / "recipe.yaml").write_text(
        "version: 1\nname: a\nsearch: {catalog: 'https://x/stac?token=SECRET'}\n"
    )
    done = cli("search")
    refused(done, 1, "search.catalog", "token")
    assert "SECRET" not in done.stderr


def test_a_store_that_is_not_there_is_said_so(cli: Cli) -> None:
    refused(cli("list", "--store", "nosuch"), 2, "nosuch", "no such folder")


def test_one_identity_without_the_other(cli: Cli, write: Callable[..., None]) -> None:
    write(more=ON_AZURE)
    done = cli("run", "--yes", SCENEFLEET_AZURE_IDENTITY_CLIENT_ID="x", **AZURE)
    refused(done, 4, "identity_resource_id")


def test_files_of_this_machine_are_not_sent_to_azure(cli: Cli, write: Callable[..., None]) -> None:
    write(more=ON_AZURE)
    done = cli("run", "--yes", SCENEFLEET_AZURE_BATCH_ENDPOINT="https://a.b.batch.azure.com")
    refused(done, 1, "S2A_X", "on this machine")


def test_a_closed_or_full_standard_output_is_no_bug(cli: Cli, tmp_path: Path) -> None:
    scenefleet = f"{Path(sys.executable).with_name('scenefleet')} init --schema"
    for redirection, code, word in ((">&-", 0, ""), (">/dev/full", 1, "No space left")):
        done = subprocess.run(
            ["/bin/sh", "-c", f"{scenefleet} {redirection}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert word in done.stderr
        assert "bug" not in done.stderr
        assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("word", ["serch", "SEARCH", "reserch"])
def test_a_verb_that_is_mistyped_is_guessed(cli: Cli, word: str) -> None:
    refused(cli(word), 2, f"'{word}' is no verb of scenefleet; did you mean search")


def test_a_verb_that_nothing_is_like(cli: Cli) -> None:
    refused(cli("frobnicate"), 2, "`scenefleet --help` has all")
    refused(cli("help"), 2, "`scenefleet --help` lists the verbs")
    refused(cli("help", "run"), 2, "`scenefleet run --help` explains one")
    refused(cli("version"), 2, "`scenefleet --version` tells it")


@pytest.mark.parametrize(
    "verb", ["search", "plan", "try", "run", "status", "watch", "logs", "retry", "cancel", "report"]
)
def test_a_recipe_that_is_not_there_is_told_alike_by_every_verb(cli: Cli, verb: str) -> None:
    refused(cli(verb, "nope.yaml"), 2, "nope.yaml: there is no such file", "scenefleet init")
