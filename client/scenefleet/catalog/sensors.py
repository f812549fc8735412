"""Products that scenefleet knows: which of them a scene is, and what their assets hold.

Band names: ESA, Sentinel-2 Products Specification Document 14.9; USGS, Landsat 8-9 and Landsat 4-7
Collection 2 Level 2 Science Product Guides; NASA, HLS Product User Guide v2.0, table of bands. Keys
as Planetary Computer, Earth Search, Copernicus Data Space and NASA's LP DAAC write them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from scenefleet.catalog.model import Scene
from scenefleet.recipe.bands import ESA_BANDS

Family = Literal["sentinel-2", "landsat-c2-l2", "hls"]

STANDS_IN: Mapping[str, str] = {"nir": "nir08", "lwir11": "lwir", "lwir": "lwir11"}
"""What is taken for a band that an item does not have. Landsat and HLS L30 have one near infrared,
the narrow one; and of thermal bands TM and ETM+ have a broad one, TIRS narrow ones."""

THERMAL = frozenset(("lwir", "lwir11", "lwir12"))
"""Common names of bands that hold a temperature, in kelvin once scaled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A product and its bands."""

    family: Family
    bands: Mapping[str, str]
    """The product's own name of each band, by common name."""
    stands_in: Mapping[str, str] = field(default_factory=lambda: STANDS_IN)
    """Empty where the product has both bands, which then must not be mixed up."""

    def names(self, key: str, name: str) -> bool:
        """Whether an asset's key is the band's: `B04`, `b04`, `B04_10m`, `red`, `red-jp2`."""
        return _is_named(self.bands[name], name, key)


@lru_cache(maxsize=4096)  # a collection's items share their keys
def _is_named(band: str, name: str, key: str) -> bool:
    own = re.escape(band)
    return bool(re.fullmatch(rf"({own}|{name})([_-]\d+m)?(-jp2)?", key, re.IGNORECASE))


SENTINEL_2 = Sensor(
    family="sentinel-2",
    bands={name: band for band, name in ESA_BANDS.items()},
    stands_in={},
)
"""Levels 1C and 2A; by common name as Earth Search uses them, which are its keys."""

HLS_S30 = Sensor(family="hls", bands=SENTINEL_2.bands, stands_in={})
"""HLS of Sentinel-2: ESA's names of the bands."""

HLS_L30 = Sensor(
    family="hls",
    bands={
        "coastal": "B01",
        "blue": "B02",
        "green": "B03",
        "red": "B04",
        "nir08": "B05",
        "swir16": "B06",
        "swir22": "B07",
        "cirrus": "B09",
        "lwir11": "B10",
        "lwir12": "B11",
    },
)
"""HLS of Landsat 8 and 9: USGS's names, so that B05 is another band than in S30. It is the narrow
near infrared, like S30's B8A, though Planetary Computer calls it `nir`."""

HLS = Sensor(
    family="hls",
    bands={
        name: band for name, band in HLS_L30.bands.items() if SENTINEL_2.bands.get(name) == band
    },
)
"""HLS that does not say of which of the two: the bands whose names they share."""

_LANDSAT = ("coastal", "blue", "green", "red", "nir08", "swir16", "swir22", "lwir", "lwir11")
LANDSAT = Sensor(family="landsat-c2-l2", bands={name: name for name in _LANDSAT})
"""Landsat 4 to 9: the keys are the common names. Of the thermal bands TM's and ETM+'s is `lwir`,
TIRS's `lwir11`."""


def sensor_of(scene: Scene) -> Sensor | None:
    """The product that a scene is, or None where it is none of those known here.

    HLS is told first: its items name the Sentinel-2 or Landsat that saw the scene as platform.
    """
    told = scene.properties
    return _sensor(
        scene.collection.lower(),
        scene.id[:8] if scene.id.startswith("HLS.") else "",
        str(told.get("constellation") or ""),
        str(told.get("platform") or ""),
        "s2:processing_baseline" in told,
        str(told.get("landsat:correction") or ""),
        str(told.get("landsat:collection_number") or ""),
    )


@lru_cache(maxsize=256)  # a collection's items say the same of themselves
def _sensor(
    collection: str,
    product: str,
    constellation: str,
    platform: str,
    baseline: bool,
    level: str,
    number: str,
) -> Sensor | None:
    if (kind := _hls(collection, product)) is not None:
        return kind
    names = (collection, constellation, platform)
    named = any(name.lower().replace(" ", "-").startswith("sentinel-2") for name in names)
    if named or baseline:
        return SENTINEL_2
    return LANDSAT if _is_landsat(collection, level, number) else None


def _hls(collection: str, product: str) -> Sensor | None:
    """By `hls2-s30`, `HLSL30.v2.0` or `HLSS30_2.0`, else by the item's id (`HLS.S30.T10...`)."""
    by_id = re.match(r"HLS\.([SL])30\.", product)
    if by_id is None and not collection.startswith("hls"):
        return None
    told = re.match(r"hls.*?([sl])30", collection) or by_id
    if told is None:
        return HLS
    return HLS_S30 if told.group(1).lower() == "s" else HLS_L30


def _is_landsat(collection: str, level: str, number: str) -> bool:
    """Collection 2, Level 2: `landsat-c2-l2`, or USGS's own `landsat-c2l2-sr` and `-st`."""
    if re.match(r"landsat-c2-?l2", collection):
        return True
    return level.startswith("L2") and ("landsat-c2" in collection or number == "02")
