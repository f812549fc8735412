"""Reads windows of one raster, from a file or over HTTP, through rasterio and GDAL.

A source that cannot be read is an error with its reason, never nodata. GDAL reads it through
`fetch`, as whatever reads tiles does, and what GDAL complains of is an error.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
import rasterio
import rasterio.vrt
import rasterio.warp
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from scenefleet_task.access import Access
from scenefleet_task.beside import MaskBeside, check_auxiliary, mask_beside
from scenefleet_task.checksums import Checksums
from scenefleet_task.complaints import (
    GdalError,
    complaint_of,
    heard,
    lost_in_header,
    lost_in_pixels,
)
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError
from scenefleet_task.gdal_file import KEPT
from scenefleet_task.grid import Grid, Window
from scenefleet_task.header import header_of
from scenefleet_task.heads import AT_ONCE, Head, Heads, asked
from scenefleet_task.layout import Way, layout_of
from scenefleet_task.log import log
from scenefleet_task.names import Name
from scenefleet_task.open_raster import NoRasterError, RasterFile
from scenefleet_task.probe import Finding, judge
from scenefleet_task.redact import address, redact
from scenefleet_task.source import Source, open_source
from scenefleet_task.spec import Exit
from scenefleet_task.under import window_under
from scenefleet_task.vrt_file import VrtFile

T = TypeVar("T")
_rasterio = cast("Any", rasterio)  # rasterio has no types
_vrt = cast("Any", rasterio.vrt)
_warp = cast("Any", rasterio.warp)
_REACH = 2
"""Pixels around those under a window that a kernel may want."""
BY_BLOCKS = {"GDAL_VRT_WARP_USE_DATASET_RASTERIO": "NO"}
"""Makes GDAL warp the same blocks of 512 x 128 pixels of a view for whatever window."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A raster as it is read on another grid; each is itself, whatever its options."""

    grid: Grid
    options: dict[str, Any]
    """Of `rasterio.vrt.WarpedVRT`, beside the grid."""


