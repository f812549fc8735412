"""A source's file, open in GDAL: one for all of its bands that a task reads.

Where pixels of all bands lie side by side, a block holds every band: it is fetched once, and GDAL's
cache has the others when they are asked for. GDAL reads through `fetch`, and what it complains of
is an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import rasterio
import rasterio.vrt
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from scenefleet_task.access import Access
from scenefleet_task.checksums import Checksums
from scenefleet_task.complaints import (
    GdalError,
    complaint_of,
    heard,
    lost_in_header,
    lost_in_pixels,
    plain,
)
from scenefleet_task.fetch import FetchError
from scenefleet_task.gdal_file import KEPT
from scenefleet_task.grid import Grid, Window
from scenefleet_task.heads import Head
from scenefleet_task.log import log
from scenefleet_task.names import Name
from scenefleet_task.open_raster import NoRasterError, RasterFile
from scenefleet_task.probe import Finding, judge
from scenefleet_task.redact import address, redact
from scenefleet_task.source import open_source
from scenefleet_task.spec import Exit
from scenefleet_task.vrt_file import VrtFile

T = TypeVar("T")
_rasterio = cast("Any", rasterio)  # rasterio has no types
_vrt = cast("Any", rasterio.vrt)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A raster as it is read on another grid; each is itself, whatever its options."""

    grid: Grid
    options: dict[str, Any]
    """Of `rasterio.vrt.WarpedVRT`, beside the grid."""


