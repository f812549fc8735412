"""`scenefleet try`: one window in seconds; and `--radiometry`, which three verbs take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import rasterio

from scenefleet.cli.selection import plan_one
from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive
from scenefleet.demo.server import serve_archive
from scenefleet.errors import CatalogError
from scenefleet.recipe import read_recipe
from scenefleet.settings import AzureSettings, Settings

Cli = Callable[..., CompletedProcess[str]]
RECIPE = """
version: 1
name: tried
search: {{catalog: '{catalog}', collections: [sentinel-2-l2a]{search}}}
process: {process}
"""
SCRIPT = """BANDS = ("red", "nir")
OUTPUTS = ("a", "b")

def process(scene):
    return {RETURN}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=140, acquisitions=ACQUISITIONS[:3])
    return folder


@pytest.fixture
def ids(archive: Path) -> list[str]:
    """Of the archive's items, the oldest first."""
    return [item["id"] for item in json.loads((archive / "items.json").read_text())["features"]]


Write = Callable[..., None]


@pytest.fixture
def write(archive: Path, tmp_path: Path) -> Write:
    """`write(process=..., search=..., given=...)` writes recipe.yaml, and mine.py if given."""

    def recipe(
        process: str = "{}", search: str = "", given: str | None = None, catalog: str = ""
    ) -> None:
        catalog = catalog or str(archive / "items.json")
        text = RECIPE.format(catalog=catalog, search=search, process=process)
        (tmp_path / "recipe.yaml").write_text(text)
        if given is not None:
            (tmp_path / "mine.py").write_text(SCRIPT.replace("RETURN", given))

    return recipe


def test_the_first_scene_in_a_table(cli: Cli, write: Write, tmp_path: Path, ids: list[str]) -> None:
    write("{script: mine.py}", given='"a": scene["red"], "b": scene["nir"] * 100')
    done = cli("try")
    assert done.returncode == 0, done.stderr
    assert f"scene {ids[0]}, the first" in done.stderr
    head, a, b = (line.split() for line in done.stdout.splitlines())
    assert head[:4] == ["output", "min", "mean", "max"]
    assert a[0] == "a"
    assert a[-2:] == ["try/a.png", "try/a.tif"]
    assert int(a[-3]) == 0
    assert int(b[-3]) > 0, "values beyond int16 were not counted"
    assert "140 x 140 pixels in" in done.stderr
    assert "% valid" in done.stderr
    assert {p.name for p in (tmp_path / "try").iterdir()} == {
        *("a.tif", "a.png", "b.tif", "b.png", "reason.tif")
    }
    assert not (tmp_path / "results").exists()


def test_explain_lists_how_sources_were_read(cli: Cli, write: Write) -> None:
    write()
    done = cli("try", "--explain", "--json")
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["read"]
    done = cli("try", "--explain")
    assert done.returncode == 0, done.stderr
    if not read:
        assert "the task did not say" in done.stderr
        return
    _, table = done.stdout.split("\n\n")
    head, *rows = table.splitlines()
    assert head.split() == ["asset", "read", "why", "item"]
    assert [row.split()[0] for row in rows] == [one["asset"] for one in read]
    assert {one["way"] for one in read} <= {"tiles", "gdal"}


def test_explain_tells_what_only_the_look_at_the_pixels_reads(cli: Cli, write: Write) -> None:
    write("{indices: [{near: nir}]}")
    done = cli("try", "--explain", "--json")
    why = {one["asset"]: one["why"] for one in json.loads(done.stdout)["read"]}
    assert why["B04"] == "only the look at its pixels reads it, and no output"
    assert "only the look at its pixels reads it" in done.stderr, "the log says the same"
    write("{indices: [{near: nir}], grid: {crs: 'EPSG:32631', resolution: 20}}")
    why = {
        one["asset"]: one["why"]
        for one in json.loads(cli("try", "--explain", "--json").stdout)["read"]
    }
    assert why["B08"] == "it is resampled to the outputs' grid"
    assert why["B04"] == "only the look at its pixels reads it, and no output"


