"""Writes down all that the benchmark of a scene runs: the task's code, documents and tile ranges.

In a process of its own, because a process that measures stays small (see `measure`):
`python benchmarks/documents.py SCENE ADDRESS TARGET`, where SCENE is what `scene.py` made and
ADDRESS a server of its files. TARGET becomes JSON; beside it lie the code, and what a bare download
fetches: all tiles of full resolution (`download.json`), and those of the area (`area.json`).
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import rasterio
import scene
from rasterio.warp import transform

from scenefleet.catalog import from_json
from scenefleet.catalog.access import ORIGIN
from scenefleet.plan import plan
from scenefleet.recipe import parse
from scenefleet.run.code import build_code
from scenefleet_task import spec

Json = dict[str, Any]
BANDS = {"B04": "red", "B08": "nir"}
OUTPUTS = {
    "one": ["NDVI"],
    "two": ["NDVI", "EVI2"],
    "four": ["NDVI", "EVI2", "OSAVI", {"difference": "nir - red"}],
}
"""Indices over the same two bands."""
PART = 0.22
"""Of the scene's side: an area of 4.84% of it, in the middle."""


def item(places: str, size: int) -> Json:
    """As Planetary Computer describes a scene; `places` is put before the files' names."""
    west, south, east, north = 4.4, 50.4, 6.0, 51.5
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    assets = {key: _asset(f"{places}/{key}.tif", size, 10) for key in BANDS}
    assets["SCL"] = _asset(f"{places}/SCL.tif", size // 2, 20)
    for key, name in BANDS.items():
        assets[key]["eo:bands"] = [{"name": key, "common_name": name}]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        "id": "S2B_MSIL2A_20230601T105029_R051_T31UFS_20230601T120000",
        "collection": "sentinel-2-l2a",
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": "2023-06-01T10:50:29Z",
            "s2:processing_baseline": "05.09",
            "proj:epsg": 32631,
        },
        "links": [],
        "assets": assets,
    }


def _asset(href: str, size: int, resolution: int) -> Json:
    return {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"],
        "proj:shape": [size, size],
        "proj:transform": [resolution, 0, scene.WEST, 0, -resolution, scene.NORTH],
    }


def document(
    places: str, size: int, outputs: list[Any], compression: str = "zstd"
) -> spec.TaskDocument:
    """The task of the scene, as a plan makes it, with the usual mask of clouds and shadows."""
    asked = {
        "version": 1,
        "name": "bench",
        "search": {"catalog": "items.json"},  # a file's items may name files, and this machine
        "process": {"indices": outputs},
        "output": {"compression": compression} if compression != "zstd" else {},
    }
    recipe = parse(json.dumps(asked), Path("recipe.yaml"))
    kept = {**item(places, size), ORIGIN: "file"}
    return plan(recipe, [from_json(kept)]).documents[0]


def clipped(of: spec.TaskDocument, size: int) -> spec.TaskDocument:
    """The task of the area in the middle."""
    low, high = (size * 10 * (0.5 + sign * PART / 2) for sign in (-1, 1))
    corners = [(low, low), (high, low), (high, high), (low, high), (low, low)]
    xs, ys = zip(*((scene.WEST + x, scene.NORTH - y) for x, y in corners), strict=True)
    ring = [
        list(point) for point in zip(*transform("EPSG:32631", "EPSG:4326", xs, ys), strict=True)
    ]
    return spec.seal(replace(of, clip={"type": "Polygon", "coordinates": [ring]}))


def touched(folder: Path, size: int, part: float) -> list[tuple[str, int, int]]:
    """File, offset and size of each row of tiles that an area in the middle touches.

    `part` is the area's share of the scene's sides; a row is cut to the columns that it touches.

    A COG's tiles lie row by row, so that a row's share is one range.
    """
    ranges: list[tuple[str, int, int]] = []
    for name, pixels in (("B04", size), ("B08", size), ("SCL", size // 2)):
        path = folder / f"{name}.tif"
        with rasterio.open(path) as source:
            side = source.block_shapes[0][0]
        first, last = (int(pixels * (0.5 + sign * part / 2)) // side for sign in (-1, 1))
        rows: dict[int, list[tuple[int, int]]] = {}
        for row, col, offset, held in scene.tiles(path):
            if first <= row <= last and first <= col <= last:
                rows.setdefault(row, []).append((offset, held))
        for tiles in rows.values():
            start = min(offset for offset, _ in tiles)
            end = max(offset + held for offset, held in tiles)
            ranges.append((path.name, start, end - start))
    return ranges


def main() -> None:
    folder, address, target = Path(sys.argv[1]).absolute(), sys.argv[2], Path(sys.argv[3])
    size = json.loads((folder / "scene.json").read_text())["size"]
    made = build_code()
    code = target.with_suffix(".pyz").absolute()
    code.write_bytes(made.data)
    local = {name: document(str(folder), size, outputs) for name, outputs in OUTPUTS.items()}
    remote = document(address, size, OUTPUTS["one"])
    tasks = {
        **local,
        "deflate": document(str(folder), size, OUTPUTS["one"], "deflate"),
        "http": remote,
        "area": clipped(remote, size),
    }
    told = {
        "code": str(code),
        "size": size,
        "tasks": {name: spec.encode(task) for name, task in tasks.items()},
        "product": f"products/{remote.product}/{remote.folder}",
    }
    (folder / "item.json").write_text(json.dumps(item(str(folder), size)))
    target.write_text(json.dumps(told))
    jobs = {"area": touched(folder, size, PART), "download": touched(folder, size, 1)}
    for name, ranges in jobs.items():
        target.with_name(f"{name}.json").write_text(json.dumps(ranges))


if __name__ == "__main__":
    main()
