"""What a run reads and writes is within a factor of two of what was estimated."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive

BOX = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    make_archive(folder, size=1098, acquisitions=ACQUISITIONS[4:5])
    return folder


def middle(item: dict[str, Any]) -> list[float]:
    """The middle ninth of a scene's box."""
    west, south, east, north = item["bbox"]
    width, height = (east - west) / 3, (north - south) / 3
    return [west + width, south + height, east - width, north - height]


IN_SHORT = [("clip: false", "footprint"), ("clip: true", "header")]
"""The pairs that `make test` has; `make test-long` has the others."""


@pytest.mark.parametrize(
    ("more", "by"),
    [
        pytest.param(more, by, marks=() if (more, by) in IN_SHORT else pytest.mark.long)
        for more in ("clip: false", "clip: true", "clip: true, indices: [ndvi, ndwi]")
        for by in ("header", "proj:shape", "footprint")
    ],
)
def test_an_estimate_is_within_a_factor_of_two(
    desk: Any, scenes: Path, serve: Callable[[Path], Any], by: str, more: str
) -> None:
    server = serve(scenes)
    found = json.loads((scenes / "items.json").read_text())
    for item in found["features"]:
        for asset in item["assets"].values():
            path = asset["href"].removeprefix("./")
            asset["href"] = f"{scenes}/{path}" if by == "header" else server.url(path)
            if by == "footprint":
                asset.pop("proj:shape", None)
        if by == "footprint":
            item["properties"].pop("proj:shape", None)
    item = found["features"][0]
    found["features"] = [item]
    (desk.folder / "items.json").write_text(json.dumps(found))
    desk.write("guess", f"{{catalog: items.json, bbox: {middle(item)}}}", f"process: {{{more}}}")
    guess = desk.json("plan")["estimate"]
    assert set(guess["sizes"]) == {by}
    desk.run("run")
    written = sum(path.stat().st_size for path in desk.products.glob("guess/*/*"))
    assert written / 2 < guess["bytes_out"] < 2 * written, (guess["bytes_out"], written)
    if by != "header":
        read = sum(answer.size for answer in server.answers if answer.ranged)
        assert read / 2 < guess["bytes_in"] < 2 * read, (guess["bytes_in"], read)
