"""Writes a Cloud Optimized GeoTIFF block by block: tiles are encoded where they are at hand.

Every tile is encoded once, while its pixels are in the processor's cache, and halved into the next
overview. Tiles go to streams of an `Upload`, one a level; the head, which needs all sizes, is made
last and put first. The bytes are the same everywhere: they do not depend on threads or blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import rasterio
import rasterio.io
from numpy.typing import NDArray
from rasterio.transform import Affine

from scenefleet_task import overview, tiff
from scenefleet_task.codec import Form, encode, predictor_of
from scenefleet_task.grid import Grid
from scenefleet_task.outputs import COLOURS, REASON, TILE, Layer
from scenefleet_task.put import Digest, Upload
from scenefleet_task.spec import NO_SCENE

_rasterio = cast("Any", rasterio)  # rasterio has no types
_MemoryFile = cast("Any", rasterio.io).MemoryFile

_SMALL_TILE = 256  # where TILE is just the raster's width: readers take such tiles for strips
SMALL = 1024
"""Pixels of the longer side up to which a level is kept, for a picture."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A block of the raster, ready to be appended."""

    tiles: list[bytes]
    """Row by row; empty where a tile holds nothing but nodata and is left out."""
    half: NDArray[Any] | None
    """Its pixels of the first overview."""
    values: NDArray[Any] | None
    """Its pixels, where the whole raster is small."""


@dataclass(slots=True)
class _Level:
    """A resolution under way."""

    width: int
    height: int
    sizes: list[int] = field(default_factory=list[int])
    waiting: NDArray[Any] | None = None
    """Of an overview: the row of tiles that is being filled."""
    row: int = 0
    """Of the raster's pixels, where `waiting` begins."""


