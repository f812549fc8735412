"""The STAC item and collection of the demo's scenes, with the properties that real ones have."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scenefleet.demo import acquisitions as acq
from scenefleet.demo.acquisitions import Acquisition

COLLECTION = "sentinel-2-l2a"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_NAMES = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}
_CLASSES = {
    "s2:nodata_pixel_percentage": (0,),
    "s2:cloud_shadow_percentage": (3,),
    "s2:vegetation_percentage": (4,),
    "s2:not_vegetated_percentage": (5,),
    "s2:water_percentage": (6,),
    "s2:unclassified_percentage": (7,),
    "s2:medium_proba_clouds_percentage": (8,),
    "s2:high_proba_clouds_percentage": (9,),
    "s2:thin_cirrus_percentage": (10,),
}
EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
]


def describe(acquisition: Acquisition, tile: str, scl: NDArray[np.uint8]) -> dict[str, Any]:
    """The item of one scene; hrefs are relative to the archive's folder.

    Args:
        acquisition: when and how it was seen.
        tile: which tile.
        scl: scene classification, shape (rows, columns) at 20 m, of which the percentages come.
    """
    size = scl.shape[0] * 2
    name = acq.name(acquisition, tile)
    ring = _footprint(acquisition, tile, size)
    west, south = (min(point[axis] for point in ring) for axis in (0, 1))
    east, north = (max(point[axis] for point in ring) for axis in (0, 1))
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": EXTENSIONS,
        "id": name,
        "collection": COLLECTION,
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": _properties(acquisition, tile, scl),
        "assets": _assets(name, tile, size),
        # STAC wants the link of any item that names a collection
        "links": [{"rel": "collection", "href": "./collection.json", "type": "application/json"}],
    }


def collection(items: list[dict[str, Any]]) -> dict[str, Any]:
    """The collection of these items, without links."""
    boxes = [item["bbox"] for item in items]
    times = sorted(item["properties"]["datetime"] for item in items)
    whole = [
        *(min(b[n] for b in boxes) for n in (0, 1)),
        *(max(b[n] for b in boxes) for n in (2, 3)),
    ]
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": COLLECTION,
        "title": "Made-up scenes in the manner of Sentinel-2 Level-2A",
        "description": (
            "Scenes that scenefleet's demo draws from a seed: land, seasons and clouds are "
            "invented, the form of files and metadata is that of Sentinel-2 Level-2A."
        ),
        "license": "CC0-1.0",
        "extent": {
            "spatial": {"bbox": [whole]},
            "temporal": {"interval": [[times[0], times[-1]]]},
        },
        "links": [],
    }


def _properties(acquisition: Acquisition, tile: str, scl: NDArray[np.uint8]) -> dict[str, Any]:
    time, processed = (f"{t:%Y%m%dT%H%M%S}" for t in (acquisition.time, acquisition.processed))
    short, baseline = acquisition.platform.replace("Sentinel-", "S"), acquisition.baseline
    number = f"N{baseline.replace('.', '')}"
    shares = {key: _percent(scl, classes) for key, classes in _CLASSES.items()}
    return {
        "datetime": f"{acquisition.time:%Y-%m-%dT%H:%M:%S}.024000Z",
        "platform": acquisition.platform,
        "constellation": "Sentinel 2",
        "instruments": ["msi"],
        "proj:code": acq.CRS,
        "sat:relative_orbit": acquisition.orbit,
        "view:sun_azimuth": acquisition.azimuth,
        "view:sun_elevation": acquisition.elevation,
        "eo:cloud_cover": _percent(scl, (8, 9, 10)),
        "s2:mgrs_tile": tile,
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": baseline,
        "s2:generation_time": f"{acquisition.processed:%Y-%m-%dT%H:%M:%S}.000000Z",
        "s2:datatake_id": f"G{short}_{time}_{acquisition.orbit:06}_N{baseline}",
        "s2:product_uri": (
            f"{short}_MSIL2A_{time}_{number}_R{acquisition.orbit:03}_T{tile}_{processed}.SAFE"
        ),
        **shares,
    }


def _percent(scl: NDArray[np.uint8], classes: tuple[int, ...]) -> float:
    """Per cent of all pixels for no data, of the pixels with data for everything else."""
    whole = scl.size if classes == (0,) else np.count_nonzero(scl)
    return round(100 * float(np.isin(scl, classes).sum()) / max(int(whole), 1), 6)


def _assets(name: str, tile: str, size: int) -> dict[str, Any]:
    west = acq.west_of(tile, size)
    assets: dict[str, Any] = {}
    for key in (*_NAMES, "SCL"):
        pixel, side = (20, size // 2) if key == "SCL" else (10, size)
        assets[key] = {
            "href": f"./data/{name}/{key}.tif",
            "type": _COG,
            "roles": ["data"],
            "gsd": pixel,
            "proj:shape": [side, side],
            "proj:transform": [float(n) for n in (pixel, 0, west, 0, -pixel, acq.NORTH)],
        }
        if key in _NAMES:
            assets[key]["bands"] = [{"name": key, "eo:common_name": _NAMES[key]}]
    return assets


def _footprint(acquisition: Acquisition, tile: str, size: int) -> list[list[float]]:
    """The ring around the pixels with data, anticlockwise, in degrees."""
    from rasterio import warp

    left, right = edges(acquisition, tile)
    corners = [(left[0], 0), (left[1], 1), (right[1], 1), (right[0], 0), (left[0], 0)]
    extent = size * acq.PIXEL
    xs = [acq.west_of(tile, size) + share * extent for share, _ in corners]
    ys = [acq.NORTH - down * extent for _, down in corners]
    longitudes, latitudes = cast("Any", warp).transform(acq.CRS, "EPSG:4326", xs, ys)
    return [[round(x, 7), round(y, 7)] for x, y in zip(longitudes, latitudes, strict=True)]


def edges(acquisition: Acquisition, tile: str) -> tuple[acq.Edge, acq.Edge]:
    """Where data starts and ends in the tile, at top and bottom, as shares of its width."""
    west = acquisition.swath_west if tile == acq.FIRST else None
    east = acquisition.swath_east if tile == acq.SECOND else None
    return west or (0.0, 0.0), east or (1.0, 1.0)
