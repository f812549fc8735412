"""Names of bands: what formulas may use, Awesome Spectral Indices' letters, who offers which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LETTERS: Mapping[str, str] = {
    "A": "coastal",
    "B": "blue",
    "G": "green",
    "G1": "green05",
    "Y": "yellow",
    "R": "red",
    "RE1": "rededge1",
    "RE2": "rededge2",
    "RE3": "rededge3",
    "N": "nir",
    "N2": "nir08",
    "WV": "nir09",
    "S1": "swir16",
    "S2": "swir22",
    "T": "lwir11",
    "T1": "lwir11",
    "T2": "lwir12",
    "VV": "vv",
    "VH": "vh",
    "HH": "hh",
    "HV": "hv",
}
"""Band by its letter in Awesome Spectral Indices (its `bands.json`), as a STAC common name.

Three differ from the common names that `bands.json` gives: `rededge1` to `rededge3` are what
Sentinel-2 catalogues say, and the one broad thermal band `T` is read from `lwir11`, whose
wavelengths it contains. The radar's polarisations have no common name: theirs in lower case."""

ESA_BANDS: Mapping[str, str] = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B10": "cirrus",
    "B11": "swir16",
    "B12": "swir22",
}
"""Common name of each of Sentinel-2's bands, by ESA's name."""

COMMON_NAMES = frozenset(
    {
        *LETTERS.values(),
        *("pan", "rededge", "rededge071", "rededge075", "rededge078", "cirrus", "lwir"),
    }
)
"""Names a formula may use in any recipe: STAC's (https://github.com/stac-extensions/eo, 2.0) and
those of `LETTERS`. A recipe adds the bands that it describes under `collections`."""

_VISIBLE = ("coastal", "blue", "green", "red")
_SWIR = ("swir16", "swir22")
_RED_EDGE = ("rededge1", "rededge2", "rededge3")
_SENTINEL_2 = (*_VISIBLE, *_RED_EDGE, "nir", "nir08", "nir09", *_SWIR)

OFFERS: Mapping[str, tuple[str, ...]] = {
    "sentinel-2-l2a": _SENTINEL_2,
    "sentinel-2-c1-l2a": _SENTINEL_2,
    "sentinel-2-l1c": (*_SENTINEL_2, "cirrus"),
    "landsat-c2-l2": (*_VISIBLE, "nir", "nir08", *_SWIR, "lwir11"),
    "hls2-s30": (*_SENTINEL_2, "cirrus"),
    "hls2-l30": (*_VISIBLE, "nir", "nir08", *_SWIR, "cirrus", "lwir11", "lwir12"),
}
"""Bands of collections that scenefleet knows. `nir` is Landsat's `nir08`. Landsat has `coastal`
from 8 on, and surface temperature (`lwir11`) only in scenes that were corrected to it (L2SP)."""


def offered_by(bands: Iterable[str]) -> list[str]:
    """The known collections that offer all of these bands."""
    wanted = set(bands)
    return [name for name, offer in OFFERS.items() if wanted <= set(offer)]
