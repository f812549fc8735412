"""Digital numbers to what bands measure, and values to what rasters store.

A band's value is `digital number x scale + offset`. It is computed as `(digital number + offset /
scale) x scale`, which is exact for whole offsets: Sentinel-2's numbers before baseline 04.00, and
the same ground's after it with 1000 more, give equal bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.spec import NODATA

LIMIT = 32767
"""Highest int16; its negative is the lowest value stored, -32768 being nodata."""

Float32 = NDArray[np.float32]


def shift_of(scale: float, offset: float) -> np.float32:
    """Offset in digital numbers; a float's rounding (-999.9999999) is taken off."""
    shift = offset / scale
    whole = round(shift)
    return np.float32(whole if abs(shift - whole) < 1e-6 * max(1, abs(whole)) else shift)


def lift(numbers: NDArray[Any], scale: float, offset: float) -> Float32:
    """Digital numbers as the band's values, float32; a new array."""
    values = numbers.astype(np.float32)
    shift = shift_of(scale, offset)
    if shift:
        values += shift
    if scale != 1:
        values *= np.float32(scale)
    return values


def pack(values: Float32, valid: NDArray[np.bool_], scale: float, out: NDArray[Any]) -> int:
    """Fills `out` with what a raster stores: int16 is rounded, limited and never wrapped.

    Args:
        values: finite; shape (height, width).
        valid: True where the value is kept.
        scale: of the int16 form.
        out: int16: value / scale, rounded half to even, NODATA where not valid. float32: the
            value, NaN where not valid.

    Returns:
        Valid values beyond int16's range, set to its end.
    """
    whole = bool(valid.all())
    if out.dtype == np.float32:
        np.copyto(out, values)
        if not whole:
            out[~valid] = np.nan
        return 0
    with np.errstate(over="ignore"):  # beyond float32 is beyond int16 as well
        scaled = values * np.float32(1 / scale)
    np.rint(scaled, out=scaled)
    saturated = 0
    if scaled.min() < -LIMIT or scaled.max() > LIMIT:
        saturated = int(np.count_nonzero((np.abs(scaled) > LIMIT) & valid))
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
    np.copyto(out, scaled, casting="unsafe")
    if not whole:
        # the lowest number where not valid, the highest where it is: no branch a pixel
        np.minimum(out, np.negative(valid.view(np.int8), dtype=np.int16) ^ NODATA, out=out)
    return saturated
