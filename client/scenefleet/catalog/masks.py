"""Rasters that tell of clouds and the like in known products, and what their numbers mean.

- `SCL`, Sentinel-2's scene classification: Sentinel-2 Level-2A Algorithm Theoretical Basis
  Document, table of scene classes (https://sentiwiki.copernicus.eu/web/s2-processing). Level 1C has
  none.
- `QA_PIXEL` and `QA_RADSAT`, Landsat's bits: USGS, Landsat 8-9 and Landsat 4-7 Collection 2 Level 2
  Science Product Guides, and
  https://www.usgs.gov/landsat-missions/landsat-collection-2-quality-assessment-bands.
- `FMASK`, HLS's bits: NASA, HLS Product User Guide v2.0, table of Fmask bits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from scenefleet.catalog.bands import rank
from scenefleet.catalog.model import Scene
from scenefleet.catalog.sensors import sensor_of
from scenefleet.recipe import MaskKind

REASONS: Mapping[MaskKind, str] = {
    MaskKind.CLOUDS: "cloud",
    MaskKind.SHADOWS: "shadow",
    MaskKind.SNOW: "snow",
    MaskKind.WATER: "water",
}
"""The reason that each kind of mask gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRaster:
    """One raster of classes, one a pixel, or of bits, many a pixel."""

    key: str
    """Pattern of its asset's key, of any case."""
    holds: Literal["classes", "bits"]
    always: Mapping[int, str]
    """Reason by class or bit, whatever the recipe masks."""
    kinds: Mapping[MaskKind, tuple[int, ...]] = field(
        default_factory=dict[MaskKind, "tuple[int, ...]"]
    )
    """Classes or bits."""
    fill: int | None = None
    """The number of a raster of bits that as a whole means no data."""
    bits: int = 16
    """Of its numbers."""
    last: int | None = None
    """The highest class, where that is known."""


SCL = MaskRaster(
    key=r"SCL(_\d+m|-jp2)?",
    holds="classes",
    always={0: "nodata", 1: "saturated"},
    kinds={
        MaskKind.CLOUDS: (8, 9, 10),
        MaskKind.SHADOWS: (3,),
        MaskKind.SNOW: (11,),
        MaskKind.WATER: (6,),
    },
    bits=8,
    last=11,
)
"""Beside these: 2 dark, 4 vegetation, 5 bare, 7 unclassified."""

QA_PIXEL = MaskRaster(
    key="qa_pixel",
    holds="bits",
    always={0: "nodata"},
    kinds={
        MaskKind.CLOUDS: (1, 2, 3),
        MaskKind.SHADOWS: (4,),
        MaskKind.SNOW: (5,),
        MaskKind.WATER: (7,),
    },
)
"""Clouds are dilated cloud, cirrus (8 and 9 only) and cloud, each of high confidence; 6 is clear,
and 8 to 15 are confidences of two bits each."""

QA_RADSAT = MaskRaster(
    key="qa_radsat",
    holds="bits",
    always={**dict.fromkeys(range(7), "saturated"), 9: "nodata", 11: "nodata"},
)
"""Bits 0 to 6 are bands 1 to 7, of which one is enough. 9 is a pixel that the detector dropped
(Landsat 4 to 7), 11 ground that a mountain hides (8 and 9): there the number is of something else,
or of nothing. 8 is left alone: band 9 (cirrus) and 6H, of which no Level 2 band is made."""

FMASK = MaskRaster(
    key="fmask",
    holds="bits",
    always={},
    kinds={
        MaskKind.CLOUDS: (1, 2),
        MaskKind.SHADOWS: (3,),
        MaskKind.SNOW: (4,),
        MaskKind.WATER: (5,),
    },
    fill=255,
    bits=8,
)
"""Clouds are cloud and what is adjacent to cloud or shadow; 0 is not used, 6 and 7 tell aerosol."""


def find_masks(scene: Scene) -> list[tuple[str, MaskRaster]]:
    """Keys of the assets that tell of masks, each with what its numbers mean; the main one first.

    Empty where there is none that can be read. SCL and Landsat's rasters are taken by their names
    in any collection; Fmask in HLS alone, since elsewhere that name stands for classes.
    """
    sensor = sensor_of(scene)
    if sensor and sensor.family == "hls":
        key = _find(scene, FMASK)
        return [(key, FMASK)] if key else []
    if key := _find(scene, SCL):
        return [(key, SCL)]
    found = [(_find(scene, raster), raster) for raster in (QA_PIXEL, QA_RADSAT)]
    # saturation alone tells nothing of clouds
    return [(key, raster) for key, raster in found if key] if found[0][0] else []


def _find(scene: Scene, raster: MaskRaster) -> str | None:
    keys = [key for key in scene.assets if _is_named(raster.key, key)]
    return min(keys, key=lambda key: (rank(key, scene.assets[key]), key), default=None)


@lru_cache(maxsize=4096)  # a collection's items share their keys
def _is_named(pattern: str, key: str) -> bool:
    return bool(re.fullmatch(pattern, key, re.IGNORECASE))