class Raster:
    """One band of a raster, open for reading by windows."""

    def __init__(
        self,
        name: Name,
        access: Access,
        clock: Callable[[], float] = time.time,
        head: Head | None = None,
        kept: int = KEPT,
    ) -> None:
        """Opens the source and reads its header.

        Args:
            name: the source.
            access: signs its address.
            clock: seconds since the epoch.
            head: the file's beginning, if it is at hand: then it need not be asked for.
            kept: bytes of a file behind an address that may be kept for GDAL to read.

        Raises:
            TaskError: if it may not be read, cannot be opened, or as `header_of`.
        """
        self.name = name
        try:
            self.source: Source = open_source(name, access, clock, head)
        except FetchError as error:
            raise self._error(error.finding, "opening it") from None
        self._views: dict[View, Any] = {}
        self._lock = threading.Lock()
        self._beside: MaskBeside | None = None
        try:
            self._file = self._file_of(kept)
        except FetchError as error:
            self.source.close()
            raise self._error(error.finding, "opening it") from None
        try:
            self._open()
        except BaseException:
            self._file.close()
            self.source.close()
            raise
        try:
            check_auxiliary(name)
            self.header = self._ask(lambda: header_of(self._dataset, name))
            shape = self.header.grid.height, self.header.grid.width
            self._beside = mask_beside(name, shape, self.header.band)
            self._checksums = self._ask(lambda: Checksums(self._dataset))
        except BaseException:
            self.close()
            raise
        self.grid = self.header.grid
        self.dtype: np.dtype[Any] = self.header.dtype
        self.nodata = self.header.nodata
        """Digital number that means no data, as the header says; may be NaN."""
        self._alpha = self.header.alpha
        self.way = Way(None, "it is resampled to the outputs' grid")
        """How windows are read; `sources.prepare` decides."""
        self.tiles: Callable[[Window], NDArray[Any]] | None = None
        """Reads a window by the file's tiles, while someone has them fetched."""

    @property
    def masked(self) -> bool:
        """Whether the file has a mask: in it, beside it, or as alpha (`read_invalid`)."""
        return self._beside is not None or self.header.masked or self._alpha > 0

    def free_alpha(self) -> None:
        """Takes the band that the file calls alpha for no mask from now on."""
        self._alpha = 0

    def look_at_tiles(self) -> None:
        """Decides whether windows can be read by tiles: `way`."""
        self.way = self._ask(lambda: layout_of(self._dataset, self.header.band))

    def _ask(self, ask: Callable[[], T]) -> T:
        """What the dataset's header tells; GDAL reads parts of it only when it is asked for them.

        Raises:
            TaskError: if GDAL cannot read what is asked for, or passes over it.
        """
        complaint, found = "", None
        with heard() as said:
            try:
                found = ask()
            except (RasterioError, GdalError) as error:
                complaint = complaint_of(error)
        lost = dict.fromkeys(filter(None, [complaint, *lost_in_header(said)]))
        if self._file.failed:
            raise self._error(self._file.failed.finding, "opening it")
        if lost:
            raise self._error(self._finding(redact("; ".join(lost)), 0), "opening it")
        return cast("T", found)

    @property
    def dataset(self) -> Any:  # noqa: ANN401 - rasterio's
        """The dataset that is open now, to be asked of its header only."""
        return self._dataset

    def read(self, window: Window) -> NDArray[Any]:
        """Digital numbers of a window, shape (height, width), of the file's own dtype.

        The array must not be written to.
        """
        if self.tiles:
            return self.tiles(window)
        band = self.header.band
        return self._read(window, lambda dataset, part: dataset.read(band, window=part))

    def read_invalid(self, window: Window) -> NDArray[np.bool_]:
        """The file's own mask, shape (height, width): True where a pixel is no data."""
        return self._invalid(window, None)

    @property
    def masked_beside(self) -> bool:
        """Tells whether its mask is a file of its own, which GDAL's warper knows nothing of."""
        return self._beside is not None

    def small_invalid(
        self, shape: tuple[int, int], window: Window | None = None
    ) -> NDArray[np.bool_] | None:
        """The file's own mask of what `read_small` gives; None where it has none."""
        return self._invalid(window or self.grid.whole, shape) if self.masked else None

    def read_small(self, shape: tuple[int, int], window: Window | None = None) -> NDArray[Any]:
        """A window in a few pixels, shape (height, width), from an overview if there is one.

        Numbers are of the file's own dtype; each is one pixel's of that overview. None takes all of
        the raster.
        """
        return self._read(
            window or self.grid.whole,
            lambda dataset, part: dataset.read(self.header.band, window=part, out_shape=shape),
            [],
        )

    def read_warped(self, view: View, window: Window) -> NDArray[Any]:
        """A window of another grid, shape (height, width), of the dtype that the view asks for."""

        def read(dataset: Any, part: Any) -> Any:  # noqa: ANN401 - rasterio's
            with _rasterio.Env(**BY_BLOCKS):
                return self._viewed(view, dataset).read(self.header.band, window=part)

        return self._read(window, read, self._under(view, window), "of the outputs' grid")

    def is_nodata(
        self, values: NDArray[Any], numbers: tuple[float, ...]
    ) -> NDArray[np.bool_] | None:
        """True where a digital number means no data; None where no number does.

        Args:
            values: digital numbers, of the file's dtype.
            numbers: those that mean no data (`radiometry.nodata_of`).
        """
        invalid = None
        for nodata in numbers:
            if not math.isfinite(nodata):
                continue
            # as a whole number, so that numpy need not turn them all into floats
            same = values == (int(nodata) if nodata.is_integer() else nodata)
            invalid = same if invalid is None else invalid | same
        if self.dtype.kind == "f":
            infinite = ~np.isfinite(values)
            invalid = infinite if invalid is None else invalid | infinite
        return invalid

    def close(self) -> None:
        """Closes the file."""
        self._close()
        if self._beside:
            self._beside.close()
        self._file.close()
        self.source.close()

    def _invalid(self, window: Window, shape: tuple[int, int] | None) -> NDArray[np.bool_]:
        if self._beside:
            part = RasterioWindow(window.col, window.row, window.width, window.height)  # pyright: ignore[reportCallIssue]
            with self._lock:
                return self._beside.invalid(part, shape)
        band, alpha = self.header.band, self._alpha

        def read(dataset: Any, part: Any) -> Any:  # noqa: ANN401 - rasterio's
            if self.header.masked:
                return dataset.read_masks(band, window=part, out_shape=shape)
            return dataset.read(alpha, window=part, out_shape=shape)

        return self._read(window, read, None if shape is None else []) == 0

    def _file_of(self, kept: int) -> RasterFile | VrtFile:
        if self.name.vrt:
            return VrtFile(self.name, self.source)
        return RasterFile(self.source.bytes, self.source.size, self.source.start, kept)

    def _close(self) -> None:
        while self._views:  # they read from the dataset, so they go first
            self._views.popitem()[1].close()
        self._dataset.close()

    def _read(
        self,
        window: Window,
        read: Callable[[Any, Any], Any],
        under: list[Window] | None = None,
        of: str = "",
    ) -> NDArray[Any]:
        """Reads a window; `under` tells the file's own pixels that it needs, if others.

        What came corrupt over a network is asked for once more.
        """
        part = RasterioWindow(window.col, window.row, window.width, window.height)  # pyright: ignore[reportCallIssue]
        when = f"reading {window} {of}".rstrip()
        needed = [window] if under is None else under
        with self._lock:  # a dataset is one thread's at a time
            said = self._try(needed, lambda: read(self._dataset, part))
            if isinstance(said, str) and not self.source.bytes.near:
                log.info("%s: it came corrupt (%s); reading it again", self.name, said)
                self._close()
                self._file.forget()
                self._open()
                said = self._try(needed, lambda: read(self._dataset, part))
            if isinstance(said, str):
                said = self._finding(said, 0)
            if isinstance(said, Finding):
                raise self._error(said, when)
            return said

    def _try(self, needed: list[Window], read: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What was read; a `Finding` of bytes that do not come; or why what came is corrupt."""
        with heard() as said:
            ranges = [place for window in needed for place in self._ranges(window)]
        if lost := lost_in_header(said):
            return redact("; ".join(dict.fromkeys(lost)))
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
                found = read()
            except (RasterioError, GdalError) as error:
                complaint = complaint_of(error)
        if self._file.failed:  # whatever GDAL made of it
            return self._file.failed.finding
        lost = dict.fromkeys(filter(None, [complaint, *lost_in_pixels(said)]))
        return redact("; ".join(lost)) if lost else found

    def _open(self) -> None:
        try:
            self._dataset = self._file.opened()
        except RasterioError as error:
            if self._file.failed:
                finding = self._file.failed.finding
            elif isinstance(error, NoRasterError):
                finding = Finding(Exit.SOURCE_UNREADABLE, str(error))
            else:
                finding = self._finding(complaint_of(error), 0)
            raise self._error(finding, "opening it") from None

    def _viewed(self, view: View, dataset: Any) -> Any:  # noqa: ANN401 - rasterio's
        """The view of the dataset that is open now; kept until that is closed."""
        if view not in self._views:
            grid = view.grid
            try:
                self._views[view] = _vrt.WarpedVRT(
                    dataset,
                    crs=grid.crs,
                    transform=_rasterio.Affine(*grid.transform),
                    width=grid.width,
                    height=grid.height,
                    **view.options,
                )
            except GdalError as error:  # it knows no way from one CRS to the other
                said = f"{self.name}: cannot be brought to the outputs' CRS ({error})"
                raise TaskError(Exit.INPUT_MISMATCH, said) from None
        return self._views[view]

    def _under(self, view: View, window: Window) -> list[Window]:
        """The file's own pixels under a window of a view: what is worth fetching at once."""
        found = window_under(view.grid.crop(window), self.grid, _REACH)
        return [found] if found else []

    def _finding(self, said: str, needed: int) -> Finding:
        for own, known in self._file.names.items():
            said = said.replace(own, known or address(self.name.href))
        return judge(self.source.start, self.source.size, said, needed)

    def _error(self, finding: Finding, when: str) -> TaskError:
        return TaskError(finding.exit, f"{self.name}: {finding.text} (while {when})")

    def _ranges(self, window: Window) -> Iterator[tuple[int, int]]:
        """Where a window's blocks lie in the file, as far as GDAL tells: start and size."""
        block_height, block_width = self._dataset.block_shapes[self.header.band - 1]
        for row in range(window.row // block_height, window.bottom // block_height + 1):
            for col in range(window.col // block_width, window.right // block_width + 1):
                size = self._block_tag("SIZE", col, row)
                if size:
                    yield self._block_tag("OFFSET", col, row), size

    def _block_tag(self, kind: str, col: int, row: int) -> int:
        value = self._dataset.get_tag_item(
            f"BLOCK_{kind}_{col}_{row}", "TIFF", bidx=self.header.band
        )
        return int(value) if value else 0


@contextmanager
def opened(
    names: list[Name], access: Access, heads: Heads | None = None
) -> Generator[list[Raster]]:
    """Opens rasters, those behind addresses at once, and closes those that were opened.

    Args:
        names: of the sources.
        access: signs addresses.
        heads: beginnings that were asked for already.

    Raises:
        TaskError: of the first that cannot be opened.
    """
    with ExitStack() as stack:
        coming = heads or stack.enter_context(asked(names, access))

        kept = KEPT // max(1, sum(name.far for name in names))

        def open_(name: Name) -> Raster:
            return Raster(name, access, head=coming.of(name), kept=kept)

        far = any(name.far for name in names)
        with ThreadPoolExecutor(AT_ONCE if far else 1, thread_name_prefix="open") as pool:
            opening = [pool.submit(open_, name) for name in names]
            wait(opening)
        for one in opening:
            if not one.exception():
                stack.callback(one.result().close)
        yield [one.result() for one in opening]
