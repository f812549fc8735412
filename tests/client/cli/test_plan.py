"""`scenefleet plan`: how pixels will be read, and how many tasks run at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import rasterio

from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive

Cli = Callable[..., CompletedProcess[str]]
RECIPE = """
version: 1
name: planned
search: {{catalog: '{catalog}', collections: [sentinel-2-l2a]}}
{more}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=120, acquisitions=ACQUISITIONS[:3])
    return folder


Write = Callable[..., None]


@pytest.fixture
def write(archive: Path, tmp_path: Path) -> Write:
    def recipe(more: str = "", catalog: Path = archive / "items.json") -> None:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(catalog=catalog, more=more))

    return recipe


def test_explain_tells_alike_tasks_together(cli: Cli, write: Write) -> None:
    write()
    plain, done = cli("plan"), cli("plan", "--explain")
    assert done.returncode == 0, done.stderr
    assert done.stdout == plain.stdout
    (line,) = [line for line in done.stderr.splitlines() if "by tiles:" in line]
    assert line.endswith("by tiles: if the file is a tiled GeoTIFF; the task's log says")
    tasks = len(plain.stdout.splitlines()) - 1
    assert line.startswith(f"{tasks} tasks: ")
    assert all(asset in line for asset in ("B04", "B08", "SCL"))
    assert "no mask of its own" in done.stderr
    assert "by tiles" not in plain.stderr


def test_explain_names_what_speaks_against_tiles(
    cli: Cli, write: Write, archive: Path, tmp_path: Path
) -> None:
    document = json.loads((archive / "items.json").read_text())
    for item in document["features"]:
        for asset in item["assets"].values():
            asset["href"] = str(archive / asset["href"])
    document["features"][0]["assets"]["SCL"]["type"] = "image/jp2"
    (tmp_path / "items.json").write_text(json.dumps(document))
    write(catalog=tmp_path / "items.json")
    done = cli("plan", "--explain")
    assert "1 task: SCL through GDAL: its item says image/jp2, which is no GeoTIFF" in done.stderr
    write("process: {grid: {crs: EPSG:3035, resolution: 20}}")
    done = cli("plan", "--explain")
    assert "through GDAL: the recipe's grid resamples" in done.stderr
    assert "no mask of its own" not in done.stderr, "no source goes by tiles"


def test_explain_in_json(cli: Cli, write: Write) -> None:
    write()
    found = json.loads(cli("plan", "--explain", "--json").stdout)
    (group,) = found["read"]
    assert group["tasks"] == len(found["tasks"])
    assert group["first"] == found["tasks"][0]["source"]["id"]
    assert {one["way"] for one in group["sources"]} == {"tiles"}
    assert "read" not in json.loads(cli("plan", "--json").stdout)


def test_resources_change_slots_and_no_id(cli: Cli, write: Write) -> None:
    write("compute: {slots: 2}")
    small = json.loads(cli("plan", "--json").stdout)
    assert small["estimate"]["slots"] == 2
    assert small["recipe"]["resources"] == {"memory": "500MB", "threads": 1}
    write("resources: {memory: 100000 GB}")
    done = cli("plan", "--json")
    large = json.loads(done.stdout)
    assert large["run"] == small["run"]
    assert large["estimate"]["slots"] == 1
    assert large["recipe"]["resources"]["memory"] == "100000GB"
    assert "note: this machine: even one task may be too many" in done.stderr


def test_a_node_runs_what_its_memory_holds(cli: Cli, write: Write, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "[azure]\nbatch_endpoint = 'https://a.b.batch.azure.com'\nimage = 'a.io/b'\n"
    )
    more = "compute: {backend: azure}\noutput: {store: 'az://a/b'}\nresources: {memory: 4GB}"
    write(more)
    done = cli("plan", "--json", "--settings", str(settings))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["estimate"]["slots"] == 3
    assert "note: STANDARD_D4DS_V5: 3 at once and not 4: a task may take 4.1 GB" in done.stderr


