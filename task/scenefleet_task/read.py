"""Reads windows of one raster, from a file or over HTTP, through rasterio and GDAL.

A source that cannot be read is an error with its reason, never nodata. A signed address is signed
again before its token runs out, and once more if the server refuses it in the middle.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import rasterio
import rasterio.vrt
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from scenefleet_task.access import Access
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.header import BESIDE, header_of
from scenefleet_task.heads import AT_ONCE, Head, Heads, asked
from scenefleet_task.joined import Joined
from scenefleet_task.layout import Way, layout_of
from scenefleet_task.log import log
from scenefleet_task.names import Name
from scenefleet_task.probe import Finding, probe
from scenefleet_task.redact import address, redact
from scenefleet_task.spec import Exit

_rasterio = cast("Any", rasterio)  # rasterio has no types
_vrt = cast("Any", rasterio.vrt)
GdalError = cast("type[Exception]", _rasterio._err.CPLE_BaseError)  # noqa: SLF001 - no other name
"""What GDAL raises where rasterio does not wrap it, such as of two CRS without a way between."""
BY_BLOCKS = {"GDAL_VRT_WARP_USE_DATASET_RASTERIO": "NO"}
"""Makes GDAL warp the same blocks of 512 x 128 pixels of a view for whatever window."""
_DENIED = Exit.SOURCE_DENIED


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
    ) -> None:
        """Opens the source and reads its header.

        Args:
            name: the source.
            access: signs its address.
            clock: seconds since the epoch.
            head: the file's beginning, if it is at hand: then GDAL need not ask for it.

        Raises:
            TaskError: if it cannot be opened, or as `header_of`.
        """
        self.name = name
        self.head = head
        self._joined: Joined | None = None
        """What GDAL reads the header from; what reads many blocks opens the file itself."""
        self._access = access
        self._clock = clock
        self._views: dict[View, Any] = {}
        self._lock = threading.Lock()
        self._open()
        try:
            self.header = header_of(self._dataset, name)
        except TaskError:
            self.close()
            raise
        self.grid = self.header.grid
        self.dtype: np.dtype[Any] = self.header.dtype
        self.nodata = self.header.nodata
        """Digital number that means no data, as the header says; may be NaN."""
        self.masked = self.header.masked
        """Whether the file has a mask of its own (`read_invalid`)."""
        self.way = Way(None, "it is resampled to the outputs' grid")
        """How windows are read; `sources.prepare` decides."""
        self.tiles: Callable[[Window], NDArray[Any]] | None = None
        """Reads a window by the file's tiles, while someone has them fetched."""

    def look_at_tiles(self) -> None:
        """Decides whether windows can be read by tiles: `way`."""
        self.way = layout_of(self._dataset, self.header.band)

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
        band = self.header.band
        masks = self._read(window, lambda dataset, part: dataset.read_masks(band, window=part))
        return masks == 0

    def read_small(self, shape: tuple[int, int], window: Window | None = None) -> NDArray[Any]:
        """A window in a few pixels, shape (height, width), from an overview if there is one.

        Numbers are of the file's own dtype; each is one pixel's of that overview. None takes all of
        the raster.
        """
        return self._read(
            window or self.grid.whole,
            lambda dataset, part: dataset.read(self.header.band, window=part, out_shape=shape),
            whole=False,
        )

    def read_warped(self, view: View, window: Window) -> NDArray[Any]:
        """A window of another grid, shape (height, width), of the dtype that the view asks for."""

        def read(dataset: Any, part: Any) -> Any:  # noqa: ANN401 - rasterio's
            with _rasterio.Env(**BY_BLOCKS):
                return self._viewed(view, dataset).read(self.header.band, window=part)

        return self._read(window, read, self.grid.whole)

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
        while self._views:  # they read from the dataset, so they go first
            self._views.popitem()[1].close()
        self._dataset.close()
        self._part()

    def _part(self) -> None:
        """Forgets the beginning that a dataset, closed by now, was read from."""
        if self._joined:
            self._joined.close()
            self._joined = None

    def _read(
        self,
        window: Window,
        read: Callable[[Any, Any], Any],
        source: Window | None = None,
        *,
        whole: bool = True,
    ) -> NDArray[Any]:
        """Reads a window; `source` tells the file's own pixels that it may need, if others.

        With `whole`, by a dataset of the file alone: GDAL asks for several ranges at once there.
        """
        with self._lock:  # a dataset is one thread's at a time
            if whole and self._joined:
                self.close()
                self._open(alone=True)
            return self._read_alone(window, read, source)

    def _read_alone(
        self, window: Window, read: Callable[[Any, Any], Any], source: Window | None
    ) -> NDArray[Any]:
        when = f"reading {window}" + (" of the outputs' grid" if source else "")
        part = RasterioWindow(window.col, window.row, window.width, window.height)  # pyright: ignore[reportCallIssue]
        if self._clock() >= self._signed.renew_at:
            self._reopen("its token is about to expire")
        try:
            return read(self._dataset, part)
        except RasterioError as error:
            finding = self._find(error, self._needed(source or window))
            if finding.exit is not _DENIED or not self._access.renewable:
                raise self._error(finding, when) from None
        self._reopen("the server refused its token", fresh=True)
        try:
            return read(self._dataset, part)
        except RasterioError as error:
            finding = self._find(error, self._needed(source or window))
            raise self._error(finding, when) from None

    def _open(self, *, fresh: bool = False, alone: bool = False) -> None:
        self._signed = self._access.sign(self.name.href, fresh=fresh)
        path = _gdal_path(self._signed.url)
        if self.head and not alone:
            self._joined = Joined(self.head.data, self.head.size, path)
            path = self._joined.path
        try:
            self._dataset = _open_whole(path, {} if self.name.far else BESIDE)
        except RasterioError as error:
            finding = self._find(error, 0)
            self._part()
            if finding.exit is _DENIED and self._access.renewable and not fresh:
                self._open(fresh=True, alone=alone)
                return
            raise self._error(finding, "opening it") from None

    def _reopen(self, why: str, *, fresh: bool = False) -> None:
        log.info("%s: signing again, %s", self.name, why)
        alone = self._joined is None
        self.close()
        self._open(fresh=fresh, alone=alone)

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

    def _find(self, error: Exception, needed: int) -> Finding:
        said = _complaint(error)
        if self._joined:
            said = said.replace(self._joined.path, address(self.name.href))
        return probe(self._signed.url, said, needed)

    def _error(self, finding: Finding, when: str) -> TaskError:
        return TaskError(finding.exit, f"{self.name}: {finding.text} (while {when})")

    def _needed(self, window: Window) -> int:
        """Bytes up to the end of the window's last block: what a file that is whole must have."""
        block_height, block_width = self._dataset.block_shapes[self.header.band - 1]
        ends = [0]
        for row in range(window.row // block_height, window.bottom // block_height + 1):
            for col in range(window.col // block_width, window.right // block_width + 1):
                offset = self._block_tag("OFFSET", col, row)
                ends.append(offset + self._block_tag("SIZE", col, row))
        return max(ends)

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

        def open_(name: Name) -> Raster:
            return Raster(name, access, head=coming.of(name))

        far = any(name.far for name in names)
        with ThreadPoolExecutor(AT_ONCE if far else 1, thread_name_prefix="open") as pool:
            opening = [pool.submit(open_, name) for name in names]
            wait(opening)
        for one in opening:
            if not one.exception():
                stack.callback(one.result().close)
        yield [one.result() for one in opening]


class _Doubts(logging.Handler):
    """Collects what GDAL could not read of a header and passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread:  # another source's
            return
        text = record.getMessage()
        if "IO error" in text or "Read error" in text:
            self.said.append(text)


def _open_whole(path: str, settings: dict[str, str]) -> Any:  # noqa: ANN401 - a rasterio dataset
    """Opens a dataset whose whole header could be read.

    GDAL passes over a tag that it cannot read, and a nodata value that is missed makes wrong
    numbers without a word.

    Raises:
        RasterioError: as rasterio does, or with what GDAL passed over.
    """
    doubts = _Doubts()
    gdal_log = logging.getLogger("rasterio._env")
    gdal_log.addHandler(doubts)
    try:
        with _rasterio.Env(**settings):
            dataset = _rasterio.open(path)
            _ = dataset.mask_flag_enums  # looks for a mask beside the file
    finally:
        gdal_log.removeHandler(doubts)
    if doubts.said:
        dataset.close()
        raise RasterioError("; ".join(doubts.said))
    return dataset


def _gdal_path(place: str) -> str:
    return f"/vsicurl/{place}" if place.startswith(("http://", "https://")) else place


def _complaint(error: BaseException) -> str:
    """What GDAL said, the causes included, on one line and redacted."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return redact(
        "; ".join(dict.fromkeys(" ".join(said_).strip() for said_ in map(str.split, said)))
    )
