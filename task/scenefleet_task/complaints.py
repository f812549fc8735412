"""Hears what GDAL complains of while a raster is opened or read, and tells what is an error.

GDAL goes on after much that makes pixels wrong: it draws what a broken JPEG or fax still gives, and
leaves out a tag that it cannot read. rasterio passes such complaints to its log only. Here they are
gathered by thread, and those that mean that something was lost are errors.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import rasterio

from scenefleet_task.redact import redact

GdalError = cast("type[Exception]", cast("Any", rasterio)._err.CPLE_BaseError)  # noqa: SLF001 - no other name
"""What GDAL raises where rasterio does not wrap it, such as of two CRS without a way between."""
_LOGGERS = ("rasterio._env", "rasterio._err")
_FAILURE = re.compile(r"GDAL signalled an error: err_no=\d+, msg=(['\"])(.*)\1", re.DOTALL)
_CLASS = re.compile(r"^CPLE_\w+(?: in |:)")
_LOST = re.compile(
    r"ignored|corrupt|cannot|can't|could not|failed|io error|read error|truncated|incorrect|cycle|"
    r"nonstandard",
    re.IGNORECASE,
)
"""Words of warnings, while a raster is opened, that something of its header was lost."""
_NOTHING = re.compile(
    r"Read failed\. See previous exception for details\.?|GDAL signalled an error.*|CPLE_\w+"
)
"""Complaints that say nothing that another of the same failure does not."""
_PLACE = re.compile(
    r"(?:(?:.*, )?band \d+: )?IReadBlock failed at X offset (\d+), Y offset (\d+): ?", re.DOTALL
)
"""A block's place, after the file's name, which is told before all complaints anyway."""
_FUNCTION = re.compile(
    r"(?<![\w/.])(?:"
    r"_?(?:TIFF|GTiff|GDAL|OGR|VSI|CPL|OSR|opj_|jpeg_|PROJ: )\w*(?:\(\))?"  # of a library
    r"|\w+(?:Pre|Post)?(?:Decode|Encode|Setup\w*)(?:\(\))?"  # of libtiff's codecs
    r"|proj_\w+|Error in \w+\(\)"
    r"): ?"
)
_FAILED = re.compile(r"\w+\(\) failed\.?")
"""Names of functions of GDAL and its libraries, as they put them before what they say."""
_HARMLESS = re.compile(
    r"Unknown field with tag|tags are not sorted|does not end in null"
    r'|"(?:XMLPacket|Photoshop|RichTIFFIPTC|ICC Profile|ICCProfile|ImageDescription|DateTime|'
    r"Software|Artist|Copyright|HostComputer|Make|Model|DocumentName|PageName|PageNumber|"
    r'XResolution|YResolution|ResolutionUnit|MinSampleValue|MaxSampleValue|EXIFIFDOffset)"'
)
"""Of tags that say nothing of pixels or places."""


class _Ear(logging.Handler):
    """Gathers records of the threads that listen."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        said: list[tuple[bool, str]] | None = getattr(self.heard, "said", None)
        if said is None:
            return
        text = record.getMessage()
        failure = _FAILURE.search(text)
        if failure:
            said.append((True, failure[2]))
        elif record.levelno >= logging.WARNING:
            said.append((record.levelno >= logging.ERROR, _CLASS.sub("", text)))


_EAR = _Ear()
for _name in _LOGGERS:
    logging.getLogger(_name).addHandler(_EAR)
    logging.getLogger(_name).setLevel(logging.INFO)  # GDAL's failures come at this level


@contextmanager
def heard() -> Generator[list[tuple[bool, str]]]:
    """Gathers what GDAL says in this thread: whether it calls it a failure, and its words."""
    before = getattr(_EAR.heard, "said", None)
    said: list[tuple[bool, str]] = []
    _EAR.heard.said = said
    try:
        yield said
    finally:
        _EAR.heard.said = before


def lost_in_header(said: list[tuple[bool, str]]) -> list[str]:
    """Complaints that mean that a header was not read as it is."""
    return [
        text
        for failure, text in said
        if not _of_proj(text) and (failure or (_LOST.search(text) and not _HARMLESS.search(text)))
    ]


def lost_in_pixels(said: list[tuple[bool, str]]) -> list[str]:
    """Complaints that mean that pixels may be wrong: all, as sound files give rise to none."""
    return [text for _, text in said if not _of_proj(text)]


def plain(text: str) -> str:
    """Returns complaints in words for people: no name of a function, and none of them twice."""
    found: dict[str, None] = {}
    for piece in text.split("; "):
        said = _PLACE.sub(r"the block in column \1, row \2 is broken: ", piece)
        said = _FAILED.sub("it cannot be decoded", _FUNCTION.sub("", said))
        said = said.strip().rstrip(".:").strip()
        if said and not _NOTHING.fullmatch(said):
            found[said] = None
    kept = [one for one in found if not any(one != other and one in other for other in found)]
    return "; ".join(kept)


def complaint_of(error: BaseException) -> str:
    """Gives what GDAL said in an error, the causes included, on one line and redacted."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    one_line = (" ".join(text) for text in map(str.split, said))
    return plain(redact("; ".join(dict.fromkeys(one_line))))


def _of_proj(text: str) -> bool:
    """Whether it is about a coordinate system: what cannot be transformed is an error elsewhere."""
    return text.startswith("PROJ:")
