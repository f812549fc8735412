"""The user's own VRT: a mosaic or stack of local rasters, each held to the rules of any source.

GDAL's format can also name addresses, raw files of any kind, programs in Python and files within
files. None of that is read: GDAL gets a text made here, of the elements below alone, in which each
source is a file that was opened and looked at. Elsewhere a VRT is no raster (`open_raster`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import rasterio.io
from rasterio.errors import RasterioError

from scenefleet_task.beside import said_beside
from scenefleet_task.complaints import complaint_of, heard, lost_in_header
from scenefleet_task.fetch import FetchError, FileBytes
from scenefleet_task.names import Name
from scenefleet_task.open_raster import RasterFile
from scenefleet_task.probe import Finding, probe_file
from scenefleet_task.reach import href_problem
from scenefleet_task.source import Source
from scenefleet_task.spec import Exit

MOST_SOURCES = 400
"""Files of a VRT: each is open, and a process may have 1024."""
_MOST_BYTES = 20_000_000
_START = 65_536
_CONVERT = "convert it with gdal_translate -of COG"
_IN_DATASET = frozenset(
    {"SRS", "GeoTransform", "VRTRasterBand", "MaskBand", "BlockXSize", "BlockYSize"}
)
_IN_BAND = frozenset(
    {"ColorInterp", "NoDataValue", "HideNoDataValue", "Scale", "Offset", "UnitType", "Description",
     "SimpleSource", "ComplexSource"}
)  # fmt: skip
_IN_SOURCE = frozenset(
    {"SourceFilename", "SourceBand", "SrcRect", "DstRect", "NODATA", "ScaleOffset", "ScaleRatio",
     "LUT", "UseMaskBand"}
)  # fmt: skip
_LEFT_OUT = frozenset(
    {"Metadata", "Histograms", "CategoryNames", "ColorTable", "OverviewList", "SourceProperties",
     "OpenOptions"}
)  # fmt: skip
"""What says nothing of pixels, or is told by the source itself."""
_ATTRIBUTES = frozenset(
    {"rasterXSize", "rasterYSize", "dataAxisToSRSAxisMapping", "dataType", "band", "xOff", "yOff",
     "xSize", "ySize", "resampling"}
)  # fmt: skip
_BELOW = {
    "VRTRasterBand": _IN_BAND,
    "MaskBand": frozenset({"VRTRasterBand"}),
    "SimpleSource": _IN_SOURCE,
    "ComplexSource": _IN_SOURCE,
}
_MemoryFile = cast("Any", rasterio.io).MemoryFile


class VrtFile:
    """A VRT as GDAL is given it. It has a `RasterFile`'s interface, as far as reading needs it."""

    def __init__(self, name: Name, source: Source) -> None:
        """Opens the files that it names.

        Raises:
            FetchError: if it or one of them is not read.
        """
        self._files: dict[str, RasterFile] = {}
        self._bytes: list[FileBytes] = []
        self._name = name
        self._memory: Any = None
        try:
            tree = _parsed(bytes(source.bytes.fetch(0, source.size)), source.size)
            whole = _kept(tree, _IN_DATASET, self._file)
            self._memory = _MemoryFile(ET.tostring(whole), filename="source.vrt")
        except BaseException:
            self.close()
            raise

    @property
    def names(self) -> dict[str, str | None]:
        """GDAL's names of its files, and those for messages."""
        found: dict[str, str | None] = {}
        for path, file in self._files.items():
            found |= dict.fromkeys(file.names, path)
        return {**found, str(self._memory.name): None}

    @property
    def failed(self) -> FetchError | None:
        """The first range that did not come, of any file."""
        return next((file.failed for file in self._files.values() if file.failed), None)

    def opened(self) -> Any:  # noqa: ANN401 - a rasterio dataset
        """Opens it.

        Raises:
            RasterioError: if it cannot be.
        """
        with heard() as said:
            dataset = self._memory.open(driver="VRT")
        lost = lost_in_header(said)
        if lost:
            dataset.close()
            raise RasterioError("; ".join(dict.fromkeys(lost)))
        return dataset

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Nothing: its files are local."""

    def read(self, start: int, size: int) -> bytes:
        """Nothing: its blocks lie in other files."""
        del start, size
        return b""

    def forget(self) -> None:
        """Nothing: its files are local."""

    def close(self) -> None:
        """Closes its files; datasets are to be closed before."""
        if self._memory:
            self._memory.close()
        for file in self._files.values():
            file.close()
        for source in self._bytes:
            source.close()

    def _file(self, element: ET.Element) -> ET.Element:
        """A `SourceFilename` of a file that was opened and looked at."""
        path = (element.text or "").strip()
        if element.get("relativeToVRT") == "1":
            path = str(Path(self._name.href).parent / path)
        path = os.path.normpath(path) if path.startswith("/") else path
        if path not in self._files:
            if len(self._files) == MOST_SOURCES:
                raise _refused(f"it names more than {MOST_SOURCES} files; {_CONVERT}")
            self._files[path] = self._open(path)
        named = ET.Element("SourceFilename", {"relativeToVRT": "0", "shared": "0"})
        named.text = self._files[path].path_name
        return named

    def _open(self, path: str) -> RasterFile:
        web = path.lower().startswith(("http://", "https://"))
        problem = "it is an address" if web else href_problem(path, self._name.reach)
        if problem:
            raise _refused(f"it names {path[:200]!r}, which is not read: {problem}")
        try:
            source = FileBytes(path)
        except OSError as error:
            finding = probe_file(path, str(error))
            raise _refused(f"it names {path}: {finding.text.rstrip('.')}", finding.exit) from None
        self._bytes.append(source)
        unread = said_beside(path)
        if unread:
            said = f"it names {path}, and {unread} would not be read"
            raise _refused(f"{said}; make one file of all by gdal_translate -of COG")
        file = RasterFile(source, source.size, source.start(_START), 0)
        try:
            file.opened().close()
        except RasterioError as error:
            file.close()
            said = complaint_of(error).replace(file.path_name, path).rstrip(".")
            raise _refused(f"it names {path}: {said}") from None
        return file


def _parsed(text: bytes, size: int) -> ET.Element:
    if size > _MOST_BYTES:
        raise _refused(f"it has {size} bytes, and {_MOST_BYTES} are the most; {_CONVERT}")
    if b"<!" in text.replace(b"<!--", b"") or b"\0" in text:  # entities may grow without end
        raise _refused(f"it declares entities or a document type; {_CONVERT}")
    try:
        tree = ET.fromstring(text)  # noqa: S314 - without declarations there is no trick
    except ET.ParseError as error:
        raise _refused(f"it is no XML ({error})") from None
    if tree.tag != "VRTDataset":
        raise _refused(f"it is no VRT: it begins with <{tree.tag[:40]}>")
    return tree


def _kept(
    element: ET.Element,
    allowed: frozenset[str],
    file: Callable[[ET.Element], ET.Element],
) -> ET.Element:
    """An element with what may stand in it; all else that matters is refused by name."""
    if element.get("subClass") not in (None, "VRTRasterBand"):
        said = f"{element.tag} of the kind {element.get('subClass')!r}"
        raise _refused(f"it has a {said}, which is not read; {_CONVERT}")
    if element.tag == "SourceFilename":
        return file(element)
    kept = ET.Element(element.tag, {k: v for k, v in element.items() if k in _ATTRIBUTES})
    kept.text = element.text
    for child in element:
        if child.tag in _LEFT_OUT:
            continue
        if child.tag not in allowed:
            said = f"it has the element {str(child.tag)[:60]!r}, which is not read"
            raise _refused(f"{said}; {_CONVERT}")
        kept.append(_kept(child, _BELOW.get(child.tag, frozenset()), file))
    return kept


def _refused(why: str, exit_: Exit = Exit.SOURCE_UNREADABLE) -> FetchError:
    return FetchError(Finding(exit_, f"the VRT is not read: {why}."))