def test_doctor_says_how_many_run_at_once(cli: Cli, write: Write) -> None:
    write("compute: {slots: 2}\nresources: {memory: 300mb, threads: 2}")
    checks = {check["name"]: check for check in json.loads(
        cli("doctor", "--recipe", "recipe.yaml", "--json").stdout)}  # fmt: skip
    assert checks["tasks"]["verdict"] == "ok"
    assert checks["tasks"]["text"] == "2 at once here, 300MB and 2 threads each"


@pytest.mark.parametrize(
    ("budget", "note"),
    [
        (
            "{max_cost: 5, node_price: 1}",
            "`budget.max_cost` and `budget.node_price` have no effect",
        ),
        ("{node_price: 1}", "`budget.node_price` has no effect"),
        ("{}", None),
    ],
)
def test_a_budget_of_a_local_run_is_said_to_have_no_effect(
    cli: Cli, write: Write, budget: str, note: str | None
) -> None:
    write(f"budget: {budget}")
    done = cli("plan")
    assert done.returncode == 0, done.stderr
    assert (f"note: {note}" in done.stderr) if note else ("no effect" not in done.stderr)
    assert "costs nothing" not in done.stdout


@pytest.mark.parametrize("verb", ["plan", "try", "run"])
def test_a_scripts_missing_module_is_told_once(
    cli: Cli, write: Write, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "own.py").write_text(
        'BANDS = ("red",)\nOUTPUTS = ("a",)\n\n\ndef process(scene):\n    import no_such_thing\n'
    )
    write("process: {script: own.py}")
    done = cli(verb)
    assert done.returncode == {"plan": 0, "try": 1, "run": 3}[verb]
    note = "note: own.py imports `no_such_thing` (line 6), which the Python that tasks"
    assert done.stderr.count(note) == 1


def test_what_nothing_tells_the_scale_of_is_said_before_a_run(
    cli: Cli, archive: Path, tmp_path: Path
) -> None:
    files = {}
    for name, scale in (("plain", None), ("scaled", 0.0001)):
        files[name] = str(tmp_path / f"{name}.tif")
        profile = {"driver": "GTiff", "height": 32, "width": 32, "count": 1, "dtype": "uint16"}
        with rasterio.open(files[name], "w", **profile) as file:
            file.write(np.full((1, 32, 32), 900, "uint16"))
            if scale:
                file.scales = (scale,)
    document = json.loads((archive / "items.json").read_text())
    item = {**document["features"][0], "id": "one", "collection": "ours"}
    item["properties"] = {"datetime": item["properties"]["datetime"]}
    hrefs = {"B4": files["plain"], "B3": files["scaled"], "B8": "https://example.org/B8.tif"}
    item["assets"] = {key: {"href": href} for key, href in hrefs.items()}
    (tmp_path / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": [item]})
    )
    recipe = """
version: 1
name: ours
search: {catalog: items.json, collections: [ours]}
process: {mask: [none], indices: [savi, ndwi]}
collections: {ours: {bands: {red: B4, green: B3, nir: B8}}}
"""
    (tmp_path / "recipe.yaml").write_text(recipe)
    done = cli("plan")
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ours: ")]
    assert len(notes) == 2, done.stderr
    assert "nothing tells the scale of red (asset B4)" in notes[0]
    assert "the scale of nir (asset B8) is the file's header to tell" in notes[1]
    assert all("Give each band its `scale`" in note for note in notes)
    told = recipe.replace(
        "red: B4, green: B3, nir: B8",
        "red: {asset: B4, scale: 0.001}, green: B3, nir: {asset: B8, scale: 1}",
    )
    (tmp_path / "recipe.yaml").write_text(told)
    assert "note: ours" not in cli("plan").stderr


def test_an_own_formula_under_a_published_name_is_noted(cli: Cli, write: Write) -> None:
    write("process: {indices: [{ndvi: red - nir}]}")
    done = cli("plan")
    assert done.returncode == 0, done.stderr
    assert "note: the output 'ndvi' is this recipe's own formula, red - nir, and" in done.stderr
