"""A window's bands and reasons, from all parts of a scene: where one has no data, the next counts.

What is read through GDAL from a server is read source by source at once, since one waits there
more than it computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import compute, mask
from scenefleet_task.grid import Window
from scenefleet_task.layer import MaskLayer
from scenefleet_task.maker import Bands
from scenefleet_task.sources import BandLayer, OpenPart
from scenefleet_task.spec import Reason

Numbers = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""A band's digital numbers in the target's pixels, and True where there are none."""


def united(
    parts: tuple[OpenPart, ...], window: Window, readers: Executor | None
) -> tuple[Bands, mask.Reasons]:
    """Bands and unsettled reasons of a window of the target.

    Args:
        parts: at least one.
        window: of the target grid.
        readers: read at once; None reads one source after another.
    """
    bands, reasons = _read(parts[0], window, readers)
    for part in parts[1:]:
        gaps = reasons == Reason.NODATA.value
        if not gaps.any():
            break
        more, others = _read(part, window, readers)
        gaps &= others != Reason.NODATA.value
        reasons[gaps] = others[gaps]
        bands = {name: _fill(bands[name], more[name], gaps) for name in bands}
    return bands, reasons


def _fill(
    one: tuple[NDArray[Any], float, float],
    other: tuple[NDArray[Any], float, float],
    gaps: NDArray[np.bool_],
) -> tuple[NDArray[Any], float, float]:
    """One band's numbers with another part's in the gaps.

    Where the two differ in radiometry, as values.
    """
    numbers, *radiometry = one
    if radiometry != list(other[1:]):
        return np.where(gaps, compute.lift(*other), compute.lift(*one)), 1.0, 0.0
    return np.where(gaps, other[0], numbers), one[1], one[2]


def _read(part: OpenPart, window: Window, readers: Executor | None) -> tuple[Bands, mask.Reasons]:
    apply: Any = readers.map if readers else map
    masks: Iterable[mask.Reasons] = apply(partial(_reasons, window), part.masks)
    numbers: Iterable[Numbers] = apply(partial(_numbers, window), part.bands.values())
    bands: Bands = {}
    missing: list[NDArray[np.bool_] | None] = []
    for (name, band), (values, invalid) in zip(part.bands.items(), numbers, strict=True):
        missing.append(invalid)
        bands[name] = values, band.scale, band.offset
    reasons = _strongest(masks, window)
    for invalid in missing:
        mask.add(reasons, invalid, Reason.NODATA)
    return bands, reasons


def _strongest(masks: Iterable[mask.Reasons], window: Window) -> mask.Reasons:
    """Of each pixel, the strongest reason of all masks, unsettled; changes the first's."""
    reasons = None
    for found in masks:
        reasons = found if reasons is None else np.minimum(reasons, found, out=reasons)
    if reasons is None:
        return np.full((window.height, window.width), mask.FREE, np.uint8)
    return reasons


def _reasons(window: Window, layer: MaskLayer) -> mask.Reasons:
    return layer.reasons(window)


def _numbers(window: Window, source: BandLayer) -> Numbers:
    layer = source.layer
    numbers, invalid = layer.read(layer.own(window), source.nodata)
    if invalid is not None:
        invalid = layer.spread(invalid, window) if invalid.any() else None
    return layer.spread(numbers, window), invalid
