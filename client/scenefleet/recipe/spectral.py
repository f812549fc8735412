"""Reads Awesome Spectral Indices' tables out of the package that publishes them, unimported.

Montero et al. 2023, https://doi.org/10.1038/s41597-023-02096-0. Importing the package `spyndex`
itself would load an HTTP client and more; its tables are plain JSON.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenefleet.errors import RecipeError

_SAME = {"sentinel2c": "sentinel2b"}
"""The tables of spyndex 0.12 end with Sentinel-2B; 2C's MSI is of the same make."""
_WAVELENGTH = re.compile(r"lambda(\w+)")


@functools.cache
def index_table() -> Mapping[str, Mapping[str, Any]]:
    """Every index by its short name, as published."""
    return _read("spectral-indices-dict.json")["SpectralIndices"]


@functools.cache
def constant_table() -> Mapping[str, Mapping[str, Any]]:
    """Every constant by its name: `default` (or None), `description`."""
    return _read("constants.json")


def wavelength_letter(constant: str) -> str | None:
    """The band's letter of a constant that is a central wavelength: `N` of `lambdaN`, or None."""
    match = _WAVELENGTH.fullmatch(constant)
    return match[1] if match else None


def wavelength(letter: str, platform: str) -> float | None:
    """Central wavelength in nanometres of a platform's band, or None where the tables lack it.

    Where a platform has no `N`, as Landsat 8 and 9, `N2` is its near infrared.

    Args:
        letter: the band's, as in `bands.LETTERS`.
        platform: as STAC items name it: `Sentinel-2A`, `sentinel-2a`, `landsat-8`.
    """
    name = re.sub(r"[^a-z0-9]", "", platform.lower())
    bands = _band_table()
    for band in (letter, "N2") if letter == "N" else (letter,):
        told = bands.get(band, {}).get("platforms", {}).get(_SAME.get(name, name))
        if told:
            return float(told["wavelength"])
    return None


@functools.cache
def _band_table() -> Mapping[str, Mapping[str, Any]]:
    return _read("bands.json")


def _read(name: str) -> Any:  # noqa: ANN401 - any JSON value
    found = importlib.util.find_spec("spyndex")
    if found is None or not found.submodule_search_locations:
        raise RecipeError(
            "The package spyndex, which holds the indices, is not installed; install scenefleet "
            "anew, or: pip install 'spyndex>=0.12'"
        )
    path = Path(found.submodule_search_locations[0]) / "data" / name
    return json.loads(path.read_text(encoding="utf-8"))
