"""Pixel grids: the one that outputs are on, windows of it, and where other rasters lie in it.

Rows come before columns in every pair of shapes; transforms are affine, in rasterio's order
(a, b, c, d, e, f): x = a * col + b * row + c, y = d * col + e * row + f.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit

TOLERANCE = 0.01
"""Pixels by which grids may miss each other and still count as aligned: headers hold rounded
numbers, while a true misalignment is half a pixel or more."""

Transform = tuple[float, ...]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels."""

    row: int
    col: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """Last row."""
        return self.row + self.height - 1

    @property
    def right(self) -> int:
        """Last column."""
        return self.col + self.width - 1

    def __str__(self) -> str:
        """Rows and columns, both ends included."""
        return f"rows {self.row} to {self.bottom}, columns {self.col} to {self.right}"


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a raster's pixels lie."""

    crs: Any
    """A `rasterio.crs.CRS`."""
    transform: Transform
    width: int
    height: int

    @property
    def whole(self) -> Window:
        """All of it."""
        return Window(0, 0, self.height, self.width)

    @property
    def pixel_area(self) -> float:
        """In square units of the CRS."""
        a, b, _, d, e, _ = self.transform
        return abs(a * e - b * d)

    def locate(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Columns and rows, with fractions, of points in the CRS."""
        a, b, c, d, e, f = self.transform
        determinant = a * e - b * d
        return (e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant

    def crop(self, window: Window) -> Grid:
        """The grid of a window."""
        a, b, c, d, e, f = self.transform
        x, y = a * window.col + b * window.row + c, d * window.col + e * window.row + f
        return Grid(self.crs, (a, b, x, d, e, y), window.width, window.height)


@dataclass(frozen=True, slots=True)
class _Axis:
    """How target indices become a raster's indices along one axis, by pixel centre, exactly.

    A coarser raster has `ratio` target pixels a pixel; a finer one `ratio` pixels a target pixel.
    """

    ratio: int
    shift: int
    """Of the target's origin from the raster's, in the finer one's pixels."""
    finer: bool

    def cells(self, start: int, count: int) -> NDArray[np.intp]:
        target = np.arange(start, start + count, dtype=np.intp)
        if self.finer:
            return (self.ratio * (2 * target + 1)) // 2 + self.shift
        return (target + self.shift) // self.ratio

    def span(self, count: int) -> tuple[int, int]:
        """The target indices that `count` cells from the first one lie in, wholly or partly."""
        if self.finer:
            return -self.shift // self.ratio, -((self.shift - count) // self.ratio)
        return -self.shift, count * self.ratio - self.shift

    def targets(self, start: int, stop: int) -> tuple[int, int]:
        """Target indices that may need any of these cells; at most one too many on a side."""
        if self.finer:
            return (start - self.shift) // self.ratio - 1, (stop - self.shift) // self.ratio + 2
        return start * self.ratio - self.shift, stop * self.ratio - self.shift


@dataclass(frozen=True, slots=True)
class Alignment:
    """The place of a raster in the target grid; nearest neighbour by pixel centre.

    Neither needs to cover the other: windows of the raster's pixels may lie beyond its edges.
    """

    rows: _Axis
    cols: _Axis

    @property
    def same(self) -> bool:
        """Whether pixels fall on pixels, so that a window needs no resampling."""
        return self.rows.ratio == 1 and self.cols.ratio == 1

    def ground(self, raster: Grid) -> Window:
        """The target's pixels that a raster lies in, also those beyond the target's edges."""
        top, bottom = self.rows.span(raster.height)
        left, right = self.cols.span(raster.width)
        return Window(top, left, bottom - top, right - left)

    def window(self, target: Window) -> Window:
        """The raster's pixels that a target window needs, also those beyond its edges."""
        rows = self.rows.cells(target.row, target.height)
        cols = self.cols.cells(target.col, target.width)
        return Window(
            int(rows[0]), int(cols[0]), int(rows[-1] - rows[0] + 1), int(cols[-1] - cols[0] + 1)
        )

    def spread(self, values: NDArray[Any], target: Window) -> NDArray[Any]:
        """What was read of `window(target)`, in the target's pixels: shape (height, width)."""
        if self.same:
            return values
        rows = self.rows.cells(target.row, target.height)
        cols = self.cols.cells(target.col, target.width)
        if self.cols.ratio == 2 and not self.cols.finer and values.dtype.itemsize <= 4:
            first = (target.col + self.cols.shift) % 2
            wide = _doubled(values)[:, first : first + target.width]
        else:
            wide = np.take(values, cols - cols[0], axis=1)
        return np.take(wide, rows - rows[0], axis=0)

    def target_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Target rows that may need any of the raster's rows from `start` to `stop`."""
        return self.rows.targets(start, stop)

    def target_cols(self, start: int, stop: int) -> tuple[int, int]:
        """Target columns that may need any of the raster's columns from `start` to `stop`."""
        return self.cols.targets(start, stop)


def _doubled(values: NDArray[Any]) -> NDArray[Any]:
    """Every number twice along a row: as one of twice the bytes, which numpy makes at once."""
    size = values.dtype.itemsize
    twice = values.view(f"u{size}").astype(f"u{2 * size}", order="C")
    twice *= 1 << 8 * size | 1
    return twice.view(values.dtype)


def finest(grids: Sequence[Grid]) -> Grid:
    """The grid with the smallest pixels; the first of equals."""
    return min(grids, key=lambda grid: grid.pixel_area)


def common(grids: Sequence[Grid]) -> list[Window]:
    """The pixels of each grid on the ground that all share, by edges rounded to whole pixels.

    Grids that share none, or are turned against each other, give all of their pixels.
    """
    first, *others = grids
    left, top, right, bottom = 0.0, 0.0, float(first.width), float(first.height)
    for other in others:
        x0, y0, x1, y1 = _box_in(first, other)
        left, top = max(left, x0), max(top, y0)
        right, bottom = min(right, x1), min(bottom, y1)
    if right - left < 1 or bottom - top < 1 or any(other.crs != first.crs for other in others):
        return [grid.whole for grid in grids]
    a, b, c, d, e, f = first.transform
    xs, ys = (
        np.array([c + a * left + b * top, c + a * right + b * bottom]),
        np.array([f + d * left + e * top, f + d * right + e * bottom]),
    )
    found: list[Window] = []
    for grid in grids:
        cols, rows = grid.locate(xs, ys)
        (x0, x1), (y0, y1) = sorted(map(round, cols)), sorted(map(round, rows))
        x0, y0 = min(x0, grid.width - 1), min(y0, grid.height - 1)
        found.append(Window(y0, x0, max(1, y1 - y0), max(1, x1 - x0)))
    return found


def _box_in(target: Grid, other: Grid) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a grid in another's pixels."""
    a, b, c, d, e, f = other.transform
    cols, rows = target.locate(
        np.array([c, c + a * other.width + b * other.height]),
        np.array([f, f + d * other.width + e * other.height]),
    )
    return float(cols.min()), float(rows.min()), float(cols.max()), float(rows.max())


def align(target: Grid, other: Grid, names: tuple[str, str]) -> Alignment:
    """How `other` lies in `target`.

    Args:
        target: the grid that outputs are on.
        other: a raster's grid.
        names: what messages call the two.

    Raises:
        TaskError: if CRS, pixel sizes or origins do not fit.
    """
    if target.crs != other.crs:
        raise _mismatch(
            names, f"their CRS differ: {_crs_text(target.crs)} and {_crs_text(other.crs)}"
        )
    scale_x, skew_x, shift_x, skew_y, scale_y, shift_y = _relative(target, other)
    if abs(skew_x) * target.height > TOLERANCE or abs(skew_y) * target.width > TOLERANCE:
        raise _mismatch(names, f"one is rotated: {target.transform} and {other.transform}")
    cols = _axis(scale_x, shift_x, target.width)
    rows = _axis(scale_y, shift_y, target.height)
    if cols is None or rows is None:
        raise _mismatch(
            names,
            "their pixels do not line up (pixel sizes must be whole multiples, origins whole "
            f"pixels apart): transforms {target.transform} and {other.transform}",
        )
    return Alignment(rows, cols)


def shared(one: Window, other: Window) -> Window | None:
    """The pixels that are in both windows, or None where there are none."""
    top, left = max(one.row, other.row), max(one.col, other.col)
    bottom, right = min(one.bottom, other.bottom), min(one.right, other.right)
    if bottom < top or right < left:
        return None
    return Window(top, left, bottom - top + 1, right - left + 1)


def around(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all."""
    top, left = min(w.row for w in windows), min(w.col for w in windows)
    bottom, right = max(w.bottom for w in windows), max(w.right for w in windows)
    return Window(top, left, bottom - top + 1, right - left + 1)


def within(inner: Window, outer: Window) -> tuple[slice, slice]:
    """The slices of a window in an array that was read of a larger one."""
    row, col = inner.row - outer.row, inner.col - outer.col
    return slice(row, row + inner.height), slice(col, col + inner.width)


def strips(window: Window, height: int) -> Iterator[Window]:
    """The window in strips of `height` rows, from its top; the last may be lower."""
    for row in range(window.row, window.row + window.height, height):
        rows = min(height, window.row + window.height - row)
        yield Window(row, window.col, rows, window.width)


def _relative(target: Grid, other: Grid) -> tuple[float, ...]:
    """The affine that takes target pixel coordinates to the other's (a, b, c, d, e, f)."""
    a, b, c, d, e, f = other.transform
    determinant = a * e - b * d
    ta, tb, tc, td, te, tf = target.transform

    def solve(x: float, y: float) -> tuple[float, float]:
        return (e * x - b * y) / determinant, (a * y - d * x) / determinant

    (xa, ya), (xb, yb), (xc, yc) = solve(ta, td), solve(tb, te), solve(tc - c, tf - f)
    return xa, xb, xc, ya, yb, yc


def _axis(scale: float, shift: float, count: int) -> _Axis | None:
    """`scale` other pixels a target pixel, the first starting at `shift`; None if no fit."""
    if scale <= 0:
        return None
    finer = scale > 1
    exact = scale if finer else 1 / scale
    ratio = round(exact)
    drift = abs(exact - ratio) / ratio * count  # by the far edge, in target pixels
    offset = shift if finer else shift * ratio
    if drift > TOLERANCE or abs(offset - round(offset)) > TOLERANCE:
        return None
    return _Axis(ratio, round(offset), finer)


def _mismatch(names: tuple[str, str], what: str) -> TaskError:
    return TaskError(Exit.INPUT_MISMATCH, f"{names[0]} and {names[1]}: {what}")


def _crs_text(crs: Any) -> str:  # noqa: ANN401 - a rasterio CRS
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())[:120]
