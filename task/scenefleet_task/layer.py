"""Where a source's pixels lie in the target grid, and how they get there.

Every source has pixels of its own: on the scene's grid these are the file's, spread by nearest
neighbour where they are coarser; on a common grid they are resampled, and the target's already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.grid import Alignment, Grid, Window, around, shared, within
from scenefleet_task.mask import Reasons, dilate, halo, look_up
from scenefleet_task.read import Raster
from scenefleet_task.spec import Reason
from scenefleet_task.warp import Warped

Bools = NDArray[np.bool_]
Nodata = tuple[float, ...]


class Layer(Protocol):
    """A source, and where it lies in the target grid."""

    @property
    def grid(self) -> Grid:
        """Of the layer's own pixels."""
        ...

    def own(self, window: Window) -> Window:
        """The layer's own pixels that a window of the target needs."""
        ...

    def read(self, window: Window, nodata: Nodata) -> tuple[NDArray[Any], Bools | None]:
        """A band's numbers of a window of own pixels, and True where there are none.

        `nodata` are the numbers that mean so.
        """
        ...

    def read_classes(self, window: Window) -> tuple[NDArray[Any], Bools | None]:
        """A mask's numbers of a window of own pixels, and True where there are none.

        The header's nodata number is a number as any other: `mask.lookup_table` knows it.
        """
        ...

    def spread(self, values: NDArray[Any], window: Window) -> NDArray[Any]:
        """What was read of `own(window)` in the target's pixels: shape (height, width)."""
        ...


@dataclass(frozen=True, slots=True)
class Aligned:
    """A source whose pixels line up with the target's."""

    raster: Raster
    alignment: Alignment

    @property
    def grid(self) -> Grid:
        """The file's."""
        return self.raster.grid

    def own(self, window: Window) -> Window:
        """The file's pixels under the target's; some or all may lie beyond its edges."""
        return self.alignment.window(window)

    def there(self, own: Window) -> Window | None:
        """What of a window of own pixels is in the file, if anything."""
        return shared(own, self.raster.grid.whole)

    def read(self, window: Window, nodata: Nodata) -> tuple[NDArray[Any], Bools | None]:
        """The file's numbers as they are; beyond its edges there are none."""
        there = self.there(window)
        if there is None:
            return self._beyond(window)
        numbers, masked = self._numbers(there)
        invalid = None if all_beside(numbers, nodata) else self.raster.is_nodata(numbers, nodata)
        if masked is not None:
            invalid = masked if invalid is None else invalid | masked
        return self._padded(numbers, invalid, there, window)

    def read_classes(self, window: Window) -> tuple[NDArray[Any], Bools | None]:
        """The file's numbers as they are; none beyond its edges and where its own mask says so."""
        there = self.there(window)
        if there is None:
            return self._beyond(window)
        return self._padded(*self._numbers(there), there, window)

    def _numbers(self, window: Window) -> tuple[NDArray[Any], Bools | None]:
        numbers = self.raster.read(window)
        return numbers, self.raster.read_invalid(window) if self.raster.masked else None

    def _beyond(self, window: Window) -> tuple[NDArray[Any], Bools]:
        shape = (window.height, window.width)
        return np.zeros(shape, self.raster.dtype), np.ones(shape, np.bool_)

    def _padded(
        self, numbers: NDArray[Any], invalid: Bools | None, there: Window, window: Window
    ) -> tuple[NDArray[Any], Bools | None]:
        if there == window:
            return numbers, invalid
        padded, missing = self._beyond(window)
        place = within(there, window)
        padded[place] = numbers
        missing[place] = False if invalid is None else invalid
        return padded, missing

    def spread(self, values: NDArray[Any], window: Window) -> NDArray[Any]:
        """Nearest neighbour, by pixel centre."""
        return self.alignment.spread(values, window)


@dataclass(frozen=True, slots=True)
class Resampled:
    """A source that is resampled to the target grid as it is read."""

    warped: Warped
    margin: tuple[int, int] = (0, 0)
    """Rows and columns that its grid has more than the target's, on each side."""

    @property
    def grid(self) -> Grid:
        """The target's, and the margin around it."""
        return self.warped.grid

    def own(self, window: Window) -> Window:
        """The window itself, counted from the margin's edge."""
        rows, cols = self.margin
        return Window(window.row + rows, window.col + cols, window.height, window.width)

    def read(self, window: Window, nodata: Nodata) -> tuple[NDArray[Any], Bools | None]:
        """Resampled numbers; what lies beyond the file is no data."""
        return self.warped.read(window, nodata)

    def read_classes(self, window: Window) -> tuple[NDArray[Any], Bools | None]:
        """Numbers of the nearest pixels; what lies beyond the file is no data."""
        return self.warped.read_classes(window)

    def spread(self, values: NDArray[Any], window: Window) -> NDArray[Any]:
        """The values themselves: they are in the target's pixels."""
        del window
        return values


@dataclass(frozen=True, slots=True)
class MaskLayer:
    """A mask, from its raster to reasons in the target's pixels."""

    layer: Layer
    table: NDArray[np.uint8]
    """By number: see `mask.lookup_table`."""
    radius: tuple[float, float]
    """Of the dilation, in rows and columns of the layer's own pixels."""

    @property
    def margin(self) -> tuple[int, int]:
        """Own rows and columns around a window that its reasons depend on."""
        return halo(self.radius)

    def reasons(self, window: Window) -> Reasons:
        """Of a window of the target, shape (height, width); the caller's to change."""
        own = self.layer.own(window)
        wide = grow(own, self.margin, around([own, self.layer.grid.whole]))
        numbers, missing = self.layer.read_classes(wide)
        reasons = look_up(self.table, numbers)
        if missing is not None:
            reasons[missing] = Reason.NODATA
        if any(self.radius):
            reasons = dilate(reasons, self.radius)
        return self.layer.spread(reasons[within(own, wide)], window)


def all_beside(numbers: NDArray[Any], nodata: Nodata) -> bool:
    """Tells whether all values are whole numbers with those of no data below or above all others.

    That is the usual case, and quickly told.
    """
    if not nodata or numbers.dtype.kind not in "iu":
        return False
    least = int(numbers.min())
    higher = [number for number in nodata if not number < least]
    if not higher:
        return True
    most = int(numbers.max())
    return all(number > most for number in higher)


def grow(window: Window, by: tuple[int, int], limits: Window) -> Window:
    """The window with so many rows and columns more on each side, within limits."""
    top, left = max(limits.row, window.row - by[0]), max(limits.col, window.col - by[1])
    bottom = min(limits.bottom, window.bottom + by[0])
    right = min(limits.right, window.right + by[1])
    return Window(top, left, bottom - top + 1, right - left + 1)


def pixel_metres(grid: Grid) -> tuple[float, float]:
    """Height and width of a pixel in metres; of degrees, at the grid's middle latitude."""
    a, b, _, d, e, f = grid.transform
    height, width = math.hypot(b, e), math.hypot(a, d)
    if grid.crs.is_geographic:
        latitude = f + d * grid.width / 2 + e * grid.height / 2
        # a degree on the sphere whose surface is the ellipsoid's (6371.007 km)
        return height * 111_195, width * 111_195 * max(0.01, math.cos(math.radians(latitude)))
    _, metres = grid.crs.linear_units_factor
    return height * metres, width * metres