class OpenFile:
    """A file that is open; what goes wrong is a `FetchError`, to be told in a band's name."""

    def __init__(
        self,
        name: Name,
        access: Access,
        clock: Callable[[], float] = time.time,
        head: Head | None = None,
        kept: int = KEPT,
    ) -> None:
        """Opens it, and reads its header.

        Args:
            name: any source that it holds.
            access: signs its address.
            clock: seconds since the epoch.
            head: the file's beginning, if it is at hand: then it need not be asked for.
            kept: bytes of a file behind an address that may be kept for GDAL to read.

        Raises:
            FetchError: if it may not be read, or cannot be opened.
        """
        self._href = name.href
        self._views: dict[View, Any] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.source = open_source(name, access, clock, head)
        try:
            self._file = self._file_of(name, kept)
        except BaseException:
            self.source.close()
            raise
        try:
            self.dataset: Any = self._opened()
        except BaseException:
            self._file.close()
            self.source.close()
            raise
        try:
            self._checksums = self.ask(Checksums)
        except BaseException:
            self.close()
            raise

    def ask(self, ask: Callable[[Any], T]) -> T:
        """What the dataset's header tells; GDAL reads parts of it only when it is asked for them.

        Raises:
            FetchError: if GDAL cannot read what is asked for, or passes over it.
        """
        complaint, found = "", None
        with heard() as said:
            try:
                found = ask(self.dataset)
            except (RasterioError, GdalError) as error:
                complaint = complaint_of(error)
        lost = dict.fromkeys(filter(None, [complaint, *lost_in_header(said)]))
        if self._file.failed:
            raise self._file.failed
        if lost:
            raise FetchError(self._finding(plain(redact("; ".join(lost))), 0))
        return cast("T", found)

    def read(self, name: Name, band: int, needed: list[Window], read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - numpy's array
        """What `read` makes of the dataset; one thread's at a time.

        What came corrupt over a network is asked for once more.

        Args:
            name: of the source, for the log.
            band: its number in the file.
            needed: the file's own pixels that will be read.
            read: reads them.

        Raises:
            FetchError: if bytes do not come, or are corrupt.
        """
        with self._lock:
            said = self._try(band, needed, read)
            if isinstance(said, str) and not self.source.bytes.near:
                log.info("%s: it came corrupt (%s); reading it again", name, said)
                self._close_dataset()
                self._file.forget()
                self.dataset = self._opened()
                said = self._try(band, needed, read)
            if isinstance(said, str):
                said = self._finding(said, 0)
            if isinstance(said, Finding):
                raise FetchError(said)
            return said

    def view(self, view: View, dataset: Any) -> Any:  # noqa: ANN401 - rasterio's
        """The view of the dataset that is open now; kept until that is closed.

        Raises:
            GdalError: if GDAL knows no way from one CRS to the other.
        """
        if view not in self._views:
            grid = view.grid
            self._views[view] = _vrt.WarpedVRT(
                dataset,
                crs=grid.crs,
                transform=_rasterio.Affine(*grid.transform),
                width=grid.width,
                height=grid.height,
                **view.options,
            )
        return self._views[view]

    def close(self) -> None:
        """Closes it, for all of its bands; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._close_dataset()
        self._file.close()
        self.source.close()

    def _file_of(self, name: Name, kept: int) -> RasterFile | VrtFile:
        if name.vrt:
            return VrtFile(name, self.source)
        return RasterFile(self.source.bytes, self.source.size, self.source.start, kept)

    def _close_dataset(self) -> None:
        while self._views:  # they read from the dataset, so they go first
            self._views.popitem()[1].close()
        self.dataset.close()

    def _opened(self) -> Any:  # noqa: ANN401 - rasterio's
        try:
            return self._file.opened()
        except RasterioError as error:
            if self._file.failed:
                raise self._file.failed from None
            if isinstance(error, NoRasterError):
                finding = Finding(Exit.SOURCE_UNREADABLE, str(error))
            else:
                finding = self._finding(complaint_of(error), 0)
            raise FetchError(finding) from None

    def _try(self, band: int, needed: list[Window], read: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        """What was read; a `Finding` of bytes that do not come; or why what came is corrupt."""
        with heard() as said:
            ranges = [place for window in needed for place in self._ranges(band, window)]
        if self._file.failed:
            return self._file.failed.finding
        if lost := lost_in_header(said):
            return plain(redact("; ".join(dict.fromkeys(lost))))
        end = max((start + size for start, size in ranges), default=0)
        if end > self.source.size:
            return self._finding("", end)
        self._file.prefetch(ranges)
        wrong = self._checksums.wrong(ranges, self._file.read) if ranges else None
        if self._file.failed or wrong:
            return self._file.failed.finding if self._file.failed else wrong
        complaint, found = "", None
        with heard() as said:
            try:
                found = read(self.dataset)
            except (RasterioError, GdalError) as error:
                complaint = complaint_of(error)
        if self._file.failed:  # whatever GDAL made of it
            return self._file.failed.finding
        lost = dict.fromkeys(filter(None, [complaint, *lost_in_pixels(said)]))
        return plain(redact("; ".join(lost))) if lost else found

    def _finding(self, said: str, needed: int) -> Finding:
        for own, known in self._file.names.items():
            said = said.replace(own, known or address(self._href))
        return judge(self.source.start, self.source.size, said, needed)

    def _ranges(self, band: int, window: Window) -> Iterator[tuple[int, int]]:
        """Where a window's blocks lie in the file, as far as GDAL tells: start and size."""
        block_height, block_width = self.dataset.block_shapes[band - 1]
        for row in range(window.row // block_height, window.bottom // block_height + 1):
            for col in range(window.col // block_width, window.right // block_width + 1):
                size = self._block_tag(band, "SIZE", col, row)
                if size:
                    yield self._block_tag(band, "OFFSET", col, row), size

    def _block_tag(self, band: int, kind: str, col: int, row: int) -> int:
        value = self.dataset.get_tag_item(f"BLOCK_{kind}_{col}_{row}", "TIFF", bidx=band)
        return int(value) if value else 0


def rasterio_window(window: Window) -> RasterioWindow:
    """A window as rasterio takes it."""
    return RasterioWindow(window.col, window.row, window.width, window.height)  # pyright: ignore[reportCallIssue]
