"""Tells which pixels of a source lie under a piece of another grid."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import rasterio.warp
from numpy.typing import NDArray

from scenefleet_task.clip import unwrap
from scenefleet_task.complaints import GdalError
from scenefleet_task.grid import Grid, Window, shared

_warp = cast("Any", rasterio.warp)  # rasterio has no types
_SAMPLES = 17  # points along each side of a piece that tell where it lies in the source


def window_under(piece: Grid, own: Grid, reach: int) -> Window | None:
    """The source's pixels that a piece of another grid needs, or None where it has none.

    Args:
        piece: the grid of the piece alone.
        own: the source's.
        reach: source pixels that a kernel reaches beyond.
    """
    cols, rows = np.meshgrid(
        np.linspace(0, piece.width, _SAMPLES), np.linspace(0, piece.height, _SAMPLES)
    )
    a, b, c, d, e, f = piece.transform
    xs, ys = a * cols + b * rows + c, d * cols + e * rows + f
    try:
        px, py = _warp.transform(piece.crs, own.crs, xs.ravel(), ys.ravel())
    except GdalError:
        return None
    px, py = np.asarray(px, np.float64), np.asarray(py, np.float64)
    if own.crs.is_geographic:
        px = _near(unwrap(px), own)
    x, y = (n.reshape(xs.shape) for n in own.locate(px, py))
    seen = np.isfinite(x) & np.isfinite(y)
    if not seen.any():
        return None
    left, right = _span(x, seen, reach)
    top, bottom = _span(y, seen, reach)
    return shared(Window(top, left, bottom - top, right - left), own.whole)


def _near(longitudes: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """Longitudes by whole turns where the grid is: 359 is -1 to a grid around Greenwich."""
    a, b, c, *_ = grid.transform
    middle = c + a * grid.width / 2 + b * grid.height / 2
    centre = np.nanmean(np.where(np.isfinite(longitudes), longitudes, np.nan))
    return longitudes - 360 * np.round((centre - middle) / 360)


def _span(values: NDArray[np.float64], seen: NDArray[np.bool_], reach: int) -> tuple[int, int]:
    """The first pixel and the one after the last, with what a kernel and a bend may reach."""
    low, high = float(values[seen].min()), float(values[seen].max())
    bend = 0 if seen.all() else (high - low) / 2
    most = 2**31  # what lies so far away is no pixel of any raster
    first, last = max(-most, low - bend), min(most, high + bend)
    more = reach + (last - first) / _SAMPLES / _SAMPLES  # edges bend between the points
    return math.floor(first - more), math.ceil(last + more)
