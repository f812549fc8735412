"""The output's STAC item (1.1.0): what the rasters are, where they came from, and their checksums.

It holds no clock time and no path of a machine, so that equal runs give equal bytes, and its links
are relative, so that a copied folder still opens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import rasterio
from rasterio.enums import WktVersion

from scenefleet_task.clip import footprint
from scenefleet_task.grid import Grid
from scenefleet_task.put import media_type
from scenefleet_task.result import Output
from scenefleet_task.scene import IndexRaster, Radiometry, Rasters
from scenefleet_task.spec import NODATA, SCALE, VERSION, Index, Reason, TaskDocument
from scenefleet_task.write import COLOURS

_SCHEMAS = "https://stac-extensions.github.io"
EXTENSIONS = (
    f"{_SCHEMAS}/projection/v2.0.0/schema.json",
    f"{_SCHEMAS}/raster/v2.0.0/schema.json",
    f"{_SCHEMAS}/file/v2.1.0/schema.json",
    f"{_SCHEMAS}/classification/v2.0.0/schema.json",
    f"{_SCHEMAS}/processing/v1.2.0/schema.json",
)
_CARRIED = {"eo": f"{_SCHEMAS}/eo/v1.1.0/schema.json"}
"""Extensions of properties that are carried over, by prefix."""
_OURS = {"proj", "raster", "file", "classification", "processing", "scenefleet"}
_MEANINGS = {
    Reason.VALID: "valid",
    Reason.OUTSIDE: "outside the area asked for",
    Reason.NODATA: "the source has no data",
    Reason.SATURATED: "saturated or defective",
    Reason.CLOUD: "cloud",
    Reason.SHADOW: "shadow of a cloud",
    Reason.SNOW: "snow or ice",
    Reason.WATER: "water",
    Reason.NO_SIGNAL: "the index is undefined: its denominator is zero",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """The files that were put, as the item lists them."""

    indices: tuple[Output, ...]
    """In the order of `Rasters.indices`."""
    reason: Output
    thumbnail: Output


def make_item(document: TaskDocument, rasters: Rasters, put: Put) -> dict[str, Any]:
    """The item, as JSON values; its id is the document's folder."""
    geometry, bbox = document.source.geometry, document.source.bbox
    if document.clip:
        geometry, bbox = footprint(rasters.grid)
    properties = _properties(document, rasters)
    prefixes = {key.partition(":")[0] for key in properties if ":" in key}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [*EXTENSIONS, *(u for p, u in _CARRIED.items() if p in prefixes)],
        "id": document.folder,
        "collection": document.product,
        "geometry": geometry,
        "bbox": list(bbox),
        "properties": properties,
        "links": _links(document),
        "assets": _assets(document, rasters, put),
    }


def _properties(document: TaskDocument, rasters: Rasters) -> dict[str, Any]:
    source = document.source
    return {
        **_carried(source.properties),
        "datetime": source.datetime,
        **_projection(rasters.grid),
        "processing:software": _software(),
        "scenefleet:task": document.id,
        "scenefleet:source": {"id": source.id, "collection": source.collection},
        "scenefleet:valid_percent": rasters.valid_percent,
        "scenefleet:reasons": {r.name.lower(): n for r, n in rasters.reasons.items()},
        "scenefleet:radiometry": {r.band.name: _radiometry(r) for r in rasters.radiometry},
    }


def _carried(properties: dict[str, Any]) -> dict[str, Any]:
    """The source's properties without those of our own extensions, which speak of its files."""
    return {k: v for k, v in properties.items() if k.partition(":")[0] not in _OURS}


def _projection(grid: Grid) -> dict[str, Any]:
    code = grid.crs.to_epsg()
    if code:
        crs = {"proj:code": f"EPSG:{code}"}
    else:
        wkt = str(grid.crs.to_wkt(version=WktVersion.WKT2_2019))
        crs = {"proj:code": None, "proj:wkt2": wkt}
    return {
        **crs,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
    }


def _software() -> dict[str, str]:
    """What decides the bytes: another GDAL may compress or round overviews otherwise."""
    gdal = str(cast("Any", rasterio).__gdal_version__)
    return {"scenefleet_task": str(VERSION), "GDAL": gdal, "numpy": np.__version__}


def _radiometry(radiometry: Radiometry) -> dict[str, Any]:
    band = radiometry.band
    nodata = radiometry.nodata
    return {
        "asset": band.asset,
        "scale": band.scale,
        "offset": band.offset,
        "nodata": "nan" if nodata is not None and math.isnan(nodata) else nodata,
        "rule": band.rule,
    }


def _links(document: TaskDocument) -> list[dict[str, str]]:
    collection = {"href": "../collection.json", "type": "application/json"}
    links = [{"rel": rel, **collection} for rel in ("root", "parent", "collection")]
    if document.source.href:
        links.append(
            {"rel": "derived_from", "href": document.source.href, "type": "application/geo+json"}
        )
    return links


def _assets(document: TaskDocument, rasters: Rasters, put: Put) -> dict[str, Any]:
    assets = {
        index.name: _index_asset(index, raster, output)
        for index, raster, output in zip(
            document.indices, rasters.indices, put.indices, strict=True
        )
    }
    assets["reason"] = {
        **_file(put.reason),
        "title": "Why a pixel is invalid",
        "roles": ["data-mask"],
        "data_type": "uint8",
        "classification:classes": _classes(),
    }
    assets["thumbnail"] = {**_file(put.thumbnail), "title": "Thumbnail", "roles": ["thumbnail"]}
    return assets


def _index_asset(index: Index, raster: IndexRaster, output: Output) -> dict[str, Any]:
    return {
        **_file(output),
        "title": index.name.upper(),
        "description": f"({index.first} - {index.second}) / ({index.first} + {index.second})",
        "roles": ["data"],
        "data_type": "int16",
        "nodata": NODATA,
        "raster:scale": SCALE,
        "raster:offset": 0,
        "statistics": raster.statistics.to_stac(),
        "scenefleet:saturated": raster.saturated,
        "bands": [{"name": index.name}],
    }


def _file(output: Output) -> dict[str, Any]:
    return {
        "href": "./" + output.path.rpartition("/")[2],
        "type": media_type(output.path),
        "file:size": output.size,
        "file:checksum": "1220" + output.sha256,  # multihash: 0x12 sha2-256, 0x20 bytes
    }


def _classes() -> list[dict[str, Any]]:
    return [
        {
            "value": reason.value,
            "name": reason.name.lower(),
            "description": _MEANINGS[reason],
            "color_hint": "".join(f"{part:02X}" for part in COLOURS[reason]),
        }
        for reason in Reason
    ]
