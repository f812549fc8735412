"""Reads one band on another grid piece by piece, where GDAL's warper cannot read the file itself.

GDAL's warper knows one number that means no data, and warps all bands of a file though one is
wanted. So what lies under a piece of the target is read here, what is no data becomes NaN, and GDAL
warps that. Pieces lie fixed in the target grid: every pixel is the same whatever windows are read.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import rasterio
import rasterio.io
import rasterio.vrt
import rasterio.warp
from numpy.typing import NDArray

from scenefleet_task.grid import Grid, Window, shared, within
from scenefleet_task.read import Raster
from scenefleet_task.under import window_under

_MemoryFile = cast("Any", rasterio.io).MemoryFile
_rasterio, _vrt, _warp = (cast("Any", one) for one in (rasterio, rasterio.vrt, rasterio.warp))
_MOST = (128, 512)
"""Rows and columns of a piece: one block of GDAL's, so that it is warped at once."""
_SOURCE = 4_000_000
"""Source pixels under a piece, about: 16 MB as 32-bit floats."""
_REACH = 3  # source pixels, or target pixels where these are larger, that a kernel reaches


class Pieces:
    """A raster's band on a target grid, of any numbers that mean no data."""

    def __init__(
        self,
        raster: Raster,
        grid: Grid,
        scale: tuple[float, float],
        options: dict[str, Any],
    ) -> None:
        """Takes what stays the same for all windows; reads nothing.

        Args:
            raster: open.
            grid: the target's.
            scale: target pixels a source pixel along the source's columns and rows, 1 at most.
            options: of `rasterio.vrt.WarpedVRT`, beside the grid; its source's nodata is NaN.
        """
        self._raster = raster
        self._grid = grid
        self._options = {**options, "src_nodata": math.nan, "nodata": math.nan}
        self._reach = math.ceil(_REACH / min(scale)) + 2
        # a piece's share of the whole is the same in both, whichever way the axes are turned
        shrink = min(1.0, math.sqrt(_SOURCE * scale[0] * scale[1] / (_MOST[0] * _MOST[1])))
        self._rows, self._cols = (max(1, int(side * shrink)) for side in _MOST)

    def read(self, window: Window, nodata: tuple[float, ...], dtype: str) -> NDArray[Any]:
        """A window of the target, shape (height, width), of floats; NaN where there is no data.

        Args:
            window: of the target grid.
            nodata: digital numbers that mean no data; NaN always does.
            dtype: float32 or float64.
        """
        values = np.full((window.height, window.width), np.nan, dtype)
        for top in range(window.row // self._rows * self._rows, window.bottom + 1, self._rows):
            for left in range(window.col // self._cols * self._cols, window.right + 1, self._cols):
                whole = Window(top, left, self._rows, self._cols)
                piece = shared(whole, window)
                if piece is not None:
                    found = self._piece(whole, nodata, dtype)
                    if found is not None:
                        inner = within(piece, whole)
                        values[within(piece, window)] = found[inner]
        return values

    def _piece(self, piece: Window, nodata: tuple[float, ...], dtype: str) -> NDArray[Any] | None:
        """A whole piece of the lattice, also what of it lies beyond the grid's edge."""
        grid = self._grid.crop(piece)
        source = window_under(grid, self._raster.grid, self._reach)
        if source is None:
            return None
        numbers = self._raster.read(source)
        invalid = self._raster.is_nodata(numbers, nodata)
        floats = numbers.astype(dtype)
        if invalid is not None:
            floats[invalid] = np.nan
        if self._raster.masked:
            floats[self._raster.read_invalid(source)] = np.nan
        own = self._raster.grid.crop(source)
        with _MemoryFile() as file:
            with file.open(
                driver="GTiff", count=1, dtype=dtype, width=own.width, height=own.height,
                crs=own.crs, transform=_rasterio.Affine(*own.transform), nodata=math.nan,
            ) as memory:  # fmt: skip
                memory.write(floats, 1)
            with file.open() as memory, _vrt.WarpedVRT(
                memory, crs=grid.crs, transform=_rasterio.Affine(*grid.transform),
                width=grid.width, height=grid.height, **{**self._options, "dtype": dtype},
            ) as warped:  # fmt: skip
                return warped.read(1)
