"""What a run leaves, looked at as its user would: clipped rasters, a report in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from playwright.sync_api import sync_playwright
from rasterio.warp import transform_bounds

from scenefleet_task.spec import Reason

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def test_clipped_to_an_area_inside_the_scene(archive: Path, desk: Any) -> None:
    items = json.loads((archive / "items.json").read_text())["features"]
    west, south, east, north = items[0]["bbox"]
    third = ((east - west) / 3, (north - south) / 3)
    box = [west + third[0], south + third[1], east - third[0], north - third[1]]
    # a triangle, so that the rectangle around it has pixels outside
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[1]]]
    area = {"type": "Polygon", "coordinates": [ring]}
    (desk.folder / "field.geojson").write_text(json.dumps(area))
    search = f"{{catalog: '{archive / 'items.json'}', collections: [sentinel-2-l2a], "
    desk.write("clip", search + "area: field.geojson, limit: 1}", "process: {clip: true}")
    assert desk.json("run")["state"] == "done"
    ((name, item),) = desk.items("clip").items()
    folder = desk.products / "clip" / name
    with rasterio.open(folder / "ndvi.tif") as ndvi, rasterio.open(folder / "reason.tif") as why:
        values, reasons = ndvi.read(1), why.read(1)
        assert ndvi.bounds == why.bounds
        assert np.allclose(transform_bounds(ndvi.crs, "EPSG:4326", *ndvi.bounds), box, atol=2e-3)
    share = (reasons == Reason.OUTSIDE).mean()
    assert 0.4 < share < 0.6
    assert ((values == -32768) == (reasons != 0)).all()
    assert item["properties"]["proj:shape"] == list(values.shape)


@pytest.mark.long
def test_the_report_of_a_run_with_failures_in_a_browser(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    need: Callable[[str], Path],
) -> None:
    browser_path = str(need("chromium"))
    server = serve(archive)
    bad = json.loads((archive / "items.json").read_text())["features"][1]["id"]
    server.faults = {f"data/{bad}/B08.tif": fault(status=404)}
    search = f"{{catalog: '{server.url('items.json')}', collections: [sentinel-2-l2a], limit: 4}}"
    desk.write("seen", search, "compute: {retries: 0}")
    desk.run("run", code=3)
    report = desk.json("report")["report"]
    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"file://{report}")
        assert page.locator("#table tbody tr").count() == 4
        boxes = [shape.bounding_box() for shape in page.locator("svg path").all()]
        assert sum(box is not None and box["width"] > 5 for box in boxes) >= 4
        widths = page.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
        assert len(widths) == 3
        assert all(widths)
        text = page.inner_text("body")
        browser.close()
    assert bad in text
    assert "404" in text
    assert "scenefleet retry" in text
    assert not said
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


@pytest.mark.long
def test_fetch_takes_nothing_from_its_target(archive: Path, desk: Any) -> None:
    search = f"{{catalog: '{archive / 'items.json'}', collections: [sentinel-2-l2a], limit: 2}}"
    desk.write("taken", search)
    first = desk.json("run")["id"]
    (desk.folder / "mine").mkdir()
    (desk.folder / "mine/collection.json").write_text("mine")
    assert "cannot be read as a STAC collection" in desk.run("fetch", "--to", "mine", code=1).stderr
    assert (desk.folder / "mine/collection.json").read_text() == "mine"
    (desk.products / "taken/collection.json").unlink()
    assert desk.json("fetch", "--to", "got")["files"] == 6
    assert (desk.folder / "got/collection.json").is_file()
    assert desk.json("fetch", "--to", "got")["files"] == 0
    # the same name for another question writes over the first answer, which fetch then says
    desk.write("taken", search, "process: {indices: [ndwi]}")
    desk.run("run")
    assert "wrote over it" in desk.run("fetch", first, "--to", "old", code=1).stderr
    assert "cannot be written" in desk.run("fetch", "--to", "/proc/none", code=1).stderr
