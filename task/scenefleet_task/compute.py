"""Digital numbers to what bands measure, and values to what rasters store.

A band's value is `digital number x scale + offset`. It is computed as `(digital number + offset /
scale) x scale`, which is exact for whole offsets: Sentinel-2's numbers before baseline 04.00, and
the same ground's after it with 1000 more, give equal bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.spec import NODATA

LIMIT = 32767
"""Highest int16; its negative is the lowest value stored, -32768 being nodata."""

_ROUNDING = 1e-5
"""Of an index near its bound: float32 keeps seven digits, and an index is a few steps of it."""

Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Values:
    """An output's values, and what one look at them tells."""

    array: Float32
    """Finite; shape (height, width)."""
    undefined: Bools | None
    """True where the formula or script gives no value, and 0 stands; None where it always does."""
    low: float
    """No value is lower."""
    high: float
    """No value is higher."""


def settled(values: Float32) -> Values:
    """Values of which some may not be finite; their array is left as it is."""
    low, high = values.min(), values.max()  # NaN where there is one
    undefined = None
    if not (np.isfinite(low) and np.isfinite(high)):
        undefined = ~np.isfinite(values)
        values = np.where(undefined, np.float32(0), values)
        low, high = values.min(), values.max()
    return Values(values, undefined, low, high)


@cache
def shift_of(scale: float, offset: float) -> np.float32:
    """Offset in digital numbers; a float's rounding (-999.9999999) is taken off."""
    shift = offset / scale
    whole = round(shift)
    return np.float32(whole if abs(shift - whole) < 1e-6 * max(1, abs(whole)) else shift)


def lift(numbers: NDArray[Any], scale: float, offset: float, out: Float32 | None = None) -> Float32:
    """Digital numbers as the band's values, float32; in `out`, of their shape, or a new array."""
    values = np.empty(numbers.shape, np.float32) if out is None else out
    np.copyto(values, numbers, casting="same_kind")
    shift = shift_of(scale, offset)
    if shift:
        values += shift
    if scale != 1:
        values *= np.float32(scale)
    return values


def not_positive(numbers: NDArray[Any], scale: float, offset: float) -> Bools | None:
    """True where a band's value is at or below zero; None where it is nowhere."""
    limit = -shift_of(scale, offset)
    if numbers.dtype.kind in "iu":
        limit = math.floor(limit) if scale > 0 else math.ceil(limit)
    if scale > 0:
        return None if numbers.min() > limit else numbers <= limit
    return None if numbers.max() < limit else numbers >= limit


def count_outside(values: Values, valid: Bools | None, span: tuple[float, float]) -> int:
    """Valid values beyond a span, which may be missed by the rounding of single precision.

    Args:
        values: of shape (height, width).
        valid: True where the value is kept; None keeps all.
        span: the least and the greatest value that are within.
    """
    low, high = span[0] - _ROUNDING, span[1] + _ROUNDING
    if values.low >= low and values.high <= high:
        return 0
    beyond = (values.array < np.float32(low)) | (values.array > np.float32(high))
    return int(np.count_nonzero(beyond if valid is None else beyond & valid))


def pack(values: Values, valid: Bools | None, scale: float, out: NDArray[Any]) -> int:
    """Fills `out` with what a raster stores: int16 is rounded, limited and never wrapped.

    Args:
        values: of shape (height, width); left as they are.
        valid: True where the value is kept; None keeps all.
        scale: of the int16 form.
        out: int16: value / scale, rounded half to even, NODATA where not valid. float32: the
            value, NaN where not valid.

    Returns:
        Valid values beyond int16's range, set to its end.
    """
    whole = out.dtype == np.int16
    if valid is not None and not valid.any():
        out.fill(NODATA if whole else np.nan)
        return 0
    if whole:
        return _pack_whole(values, valid, scale, out)
    np.copyto(out, values.array)
    if valid is not None:
        out[~valid] = np.nan
    return 0


def _pack_whole(values: Values, valid: Bools | None, scale: float, out: NDArray[np.int16]) -> int:
    with np.errstate(over="ignore"):  # beyond float32 is beyond int16 as well
        factor = np.float32(1 / scale)
        scaled = values.array * factor
        low, high = np.rint(values.low * factor), np.rint(values.high * factor)
    np.rint(scaled, out=scaled)
    saturated = 0
    if low < -LIMIT or high > LIMIT:
        beyond = np.abs(scaled) > LIMIT
        saturated = int(np.count_nonzero(beyond if valid is None else beyond & valid))
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
    np.copyto(out, scaled, casting="unsafe")
    if valid is not None:
        # the highest number where valid (it wraps), the lowest where not: no branch a pixel
        most = valid.view(np.int8).astype(np.int16)
        np.subtract(np.int16(NODATA), most, out=most)
        np.minimum(out, most, out=out)
    return saturated
