"""Refuses files of floats that are values already where item or header would scale them again.

An item copies a product's `scale: 0.0001` from elsewhere, while its files hold reflectances from 0
to 1: an index with constants (EVI, SAVI) is wrong then by orders of magnitude, without a word. The
recipe's own scale is the user's word and is not doubted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scenefleet_task.failure import TaskError
from scenefleet_task.names import Key, key_of
from scenefleet_task.read import Raster
from scenefleet_task.sources import BandLayer, Sources
from scenefleet_task.spec import Exit

SIDE = 256
"""Pixels of the longer side that are looked at, of an overview."""
HIGHEST = 2.0
"""Reflectance seldom is higher; digital numbers of a scene all are, but for a few."""
SMALL = 0.01
"""A scale that is no larger turns reflectances into next to nothing."""
_MOST = 0.99
"""Share of the pixels that have to be so: glints and clouds are brighter."""


def check_floats(sources: Sources, rasters: Sequence[Raster]) -> None:
    """Looks at an overview of each band of floats whose scale is not the recipe's.

    Raises:
        TaskError: `INPUT_MISMATCH`, if its numbers are reflectances already; or if they cannot be
            read.
    """
    by_key = {raster.name.key: raster for raster in rasters}
    for part in sources.parts:
        for source in part.bands.values():
            _check(source, by_key)


def _check(source: BandLayer, rasters: Mapping[Key, Raster]) -> None:
    band = source.band
    by_others = band.scale_from == "item" or (
        band.scale is None and source.header.scale is not None
    )
    if source.header.dtype.kind != "f" or not by_others or abs(source.scale) > SMALL:
        return
    raster = rasters[key_of(band)]
    grid = raster.grid
    shrink = max(1, grid.height / SIDE, grid.width / SIDE)
    shape = max(1, int(grid.height / shrink)), max(1, int(grid.width / shrink))
    values = raster.read_small(shape)
    seen = np.ones(values.shape, np.bool_)
    for invalid in (raster.is_nodata(values, source.nodata), raster.small_invalid(shape)):
        if invalid is not None:
            seen &= ~invalid
    seen = np.abs(values[seen])
    if seen.size == 0 or np.quantile(seen, _MOST) > HIGHEST:
        return
    name = raster.name
    who = "item" if band.scale_from == "item" else "header"
    raise TaskError(
        Exit.INPUT_MISMATCH,
        f"{name}: its numbers are {source.header.dtype} and {100 * _MOST:.0f}% of them at most "
        f"{np.quantile(seen, _MOST):.3g}, so they are reflectances already, but the {who} gives a "
        f"scale of {source.scale:g}. Say in the recipe which it is: `collections: "
        f"{{{name.collection or '<collection>'}: {{bands: {{{band.name}: {{asset: {band.asset}, "
        "scale: 1, offset: 0}}}}`, or with that scale.",
    )