@pytest.mark.parametrize("served", [False, True], ids=["file", "api"])
def test_a_named_item_is_the_very_task_of_a_run(
    cli: Cli, write: Write, archive: Path, ids: list[str], tmp_path: Path, *, served: bool
) -> None:
    def check(catalog: str) -> None:
        # a server's whole archive wants a bound
        write(catalog=catalog, search=", limit: 100")
        tasks = json.loads(cli("plan", "--json").stdout)["tasks"]
        by_item = {task["source"]["id"]: task["id"] for task in tasks}
        done = cli("try", "--item", ids[-1], "--window", "4,8,16,32", "--out", "o", "--json")
        assert done.returncode == 0, done.stderr
        trial = json.loads(done.stdout)
        assert trial["item"] == ids[-1]
        assert trial["task"] == by_item[ids[-1]]
        assert trial["shape"] == [16, 32]
        with rasterio.open(tmp_path / trial["outputs"][0]["file"]) as dataset:
            assert dataset.shape == (16, 32)
        assert sum(trial["reasons"].values()) == pytest.approx(100)

    if served:
        with serve_archive(archive) as url:
            check(url)
    else:
        check("")


def test_a_scene_beyond_the_limit_can_be_named(cli: Cli, write: Write, ids: list[str]) -> None:
    write(search=", limit: 1")
    done = cli("try", "--item", ids[-1], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["item"] == ids[-1]


def test_an_unknown_item_lists_the_nearest(cli: Cli, write: Write, ids: list[str]) -> None:
    write()
    done = cli("try", "--item", ids[1][:-1])
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert told[0].endswith("selects no such scene; nearest are")
    assert told[1].strip() == ids[1]


def test_an_item_that_the_search_drops_says_why(
    cli: Cli, write: Write, archive: Path, ids: list[str]
) -> None:
    items = json.loads((archive / "items.json").read_text())["features"]
    cover = items[0]["properties"]["eo:cloud_cover"]
    write(search=f", cloud_below: {cover}")
    done = cli("try", "--item", ids[0])
    assert done.returncode == 2
    assert f"does not select it: cloud: {cover:g} per cent" in done.stderr


def test_a_part_of_a_scene_means_the_scene(
    cli: Cli, write: Write, archive: Path, tmp_path: Path
) -> None:
    document = json.loads((archive / "items.json").read_text())
    first = document["features"][0]
    for asset in first["assets"].values():
        asset["href"] = str(archive / asset["href"])
    document["features"] = parts = [first, json.loads(json.dumps(first))]
    for n, part in enumerate(parts):
        part["id"] = f"station-{n}"
        strip = f"S2A_OPER_MSI_L2A_DS_2APS_20210531T140000_S20210531T10503{n}_N05.00"
        part["properties"] |= {"s2:datastrip_id": strip, "s2:nodata_pixel_percentage": n}
    (tmp_path / "items.json").write_text(json.dumps(document))
    write(catalog="items.json")
    done = cli("try", "--item", "station-1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["item"] == "station-0"


@pytest.mark.parametrize("window", ["1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5"])
def test_a_window_that_is_none(cli: Cli, write: Write, window: str) -> None:
    write()
    done = cli("try", "--window", window)
    assert done.returncode == 2
    assert "ROW,COL,HEIGHT,WIDTH" in done.stderr


def test_a_window_beside_the_scene(cli: Cli, write: Write) -> None:
    write()
    done = cli("try", "--window", "5000,0,10,10")
    assert done.returncode == 1
    assert "lies beyond the outputs, which have 140 rows and 140 columns" in done.stderr
    assert "One that has some: 0,0,140,140 (row, column, height, width)." in done.stderr


def test_a_place_in_degrees(cli: Cli, write: Write, archive: Path, tmp_path: Path) -> None:
    write()
    whole = json.loads(cli("try", "--json").stdout)["shape"]
    (first, *_) = json.loads((archive / "items.json").read_text())["features"]
    west, south, east, north = first["bbox"]
    box = [west, south, (west + east) / 2, north]
    done = cli("try", "--json", "--bbox", ",".join(map(str, box)))
    assert done.returncode == 0, done.stderr
    height, width = json.loads(done.stdout)["shape"]
    assert height == pytest.approx(whole[0], abs=3)
    assert width == pytest.approx(whole[1] / 2, abs=4)
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], box[:2]]
    (tmp_path / "half.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    by_file = cli("try", "--json", "--area", "half.geojson")
    assert json.loads(by_file.stdout)["shape"] == [height, width]
    missed = cli("try", "--bbox", "100,0,101,1")
    assert missed.returncode == 1
    assert "has no pixel of the outputs. One that has some" in missed.stderr
    assert "longitude comes first" not in missed.stderr
    swapped = cli("try", "--bbox", ",".join(map(str, (south, west, north, east))))
    assert swapped.returncode == 1
    assert "With longitude and latitude exchanged it lies in the scene: longi" in swapped.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bbox", "1,2,3"), "write [west, south, east, north]"),
        (("--bbox", "1,2,3,x"), "--bbox 1,2,3,x: write four numbers, W,S,E,N in degrees"),
        (("--bbox", "50,3,51,4", "--window", "0,0,1,1"), "name one of them"),
        (("--area", "none.geojson"), "none.geojson"),
    ],
)
def test_a_place_that_is_none(cli: Cli, write: Write, options: tuple[str, ...], said: str) -> None:
    write()
    done = cli("try", *options)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_a_script_that_raises_tells_its_line(cli: Cli, write: Write, tmp_path: Path) -> None:
    write("{script: mine.py}", given='"a": scene["red"] + [1, 2, 3], "b": 1')
    done = cli("try")
    assert done.returncode == 1
    assert "error: mine.py: process(scene): line 5: ValueError" in done.stderr
    assert done.stderr.count("line 5: ValueError") == 1, "once, not in the log as well"
    assert "Traceback" not in done.stderr
    assert not done.stdout
    # mended and tried again: what was there is replaced
    write("{script: mine.py}", given='"a": scene["red"], "b": scene["nir"]')
    done = cli("try")
    assert done.returncode == 0
    assert "replaced" not in done.stderr
    assert (tmp_path / "try/a.png").is_file()
    done = cli("try")
    assert "note: replaced, of an earlier try: try/a.png, try/a.tif, try/b.png" in done.stderr


