"""Products that scenefleet knows: which of them a scene is, and what their assets hold.

Band names: ESA, Sentinel-2 Products Specification Document 14.9; USGS, Landsat 8-9 and Landsat 4-7
Collection 2 Level 2 Science Product Guides; NASA, HLS Product User Guide v2.0, table of bands. Keys
as Planetary Computer, Earth Search, Copernicus Data Space and NASA's LP DAAC write them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
        own = re.escape(self.bands[name])
        return bool(re.fullmatch(rf"({own}(_\d+m)?|{name})(-jp2)?", key, re.IGNORECASE))


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
    if (kind := _hls(scene)) is not None:
        return kind
    if _sentinel2(scene):
        return SENTINEL_2
    return LANDSAT if _landsat(scene) else None


def _hls(scene: Scene) -> Sensor | None:
    """By `hls2-s30`, `HLSL30.v2.0` or `HLSS30_2.0`, else by the item's id (`HLS.S30.T10...`)."""
    collection = scene.collection.lower()
    product = re.match(r"HLS\.([SL])30\.", scene.id)
    if product is None and not collection.startswith("hls"):
        return None
    told = re.match(r"hls.*?([sl])30", collection) or product
    if told is None:
        return HLS
    return HLS_S30 if told.group(1).lower() == "s" else HLS_L30


def _sentinel2(scene: Scene) -> bool:
    told = (scene.properties.get("constellation"), scene.properties.get("platform"))
    names = [scene.collection, *(str(name) for name in told if name)]
    named = any(name.lower().replace(" ", "-").startswith("sentinel-2") for name in names)
    return named or "s2:processing_baseline" in scene.properties


def _landsat(scene: Scene) -> bool:
    """Collection 2, Level 2: `landsat-c2-l2`, or USGS's own `landsat-c2l2-sr` and `-st`."""
    if re.match(r"landsat-c2-?l2", scene.collection.lower()):
        return True
    level = str(scene.properties.get("landsat:correction") or "")
    second = "landsat-c2" in scene.collection.lower() or (
        str(scene.properties.get("landsat:collection_number") or "") == "02"
    )
    return second and level.startswith("L2")
