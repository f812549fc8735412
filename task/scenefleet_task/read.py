"""Reads windows of one band of a raster, from a file or over HTTP, through rasterio and GDAL.

A source that cannot be read is an error with its reason, never nodata.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar, cast

import numpy as np
import rasterio
from numpy.typing import NDArray

from scenefleet_task.access import Access
from scenefleet_task.beside import MaskBeside, check_auxiliary, mask_beside
from scenefleet_task.complaints import GdalError, complaint_of
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError
from scenefleet_task.gdal_file import KEPT
from scenefleet_task.grid import Window
from scenefleet_task.header import header_of
from scenefleet_task.heads import AT_ONCE, Head, Heads, asked
from scenefleet_task.layout import Way, layout_of
from scenefleet_task.names import Name
from scenefleet_task.open_file import OpenFile, View, rasterio_window
from scenefleet_task.source import Source
from scenefleet_task.spec import Exit
from scenefleet_task.under import window_under

T = TypeVar("T")
_rasterio = cast("Any", rasterio)  # rasterio has no types
BEYOND = 1e15
"""No reflectance, temperature or count is as large: floats from here on stand for no data, whatever
the header says. Programs write 1e20 (CMIP), 9.97e36 (netCDF) and 3.4e38 (ESRI) so, and name another
number in the header, or none."""
_REACH = 2
"""Pixels around those under a window that a kernel may want."""
BY_BLOCKS = {"GDAL_VRT_WARP_USE_DATASET_RASTERIO": "NO"}
"""Makes GDAL warp the same blocks of 512 x 128 pixels of a view for whatever window."""


class Raster:
    """One band of a raster, open for reading by windows."""

    def __init__(self, name: Name, file: OpenFile) -> None:
        """Reads its header.

        Args:
            name: the source.
            file: what holds it; `close` closes it, for all of its bands.

        Raises:
            TaskError: as `header_of`, or if its header or what lies beside it cannot be read.
        """
        self.name = name
        self._file = file
        self._lock = threading.Lock()
        """Of the mask beside it."""
        self._beside: MaskBeside | None = None
        check_auxiliary(name)
        self.header = self._ask(lambda dataset: header_of(dataset, name))
        shape = self.header.grid.height, self.header.grid.width
        self._beside = mask_beside(name, shape, self.header.band)
        self.grid = self.header.grid
        self.dtype: np.dtype[Any] = self.header.dtype
        self.nodata = self.header.nodata
        """Digital number that means no data, as the header says; may be NaN."""
        self._alpha = self.header.alpha
        self.way = Way(None, "only the look at its pixels reads it, and no output")
        """How windows are read; `sources.prepare` decides for all that outputs are made of."""
        self.tiles: Callable[[Window], NDArray[Any]] | None = None
        """Reads a window by the file's tiles, while someone has them fetched."""

    @property
    def file(self) -> OpenFile:
        """The file that holds it, and maybe other bands."""
        return self._file

    @property
    def masked(self) -> bool:
        """Whether the file has a mask: in it, beside it, or as alpha (`read_invalid`)."""
        return self._beside is not None or self.header.masked or self._alpha > 0

    def free_alpha(self) -> None:
        """Takes the band that the file calls alpha for no mask from now on."""
        self._alpha = 0

    def resample(self) -> None:
        """Notes that windows are read on another grid: `way`."""
        self.way = Way(None, "it is resampled to the outputs' grid")

    def look_at_tiles(self) -> None:
        """Decides whether windows can be read by tiles: `way`."""
        self.way = self._ask(lambda dataset: layout_of(dataset, self.header.band))

    @property
    def source(self) -> Source:
        """The file's bytes."""
        return self._file.source

    @property
    def dataset(self) -> Any:  # noqa: ANN401 - rasterio's
        """The dataset that is open now, to be asked of its header only."""
        return self._file.dataset

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
                return self._view(view, dataset).read(self.header.band, window=part)

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
            endless = no_number(values)
            invalid = endless if invalid is None else invalid | endless
        return invalid

    def close(self) -> None:
        """Closes the file."""
        if self._beside:
            self._beside.close()
        self._file.close()

    def _ask(self, ask: Callable[[Any], T]) -> T:
        try:
            return self._file.ask(ask)
        except FetchError as error:
            raise _error(self.name, error, "opening it") from None

    def _invalid(self, window: Window, shape: tuple[int, int] | None) -> NDArray[np.bool_]:
        if self._beside:
            with self._lock:
                return self._beside.invalid(rasterio_window(window), shape)
        band, alpha = self.header.band, self._alpha

        def read(dataset: Any, part: Any) -> Any:  # noqa: ANN401 - rasterio's
            if self.header.masked:
                return dataset.read_masks(band, window=part, out_shape=shape)
            return dataset.read(alpha, window=part, out_shape=shape)

        return self._read(window, read, None if shape is None else []) == 0

    def _read(
        self,
        window: Window,
        read: Callable[[Any, Any], Any],
        under: list[Window] | None = None,
        of: str = "",
    ) -> NDArray[Any]:
        """Reads a window; `under` tells the file's own pixels that it needs, if others."""
        part = rasterio_window(window)
        needed = [window] if under is None else under
        try:
            return self._file.read(
                self.name, self.header.band, needed, lambda dataset: read(dataset, part)
            )
        except FetchError as error:
            raise _error(self.name, error, f"reading {window} {of}".rstrip()) from None

    def _view(self, view: View, dataset: Any) -> Any:  # noqa: ANN401 - rasterio's
        try:
            return self._file.view(view, dataset)
        except GdalError as error:  # it knows no way from one CRS to the other
            said = f"{self.name}: cannot be brought to the outputs' CRS ({complaint_of(error)})"
            raise TaskError(Exit.INPUT_MISMATCH, said) from None

    def _under(self, view: View, window: Window) -> list[Window]:
        """The file's own pixels under a window of a view: what is worth fetching at once."""
        found = window_under(view.grid.crop(window), self.grid, _REACH)
        return [found] if found else []


