"""The outputs cut into blocks, and what each block needs of each source that is read by tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.clip import Clip
from scenefleet_task.grid import Window, around
from scenefleet_task.layer import Aligned, grow
from scenefleet_task.read import Raster
from scenefleet_task.sources import OpenPart, Sources
from scenefleet_task.tile_rows import Need

CELL = 64
"""Pixels along a side of the cells by which an area's touch is told."""


def cut(window: Window, tile: int, wide: int) -> list[Window]:
    """A window in blocks of a tile's height and `wide` tiles, row by row, in each from the left."""
    return [
        Window(
            row,
            col,
            min(tile, window.bottom + 1 - row),
            min(tile * wide, window.right + 1 - col),
        )
        for row in range(window.row, window.bottom + 1, tile)
        for col in range(window.col, window.right + 1, tile * wide)
    ]


def needs_of(
    blocks: Sequence[Window], sources: Sources, rasters: Sequence[Raster], overlap: int
) -> list[list[Need | None]]:
    """By block, what it needs of each raster.

    Only the first part's: later ones fill gaps that are not known before.

    Args:
        blocks: windows of the target grid.
        sources: prepared.
        rasters: that are read by tiles.
        overlap: target pixels around a block that its maker wants to see.
    """
    reads = _reads(sources.parts[0], rasters)
    cells = _Cells(sources.clip) if sources.clip else None
    needs: list[list[Need | None]] = []
    for block in blocks:
        wide = grow(block, (overlap, overlap), sources.grid.whole)
        needs.append(
            [_need(reads.get(n), wide, block, cells, overlap) for n in range(len(rasters))]
        )
    return needs


_Reads = list[tuple[Aligned, tuple[int, int]]]
"""How one raster is read: by which layers, each with a margin of own pixels."""


def _reads(part: OpenPart, rasters: Sequence[Raster]) -> dict[int, _Reads]:
    numbers = {id(raster): n for n, raster in enumerate(rasters)}
    reads: dict[int, _Reads] = {}
    layers = [(band.layer, (0, 0)) for band in part.bands.values()]
    layers += [(mask.layer, mask.margin) for mask in part.masks]
    for layer, margin in layers:
        if isinstance(layer, Aligned) and id(layer.raster) in numbers:
            reads.setdefault(numbers[id(layer.raster)], []).append((layer, margin))
    return reads


def _need(
    reads: _Reads | None, wide: Window, block: Window, cells: _Cells | None, overlap: int
) -> Need | None:
    if not reads:
        return None
    windows = [_window(layer, margin, wide) for layer, margin in reads]
    there = [window for window in windows if window]
    if not there:
        return None  # the block lies beyond the raster
    window = around(there)
    if cells is None or len(reads) > 1:
        return Need(window)
    (layer, margin), = reads  # fmt: skip
    layout, alignment = layer.raster.way.layout, layer.alignment
    assert layout is not None
    rows = _tiles(window.row, window.bottom, layout.tile_height, margin[0], alignment.target_rows)
    cols = _tiles(window.col, window.right, layout.tile_width, margin[1], alignment.target_cols)
    touched = [[cells.touch(block, row, col, overlap) for col in cols] for row in rows]
    return Need(window, np.array(touched))


def _window(layer: Aligned, margin: tuple[int, int], wide: Window) -> Window | None:
    """What `layer` reads for a window of the target, and around it."""
    own = layer.own(wide)
    return layer.there(grow(own, margin, around([own, layer.grid.whole])))


def _tiles(
    first: int, last: int, side: int, margin: int, targets: Callable[[int, int], tuple[int, int]]
) -> list[tuple[int, int]]:
    """The target rows, or columns, that each tile row, or column, from `first` to `last` serves."""
    return [
        targets(n * side - margin, (n + 1) * side + margin)
        for n in range(first // side, last // side + 1)
    ]


class _Cells:
    """Where an area touches the grid, by cells of `CELL` pixels from its window's corner."""

    def __init__(self, clip: Clip) -> None:
        self._window = clip.window
        self._touched: NDArray[np.bool_] = clip.touched(CELL)

    def touch(
        self, block: Window, rows: tuple[int, int], cols: tuple[int, int], overlap: int
    ) -> bool:
        """Whether any pixel may be inside: of a block, in some rows and columns or near them."""
        window = self._window
        own = slice(
            (max(rows[0] - overlap, block.row) - window.row) // CELL,
            max(0, -(-(min(rows[1] + overlap, block.bottom + 1) - window.row) // CELL)),
        )
        across = slice(
            (max(cols[0] - overlap, block.col) - window.col) // CELL,
            max(0, -(-(min(cols[1] + overlap, block.right + 1) - window.col) // CELL)),
        )
        return bool(self._touched[own, across].any())
