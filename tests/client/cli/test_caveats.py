"""`watch`, `status` and `report` of a run with an output that has no valid pixel: told, exit 0."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run import create
from scenefleet.run.finished import item_path
from scenefleet.store.folder import FolderStore
from scenefleet_task import spec

Cli = Callable[..., CompletedProcess[str]]
TEXT = "version: 1\nname: test\nsearch: {bbox: [1, 2, 3, 4], dates: 2023}\n"
PIXELS = b"pixels"
BBOX = (5.0, 51.0, 6.0, 52.0)
RING = [[5.0, 51.0], [6.0, 51.0], [6.0, 52.0], [5.0, 52.0], [5.0, 51.0]]
GEOMETRY = {"type": "Polygon", "coordinates": [RING]}
RED = spec.Band(
    name="red", asset="B04", href="/B04.tif", scale=1, offset=0, nodata=0, rule="recipe"
)


def document(name: str) -> spec.TaskDocument:
    return spec.seal(
        spec.TaskDocument(
            version=spec.VERSION,
            id="",
            product="test",
            folder=name,
            source=spec.Source(
                id=name,
                collection="c",
                href=None,
                datetime="2023-06-01T00:00:00Z",
                bbox=BBOX,
                geometry=GEOMETRY,
                properties={},
            ),
            access="none",
            parts=(spec.Part(item=name, bands=(RED,), masks=(), check=None),),
            outputs=(spec.Output(name="red", title="red", formula="red", scale=0.0001),),
            dtype="int16",
            stacked=False,
            compression="deflate",
            script=None,
            grid=None,
            clip=None,
        )
    )


def put_output(
    store: FolderStore, one: spec.TaskDocument, reasons: dict[str, int], saturated: int
) -> None:
    folder = item_path(one).rpartition("/")[0]
    valid = reasons["valid"]
    file = {
        "href": "./red.tif",
        "roles": ["data"],
        "file:size": len(PIXELS),
        "file:checksum": "1220" + hashlib.sha256(PIXELS).hexdigest(),
    }
    asset: dict[str, Any] = file | {
        "bands": [{"name": "red"}],
        "statistics": {"count": valid},
        "scenefleet:saturated": saturated,
    }
    item = {
        "type": "Feature",
        "id": one.folder,
        "bbox": list(BBOX),
        "geometry": one.source.geometry,
        "properties": {
            "datetime": one.source.datetime,
            "scenefleet:task": one.id,
            "scenefleet:valid_percent": float(valid > 0),
            "scenefleet:reasons": reasons,
        },
        "assets": {"red": asset},
    }
    store.write(f"{folder}/red.tif", PIXELS)
    store.write(item_path(one), json.dumps(item).encode())


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    """A run of three finished scenes in `results`: one fine, one all cloud, one cut short."""
    store = FolderStore(tmp_path / "results")
    fine, cloudy, cut = documents = tuple(map(document, ("fine", "cloudy", "cut")))
    source = RecipeFile(parse(TEXT, tmp_path / "r.yaml"), tmp_path / "r.yaml", TEXT)
    put_output(store, fine, {"valid": 1000, "cloud": 1}, 0)
    put_output(store, cloudy, {"valid": 0, "cloud": 75, "shadow": 25}, 0)
    put_output(store, cut, {"valid": 1000, "cloud": 0}, 20)
    return create(store, source, Plan(name="test", documents=documents), []).id


def test_the_end_of_a_run_tells_of_them_and_is_no_failure(cli: Cli, run_id: str) -> None:
    ended = cli("watch", run_id, "--store", "results")
    assert ended.returncode == 0, ended.stderr
    assert "1 of 3 scenes has no valid pixel, mostly cloud" in ended.stderr
    assert "  cloudy: no valid pixel: cloud 75.0 %" in ended.stderr
    assert "were cut: red of 1 scene; to keep them, write `dtype: float32`" in ended.stderr
    as_json = cli("watch", run_id, "--store", "results", "--json")
    assert json.loads(as_json.stdout)["empty"] == ["cloudy"]


def test_status_marks_them(cli: Cli, run_id: str) -> None:
    told = cli("status", run_id, "--store", "results")
    assert told.returncode == 0, told.stderr
    assert "1 of 3 scenes has no valid pixel" in told.stderr
    (row,) = (line for line in told.stdout.splitlines() if "cloudy" in line)
    assert row.endswith("no valid pixel: cloud 75.0 %")
    value = json.loads(cli("status", run_id, "--store", "results", "--json").stdout)
    assert value["empty"] == ["cloudy"]
    assert value["cut"] == [{"item": "cut", "output": "red", "percent": 2.0}]


def test_the_report_marks_them(cli: Cli, run_id: str, tmp_path: Path) -> None:
    assert cli("report", run_id, "--store", "results", "--to", "r.html").returncode == 0
    text = (tmp_path / "r.html").read_text()
    assert text.count('class="empty"') == 1
    assert "1 of 3 scenes has no valid pixel" in text
