"""One tile in two items, one of them over the cloud limit: all of its pixels are computed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.warp import transform_geom

SIZE = 64
CRS = "EPSG:32631"
WEST, NORTH = 600_000, 5_800_000
RECIPE = """
version: 1
name: split
search: {catalog: items.json, bbox: [BOX], cloud_below: LIMIT}
process: {indices: [ndvi], mask: none, radiometry: trust}
output: {dtype: float32}
"""


def half(folder: Path, name: str, strip: str, cloud: float, columns: slice) -> dict:
    """An item whose files cover the tile, with data in some columns only."""
    transform = rasterio.Affine(10, 0, WEST, 0, -10, NORTH)
    place = folder / name
    place.mkdir()
    for key, value in (("B04", 2000), ("B08", 4000)):
        pixels = np.zeros((1, SIZE, SIZE), "uint16")
        pixels[:, :, columns] = value
        shape = {"height": SIZE, "width": SIZE, "count": 1, "dtype": "uint16"}
        with rasterio.open(
            place / f"{key}.tif", "w", driver="GTiff", crs=CRS, transform=transform, **shape
        ) as file:
            file.write(pixels)
    west, east = (WEST + 10 * (columns.start or 0), WEST + 10 * (columns.stop or SIZE))
    south = NORTH - 10 * SIZE
    ring = [[west, NORTH], [west, south], [east, south], [east, NORTH], [west, NORTH]]
    ground = transform_geom(CRS, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    lon, lat = zip(*ground["coordinates"][0], strict=True)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "bbox": [min(lon), min(lat), max(lon), max(lat)],
        "geometry": {"type": "Polygon", "coordinates": [list(map(list, ground["coordinates"][0]))]},
        "properties": {
            "datetime": "2023-06-01T10:50:31Z",
            "platform": "Sentinel-2A",
            "eo:cloud_cover": cloud,
            "s2:mgrs_tile": "31UFT",
            "s2:nodata_pixel_percentage": 50,
            "s2:processing_baseline": "05.09",
            "s2:datatake_id": "GS2A_20230601T105031_041478_N05.09",
            "s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_2BPS_20230601T140212_{strip}_N05.09",
        },
        "assets": {
            key: {"href": f"{name}/{key}.tif", "type": "image/tiff; application=geotiff"}
            for key in ("B04", "B08")
        },
        "links": [],
    }


def test_both_halves_are_in_the_output(tmp_path: Path) -> None:
    items = [
        half(tmp_path, "a", "S20230601T105031", 10, slice(0, SIZE // 2)),
        half(tmp_path, "b", "S20230601T104900", 45, slice(SIZE // 2, SIZE)),
    ]
    broken = {"type": "Feature", "id": "broken", "collection": "sentinel-2-l2a"}
    collection = {"type": "FeatureCollection", "features": [*items, broken]}
    (tmp_path / "items.json").write_text(json.dumps(collection))
    whole = [[item["bbox"][n] for item in items] for n in range(4)]
    box = (min(whole[0]), min(whole[1]), max(whole[2]), max(whole[3]))
    text = RECIPE.replace("BOX", ", ".join(map(str, box)))

    def run(verb: str, limit: int) -> subprocess.CompletedProcess[str]:
        (tmp_path / "recipe.yaml").write_text(text.replace("LIMIT", str(limit)))
        return subprocess.run(
            [str(Path(sys.executable).with_name("scenefleet")), verb, "recipe.yaml"],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path / "home")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("run", 30)
    assert done.returncode == 0, done.stderr
    assert "1 item cannot be used and was dropped: Item 'broken' has neither bbox" in done.stderr
    assert "nothing was found for the rest" not in done.stderr
    (output,) = (tmp_path / "results").rglob("ndvi.tif")
    with rasterio.open(output) as file:
        values = file.read(1, masked=True)
    assert values.count() == SIZE * SIZE
    assert np.allclose(values, 1 / 2)  # (0.3 - 0.1) / (0.3 + 0.1), less 0.1 of baseline 04.00
    product = json.loads(next(output.parent.glob("*.json")).read_text())
    assert product["properties"]["eo:cloud_cover"] == 27.5

    over = run("search", 27)
    assert over.returncode == 1
    assert "2 dropped by cloud_below 27" in over.stderr