class Cog:
    """A raster under construction."""

    def __init__(self, layer: Layer, grid: Grid, compression: str, upload: Upload) -> None:
        """Begins; `upload` takes the bytes.

        Args:
            layer: what is written.
            grid: of the whole raster.
            compression: `deflate` or `zstd`.
            upload: closed by who made it.
        """
        self.layer = layer
        self._grid = grid
        self._upload = upload
        self._dtype = np.dtype(layer.dtype)
        self._form = Form(compression, predictor_of(self._dtype))  # pyright: ignore[reportArgumentType]
        self._tile = _SMALL_TILE if grid.width == TILE else TILE
        self._tail = (len(layer.bands),) if len(layer.bands) > 1 else ()
        self._levels = [_Level(grid.width, grid.height)]
        while max(self._levels[-1].width, self._levels[-1].height) > self._tile:
            last = self._levels[-1]
            self._levels.append(_Level(-(-last.width // 2), -(-last.height // 2)))
        self._shown = next(
            n for n, level in enumerate(self._levels) if max(level.width, level.height) <= SMALL
        )
        level = self._levels[self._shown]
        self._small = np.empty((level.height, level.width, *self._tail), self._dtype)

    def small(self, band: int = 1) -> NDArray[Any]:
        """A band in at most `SMALL` pixels a side, from an overview if it is larger."""
        return self._small[..., band - 1] if self._tail else self._small

    def encode(self, values: NDArray[Any]) -> Encoded:
        """Encodes a block of the raster; may be called from several threads.

        Args:
            values: shape (height, width), or (height, width, bands) of a stack. It begins at a
                tile's corner, and ends at one or at the raster's edge.
        """
        more = len(self._levels) > 1
        return Encoded(
            tiles=self._tiles(values),
            half=self._halved(values) if more else None,
            values=values.copy() if self._shown == 0 else None,
        )

    def append(self, block: Encoded, row: int, col: int) -> None:
        """Adds an encoded block at its place; blocks come row by row, in each from the left."""
        self._write(0, block.tiles)
        if block.values is not None:
            height, width = block.values.shape[:2]
            self._small[row : row + height, col : col + width] = block.values
        if block.half is not None:
            self._add(1, block.half, row // 2, col // 2)

    def finish(self, tags: list[dict[str, str]]) -> Digest:
        """Writes the head, with tags on each band, and puts the file."""
        described = tiff.first_tags(self._describe(tags))
        levels = [
            tiff.Level(level.width, level.height, np.array(level.sizes, np.int64))
            for level in self._levels
        ]
        order = range(len(levels) - 1, -1, -1)
        return self._upload.finish(tiff.head(described, levels), list(order))

    def _write(self, level: int, tiles: list[bytes]) -> None:
        self._levels[level].sizes.extend(map(len, tiles))
        for tile in tiles:  # one by one: all of them as one would be fresh memory each time
            if tile:
                self._upload.write(level, tiff.wrapped(tile))

    def _add(self, number: int, values: NDArray[Any], row: int, col: int) -> None:
        """Fills an overview's row of tiles; writes it when its last pixel is there."""
        level = self._levels[number]
        if level.waiting is None:
            height = min(self._tile, level.height - level.row)
            level.waiting = np.empty((height, level.width, *self._tail), self._dtype)
        height, width = values.shape[:2]
        at = row - level.row
        level.waiting[at : at + height, col : col + width] = values
        if at + height < level.waiting.shape[0] or col + width < level.width:
            return
        whole, begin = level.waiting, level.row
        level.waiting, level.row = None, level.row + whole.shape[0]
        if number == self._shown:
            self._small[begin : begin + whole.shape[0]] = whole
        self._write(number, self._tiles(whole))
        if number + 1 < len(self._levels):
            self._add(number + 1, self._halved(whole), begin // 2, 0)

    def _halved(self, values: NDArray[Any]) -> NDArray[Any]:
        halve = overview.nearest if self.layer.overviews == "NEAREST" else overview.mean
        return halve(values)

    def _tiles(self, values: NDArray[Any]) -> list[bytes]:
        side = self._tile
        padded = np.empty((side, side, *self._tail), self._dtype)
        scratch = np.empty_like(padded)
        tiles: list[bytes] = []
        for row in range(0, values.shape[0], side):
            for col in range(0, values.shape[1], side):
                part = values[row : row + side, col : col + side]
                if self._is_empty(part):
                    tiles.append(b"")
                    continue
                if part.shape[:2] != (side, side):
                    _pad(part, padded)
                    part = padded
                tiles.append(encode(part, self._form, scratch))
        return tiles

    def _is_empty(self, part: NDArray[Any]) -> bool:
        """Whether a tile holds nothing but nodata: such a one is left out."""
        nodata = self.layer.nodata
        if nodata is None:
            return False
        if self._dtype.kind == "f":
            return bool(np.isnan(part.flat[0]) and np.isnan(part).all())
        return bool(part.flat[0] == nodata and (part == nodata).all())

    def _describe(self, tags: list[dict[str, str]]) -> bytes:
        """An empty GeoTIFF of the same form, made by GDAL: its tags describe the raster."""
        layer, grid = self.layer, self._grid
        names = [output.name for output in layer.bands] or [layer.name]
        with _MemoryFile() as memory:
            with memory.open(
                driver="GTiff",
                dtype=layer.dtype,
                nodata=layer.nodata,
                count=len(names),
                width=grid.width,
                height=grid.height,
                crs=grid.crs,
                transform=Affine(*grid.transform),
                tiled=True,
                blockxsize=self._tile,
                blockysize=self._tile,
                interleave="pixel",
                compress=self._form.compression,
                predictor=self._form.predictor,
                sparse_ok=True,
            ) as dataset:
                if layer is REASON:
                    colours = {reason.value: (*rgb, 255) for reason, rgb in COLOURS.items()}
                    dataset.write_colormap(1, {**colours, NO_SCENE: (0, 0, 0, 0)})
                for number, (name, of_band) in enumerate(zip(names, tags, strict=True), 1):
                    dataset.set_band_description(number, name)
                    dataset.update_tags(number, **of_band)
                if layer.dtype == "int16":
                    dataset.scales = tuple(output.scale for output in layer.bands)
                    dataset.offsets = (0.0,) * len(names)
            return bytes(memory.read())


def _pad(part: NDArray[Any], out: NDArray[Any]) -> None:
    """A tile at the raster's edge, filled up with its last column and row."""
    height, width = part.shape[:2]
    out[:height, :width] = part
    out[:height, width:] = out[:height, width - 1 : width]
    out[height:] = out[height - 1 : height]
