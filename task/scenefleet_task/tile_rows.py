"""Rows of tiles: what blocks need of a source, and where in its file that lies."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.fetch import Bytes
from scenefleet_task.grid import Window
from scenefleet_task.layout import Layout

_GAP = 16_384
"""Bytes between two tiles that are fetched along rather than by a request of its own."""

Cols = tuple[int, int]
"""The first tile column, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a block needs of a source."""

    window: Window
    """Of the source's own pixels."""
    touched: NDArray[np.bool_] | None = None
    """By tile row and column of the window, or by column alone: whether any of it is wanted;
    None wants all."""


@dataclass(frozen=True, slots=True)
class TiledSource:
    """A source that is read by its tiles."""

    name: object
    """What messages call it."""
    layout: Layout
    bytes: Bytes


@dataclass(slots=True, eq=False)
class TileRow:
    """Tiles side by side of one source, from when they are planned until nobody needs them.

    A tile is in one of these only, so blocks that share a tile share it.
    """

    source: TiledSource
    row: int
    cols: Cols
    wanted: NDArray[np.bool_]
    """By tile column from `cols[0]`."""
    uses: int = 0
    """Blocks that still need it."""
    taken: bool = False
    """Whether someone decodes it, or has: then it is not asked for ahead any more."""
    ranges: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Start and size of what is fetched."""
    coming: list[Future[Any]] = field(default_factory=list[Future[Any]])
    values: NDArray[Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def length(self) -> int:
        """Bytes that are fetched."""
        return sum(size for _, size in self.ranges)

    def meets(self, cols: Cols) -> bool:
        """Whether it shares a tile column."""
        return self.cols[0] < cols[1] and cols[0] < self.cols[1]

    def want(self, cols: Cols, wanted: NDArray[np.bool_]) -> None:
        """Adds what a block wants of `cols`."""
        first, last = max(self.cols[0], cols[0]), min(self.cols[1], cols[1])
        own = self.wanted[first - self.cols[0] : last - self.cols[0]]
        own |= wanted[first - cols[0] : last - cols[0]]


def cols_of(layout: Layout, window: Window) -> Cols:
    """The tile columns under a window of own pixels."""
    return window.col // layout.tile_width, window.right // layout.tile_width + 1


def cut_from(row: TileRow, window: Window) -> NDArray[Any]:
    """What decoded tiles hold of a window."""
    layout = row.source.layout
    top, left = row.row * layout.tile_height, row.cols[0] * layout.tile_width
    begin = max(window.row, top) - top
    end = min(window.bottom + 1, top + layout.tile_height) - top
    assert row.values is not None
    return row.values[begin:end, max(0, window.col - left) : window.right + 1 - left]


def gaps(cols: Cols, rows: Iterable[TileRow]) -> list[Cols]:
    """The columns that are in none of some rows, as runs."""
    free = set(range(*cols)).difference(*(range(*row.cols) for row in rows))
    runs: list[Cols] = []
    for col in sorted(free):
        if runs and runs[-1][1] == col:
            runs[-1] = (runs[-1][0], col + 1)
        else:
            runs.append((col, col + 1))
    return runs


def span(row: TileRow) -> Cols:
    """The first and the last tile column."""
    return row.cols[0], row.cols[1] - 1


def ranges_of(row: TileRow) -> list[tuple[int, int]]:
    """Start and size of what holds all wanted tiles of a row, in as few ranges as is sensible."""
    cols = slice(*row.cols)
    offsets, sizes = (
        row.source.layout.offsets[row.row, cols],
        row.source.layout.sizes[row.row, cols],
    )
    tiles = (
        (int(offset), int(size))
        for offset, size, wanted in zip(offsets, sizes, row.wanted, strict=True)
        if wanted and size
    )
    return merged(tiles, _GAP)


def merged(ranges: Iterable[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Start and size of ranges, in order; those that lie no further apart than a gap are one."""
    found: list[tuple[int, int]] = []
    for start, size in sorted(ranges):
        if found and start <= sum(found[-1]) + gap:
            begin, length = found[-1]
            found[-1] = (begin, max(length, start + size - begin))
        else:
            found.append((start, size))
    return found
