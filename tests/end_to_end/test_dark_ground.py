"""Dark ground, by the command line: edges and shadows near 0, and reflectance below zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import ground_scene

SHAPE = (200, 200)
LATE = {"baseline": "05.09", "product": "0509"}
CATALOG = "{catalog: items.json, collections: [sentinel-2-l2a]}"


def scene(folder: Path, name: str, dark: list[tuple[int, int]]) -> dict[str, Any]:
    """Plants, and ten rows of each pair of numbers of red and near infrared; baseline 05.09."""
    red, nir = np.full(SHAPE, 1300, np.uint16), np.full(SHAPE, 4000, np.uint16)
    for n, (low, other) in enumerate(dark):
        red[10 * n : 10 * n + 10], nir[10 * n : 10 * n + 10] = low, other
    for file, values in (("B04", red), ("B08", nir), ("SCL", np.full(SHAPE, 4, np.uint8))):
        ground_scene.write_cog(folder / name / f"{file}.tif", values)
    return ground_scene.make_item(name, "planetary-computer", folder / name, **LATE)


def read(desk: Any, product: str, name: str, file: str) -> Any:
    with rasterio.open(desk.products / product / name / f"{file}.tif") as source:
        return source.read(1)


@pytest.fixture
def items(desk: Any) -> None:
    edge = scene(desk.folder, "edge", [(1, 1)])
    shade = scene(desk.folder, "shade", [(1, 1), (900, 980)])
    collection = {"type": "FeatureCollection", "features": [edge, shade]}
    (desk.folder / "items.json").write_text(json.dumps(collection))


def test_honest_metadata_is_believed_and_what_is_below_zero_is_told(desk: Any, items: None) -> None:
    desk.write("kept", CATALOG, "output: {dtype: float32}")
    said = desk.run("run").stderr
    ndvi = read(desk, "kept", "shade", "ndvi")
    assert ndvi[150, 0] == pytest.approx(2700 / 3300, rel=1e-6)
    assert ndvi[15, 0] == pytest.approx(80 / -120, rel=1e-6)  # nir is above red: -0.67
    told = desk.items("kept")["shade"]
    assert told["properties"]["scenefleet:negative"] == {"decided": "keep", "pixels": 4000}
    assert "2 scenes have a reflectance at or below zero in more than 1 %" in said
    assert "`negative: mask`" in said
    summary = desk.json("status")
    shares = {one["item"]: one["negative_percent"] for one in summary["scenes"]}
    assert shares == {"edge": 5.0, "shade": 10.0}
    page = (desk.folder / "results" / f"runs/{summary['id']}/report.html").read_text()
    assert "at or below zero" in page


def test_a_recipe_that_masks_it_has_a_reason_for_it(desk: Any, items: None) -> None:
    desk.write("masked", CATALOG, "process: {negative: mask}")
    said = desk.run("run").stderr
    reason = read(desk, "masked", "shade", "reason")
    assert (reason[:20] == 10).all()
    assert not reason[20:].any()
    assert (read(desk, "masked", "shade", "ndvi")[:20] == -32768).all()
    assert desk.items("masked")["shade"]["properties"]["scenefleet:reasons"]["negative"] == 4000
    assert "below zero" not in said
