"""What a run reads and writes is within a factor of two of what was estimated."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

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


NO_MASK = "process: {mask: none}"
ORIGIN = Affine(10, 0, 600_000, 0, -10, 5_700_000)


def close(desk: Any, name: str, server: Any) -> None:
    """Holds what a run reads and writes against its estimate."""
    guess = desk.json("plan")["estimate"]
    desk.run("run")
    written = sum(path.stat().st_size for path in desk.products.glob(f"{name}/*/*"))
    read = sum(answer.size for answer in server.answers if answer.ranged)
    assert read / 2 < guess["bytes_in"] < 2 * read, (guess["bytes_in"], read)
    assert written / 2.1 < guess["bytes_out"] < 2.1 * written, (guess["bytes_out"], written)


def ground(dtype: str) -> np.ndarray:
    """Four bands of hills with noise, as reflectance or as numbers of this type."""
    dice = np.random.default_rng(3)
    hills = np.cumsum(np.cumsum(dice.normal(0, 1, (SIDE, SIDE)), 0), 1)
    hills = (hills - hills.min()) / np.ptp(hills)
    bands = [0.05 + 0.1 * n * hills + dice.normal(0, 0.004, hills.shape) for n in (1, 2, 3, 4)]
    values = np.clip(np.stack(bands), 0.001, 0.6)
    factor = {"float32": 1, "uint8": 250, "uint16": 10_000}[dtype]
    return (values * factor).astype(dtype)


def files_of(bands: np.ndarray, *, together: bool) -> dict[str, np.ndarray]:
    if together:
        return {"image": bands}
    return {name: band[np.newaxis] for name, band in zip(BANDS, bands, strict=True)}


def write(path: Path, bands: np.ndarray, interleave: str) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands.dtype, count=len(bands), width=SIDE, height=SIDE,
        crs="EPSG:32632", transform=ORIGIN, tiled=True, blockxsize=512, blockysize=512,
        compress="deflate", interleave=interleave, photometric="minisblack",
    ) as dataset:  # fmt: skip
        dataset.write(bands)


def items_of(assets: dict[str, Any]) -> dict[str, Any]:
    reach = 10 * SIDE
    west, south, east, north = transform_bounds(
        "EPSG:32632", "EPSG:4326", 600_000, 5_700_000 - reach, 600_000 + reach, 5_700_000
    )
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "S1", "collection": "ours",
        "bbox": [west, south, east, north], "links": [],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": "2023-06-01T10:00:00Z", "gsd": 10}, "assets": assets,
    }  # fmt: skip
    return {"type": "FeatureCollection", "features": [item]}


@pytest.mark.parametrize("folder", ["landsat-2019", "exeter-2024", "nl-border-2019"])
def test_an_estimate_of_real_scenes_is_within_a_factor_of_two(
    desk: Any, need: Callable[[str], Path], serve: Callable[[Path], Any], folder: str
) -> None:
    data = need("shared") / "data" / folder
    server = serve(data)
    found = json.loads((data / "items.json").read_text())
    for item in found["features"]:
        for asset in item["assets"].values():
            asset["href"] = server.url(asset["href"].removeprefix("./"))
    (desk.folder / "items.json").write_text(json.dumps(found))
    collection = found["features"][0]["collection"]
    desk.write("real", f"{{catalog: items.json, collections: [{collection}]}}", NO_MASK)
    close(desk, "real", server)


SIDE = 1000
BANDS = ("blue", "green", "red", "nir")
KINDS: dict[str, tuple[str, str | None]] = {
    "floats": ("float32", None),
    "8 bits": ("uint8", None),
    "16 bits, bands together": ("uint16", "pixel"),
}
"""The type of numbers, and how the bands of a file that has all of them are interleaved."""


@pytest.mark.parametrize(("dtype", "interleave"), [*KINDS.values()], ids=[*KINDS])
@pytest.mark.parametrize("by", ["proj:shape", "header"])
def test_an_estimate_knows_types_of_numbers_and_files_of_several_bands(
    desk: Any, serve: Callable[[Path], Any], by: str, dtype: str, interleave: str | None
) -> None:
    files = desk.folder / "files"
    files.mkdir()
    server = serve(files)
    bands = ground(dtype)
    told = {"data_type": dtype, "scale": 1 if dtype == "float32" else 0.0001}
    assets: dict[str, Any] = {}
    for key, numbers in files_of(bands, together=interleave is not None).items():
        write(files / f"{key}.tif", numbers, interleave or "band")
        names = BANDS if interleave else (key,)
        assets[key] = {
            "href": str(files / f"{key}.tif") if by == "header" else server.url(f"{key}.tif"),
            "type": "image/tiff; application=geotiff",
            "eo:bands": [{"name": name, "common_name": name} for name in names],
            "raster:bands": [told] * len(names),
            **({"proj:shape": [SIDE, SIDE]} if by == "proj:shape" else {}),
        }
    (desk.folder / "items.json").write_text(json.dumps(items_of(assets)))
    desk.write("kinds", "{catalog: items.json, collections: [ours]}", NO_MASK)
    if by == "proj:shape":
        close(desk, "kinds", server)
        return
    read = sum((files / f"{key}.tif").stat().st_size for key in ("image", "red", "nir")
               if key in assets)  # fmt: skip
    guess = desk.json("plan")["estimate"]
    assert set(guess["sizes"]) == {"header"}
    assert guess["bytes_in"] == pytest.approx(read, rel=0.05)
