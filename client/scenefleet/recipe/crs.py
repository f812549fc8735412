"""Looks up a grid's CRS in PROJ's database: whether it exists, and the unit of its axes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

_DEGREE = 111_195
"""Metres, on the sphere whose surface is the ellipsoid's."""
_SHOWN = 60
"""Characters of a CRS that a message repeats."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a CRS's horizontal axes."""

    name: str
    """As PROJ has it: `degree`, `metre`, `US survey foot`."""
    metres: float
    """Metres of one unit; of a degree, those along a meridian."""
    geographic: bool


@lru_cache(maxsize=64)
def unit_of(crs: str) -> Unit:
    """Returns the unit of a CRS's axes.

    Args:
        crs: `EPSG:` and a number, or WKT2.

    Raises:
        ValueError: if PROJ does not know the CRS, or it is no CRS of a map: vertical, geocentric,
            local. The task accepts the same ones.
    """
    import rasterio
    from rasterio.errors import CRSError

    untyped = cast("Any", rasterio)  # rasterio has no types
    example = "write one of a map, such as EPSG:3035 or EPSG:32631, or WKT2"
    try:
        with untyped.Env():  # without it GDAL writes its own line to standard error
            found = untyped.crs.CRS.from_user_input(crs)
            name, factor = found.units_factor
    except CRSError:
        raise ValueError(f"{crs[:_SHOWN]!r} is no CRS that PROJ knows; {example}") from None
    if found.is_geographic:
        # the factor gives radians, and a CRS may count in grads
        return Unit(name, factor / 0.017453292519943295 * _DEGREE, geographic=True)
    if not found.is_projected:
        raise ValueError(
            f"{crs[:_SHOWN]!r} is neither projected nor geographic, so it has no grid; {example}"
        )
    return Unit(name, factor, geographic=False)
