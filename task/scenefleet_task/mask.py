"""Why pixels are invalid: classes, bits and digital numbers become `spec.Reason`.

Where several hold, the lower value wins. While reasons are gathered, VALID is held as `FREE`, the
highest value, so that `np.minimum` is all the precedence there is; `settle` turns it into 0 at the
end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, Mask, Reason

FREE = 255
"""Stands for VALID until all reasons are in."""
FIXED = (Reason.OUTSIDE, Reason.NODATA, Reason.SATURATED)
"""Reasons that do not grow: they tell of a pixel, not of a thing in the sky or on the ground."""
_AT_ONCE = 131_072
"""Reasons that are counted one after another while they are in the processor's cache."""
_ROUNDING = 1e-9
"""Pixels: 60 m at 20 m a pixel is a radius of 3, whatever the division leaves."""

Reasons = NDArray[np.uint8]
"""Shape (height, width), values of `Reason`, or `FREE`."""


def lookup_table(mask: Mask, dtype: np.dtype[Any], nodata: float | None) -> NDArray[np.uint8]:
    """The reason of every number that a mask's raster can hold.

    A number that the raster's header calls nodata is `NODATA` where no rule says otherwise: what
    lies under it was never classified.

    Args:
        mask: its rules; a number that none fits is valid.
        dtype: of the raster; 8 or 16 bits, unsigned.
        nodata: of the raster's header.

    Raises:
        TaskError: if the raster cannot be a mask.
    """
    if dtype.kind != "u" or dtype.itemsize > 2:
        raise TaskError(
            Exit.INPUT_MISMATCH,
            f"asset {mask.asset} is {dtype}; a mask has 8 or 16 bits, unsigned",
        )
    numbers: NDArray[np.int64] = np.arange(256**dtype.itemsize, dtype=np.int64)
    table = np.full(numbers.size, FREE, np.uint8)
    said = np.zeros(numbers.size, np.bool_)
    for rule in mask.rules:
        fits = (numbers & rule.bits) == rule.value
        said |= fits
        reason = Reason[rule.reason.upper()].value or FREE
        np.minimum(table, reason, out=table, where=fits)
    if nodata is not None and 0 <= nodata < numbers.size and not said[int(nodata)]:
        table[int(nodata)] = Reason.NODATA
    return table


def look_up(table: NDArray[np.uint8], numbers: NDArray[Any]) -> Reasons:
    """The reason of each number, unsettled; a new array of their shape.

    Args:
        table: of `lookup_table`.
        numbers: of the raster's dtype, shape (height, width).
    """
    if numbers.dtype != np.uint8:
        return np.take(table, numbers)
    # numpy would make an index of 8 bytes of every number before it looks
    found = bytearray(np.ascontiguousarray(numbers)).translate(table.tobytes())
    return np.frombuffer(found, np.uint8).reshape(numbers.shape)


def dilate(reasons: Reasons, radius: tuple[float, float]) -> Reasons:
    """Reasons grown over pixels whose centres lie within a radius; those of `FIXED` do not grow.

    Args:
        reasons: shape (height, width).
        radius: in rows and in columns: an ellipse where pixels are not square.
    """
    grown = reasons.copy()
    for reason in np.unique(reasons):
        if reason != FREE and reason not in FIXED:
            np.minimum(grown, reason, out=grown, where=_near(reasons == reason, radius))
    return grown


def halo(radius: tuple[float, float]) -> tuple[int, int]:
    """Rows and columns around a window that its dilation depends on."""
    return int(radius[0] + _ROUNDING), int(radius[1] + _ROUNDING)


def _near(where: NDArray[np.bool_], radius: tuple[float, float]) -> NDArray[np.bool_]:
    """True within the radius of a True pixel: the union of a row's reach, row by row above it."""
    rows, cols = halo(radius)
    height, width = where.shape
    counts = np.zeros((height, width + 2 * cols + 1), np.int32)
    np.cumsum(where, axis=1, out=counts[:, cols + 1 : cols + 1 + width], dtype=np.int32)
    counts[:, cols + 1 + width :] = counts[:, cols + width, np.newaxis]
    near = np.zeros_like(where)
    for row in range(-min(rows, height - 1), min(rows, height - 1) + 1):
        share = max(0.0, 1 - (row / radius[0]) ** 2) if row else 1.0
        reach = int(radius[1] * share**0.5 + _ROUNDING)
        left = cols - reach
        right = cols + reach + 1
        found = counts[:, right : right + width] > counts[:, left : left + width]
        near[max(0, row) : height + min(0, row)] |= found[max(0, -row) : height - max(0, row)]
    return near


def add(reasons: Reasons, where: NDArray[np.bool_] | None, reason: Reason) -> None:
    """Sets a reason in place where `where` is True and no stronger one is known."""
    if where is not None and where.any():
        # the reason where True and 255 where False, without a branch a pixel
        marks = where.view(np.uint8) - np.uint8(1)
        marks |= np.uint8(reason)
        np.minimum(reasons, marks, out=reasons)


def settle(reasons: Reasons) -> NDArray[np.bool_]:
    """Turns what is still free into VALID, in place; tells where that is."""
    free = reasons == FREE
    np.add(reasons, free.view(np.uint8), out=reasons)  # one more than FREE is 0
    return free


def count(reasons: Reasons) -> dict[Reason, int]:
    """Pixels by reason, settled."""
    found = dict.fromkeys(map(int, Reason), 0)  # numpy is slow to compare with an enum's
    flat = reasons.reshape(-1)
    for start in range(0, flat.size, _AT_ONCE):
        part = flat[start : start + _AT_ONCE]
        rest = part.size
        for reason in sorted(found, key=found.__getitem__, reverse=True):  # until none is left
            here = int(np.count_nonzero(part == reason))
            found[reason] += here
            rest -= here
            if not rest:
                break
    return {reason: found[reason] for reason in Reason}
