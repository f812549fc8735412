"""Normalised differences of reflectances, in float32, and their int16 form.

Reflectance is `digital number x scale + offset`. It is computed as `(digital number + offset /
scale) x scale`, which is exact for whole offsets: Sentinel-2's numbers before baseline 04.00, and
the same ground's after it with 1000 more, give equal bits. Where both bands have one scale it
cancels and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.spec import NODATA, SCALE, Band

LIMIT = 32767
"""Highest int16; its negative is the lowest index value, -32768 being nodata."""

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Packed:
    """An index in its int16 form."""

    values: NDArray[np.int16]
    """Shape (height, width): index / SCALE, rounded half to even; NODATA where not valid."""
    saturated: int
    """Valid values beyond int16's range, set to its end."""


def shift_of(band: Band) -> np.float32:
    """Offset in digital numbers; a float's rounding (-999.9999999) is taken off."""
    shift = band.offset / band.scale
    whole = round(shift)
    return np.float32(whole if abs(shift - whole) < 1e-6 * max(1, abs(whole)) else shift)


def lift(numbers: NDArray[Any], band: Band, scale: float) -> Float32:
    """Digital numbers as reflectance / `scale`, float32."""
    values = numbers.astype(np.float32)
    shift = shift_of(band)
    if shift:
        values += shift
    if band.scale != scale:
        values *= np.float32(band.scale / scale)
    return values


def difference(first: Float32, second: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """`(first - second) / (first + second)`, and True where it has no value.

    It has none where the sum is zero or either is not finite; what stands there is 0.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        total = first + second
        undefined = (total == 0) | ~np.isfinite(total)
        total[undefined] = 1
        value = first - second
        value[undefined] = 0
        value /= total
    return value, undefined


def pack(index: Float32, valid: NDArray[np.bool_]) -> Packed:
    """The int16 form: rounded, limited and never wrapped.

    Args:
        index: finite values.
        valid: True where the index is kept.
    """
    scaled = index * np.float32(1 / SCALE)
    np.rint(scaled, out=scaled)
    saturated = int(np.count_nonzero((np.abs(scaled) > LIMIT) & valid))
    np.clip(scaled, -LIMIT, LIMIT, out=scaled)
    scaled[~valid] = NODATA
    return Packed(scaled.astype(np.int16), saturated)
