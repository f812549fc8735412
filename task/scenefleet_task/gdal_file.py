"""A source as a file that GDAL reads: every byte of it comes through `fetch`.

GDAL never opens a path or an address of a source by itself, so nothing that a file's content says
makes it open another. It finds this one file alone: what it looks for beside it is not there.

Over a network, bytes come in chunks, more of them at once the longer they are read in sequence, and
those that a window needs are asked for together before GDAL reads it. What does not come is
remembered: GDAL passes over some errors, and its pixels are not taken then.
"""

from __future__ import annotations

import os
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import rasterio.io

from scenefleet_task.fetch import Bytes, FetchError
from scenefleet_task.tile_rows import merged

CHUNK = 32_768
"""Bytes that are fetched and kept together; a source's beginning is the first one (`heads`)."""
_MOST_AT_ONCE = 32
"""Chunks of one range: a MB takes less than twice as long as a round trip."""
AT_ONCE = 8
"""Ranges under way."""
KEPT = 36_000_000
"""Bytes of all sources of a task that are kept for GDAL to read (again)."""
_FilePath = cast("Any", rasterio.io).FilePath


class GdalFile:
    """One source; GDAL may open it several times. One thread's at a time."""

    mode = "rb"

    def __init__(self, source: Bytes, size: int, start: bytes, kept: int) -> None:
        """Fetches nothing.

        Args:
            source: the bytes.
            size: of the file.
            start: its first bytes.
            kept: bytes that may be kept; of a file that is near, none are.
        """
        self.fs = self  # rasterio opens a file object anew by its `fs` and `path`
        self.path = "source"
        self.size = size
        self.start = start
        self.failed: FetchError | None = None
        """The first range that did not come since `begin`."""
        self._source = source
        self._most = max(_MOST_AT_ONCE, kept // CHUNK)
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._after = -1
        """The chunk behind the one that was read last."""
        self._ahead = 1
        self._pool: ThreadPoolExecutor | None = None
        if not source.near:
            whole = len(start) if len(start) == size else len(start) - len(start) % CHUNK
            self._keep(0, memoryview(start)[:whole])
        self._path = _FilePath(self, filename=f"{uuid.uuid4()}.tif")

    @property
    def names(self) -> dict[str, str | None]:
        """GDAL's names of the file, and those for messages; None is the source's own name."""
        return {self.path_name: None, self.path_name.rpartition("/")[2]: None}

    @property
    def path_name(self) -> str:
        """GDAL's path of it."""
        return self._path.name

    def dataset(self, driver: str, **options: Any) -> Any:  # noqa: ANN401 - rasterio's
        """A rasterio dataset, opened by this driver and no other."""
        return self._path.open(driver=driver, **options)

    def open(self, path: str, mode: str) -> GdalHandle:
        """A handle of its own, as rasterio asks for."""
        del path, mode
        return GdalHandle(self)

    def read(self, start: int, size: int) -> bytes:
        """Bytes up to the file's end; none if they do not come, and `failed` says why."""
        end = min(start + size, self.size)
        if end <= start or self.failed:
            return b""
        try:
            if self._source.near:
                return bytes(self._source.fetch(start, end - start))
            return b"".join(self._chunks(start, end))
        except FetchError as error:
            self.failed = error
            return b""

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Fetches ranges at once, as far as they can be kept; start and size each.

        What does not come is asked for again when GDAL reads it.
        """
        if self._source.near:
            return
        wanted: list[tuple[int, int]] = []
        left = self._most
        for first, count in _spans(ranges, self.size):
            missing = [n for n in range(first, first + count) if n not in self._kept]
            for begin, length in _runs(missing):
                for at in range(begin, begin + length, _MOST_AT_ONCE):
                    span = at, min(_MOST_AT_ONCE, begin + length - at)
                    if span[1] <= left:
                        wanted.append(span)
                        left -= span[1]
        if len(wanted) < 2:
            return
        self._pool = self._pool or ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch")
        for future in [self._pool.submit(self._fetch, *span) for span in wanted]:
            try:
                self._keep(*future.result())
            except FetchError as error:
                self.failed = self.failed or error

    def forget(self) -> None:
        """Drops what was kept: it may have come corrupt."""
        self._kept.clear()
        self.failed = None

    def close(self) -> None:
        """Ends what is under way; datasets are to be closed before."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._path.close()

    def _chunks(self, start: int, end: int) -> Iterator[bytes]:
        for n in range(start // CHUNK, -(-end // CHUNK)):
            if n not in self._kept:
                self._fill(n, -(-end // CHUNK))
            self._kept.move_to_end(n)
            begin = n * CHUNK
            yield self._kept[n][max(0, start - begin) : end - begin]
        self._after = -(-end // CHUNK)

    def _fill(self, first: int, end: int) -> None:
        """Fetches what is missing from a chunk on, and more where it is read in sequence."""
        self._ahead = min(2 * self._ahead, _MOST_AT_ONCE) if first == self._after else 1
        last = min(max(end, first + self._ahead), first + _MOST_AT_ONCE, -(-self.size // CHUNK))
        count = next((n - first for n in range(first + 1, last) if n in self._kept), last - first)
        self._keep(*self._fetch(first, count))

    def _fetch(self, first: int, count: int) -> tuple[int, memoryview]:
        start = first * CHUNK
        size = min(count * CHUNK, self.size - start)
        return first, memoryview(self._source.fetch(start, size))

    def _keep(self, first: int, data: memoryview) -> None:
        for n in range(-(-len(data) // CHUNK)):
            self._kept[first + n] = bytes(data[n * CHUNK : (n + 1) * CHUNK])
            self._kept.move_to_end(first + n)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


class GdalHandle:
    """A file that is open, with a place of its own."""

    def __init__(self, file: GdalFile) -> None:
        self._file = file
        self._at = 0

    def tell(self) -> int:
        """The position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes there."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}
        self._at = base[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        size = self._file.size - self._at if size < 0 else size
        data = self._file.read(self._at, size)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Does nothing; rasterio 1.5 and later want to close what they opened.

        The bytes are the file's, which others may read still.
        """


def _spans(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """First chunk and number of chunks that ranges lie in."""
    inside = [(start, min(length, size - start)) for start, length in ranges if start < size]
    for start, length in merged(inside, CHUNK):
        first = start // CHUNK
        yield first, -(-(start + length) // CHUNK) - first


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Numbers that follow each other, as first and count."""
    return merged([(n, 1) for n in numbers], 0)
