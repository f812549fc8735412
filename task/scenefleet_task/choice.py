"""Chooses the window of a scene's outputs that a trial computes.

Where an area is known, the window lies in it: fields in opposite corners of a scene leave its
middle empty. A window that misses is an error that names one which does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.clip import Clip
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window, shared
from scenefleet_task.spec import Exit

SIDE = 512
"""Pixels along a side of the window where none is named."""
_STEP = 64
"""Pixels along a side of the cells that are counted: those that the area touches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which window is wanted."""

    window: Window | None = None
    """Of the outputs: their first pixel is row 0, column 0."""
    near: dict[str, Any] | None = None
    """GeoJSON in degrees, in which the window is to lie, if it touches the scene."""
    whole: bool = False
    """Whether the window holds all of `near`, and misses where that is not touched."""


def choose(wish: Wish, grid: Grid, outputs: Window, clip: Clip | None) -> Window:
    """The window of the grid that is computed.

    Args:
        wish: what is wanted.
        grid: of the scene.
        outputs: the window of it that the outputs cover.
        clip: the area that they are clipped to.

    Raises:
        TaskError: `NO_OVERLAP`, if the window that is wanted has no pixel of the outputs.
    """
    if wish.window:
        return _named(wish.window, outputs, clip)
    near = _area(wish, grid)
    if wish.whole:
        found = shared(near.window, outputs) if near else None
        if found is None or (clip and clip.outside(found).all()):
            raise _missed("the area that was named", outputs, clip)
        return found
    area = clip or near
    return _densest(area, outputs) if area else _middle(outputs)


def _named(wanted: Window, outputs: Window, clip: Clip | None) -> Window:
    bottom = min(wanted.row + wanted.height, outputs.height)
    right = min(wanted.col + wanted.width, outputs.width)
    if bottom <= wanted.row or right <= wanted.col:
        raise _missed(
            f"the window, {wanted}, lies beyond the outputs, which have {outputs.height} rows and "
            f"{outputs.width} columns: it",
            outputs, clip,
        )  # fmt: skip
    row, col = outputs.row + wanted.row, outputs.col + wanted.col
    found = Window(row, col, bottom - wanted.row, right - wanted.col)
    if clip and clip.outside(found).all():
        raise _missed(f"the window, {wanted}, lies outside the area: it", outputs, clip)
    return found


def _missed(what: str, outputs: Window, clip: Clip | None) -> TaskError:
    one = _densest(clip, outputs) if clip else _middle(outputs)
    numbers = (one.row - outputs.row, one.col - outputs.col, one.height, one.width)
    return TaskError(
        Exit.NO_OVERLAP,
        f"{what} has no pixel of the outputs. One that has some: {','.join(map(str, numbers))} "
        "(row, column, height, width).",
    )


def _area(wish: Wish, grid: Grid) -> Clip | None:
    """The area of the wish; None where it does not touch the scene."""
    if wish.near is None:
        return None
    try:
        return Clip(wish.near, grid)
    except TaskError as error:
        if error.exit is Exit.NO_OVERLAP:
            return None
        raise


def _middle(outputs: Window) -> Window:
    height, width = min(SIDE, outputs.height), min(SIDE, outputs.width)
    row = outputs.row + (outputs.height - height) // 2
    return Window(row, outputs.col + (outputs.width - width) // 2, height, width)


def _densest(area: Clip, outputs: Window) -> Window:
    """The window of the outputs that most of the area is in; of several, the one most central."""
    within = shared(area.window, outputs)
    if within is None:
        return _middle(outputs)
    sums = _sums(area.touched(_STEP), SIDE // _STEP)
    rows, cols = np.nonzero(sums == sums.max())
    centre = (np.array(sums.shape) - 1) / 2
    best = int(np.argmin(np.abs(rows - centre[0]) + np.abs(cols - centre[1])))
    height, width = min(SIDE, outputs.height), min(SIDE, outputs.width)
    row = area.window.row + int(rows[best]) * _STEP
    col = area.window.col + int(cols[best]) * _STEP
    # an area that is smaller than the window lies in its middle
    row -= max(0, height - area.window.height) // 2
    col -= max(0, width - area.window.width) // 2
    row = min(max(row, outputs.row), outputs.row + outputs.height - height)
    col = min(max(col, outputs.col), outputs.col + outputs.width - width)
    return Window(row, col, height, width)


def _sums(cells: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    """How many of `side` x `side` cells are true, by the place of the first; shape (rows, cols)."""
    height, width = (max(1, n - side + 1) for n in cells.shape)
    whole = np.pad(cells.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    bottom = np.minimum(np.arange(height) + side, cells.shape[0])[:, None]
    right = np.minimum(np.arange(width) + side, cells.shape[1])[None, :]
    top, left = np.arange(height)[:, None], np.arange(width)[None, :]
    return whole[bottom, right] - whole[top, right] - whole[bottom, left] + whole[top, left]
