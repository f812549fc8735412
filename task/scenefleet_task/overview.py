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

_ROWS = 16
"""Of an overview at a time, so that what is in between stays in the processor's cache."""
_BIAS = np.uint32(0x8000_8000)
"""Turns two int16 side by side into numbers that are 32768 more, without a sign."""


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
    means = np.empty((values.shape[0] // 2, values.shape[1] // 2, *values.shape[2:]), values.dtype)
    room = np.empty((3, _ROWS, means.shape[1]), np.uint32)
    for row in range(0, means.shape[0], _ROWS):
        part, out = values[2 * row : 2 * (row + _ROWS)], means[row : row + _ROWS]
        if values.dtype != np.int16:
            out[:] = _real(part)
            continue
        for band in np.ndindex(values.shape[2:]):
            _whole(np.ascontiguousarray(part[..., *band]), room[:, : len(out)], out[..., *band])
    return means


def _even(values: NDArray[Any]) -> NDArray[Any]:
    rows, cols = values.shape[0] % 2, values.shape[1] % 2
    if not rows and not cols:
        return values
    return np.pad(values, ((0, rows), (0, cols), *((0, 0),) * (values.ndim - 2)), mode="edge")


def _sum(values: NDArray[Any], dtype: Any) -> NDArray[Any]:  # noqa: ANN401 - a dtype
    rows = np.add(values[0::2], values[1::2], dtype=dtype)
    return rows[:, 0::2] + rows[:, 1::2]


def _whole(values: NDArray[np.int16], room: NDArray[np.uint32], out: NDArray[np.int16]) -> None:
    """Fills `out` with the means of whole numbers.

    All is done to numbers that are 32768 more than those meant: without a sign, and with nodata as
    0, which adds nothing. Two pixels side by side are one number of 32 bits, so that no step goes
    over every second number.

    Args:
        values: in C's order, shape (2 * height, 2 * width).
        room: for what is between, shape (3, height, width).
        out: shape (height, width).
    """
    pairs, (total, high, other) = values.view(np.uint32), room
    np.bitwise_xor(pairs[0::2], _BIAS, out=total)
    np.bitwise_xor(pairs[1::2], _BIAS, out=other)
    np.right_shift(total, 16, out=high)
    total += other
    other >>= 16
    high += other
    # of two pairs: 65536 x the sum of the high halves + that of the low ones, modulo 2^32
    high *= 65535
    total -= high
    mixed = _mixed(values, total) if values.min() == NODATA else None
    # a fourth, rounded half away from zero: half up unless the number meant is negative
    np.right_shift(total, 17, out=high)
    total += high
    total += 1
    total >>= 2
    if mixed:
        total.reshape(-1)[mixed[0]] = mixed[1]
    total ^= 0x8000
    np.copyto(out.view(np.uint16), total, casting="unsafe")


def _mixed(
    values: NDArray[np.int16], total: NDArray[np.uint32]
) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
    """Where some of 2 x 2 pixels are valid and some are not, and 32768 more than their means."""
    pairs = (values != NODATA).view(np.uint16)  # a byte a pixel
    counts = pairs[0::2] + pairs[1::2]
    mixed = np.flatnonzero((counts != 0) & (counts != 0x0202))
    count = counts.reshape(-1)[mixed]
    count = (count >> 8) + (count & 0xFF)
    meant = total.reshape(-1)[mixed] - count * np.float64(0x8000)
    rounded = np.copysign(np.floor(np.abs(meant) / count + 0.5), meant)
    return mixed, (rounded + 0x8000).astype(np.uint32)


def _real(values: NDArray[Any]) -> NDArray[np.float32]:
    valid = ~np.isnan(values)
    if valid.all():
        return (_sum(values, np.float64) / 4).astype(np.float32)
    counts = _sum(valid, np.uint8)
    total = _sum(np.where(valid, values, np.float32(0)), np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan).astype(np.float32)