def no_number(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a float is none that anything measures: NaN, infinity, or beyond `BEYOND`."""
    return ~(np.abs(values) < BEYOND)


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
    files: dict[str, list[Name]] = {}
    for name in names:
        files.setdefault(name.href, []).append(name)
    with ExitStack() as stack:
        coming = heads or stack.enter_context(asked(names, access))
        far = sum(of[0].far for of in files.values())
        kept = KEPT // max(1, far)

        def open_(of: list[Name]) -> list[Raster]:
            return open_bands(of, access, head=coming.of(of[0]), kept=kept)

        with ThreadPoolExecutor(AT_ONCE if far else 1, thread_name_prefix="open") as pool:
            opening = [pool.submit(open_, of) for of in files.values()]
            wait(opening)
        for one in opening:
            for raster in () if one.exception() else one.result():
                stack.callback(raster.close)
        by_key = {raster.name.key: raster for one in opening for raster in one.result()}
        yield [by_key[name.key] for name in names]


def open_bands(
    names: Sequence[Name],
    access: Access,
    clock: Callable[[], float] = time.time,
    head: Head | None = None,
    kept: int = KEPT,
) -> list[Raster]:
    """Opens bands of one file; closing one closes all.

    Args:
        names: the bands.
        access: signs the file's address.
        clock: seconds since the epoch.
        head: the file's beginning, if it is at hand: then it need not be asked for.
        kept: bytes of a file behind an address that may be kept for GDAL to read.

    Raises:
        TaskError: if it may not be read, cannot be opened, or as `header_of`.
    """
    try:
        file = OpenFile(names[0], access, clock, head, kept)
    except FetchError as error:
        raise _error(names[0], error, "opening it") from None
    with ExitStack() as stack:
        stack.callback(file.close)
        rasters: list[Raster] = []
        for name in names:
            rasters.append(Raster(name, file))
            stack.callback(rasters[-1].close)
        stack.pop_all()
    return rasters


def _error(name: Name, error: FetchError, when: str) -> TaskError:
    return TaskError(error.finding.exit, f"{name}: {error.finding.text} (while {when})")
