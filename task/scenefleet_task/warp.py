"""Reads a raster on another grid: windows of it, resampled by GDAL's warper.

Every pixel is the same to the last bit whatever windows it is read by. GDAL gives that if it warps
by blocks that lie fixed in the grid (`read.BY_BLOCKS`) and is told how large the source's pixels
are (`XSCALE`, `YSCALE`); else it fits its kernels to each window's shape.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import rasterio.warp
from numpy.typing import NDArray
from rasterio.enums import Resampling

from scenefleet_task.clip import unwrap
from scenefleet_task.complaints import GdalError, complaint_of
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.open_file import View
from scenefleet_task.pieces import Pieces
from scenefleet_task.read import Raster, no_number
from scenefleet_task.spec import Exit

_warp = cast("Any", rasterio.warp)  # rasterio has no types

TOLERANCE = 1e-4
"""Pixels of the source by which positions may be off: GDAL interpolates them along a block's rows.
Exact ones take five times as long, and 0 makes rasterio 1.4 fail."""
_SAMPLES = 33  # points on each edge of a block that tell which source pixels it needs
_EQUAL = 0.95  # pixels that differ by less in size are interpolated, not averaged
_SPAN = 50  # pixels from the source's centre between which sizes are measured


class Warped:
    """A raster as it looks on the target grid. The raster stays its opener's to close."""

    def __init__(self, raster: Raster, grid: Grid, resampling: str) -> None:
        """Measures the raster's pixels on the target grid; reads nothing.

        Args:
            raster: open.
            grid: the target's.
            resampling: for `read`: nearest, bilinear, cubic or average.

        Raises:
            TaskError: if the raster's CRS and the target's have nothing to do with each other.
        """
        self.raster = raster
        self.grid = grid
        self._resampling = Resampling[resampling]
        self._scale = _scale(raster, grid)
        self._bands: dict[float | None, View] = {}
        wide = raster.dtype.itemsize > 2  # float32 is exact for integers of 16 bits only
        self._exact = "float64" if wide else "float32"
        self._classes = self._view(Resampling.nearest, None, self._exact)

    def read(
        self, window: Window, nodata: tuple[float, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """A band's digital numbers, resampled.

        A pixel is no data where the source's pixel under its centre is no data (beyond its edge,
        of the nodata number, or by the file's own mask); with `average`, where no source pixel
        that it touches has data. Elsewhere, source pixels without data have no weight. Numbers of
        float sources that are none (`read.no_number`) make every pixel no data that they have a
        weight in.

        Args:
            window: of the target grid.
            nodata: the digital numbers that mean no data.

        Returns:
            Values, and True where there is no data (the value is 0 then); shape (height, width).

        Raises:
            TaskError: if the source cannot be read.
        """
        if len(nodata) > 1 or self._needs_pieces:
            values = self._pieces(self._resampling).read(window, nodata, "float32")
        else:
            values = self.raster.read_warped(self._band(*nodata), window)
        invalid = no_number(values)
        values[invalid] = 0
        return values, invalid

    def read_classes(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Classes or bits, exactly as the nearest source pixel has them.

        The header's nodata number is a value as any other here: `mask.lookup_table` knows it.

        Args:
            window: of the target grid.

        Returns:
            Values of the source's dtype, and True beyond the source and where its own mask says no
            data (the value is 0 then); shape (height, width).

        Raises:
            TaskError: if the source cannot be read.
        """
        if self._needs_pieces:
            values = self._pieces(Resampling.nearest).read(window, (), self._exact)
        else:
            values = self.raster.read_warped(self._classes, window)
        invalid = np.isnan(values)
        values[invalid] = 0
        return values.astype(self.raster.dtype), invalid

    def _band(self, nodata: float | None = None) -> View:
        """The view of a file of one band, for one number that means no data."""
        if nodata is None and self.raster.dtype.kind == "f":
            nodata = math.nan
        key = None if nodata is None or math.isnan(nodata) else nodata
        if key not in self._bands:
            self._bands[key] = self._view(self._resampling, nodata, "float32")
        return self._bands[key]

    @property
    def _needs_pieces(self) -> bool:
        return self.raster.header.count > 1 or self.raster.masked_beside

    def _pieces(self, resampling: Resampling) -> Pieces:
        options = self._view(resampling, None, "float32").options
        return Pieces(self.raster, self.grid, self._scale, options)

    def _view(self, resampling: Resampling, nodata: float | None, dtype: str) -> View:
        options: dict[str, Any] = {
            "resampling": resampling,
            "tolerance": TOLERANCE,
            "src_nodata": nodata,
            "nodata": math.nan,
            "dtype": dtype,
            "XSCALE": self._scale[0],
            "YSCALE": self._scale[1],
            "SAMPLE_STEPS": _SAMPLES,
            "UNIFIED_SRC_NODATA": "NO",  # other bands of the file have no say
        }
        return View(self.grid, options)


def _scale(raster: Raster, grid: Grid) -> tuple[float, float]:
    """Target pixels a source pixel along the source's columns and rows; 1 where not coarser."""
    source = raster.grid
    a, b, c, d, e, f = source.transform
    cols = source.width / 2 + np.array([-_SPAN, _SPAN, 0, 0])
    rows = source.height / 2 + np.array([0, 0, -_SPAN, _SPAN])
    try:
        xs, ys = _warp.transform(
            source.crs, grid.crs, a * cols + b * rows + c, d * cols + e * rows + f
        )
    except GdalError as error:
        raise _apart(raster, complaint_of(error)) from None
    px, py = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    x, y = grid.locate(unwrap(px) if grid.crs.is_geographic else px, py)
    lengths = [math.hypot(x[n + 1] - x[n], y[n + 1] - y[n]) / (2 * _SPAN) for n in (0, 2)]
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        raise _apart(raster, "its centre has no place there")
    across, down = (1.0 if length >= _EQUAL else length for length in lengths)
    return across, down


def _apart(raster: Raster, why: str) -> TaskError:
    said = f"{raster.name}: cannot be brought to the outputs' CRS ({why}); choose another CRS."
    return TaskError(Exit.INPUT_MISMATCH, said)
