"""Reads sources by their tiles: each tile fetched once, ahead of use, and decoded once.

What every block of the outputs needs of each source is known before the first byte is asked for.
So ranges are asked for in the order of their use, eight at a time and within a bound of bytes,
while blocks before are computed; a row of tiles stays decoded until the last block that needs it.
Only tiles that a block needs are fetched: those that an area does not touch stay nodata.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.codec import CorruptError, decode
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError
from scenefleet_task.grid import Window
from scenefleet_task.layout import Layout
from scenefleet_task.spec import Exit
from scenefleet_task.tile_rows import (
    Cols,
    Need,
    TiledSource,
    TileRow,
    cols_of,
    cut_from,
    gaps,
    ranges_of,
    span,
)

AT_ONCE = 8
"""Ranges under way: more gain nothing at 30 ms and 60 MB/s a connection."""


class Ahead:
    """The tiles of several sources, over all blocks of a task."""

    def __init__(
        self,
        sources: Sequence[TiledSource],
        needs: Sequence[Sequence[Need | None]],
        most: int,
    ) -> None:
        """Plans what is fetched, and begins.

        Args:
            sources: what is read by tiles.
            needs: by block, in the order of their use, what it needs of each source.
            most: bytes that may be fetched or under way before they are used; one row of tiles is
                fetched however large it is.
        """
        self._sources = sources
        self._most = most
        self._lock = threading.Lock()
        self._rows: dict[tuple[int, int], list[TileRow]] = {}
        """By the source's number and the tile row."""
        self._planned: list[TileRow] = []
        self._of_block: list[list[TileRow]] = []
        self._spare: dict[tuple[Any, ...], list[NDArray[Any]]] = {}
        self._fetchers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch")
        self._local = threading.local()
        for block in needs:
            rows = [r for n, need in enumerate(block) if need for r in self._plan(n, sources, need)]
            self._of_block.append(rows)
        self._waiting: Iterator[TileRow] = iter(self._in_order())
        self._next: TileRow | None = next(self._waiting, None)
        self._held = 0
        with self._lock:
            self._advance()

    def read(self, number: int, source: TiledSource, window: Window) -> NDArray[Any]:
        """A window's numbers, shape (height, width), of the file's own dtype.

        The array is good until the block it was read for is `done`, and must not be written to.

        Args:
            number: of the source among those given.
            source: the same.
            window: of its own pixels.

        Raises:
            TaskError: if its bytes do not come or are corrupt, with the source and the tile.
        """
        layout = source.layout
        rows = range(window.row // layout.tile_height, window.bottom // layout.tile_height + 1)
        cols = cols_of(layout, window)
        found = (self._find(number, source, n, cols) for n in rows)
        return _joined([_joined([cut_from(row, window) for row in n], 1) for n in found], 0)

    def done(self, block: int) -> None:
        """Lets go of what only blocks up to this one needed."""
        with self._lock:
            for row in self._of_block[block]:
                row.uses -= 1
                if not row.uses:
                    self._drop(row)
            self._advance()

    def close(self) -> None:
        """Ends what is under way: a range that fails now is not tried again."""
        with self._lock:
            self._next, self._waiting = None, iter(())
        for source in self._sources:
            if not source.bytes.near:  # what is near is read by whoever computes
                source.bytes.close()
        self._fetchers.shutdown(wait=True, cancel_futures=True)

    def _plan(self, number: int, sources: Sequence[TiledSource], need: Need) -> list[TileRow]:
        source, window = sources[number], need.window
        layout = source.layout
        cols = cols_of(layout, window)
        numbers = range(window.row // layout.tile_height, window.bottom // layout.tile_height + 1)
        touched = True if need.touched is None else need.touched
        wanted = np.broadcast_to(touched, (len(numbers), cols[1] - cols[0]))
        if not wanted.any():
            return []
        rows: list[TileRow] = []
        for n, of_row in zip(numbers, wanted, strict=True):
            planned = self._rows.setdefault((number, n), [])
            new = [TileRow(source, n, gap, np.zeros(gap[1] - gap[0], np.bool_))
                   for gap in gaps(cols, planned)]  # fmt: skip
            self._planned += new
            planned += new
            needed = [row for row in planned if row.meets(cols)]
            for row in needed:
                row.want(cols, of_row)
                row.uses += 1
            rows += needed
        return rows

    def _in_order(self) -> list[TileRow]:
        """Rows that are worth fetching ahead, in the order of their first use."""
        for row in self._planned:
            row.ranges = ranges_of(row)
        return [row for row in self._planned if row.ranges and not row.source.bytes.near]

    def _advance(self) -> None:
        """Asks for more, within the bound; the lock is held."""
        while self._next and (not self._held or self._held + self._next.length <= self._most):
            row = self._next
            if row.uses and not row.taken:
                self._held += row.length
                fetch = row.source.bytes.fetch
                row.coming = [self._fetchers.submit(fetch, *r) for r in row.ranges]
            self._next = next(self._waiting, None)

    def _find(self, number: int, source: TiledSource, row: int, cols: Cols) -> list[TileRow]:
        """What holds the tiles of `cols`, from the left, decoded."""
        planned = self._rows.get((number, row), [])
        found = sorted((r for r in planned if r.meets(cols)), key=lambda r: r.cols)
        if not found or gaps(cols, found):
            # of a part that only fills another's gaps: nothing was known ahead
            found = [TileRow(source, row, cols, np.ones(cols[1] - cols[0], np.bool_))]
            found[0].ranges = ranges_of(found[0])
        for part in found:
            with part.lock:
                if part.values is None:
                    part.values = self._decoded(part)
        return found

    def _decoded(self, row: TileRow) -> NDArray[Any]:
        with self._lock:
            row.taken = True
        layout = row.source.layout
        height, width = layout.shape
        shape = (height, (row.cols[1] - row.cols[0]) * width)
        values = self._array(shape, layout.dtype)
        tile = self._tile(layout)
        for col, data in self._tiles(row):
            at = (col - row.cols[0]) * width
            place = values[:, at : at + width]
            if data is None:
                place[:] = layout.fill
            else:
                self._decode(row, col, data, tile, place)
        with self._lock:
            if row.coming:
                row.coming = []
                self._held -= row.length
            self._advance()
        return values

    def _tiles(self, row: TileRow) -> Iterator[tuple[int, Any]]:
        """Tile columns and their bytes; None where nothing is there, or nothing is wanted."""
        layout, near = row.source.layout, row.source.bytes.near
        pieces = [] if near else [(r, self._came(row, n, r)) for n, r in enumerate(row.ranges)]
        for n, col in enumerate(range(*row.cols)):
            start, size = int(layout.offsets[row.row, col]), int(layout.sizes[row.row, col])
            if not size or not row.wanted[n]:
                yield col, None
            elif near:
                yield col, self._fetched(row, (start, size), (col, col))
            else:
                first, data = next((r[0], d) for r, d in pieces if r[0] <= start < r[0] + r[1])
                yield col, data[start - first : start - first + size]

    def _came(self, row: TileRow, number: int, wanted: tuple[int, int]) -> Any:  # noqa: ANN401 - a buffer
        """A range that was asked for ahead, or is now."""
        if not row.coming:
            return self._fetched(row, wanted, span(row))
        try:
            return row.coming[number].result()
        except FetchError as error:
            raise _failure(row, error, span(row)) from None

    def _fetched(self, row: TileRow, wanted: tuple[int, int], cols: Cols) -> Any:  # noqa: ANN401 - a buffer
        try:
            return row.source.bytes.fetch(*wanted)
        except FetchError as error:
            raise _failure(row, error, cols) from None

    def _decode(
        self,
        row: TileRow,
        col: int,
        data: Any,  # noqa: ANN401 - any buffer
        room: NDArray[Any],
        out: NDArray[Any],
    ) -> None:
        """A tile's numbers; one that came corrupt over a network is asked for once more."""
        layout = row.source.layout
        said = _corrupt(data, layout, room, out)
        if said and not row.source.bytes.near:
            place = int(layout.offsets[row.row, col]), int(layout.sizes[row.row, col])
            said = _corrupt(self._fetched(row, place, (col, col)), layout, room, out)
        if said:
            raise TaskError(
                Exit.SOURCE_UNREADABLE,
                f"{row.source.name}: its tile in row {row.row}, column {col} is corrupt ({said}).",
            )

    def _array(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """One that is no longer needed, or a new one: fresh memory costs as much as a copy."""
        with self._lock:
            spare = self._spare.get((shape, dtype))
            if spare:
                return spare.pop()
        return np.empty(shape, dtype)

    def _tile(self, layout: Layout) -> NDArray[Any]:
        """This thread's room for one tile."""
        kept: dict[Any, NDArray[Any]] = self._local.__dict__
        key = f"{layout.shape}{layout.dtype}"
        if key not in kept:
            kept[key] = np.empty(layout.shape, layout.dtype)
        return kept[key]

    def _drop(self, row: TileRow) -> None:
        """Keeps a row's memory for another; the lock is held."""
        if row.coming:  # a block that turned out to need nothing
            for future in row.coming:
                future.cancel()
            row.coming = []
            self._held -= row.length
        if row.values is not None:
            key = (row.values.shape, row.values.dtype)
            self._spare.setdefault(key, []).append(row.values)
            row.values = None


@contextmanager
def reading(
    sources: Sequence[TiledSource], needs: Sequence[Sequence[Need | None]], most: int
) -> Generator[Ahead]:
    """An `Ahead`, closed whatever comes."""
    ahead = Ahead(sources, needs, most)
    try:
        yield ahead
    finally:
        ahead.close()


def _joined(parts: list[NDArray[Any]], axis: int) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)


def _corrupt(data: Any, layout: Layout, room: NDArray[Any], out: NDArray[Any]) -> str | None:  # noqa: ANN401 - any buffer
    """Decodes a tile; says what is wrong with it, if anything is."""
    try:
        decode(data, layout.form, room, out)
    except CorruptError as error:
        return str(error)
    return None


def _failure(row: TileRow, error: FetchError, cols: Cols) -> TaskError:
    where = f"column {cols[0]}" if cols[0] == cols[1] else f"columns {cols[0]} to {cols[1]}"
    return TaskError(
        error.finding.exit,
        f"{row.source.name}: {error.finding.text} (while reading its tiles in row {row.row}, "
        f"{where})",
    )
