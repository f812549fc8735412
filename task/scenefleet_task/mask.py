"""Why pixels are invalid: classes and digital numbers become `spec.Reason`, lower values winning.

While reasons are gathered, VALID is held as `FREE`, the highest value, so that `np.minimum` is all
the precedence there is; `settle` turns it into 0 at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, Mask, Reason

FREE = 255
"""Stands for VALID until all reasons are in."""

Reasons = NDArray[np.uint8]
"""Shape (height, width), values of `Reason`, or `FREE`."""


def lookup_table(mask: Mask, dtype: np.dtype[Any], nodata: float | None) -> NDArray[np.uint8]:
    """The reason of every value that a classification can have.

    A value that the raster's header calls nodata is `NODATA` where no class says otherwise: what
    lies under it was never classified.

    Args:
        mask: classes and their reasons; a class that is not named is valid.
        dtype: of the raster; 8 or 16 bits, unsigned.
        nodata: of the raster's header.

    Raises:
        TaskError: if the raster cannot be a classification.
    """
    if dtype.kind != "u" or dtype.itemsize > 2:
        raise TaskError(
            Exit.INPUT_MISMATCH,
            f"asset {mask.asset} is {dtype}; a classification has 8 or 16 bits, unsigned",
        )
    size = 256**dtype.itemsize
    table = np.full(size, FREE, np.uint8)
    if nodata is not None and nodata in range(size):
        table[int(nodata)] = Reason.NODATA
    for value, reason in mask.classes:
        if 0 <= value < size:
            table[value] = Reason[reason.upper()] or FREE
    return table


def add(reasons: Reasons, where: NDArray[np.bool_] | None, reason: Reason) -> None:
    """Sets a reason in place where `where` is True and no stronger one is known."""
    if where is not None:
        np.minimum(reasons, reason.value, out=reasons, where=where)


def add_classes(reasons: Reasons, classes: NDArray[Any], table: NDArray[np.uint8]) -> None:
    """Sets the reasons of a classification in place, where no stronger ones are known."""
    np.minimum(reasons, table[classes], out=reasons)


def settle(reasons: Reasons) -> None:
    """Turns what is still free into VALID, in place."""
    reasons[reasons == FREE] = Reason.VALID
