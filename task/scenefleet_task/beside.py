"""Files beside a local raster, as GDAL keeps them: a mask is read, and statistics say nothing.

GDAL itself finds nothing beside a source (`gdal_file`). A mask, `name.tif.msk`, is opened here by
the rules of any source. An `.aux.xml` that says what the numbers mean or where they lie is refused
by name: GDAL's users expect it to count, and it must not be passed over. Behind an address nothing
is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from scenefleet_task.complaints import complaint_of, heard, lost_in_pixels, plain
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError, FileBytes
from scenefleet_task.names import Name
from scenefleet_task.open_raster import RasterFile
from scenefleet_task.spec import Exit

_MOST_BYTES = 20_000_000
"""Of an `.aux.xml`: one of a large table of colours has a few."""
_START = 65_536
_FLAGS = "INTERNAL_MASK_FLAGS_"
_TELLING = {
    "GeoTransform": "a geotransform",
    "SRS": "a CRS",
    "GCPList": "ground control points",
    "NoDataValue": "a nodata number",
    "NoDataValueAsInt64": "a nodata number",
    "NoDataValueAsUInt64": "a nodata number",
    "Scale": "a scale",
    "Offset": "an offset",
    "MaskBand": "a mask",
}
"""What in GDAL's auxiliary XML changes where pixels lie or what they mean."""


class MaskBeside:
    """The mask file of a local raster."""

    def __init__(self, name: Name, path: str, shape: tuple[int, int], band: int) -> None:
        """Opens it.

        Args:
            name: the raster's.
            path: the mask's.
            shape: rows and columns of the raster.
            band: of the raster, whose mask is wanted where each band has one.

        Raises:
            TaskError: `SOURCE_UNREADABLE`, if it cannot be read as a mask of the raster.
        """
        self._name, self._path = name, path
        try:
            self._bytes = FileBytes(path)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        self._file = RasterFile(self._bytes, self._bytes.size, self._bytes.start(_START), 0)
        try:
            self._dataset = self._file.opened()
        except RasterioError as error:
            self._release()
            raise self._error(complaint_of(error)) from None
        there = self._dataset.height, self._dataset.width
        if there != shape:
            self.close()
            raise self._error(f"it has {there} rows and columns, and the raster {shape}")
        try:
            self._band = self._mask_of(band)
        except BaseException:
            self.close()
            raise

    @property
    def masks(self) -> bool:
        """Whether it has a mask for the raster's band at all."""
        return self._band > 0

    def invalid(
        self,
        window: Any,  # noqa: ANN401 - a rasterio window
        shape: tuple[int, int] | None = None,
    ) -> NDArray[np.bool_]:
        """True where a pixel is no data; shape (height, width). One thread at a time.

        Args:
            window: of the raster.
            shape: of what is given, in place of the window's own: every pixel is one of those.

        Raises:
            TaskError: `SOURCE_UNREADABLE`, if it cannot be read.
        """
        complaint, mask = "", None
        with heard() as said:
            try:
                mask = self._dataset.read(self._band, window=window, out_shape=shape)
            except RasterioError as error:
                complaint = complaint_of(error)
        lost = [*filter(None, [complaint, *lost_in_pixels(said)])]
        if self._file.failed or lost or mask is None:
            failed = self._file.failed
            raise self._error(failed.finding.text if failed else plain("; ".join(lost)))
        return mask == 0

    def close(self) -> None:
        """Closes the file."""
        self._dataset.close()
        self._release()

    def _mask_of(self, band: int) -> int:
        """The number of the mask's band that holds for one of the raster's; 0 where none does.

        As GDAL writes it: a mask file says for each band of the raster whether its first band is
        the mask of all, or each band has one of its own.
        """
        tags = cast("dict[str, str]", self._dataset.tags())
        flags = {tag: text for tag, text in tags.items() if tag.startswith(_FLAGS)}
        if not flags:
            raise self._error(f"it has no {_FLAGS}1, without which GDAL takes it for no mask")
        told = flags.get(f"{_FLAGS}{band}")
        if told is None:
            return 0
        if not told.strip().isdecimal():
            raise self._error(f"its {_FLAGS}{band} is no number")
        number = 1 if int(told) & MaskFlags.per_dataset.value else band
        if number > self._dataset.count:
            raise self._error(f"it has no band {number}")
        return number

    def _release(self) -> None:
        self._file.close()
        self._bytes.close()

    def _error(self, why: str) -> TaskError:
        beside = self._path.rpartition("/")[2]
        return TaskError(
            Exit.SOURCE_UNREADABLE,
            f"{self._name}: the mask beside it, {beside}, cannot be read as a mask ({why[:300]}). "
            "Mend it, or take it away.",
        )


def mask_beside(name: Name, shape: tuple[int, int], band: int) -> MaskBeside | None:
    """The mask file of a local raster, opened; None where none is of the band. As `MaskBeside`."""
    if name.far or name.vrt:
        return None
    path = _there([f"{name.href}.msk", f"{name.href}.MSK"])
    if path is None:
        return None
    mask = MaskBeside(name, path, shape, band)
    if mask.masks:
        return mask
    mask.close()
    return None


def check_auxiliary(name: Name) -> None:
    """Refuses a local raster of which an `.aux.xml` says what would have to count.

    Raises:
        TaskError: `INPUT_MISMATCH`, with what it says and the command that puts it into the file.
    """
    stem = name.href.rpartition(".")[0]
    path = None if name.far or name.vrt else _there([f"{name.href}.aux.xml", f"{stem}.aux.xml"])
    if path is None:
        return
    said = _said(path)
    if said:
        raise TaskError(
            Exit.INPUT_MISMATCH,
            f"{name}: {path.rpartition('/')[2]} beside it holds {' and '.join(said)}, which is not "
            "read from there. Put it into the file: `gdal_translate in.tif out.tif`; or take it "
            "away.",
        )


def said_beside(path: str) -> str | None:
    """What lies beside a file and would have to count; None where nothing does.

    For a file that a VRT names, of which nothing beside is read: a phrase to refuse it with.
    """
    mask = _there([f"{path}.msk", f"{path}.MSK"])
    if mask:
        return f"the mask {mask.rpartition('/')[2]} beside it"
    auxiliary = _there([f"{path}.aux.xml", f"{path.rpartition('.')[0]}.aux.xml"])
    said = _said(auxiliary) if auxiliary else []
    return f"{' and '.join(said)} in {str(auxiliary).rpartition('/')[2]}" if said else None


def _said(path: str) -> list[str]:
    try:
        file = FileBytes(path)
        try:
            if file.size > _MOST_BYTES:
                return [f"{file.size} bytes, more than the {_MOST_BYTES} that are looked at"]
            text = bytes(file.fetch(0, file.size))
        finally:
            file.close()
        tree = ET.fromstring(text)  # noqa: S314 - expat bounds entities, and none is external
    except (OSError, FetchError, ET.ParseError):
        return []  # as GDAL does with one that it cannot read
    tags = [str(one.tag) for one in cast("Iterable[ET.Element]", tree.iter())]
    return list(dict.fromkeys(_TELLING[tag] for tag in tags if tag in _TELLING))


def _there(paths: list[str]) -> str | None:
    import os

    return next((path for path in paths if os.path.lexists(path)), None)
