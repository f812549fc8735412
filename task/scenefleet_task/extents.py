"""The ground that a scene's bands cover together: the union of their extents, on the finest pixels.

Beyond a band's edge its pixels have no data. Masks do not extend a scene.
"""

from __future__ import annotations

from collections.abc import Sequence

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window, align, around, finest, shared
from scenefleet_task.read import Raster
from scenefleet_task.spec import MOST_PIXELS, Exit


def scene_grid(parts: Sequence[Sequence[Raster]]) -> tuple[Grid, Raster]:
    """The grid of a scene, and the source whose pixels it has.

    A coarser band that reaches over the finest ones' edge by less than a pixel of its own does not
    extend them: its last pixel is not whole there.

    Args:
        parts: the bands of each part of the scene; at least one.

    Raises:
        TaskError: `INPUT_MISMATCH`, if bands do not line up, share no ground with another of their
            part, or would make a scene of too many pixels.
    """
    rasters = [raster for part in parts for raster in part]
    grid = finest([raster.grid for raster in rasters])
    target = next(raster for raster in rasters if raster.grid is grid)
    grounds = {raster.name.key: _ground(target, raster) for raster in rasters}
    for part in parts:
        _check_shared([(raster, grounds[raster.name.key][0]) for raster in part])
    union = _union([*grounds.values()])
    if union.height * union.width > MOST_PIXELS:
        far = max(rasters, key=lambda raster: _reach(grounds[raster.name.key][0], grid.whole))
        raise _mismatch(
            target,
            far,
            f"together they cover {union.height} x {union.width} pixels, and at most "
            f"{MOST_PIXELS:.0e} are made. {_extents(target, far)}",
        )
    return (grid if union == grid.whole else grid.crop(union)), target


def names_for(target: Raster, other: Raster) -> tuple[str, str]:
    """The names that messages use for two sources of a scene."""
    return str(target.name), f"item {other.name.item}, asset {other.name.asset}"


def apart(one: Raster, other: Raster) -> TaskError:
    """The error of two sources that share no ground."""
    return _mismatch(one, other, f"they share no ground. {_extents(one, other)}")


def _ground(target: Raster, other: Raster) -> tuple[Window, tuple[int, int]]:
    """A raster's ground in the target's pixels, and how many of these its own have a side."""
    alignment = align(target.grid, other.grid, names_for(target, other))
    rows, cols = alignment.rows, alignment.cols
    sides = (1 if rows.finer else rows.ratio, 1 if cols.finer else cols.ratio)
    return alignment.ground(other.grid), sides


def _union(grounds: Sequence[tuple[Window, tuple[int, int]]]) -> Window:
    fine = around([window for window, sides in grounds if sides == (1, 1)])
    every = [fine]
    for window, (rows, cols) in grounds:
        top = window.row if fine.row - window.row >= rows else fine.row
        left = window.col if fine.col - window.col >= cols else fine.col
        bottom = window.bottom if window.bottom - fine.bottom >= rows else fine.bottom
        right = window.right if window.right - fine.right >= cols else fine.right
        every.append(Window(top, left, bottom - top + 1, right - left + 1))
    return around(every)


def _check_shared(part: Sequence[tuple[Raster, Window]]) -> None:
    first, common = part[0]
    for raster, window in part[1:]:
        found = shared(common, window)
        if found is None:
            raise apart(first, raster)
        common = found


def _reach(window: Window, whole: Window) -> int:
    """How far beyond another window one reaches, in pixels."""
    return max(
        whole.row - window.row,
        whole.col - window.col,
        window.bottom - whole.bottom,
        window.right - whole.right,
    )


def _extents(one: Raster, other: Raster) -> str:
    return f"The first covers {_extent(one.grid)}, the second {_extent(other.grid)}."


def _extent(grid: Grid) -> str:
    a, b, c, d, e, f = grid.transform
    xs = [c + a * col + b * row for col in (0, grid.width) for row in (0, grid.height)]
    ys = [f + d * col + e * row for col in (0, grid.width) for row in (0, grid.height)]
    return f"x {min(xs):.10g} to {max(xs):.10g}, y {min(ys):.10g} to {max(ys):.10g}"


def _mismatch(one: Raster, other: Raster, what: str) -> TaskError:
    first, second = names_for(one, other)
    return TaskError(Exit.INPUT_MISMATCH, f"{first} and {second}: {what}")