def test_values_that_int16_cuts_come_with_advice(cli: Cli, write: Write) -> None:
    write("{script: mine.py}", given='"a": scene["red"] * 0 + 40, "b": scene["red"]')
    done = cli("try")
    assert "note: a: 100.0 % of the valid values do not fit int16" in done.stderr
    assert "write `dtype: float32`" in done.stderr
    assert "note: b" not in done.stderr


def test_valid_is_what_status_calls_so(
    cli: Cli, write: Write, archive: Path, tmp_path: Path
) -> None:
    document = json.loads((archive / "items.json").read_text())
    # the swath of this overpass ends within this tile
    (item,) = [one for one in document["features"] if "20210905" in one["id"] and "GT" in one["id"]]
    for asset in item["assets"].values():
        asset["href"] = str(archive / asset["href"])
    (tmp_path / "items.json").write_text(json.dumps({**document, "features": [item]}))
    write(catalog="items.json")
    window = json.loads(cli("try", "--window", "0,0,140,140", "--json").stdout)
    run = cli("run", "--json")
    assert run.returncode == 0, run.stderr
    (row,) = json.loads(cli("status", "--json").stdout)["scenes"]
    assert window["reasons"]["nodata"] > 1
    assert window["outputs"][0]["valid_percent"] == row["valid_percent"]
    assert window["reasons"]["valid"] < row["valid_percent"] - 1
    (made,) = (tmp_path / "results/products/tried").glob("*/*.json")
    found = json.loads(made.read_text())
    assert found["properties"]["scenefleet:valid_percent"] == row["valid_percent"]


