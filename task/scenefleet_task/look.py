"""Looks at a scene's pixels where its metadata leaves in doubt what its numbers are.

An overview of two bands tells (`offset`). It is read while the first tiles are on their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import offset
from scenefleet_task.grid import Window, common
from scenefleet_task.log import log
from scenefleet_task.names import Key, key_of
from scenefleet_task.radiometry import nodata_of
from scenefleet_task.read import Raster
from scenefleet_task.sources import OpenPart, Sources
from scenefleet_task.spec import OffsetCheck

SIDE = 700
"""Pixels of the longer side that are looked at: an overview of a sixteenth of a full scene."""


def settled(sources: Sources, rasters: Sequence[Raster]) -> Sources:
    """The sources with the offsets that the pixels settle, where the document wants them looked at.

    Raises:
        TaskError: `RADIOMETRY`, if the numbers cannot be understood; or if they cannot be read.
    """
    by_key = {raster.name.key: raster for raster in rasters}
    return replace(sources, parts=tuple(_settled(part, by_key) for part in sources.parts))


def _settled(part: OpenPart, rasters: Mapping[Key, Raster]) -> OpenPart:
    check = part.check
    if not check or not check.look:
        return part
    finding = _look(check, part.item, rasters)
    bands = {
        name: replace(band, offset=-check.shift * band.scale if finding.carried else 0.0)
        if name in check.bands
        else band
        for name, band in part.bands.items()
    }
    return replace(part, bands=bands, finding=finding)


def _look(check: OffsetCheck, item: str, rasters: Mapping[Key, Raster]) -> offset.Finding:
    both = [rasters[key_of(band)] for band in check.look]
    windows = common([raster.grid for raster in both])
    first = windows[0]
    shrink = max(1, first.height / SIDE, first.width / SIDE)
    shape = max(1, round(first.height / shrink)), max(1, round(first.width / shrink))
    with ThreadPoolExecutor(len(both)) as pool:
        small = list(pool.map(partial(_small, shape), both, windows))
    seen = np.ones(shape, np.bool_)
    for raster, window, values, band in zip(both, windows, small, check.look, strict=True):
        missing = raster.is_nodata(values, nodata_of(band, raster.nodata))
        masked = raster.small_invalid(shape, window)
        for invalid in (missing, masked):
            if invalid is not None:
                seen &= ~invalid
    finding = offset.settle(check, small[0][seen], small[1][seen], item)
    log.info(
        "offset of %d: metadata says %s, pixels say %s", check.shift, check.said, finding.verdict
    )
    return finding


def _small(shape: tuple[int, int], raster: Raster, window: Window) -> NDArray[Any]:
    return raster.read_small(shape, window)
