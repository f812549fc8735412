"""Sentinel-2, Landsat and HLS by one recipe; united stations; the antimeridian; a common grid."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac.validation
import pytest
import rasterio
import rasterio.warp
from rasterio.enums import Resampling
from rasterio.transform import Affine
from shapely.geometry import Point, shape

import ground_scene

Need = Callable[[str], Path]
Json = dict[str, Any]
NODATA = -32768
LANDSAT = "landsat-2019/LC08_L2SP_008059_20191201_20200825_02_T1"
TIFF = {"type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"]}


def read(path: Path) -> np.ndarray[Any, Any]:
    with rasterio.open(path) as source:
        return source.read(1)


def collect(folder: Path, items: list[Json]) -> None:
    collection = {"type": "FeatureCollection", "features": items}
    (folder / "items.json").write_text(json.dumps(collection))


def sentinel2(name: str, files: Path, **properties: str) -> Json:
    item = ground_scene.make_item(
        name, "planetary-computer", files / "carried", baseline="05.11", product="0511"
    )
    item["properties"] |= properties
    return item


# --- three products, one recipe


def hls(ground: Any, folder: Path) -> list[Json]:
    """The same ground as HLS S30 as Planetary Computer writes it, and L30 as NASA does."""
    masked = np.select(
        [ground.scl == 0, np.isin(ground.scl, (8, 9, 10)), ground.scl == 3], [255, 1 << 1, 1 << 3],
        1 << 6,
    )  # fmt: skip
    ground_scene.write_cog(folder / "Fmask.tif", masked.astype("uint8"), nodata=255)
    for name, band in (("red", ground.red), ("nir", ground.nir)):
        numbers = np.where(band > 0, band, -9999).astype("int16")
        ground_scene.write_cog(folder / f"{name}.tif", numbers, nodata=-9999)
    base = ground_scene.make_item("x", "bare", ground.write(folder / "plain") / "removed")
    red, nir, fmask = (TIFF | {"href": str(folder / f"{n}.tif")} for n in ("red", "nir", "Fmask"))
    bands = {
        "B04": red | {"eo:bands": [{"name": "B04", "common_name": "red"}]},
        "B08": nir | {"eo:bands": [{"name": "B08", "common_name": "nir"}]},
    }
    s30 = {
        "id": "HLS.S30.T30UVB.2024214T112121.v2.0",
        "collection": "hls2-s30",
        "assets": {**bands, "Fmask": fmask},
    }
    l30 = {
        "id": "HLS.L30.T30UVB.2024214T110000.v2.0",
        "collection": "HLSL30_2.0",
        "assets": {"B04": red, "B05": nir, "Fmask": fmask},
    }
    return [base | s30, base | l30]


def landsat(data: Path) -> list[Json]:
    """Recorded items of Planetary Computer and Earth Search, with real pixels behind them."""
    recorded = [
        json.loads((data / "stac/pc_items_landsat-c2-l2_page_next.json").read_text())["features"],
        json.loads((data / "stac/e84v1_search_s2_landsat_next.json").read_text())["features"],
    ]
    items = [next(i for i in page if i["collection"] == "landsat-c2-l2") for page in recorded]
    for item in items:
        kept = {key: item["assets"][key] for key in ("red", "nir08", "qa_pixel")}
        item["assets"] = {
            key: asset | {"href": str(data / LANDSAT / f"{key}.tif")} for key, asset in kept.items()
        }
        # tokens are for its own hosts; these files are here
        item["links"] = []
    return items


def landsat_truth(folder: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """NDVI x 10000 in double precision, not rounded; and True where a pixel is valid.

    Reflectance = number x 2.75e-05 - 0.2; fill, dilated cloud, cirrus, cloud and shadow are bits 0
    to 4 of QA_PIXEL (USGS, Landsat Collection 2 Level 2 Science Product Guide).
    """
    numbers = {name: read(folder / f"{name}.tif").astype("f8") for name in ("red", "nir08")}
    qa = read(folder / "qa_pixel.tif").astype(int)
    red, nir = (numbers[name] * 2.75e-05 - 0.2 for name in ("red", "nir08"))
    valid = (numbers["red"] > 0) & (numbers["nir08"] > 0) & (qa & 0b11111 == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip((nir - red) / (nir + red) * 1e4, -32767, 32767), valid


def stations(ground: Any, folder: Path) -> list[Json]:
    """One datatake by two stations: the west with the offset in the numbers, the east without."""
    columns = np.arange(ground.red.shape[1])
    halves = {"west": ("carried", columns < 200), "east": ("removed", columns >= 180)}
    items: list[Json] = []
    for name, (form, there) in halves.items():
        bands = {k: np.where(there, getattr(ground, k), 0) for k in ("red", "nir", "scl")}
        written = replace(ground, **bands).write(folder / name)
        item = ground_scene.make_item(
            name, "earth-search", written / form,
            baseline="05.11", product="0511", offset=-0.1, flag=form == "removed",
        )  # fmt: skip
        start = {"west": "S20240801T112120", "east": "S20240801T112533"}[name]
        item["properties"] |= {
            "s2:datatake_id": "GS2A_20240801T112121_047582_N05.11",
            "s2:mgrs_tile": "30UVB",
            "s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_2APS_20240801T172020_{start}_N05.11",
            "s2:nodata_pixel_percentage": {"west": 43.5, "east": 50.8}[name],
        }
        items.append(item)
    return items


def test_one_recipe_for_three_products_and_two_stations(
    need: Need, files: Path, ground: Any, desk: Any, tmp_path: Path
) -> None:
    data = need("shared") / "data"
    items = [sentinel2("s2", files), *hls(ground, tmp_path / "hls"), *landsat(data)]
    collect(desk.folder, [*items, *stations(ground, tmp_path / "stations")])
    desk.write(
        "mixed",
        "{catalog: items.json, collections: [sentinel-2-l2a, hls2-s30, HLSL30_2.0, landsat-c2-l2]}",
    )
    assert desk.json("run")["state"] == "done"
    made = desk.items("mixed")
    assert set(made) == {*(item["id"] for item in items), "west"}

    truth = ground.ndvi()
    for name in ("s2", "west", *(item["id"] for item in items[1:3])):
        assert np.array_equal(read(desk.products / "mixed" / name / "ndvi.tif"), truth), name
    exact, valid = landsat_truth(data / LANDSAT)
    for item in items[3:]:
        got = read(desk.products / "mixed" / item["id"] / "ndvi.tif")
        assert np.array_equal(got != NODATA, valid)
        # the nearest integer, but for what single precision does to a tie
        assert np.abs(got - exact)[valid].max() < 0.505

    west = made["west"]["properties"]
    assert west["scenefleet:source"]["united_with"] == ["east"]
    parts = west["scenefleet:radiometry"]
    assert [part["check"]["settled_by"] for part in parts] == ["metadata", "both"]
    assert [round(part["bands"]["red"]["offset"], 6) for part in parts] == [-0.1, 0]
    (part,) = made["HLS.S30.T30UVB.2024214T112121.v2.0"]["properties"]["scenefleet:radiometry"]
    assert part["bands"]["nir"]["rule"] == "hls-v2"
    assert "check" not in part


# --- where the map is cut


@pytest.mark.long
def test_a_scene_across_the_antimeridian_is_cut_and_catalogued_there(
    ground: Any, desk: Any, tmp_path: Path
) -> None:
    (x,), (y,) = rasterio.warp.transform("EPSG:4326", "EPSG:32701", [180], [-17])
    x, y = round(x / 20) * 20 - 3540, round(y / 20) * 20 + 3340
    place, files = Affine(20, 0, x, 0, -20, y), tmp_path / "dateline"
    for name, band in (("B04", ground.red), ("B08", ground.nir), ("SCL", ground.scl)):
        ground_scene.write_cog(files / f"{name}.tif", band.astype("uint16"), crs="EPSG:32701",
                          place=place)  # fmt: skip
    item = ground_scene.make_item("dateline", "planetary-computer", files, baseline="02.14")
    west, south, east, north = item["bbox"]
    assert west > east, "the scene lies across"
    halves = [
        [[[w, south], [e, south], [e, north], [w, north], [w, south]]]
        for w, e in ((west, 180), (-180, east))
    ]
    item["geometry"] = {"type": "MultiPolygon", "coordinates": halves}
    collect(desk.folder, [item])
    desk.write("dateline", "{catalog: items.json, bbox: [179.98, -17.02, -179.985, -16.98]}",
               "process: {clip: true}")  # fmt: skip
    assert desk.json("run")["state"] == "done"

    made = desk.items("dateline")["dateline"]
    pystac.validation.validate_dict(made | {"stac_extensions": []})
    west, south, east, north = made["bbox"]
    assert (west, east) == pytest.approx((179.98, -179.985), abs=0.002)
    assert (south, north) == pytest.approx((-17.02, -16.98), abs=0.002)
    outline = shape(made["geometry"])
    assert outline.is_valid
    assert outline.area == pytest.approx(0.035 * 0.04, rel=0.1)
    assert outline.buffer(1e-6).contains(Point(179.99, -17))
    collection = json.loads((desk.products / "dateline/collection.json").read_text())
    (extent, *_) = collection["extent"]["spatial"]["bbox"]
    assert extent == pytest.approx([west, south, east, north], abs=1e-6)

    with rasterio.open(desk.products / "dateline/dateline/ndvi.tif") as source:
        got, corner = source.read(1), source.bounds
    col, row = round((corner.left - place.c) / 20), round((place.f - corner.top) / 20)
    whole = ground.ndvi()[row : row + got.shape[0], col : col + got.shape[1]]
    inside = read(desk.products / "dateline/dateline/reason.tif") != 1
    assert inside.mean() > 0.9
    assert np.array_equal(got, np.where(inside, whole, NODATA))
    assert (got != NODATA).mean() > 0.8


@pytest.mark.long
def test_scenes_of_two_zones_stack_on_a_common_grid(
    files: Path, ground: Any, desk: Any, tmp_path: Path
) -> None:
    other = tmp_path / "zone31"
    width, height = 460, 440  # it lies askew there
    (x,), (y,) = rasterio.warp.transform("EPSG:4326", "EPSG:32631", [-3.51], [50.72])
    place = Affine(20, 0, round(x) - 20 * width // 2, 0, -20, round(y) + 20 * height // 2)
    for name in ("B04", "B08", "SCL"):
        warped = np.zeros((height, width), "uint16")
        rasterio.warp.reproject(
            read(files / "carried" / f"{name}.tif"), warped, src_transform=ground_scene.PLACE,
            src_crs="EPSG:32630", dst_transform=place, dst_crs="EPSG:32631", src_nodata=0,
            dst_nodata=0, resampling=Resampling.nearest,
        )  # fmt: skip
        ground_scene.write_cog(
            other / "carried" / f"{name}.tif", warped, crs="EPSG:32631", place=place
        )
    items = [sentinel2("zone30", files), sentinel2("zone31", other)]
    collect(desk.folder, items)
    desk.write(
        "stack",
        "{catalog: items.json, bbox: [-3.55, 50.70, -3.47, 50.74]}",
        "process: {clip: true, grid: {crs: 'EPSG:3857', resolution: 40}}",
    )
    assert desk.json("run")["state"] == "done"
    layers, grids = [], set()
    for name in ("zone30", "zone31"):
        with rasterio.open(desk.products / "stack" / name / "ndvi.tif") as source:
            grids.add((str(source.crs), tuple(source.transform), source.shape))
            layers.append(source.read(1))
    assert len(grids) == 1
    (_, transform, _) = grids.pop()
    assert (transform[0], transform[2] % 40, transform[5] % 40) == (40, 0, 0)
    stack = np.stack(layers).astype(float)
    both = (stack != NODATA).all(0)
    assert both.mean() > 0.8
    # one ground, moved by less than a pixel on its way through the other zone
    assert np.median(np.abs(stack[0] - stack[1])[both]) < 300
    assert np.corrcoef(stack[0][both], stack[1][both])[0, 1] > 0.9
    assert np.abs(np.diff(np.median(stack[:, both], axis=1))) < 50
