"""The output's STAC item (1.1.0): what the rasters are, where they came from, and their checksums.

It holds no clock time and no path of a machine, so that equal runs give equal bytes, and its links
are relative, so that a copied folder still opens.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import rasterio
from rasterio.enums import WktVersion

from scenefleet_task.clip import footprint
from scenefleet_task.grid import Grid
from scenefleet_task.offset import Finding
from scenefleet_task.outputs import COLOURS
from scenefleet_task.put import media_type
from scenefleet_task.radiometry import contradicts, unused_nodata
from scenefleet_task.result import Output
from scenefleet_task.scene import Made, Rasters
from scenefleet_task.sources import BandLayer, OpenPart
from scenefleet_task.spec import NO_SCENE, NODATA, VERSION, Reason, TaskDocument

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
    Reason.NO_SIGNAL: "an output has no value: its denominator is zero, say",
    Reason.CLASS: "a class that the recipe masks by its number",
    Reason.NEGATIVE: "a band's reflectance is at or below zero",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """The files that were put, as the item lists them."""

    rasters: Mapping[str, Output]
    """By name of file without suffix."""
    reason: Output
    thumbnail: Output


def make_item(document: TaskDocument, rasters: Rasters, put: Put) -> dict[str, Any]:
    """The item, as JSON values; its id is the document's folder."""
    geometry, bbox = document.source.geometry, document.source.bbox
    if document.clip or document.grid:
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
    script = {"scenefleet:script": document.script.sha256} if document.script else {}
    return {
        **_carried(source.properties),
        "datetime": source.datetime,
        **script,
        **_projection(rasters.grid),
        "processing:software": _software(),
        "scenefleet:task": document.id,
        "scenefleet:source": _source_of(document),
        "scenefleet:valid_percent": rasters.valid_percent,
        "scenefleet:reasons": {r.name.lower(): n for r, n in rasters.reasons.items()},
        "scenefleet:negative": {
            "decided": document.negative.how,
            "pixels": rasters.negative,
        },
        "scenefleet:radiometry": [_part(part) for part in rasters.parts],
    }


def _source_of(document: TaskDocument) -> dict[str, Any]:
    source = {"id": document.source.id, "collection": document.source.collection}
    if len(document.parts) > 1:
        return {**source, "united_with": [part.item for part in document.parts[1:]]}
    return source


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


def _part(part: OpenPart) -> dict[str, Any]:
    """How one part's numbers were read, by which rule, and on what evidence."""
    told: dict[str, Any] = {
        "item": part.item,
        "bands": {name: _radiometry(band) for name, band in part.bands.items()},
    }
    if part.check:
        told["check"] = {
            "metadata": part.check.said,
            "evidence": list(part.check.evidence),
            **_seen(part.finding),
        }
    return told


def _seen(finding: Finding | None) -> dict[str, Any]:
    """What a look at the pixels found; without one, metadata was believed."""
    if finding is None:
        return {"pixels": "not looked at", "settled_by": "metadata"}
    return {
        "pixels": finding.verdict,
        "settled_by": finding.settled,
        "shares": dataclasses.asdict(finding.shares),
    }


def _radiometry(source: BandLayer) -> dict[str, Any]:
    nodata = ["nan" if math.isnan(number) else number for number in source.nodata]
    told: dict[str, Any] = {
        "asset": source.band.asset,
        "scale": source.scale,
        "offset": source.offset,
        "nodata": nodata[0] if len(nodata) == 1 else nodata or None,
        "rule": source.numbers.rule if source.offset == source.numbers.offset else "pixels",
    }
    header = source.header
    if header.count > 1:
        told["band"] = header.band
    if contradicts(header, source.scale, source.offset):
        told["header"] = {"scale": header.scale, "offset": header.offset}
    if (unused := unused_nodata(source.band, source.nodata)) is not None:
        told["item"] = {"nodata": unused}
    return told


def _links(document: TaskDocument) -> list[dict[str, str]]:
    collection = {"href": "../collection.json", "type": "application/json"}
    links = [{"rel": rel, **collection} for rel in ("root", "parent", "collection")]
    if href := document.source.href:
        one = href.startswith(("http://", "https://")) or href.endswith((".json", ".geojson"))
        kind = {"type": "application/geo+json"} if one else {}  # a file may have an item a line
        links.append({"rel": "derived_from", "href": href, **kind})
    return links


def _assets(document: TaskDocument, rasters: Rasters, put: Put) -> dict[str, Any]:
    assets = {name: _raster_asset(name, document, rasters, put) for name in put.rasters}
    assets["reason"] = {
        **_file(put.reason),
        "title": "Why a pixel is invalid",
        "roles": ["data-mask"],
        "data_type": "uint8",
        "nodata": NO_SCENE,
        "classification:classes": _classes(),
    }
    assets["thumbnail"] = {**_file(put.thumbnail), "title": "Thumbnail", "roles": ["thumbnail"]}
    return assets


def _raster_asset(name: str, document: TaskDocument, rasters: Rasters, put: Put) -> dict[str, Any]:
    """An output's file; of one band, what is said of the band stands at the asset itself."""
    made = [one for one in rasters.made if one.file == name]
    asset = {**_file(put.rasters[name]), "roles": ["data"], "data_type": document.dtype}
    asset["nodata"] = NODATA if document.dtype == "int16" else "nan"
    if not document.stacked:
        [one] = made
        band = {"name": one.output.name}
        return {**asset, "title": _title(one), **_band(one, document), "bands": [band]}
    bands = [
        {"name": one.output.name, "description": _title(one), **_band(one, document)}
        for one in made
    ]
    return {**asset, "title": f"{len(bands)} outputs as bands", "bands": bands}


def _title(made: Made) -> str:
    return made.output.title or made.output.name


def _band(made: Made, document: TaskDocument) -> dict[str, Any]:
    told: dict[str, Any] = {"scenefleet:formula": made.output.formula or "script"}
    if document.dtype == "int16":
        told |= {"raster:scale": made.output.scale, "raster:offset": 0}
    told |= {"statistics": made.statistics.to_stac(), "scenefleet:saturated": made.saturated}
    if made.output.range:
        told |= {
            "scenefleet:range": list(made.output.range),
            "scenefleet:outside_range": made.beyond,
        }
    return told


def _file(output: Output) -> dict[str, Any]:
    return {
        "href": "./" + output.path.rpartition("/")[2],
        "type": media_type(output.path),
        "file:size": output.size,
        "file:checksum": "1220" + output.sha256,  # multihash: 0x12 sha2-256, 0x20 bytes
    }


def _classes() -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = [
        {
            "value": reason.value,
            "name": reason.name.lower(),
            "description": _MEANINGS[reason],
            "color_hint": "".join(f"{part:02X}" for part in COLOURS[reason]),
        }
        for reason in Reason
    ]
    none = {"value": NO_SCENE, "name": "no_scene", "description": "no scene here", "nodata": True}
    return [*known, none]
