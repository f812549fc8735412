"""Half the resolution of an array: what a COG's overviews are made of, one from another.

A pixel of a mean is the mean of those of its 2 x 2 pixels that are valid, rounded half away from
zero where numbers are whole: GDAL's rule for AVERAGE, equal to its files where both sides are even.
Where a side is odd, the last pixel has only what there is beside it, while GDAL spreads all pixels
a little wider. `nearest` takes the upper left of each 2 x 2 pixels and invents no class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.spec import NODATA

_ROWS = 4
"""Of an overview at a time, so that what is in between stays in the processor's cache."""


def nearest(values: NDArray[Any]) -> NDArray[Any]:
    """Every second row and column, from the first; shape (height, width, ...)."""
    return values[::2, ::2].copy()


def mean(values: NDArray[Any]) -> NDArray[Any]:
    """Means of 2 x 2 pixels, of the array's dtype.

    Args:
        values: int16 with `NODATA`, or float32 with NaN, where a pixel is invalid; shape
            (height, width, ...). An odd side counts as if its last row or column stood twice.
    """
    values = _even(values)
    halve = _whole if values.dtype == np.int16 else _real
    means = np.empty((values.shape[0] // 2, values.shape[1] // 2, *values.shape[2:]), values.dtype)
    for row in range(0, means.shape[0], _ROWS):
        means[row : row + _ROWS] = halve(values[2 * row : 2 * (row + _ROWS)])
    return means


def _even(values: NDArray[Any]) -> NDArray[Any]:
    rows, cols = values.shape[0] % 2, values.shape[1] % 2
    if not rows and not cols:
        return values
    return np.pad(values, ((0, rows), (0, cols), *((0, 0),) * (values.ndim - 2)), mode="edge")


def _sum(values: NDArray[Any], dtype: Any) -> NDArray[Any]:  # noqa: ANN401 - a dtype
    rows = np.add(values[0::2], values[1::2], dtype=dtype)
    return rows[:, 0::2] + rows[:, 1::2]


def _whole(values: NDArray[Any]) -> NDArray[np.int16]:
    if values.min() != NODATA:
        return _quarter(_sum(values, np.int32))
    valid = values != NODATA
    # in C's order whatever the array's is, for `reshape` below must not copy
    counts = np.ascontiguousarray(_sum(valid.view(np.uint8), np.uint8))
    total = np.ascontiguousarray(_sum(values * valid, np.int32))
    some = np.flatnonzero((counts > 0) & (counts < 4))  # at the edges of what is valid
    count, of_some = counts.reshape(-1)[some], total.reshape(-1)[some].astype(np.float32)
    means = _quarter(total)
    np.putmask(means, counts == 0, NODATA)
    rounded = np.floor(np.abs(of_some) / count + np.float32(0.5))
    means.reshape(-1)[some] = np.copysign(rounded, of_some)
    return means


def _quarter(total: NDArray[np.int32]) -> NDArray[np.int16]:
    """A fourth, rounded half away from zero; changes what is given."""
    total += (total >> 31) + 2
    return (total >> 2).astype(np.int16)


def _real(values: NDArray[Any]) -> NDArray[np.float32]:
    valid = ~np.isnan(values)
    if valid.all():
        return (_sum(values, np.float64) / 4).astype(np.float32)
    counts = _sum(valid, np.uint8)
    total = _sum(np.where(valid, values, np.float32(0)), np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan).astype(np.float32)