def test_ctrl_c_ends_the_script_and_what_it_started(write: Write, tmp_path: Path) -> None:
    told = tmp_path / "child"
    write("{script: mine.py}", given=f'"a": wait({str(told)!r}), "b": 0')
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(f"""{text}
def wait(told):
    import pathlib, subprocess, time
    child = subprocess.Popen(["sleep", "300"])
    pathlib.Path(told + ".new").write_text(str(child.pid))
    pathlib.Path(told + ".new").rename(told)
    time.sleep(300)
""")
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("scenefleet")), "try"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path / "home")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 60
        while not told.exists():
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 5
    assert "Traceback" not in said
    assert not list((tmp_path / "try").iterdir())
    stat = Path(f"/proc/{told.read_text()}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def disputed(archive: Path, tmp_path: Path) -> Path:
    """The archive's first item, whose baseline is now another than its name."""
    document = json.loads((archive / "items.json").read_text())
    document["features"] = [item] = document["features"][:1]
    for asset in item["assets"].values():
        asset["href"] = str(archive / asset["href"])
    item["properties"]["s2:processing_baseline"] = "05.00"
    path = tmp_path / "items.json"
    path.write_text(json.dumps(document))
    return path


def test_radiometry_takes_the_place_of_the_recipes(cli: Cli, write: Write) -> None:
    def plan(*options: str) -> Any:
        done = cli("plan", "--json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    write("{radiometry: check}")
    checked, trusted = plan(), plan("--radiometry", "trust")
    assert checked == plan("--radiometry", "check")
    assert trusted["recipe"]["process"]["radiometry"] == "trust"
    assert trusted["run"] != checked["run"]
    checks = [part["check"] for task in checked["tasks"] for part in task["parts"]]
    assert all(len(check["look"]) == 2 for check in checks)
    unlooked = [{**check, "look": []} for check in checks]
    assert [p["check"] for task in trusted["tasks"] for p in task["parts"]] == unlooked
    write("{radiometry: trust}")
    assert plan() == trusted
    tried = json.loads(cli("try", "--json", "--radiometry", "check").stdout)
    assert tried["task"] == checked["tasks"][0]["id"]
    done = cli("plan", "--radiometry", "guess")
    assert done.returncode == 2
    assert "trust" in done.stderr


def test_refuse_leaves_out_what_is_disputed(
    cli: Cli, write: Write, archive: Path, tmp_path: Path
) -> None:
    write(catalog=str(disputed(archive, tmp_path)))
    for verb in ("plan", "run", "try"):
        done = cli(verb, "--radiometry", "refuse")
        assert done.returncode == 1, done.stderr
        assert "does not say clearly" in done.stderr
    done = cli("try")
    assert done.returncode == 0, done.stderr


def test_run_keeps_the_radiometry_with_the_run(cli: Cli, write: Write, tmp_path: Path) -> None:
    write(search=", limit: 1")
    done = cli("run", "--radiometry", "trust", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["id"]
    kept = (tmp_path / f"results/runs/{run}/recipe.yaml").read_text()
    assert "radiometry: trust" in kept


def test_the_stores_own_host_may_be_private_as_in_a_run(write: Write, tmp_path: Path) -> None:
    """Its account behind a private endpoint, which another name of the settings leads to."""
    ring = [[5, 52], [6, 52], [6, 53], [5, 53], [5, 52]]
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "a", "collection": "sentinel-2-l2a",
        "scenefleet:origin": "public", "bbox": [5, 52, 6, 53], "links": [],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": "2021-06-01T10:00:00Z", "s2:processing_baseline": "03.00"},
        "assets": {key: {"href": f"http://10.1.2.3/{key}.tif"} for key in ("B04", "B08")},
    }  # fmt: skip
    (tmp_path / "item.json").write_text(json.dumps(item))
    write("{indices: [ndvi], mask: none}", catalog=str(tmp_path / "item.json"))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "output: {store: 'az://mine/results'}\n")
    source = read_recipe(recipe)
    own = AzureSettings(storage_endpoint="http://10.1.2.3")
    document = plan_one(source, None, Settings(azure=own, path=tmp_path / "none"))
    assert "10.1.2.3" in document.reach.hosts
    with pytest.raises(CatalogError, match="is a private address"):
        plan_one(source, None, Settings(path=tmp_path / "none"))
