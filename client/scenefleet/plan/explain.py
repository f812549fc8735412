"""Which way tasks will read their pixels, and why, as far as items and recipe tell. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from scenefleet.catalog import Scene
from scenefleet.catalog.media import essence, format_of
from scenefleet.plan.model import Plan
from scenefleet.plan.pairs import pairs
from scenefleet_task import spec

RULE = (
    "By tiles, which is fast, goes what lies on the outputs' own grid (no `process.grid`) in a "
    "tiled GeoTIFF: little-endian, whole tiles of one band of 8, 16 or 32 bits, compressed by "
    "deflate, zstd or lzw, with predictor 1, 2 or 3, and no mask of its own. All else "
    "goes through GDAL. `scenefleet try --explain` tells how it went in one scene."
)
"""The rule on a node, which sees the file itself; for people."""

_TIFF = (".tif", ".tiff")
_LOOK = "only the look at its pixels reads it, and no output"
_IF = "if the file is a tiled GeoTIFF; the task's log says"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the pixels of one of a scene's assets will be read."""

    asset: str
    """The asset's key in the source item."""
    way: Literal["tiles", "gdal"]
    """`tiles` where nothing known before the file is opened speaks against it."""
    why: str


@dataclass(frozen=True, slots=True)
class Alike:
    """Tasks whose sources are all read alike."""

    tasks: int
    first: str
    """The scene's id of the first of them."""
    sources: tuple[Reading, ...]
    """Bands, masks, then what only the look at the pixels reads, in the documents' order."""


def explain(plan: Plan, scenes: Iterable[Scene]) -> tuple[Alike, ...]:
    """How each task of a plan will read its pixels; those that do it alike are told together.

    Args:
        plan: the tasks.
        scenes: the scenes they were made of, in order, for the media types of their assets.
    """
    counts: Counter[tuple[Reading, ...]] = Counter()
    first: dict[tuple[Reading, ...], str] = {}
    for document, scene in pairs(plan, scenes):
        readings = _readings(document, scene)
        counts[readings] += 1
        first.setdefault(readings, scene.id)
    return tuple(Alike(count, first[readings], readings) for readings, count in counts.items())


def _readings(document: spec.TaskDocument, scene: Scene) -> tuple[Reading, ...]:
    items = {one.id: one for one in scene.parts}
    found = {  # a dict: parts of one scene that two stations received have the same assets
        _reading(source, items[part.item], resampled=document.grid is not None): None
        for part in document.parts
        for source in (*part.bands, *part.masks)
    }
    looked_at = {
        Reading(band.asset, "gdal", _LOOK): None
        for part in document.parts
        for band in (part.check.look if part.check else ())
        if band.asset not in {one.asset for one in found}
    }
    return (*found, *looked_at)


def _reading(source: spec.Band | spec.Mask, item: Scene, *, resampled: bool) -> Reading:
    if resampled:
        return Reading(source.asset, "gdal", "the recipe's grid resamples")
    asset = item.assets[source.asset]
    if said := essence(asset.media_type):
        if format_of(said, asset.href) == "tiff":
            return Reading(source.asset, "tiles", _IF)
        return Reading(source.asset, "gdal", f"its item says {said}, which is no GeoTIFF")
    suffix = PurePosixPath(urlsplit(source.href).path).suffix.lower()
    if suffix in ("", *_TIFF):
        return Reading(source.asset, "tiles", _IF)
    return Reading(source.asset, "gdal", f"a file {suffix} is no GeoTIFF")
