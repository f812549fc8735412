"""Finds out why a source could not be opened or read.

What reads a raster says "not recognized as a supported file format" of a 404, a 403 and a throttled
account alike (gdal#8922), so one small ranged GET asks the server itself.
"""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from scenefleet_task.connect import RefusedError
from scenefleet_task.http_get import Answer
from scenefleet_task.local_file import NotPlainError, open_plain
from scenefleet_task.network import cause_of
from scenefleet_task.redact import redact
from scenefleet_task.spec import Exit

TIMEOUT = 30.0
"""Seconds."""
_LONGEST = 240
"""Characters of a complaint that are told."""
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF starts: little-endian and big-endian, each classic and BigTIFF."""
JP2 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
"""How JPEG 2000 starts: in its usual box, and a bare code stream."""
_CODE = re.compile(r"response(?: |_)code:?\s*(\d{3})|HTTP error code\s*:?\s*(\d{3})", re.IGNORECASE)
_NETWORK = re.compile(r"timed? ?out|connection|partial file|transfer closed", re.IGNORECASE)
_OTHERS = {
    b"<": "a page of HTML or XML",
    b"PK\3\4": "a zip archive; unpack it, and name the raster in it",
    b"\x89HDF": "HDF5 or netCDF, which is not read; convert it with gdal_translate",
    b"CDF": "netCDF, which is not read; convert it with gdal_translate",
    b"\x0e\x03\x13\x01": "HDF4, which is not read; convert it with gdal_translate",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"GRIB": "GRIB, which is not read; convert it with gdal_translate",
    b"\xff\xd8\xff": "a JPEG picture, which has no place on earth",
    b"\x89PNG": "a PNG picture, which has no place on earth",
    b"NITF": "NITF, which is not read; convert it with gdal_translate",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a source is not readable."""

    exit: Exit
    text: str
    """Goes on after the source's address, e.g. `HTTP 404: not there`."""


Ask = Callable[[dict[str, str], float], AbstractContextManager[Answer]]
"""Asks for a source's address, with headers, within seconds."""


def probe(ask: Ask, complaint: str, needed: int = 0) -> Finding:
    """Asks a server what is wrong with a source that failed.

    Args:
        ask: asks for the signed address, and for no address that is out of reach.
        complaint: what went wrong; decides where the source looks sound.
        needed: bytes that the file must have for what was asked of it, as far as known.
    """
    try:
        with ask({"Range": "bytes=0-15"}, TIMEOUT) as answer:
            if answer.status >= 300:
                return from_status(answer.status, _words(answer))
            start = answer.read(16)
            # the length of a partial answer is no file's
            length = answer.header("Content-Length") if answer.status == 200 else None
            size = _size(answer.header("Content-Range"), length)
    except RefusedError as error:
        return refused(error)
    except (OSError, http.client.HTTPException) as error:
        return Finding(Exit.SOURCE_UNREACHABLE, f"no answer: {cause_of(error)}. Retry later.")
    return judge(start, size, complaint, needed)


def probe_file(path: str, complaint: str, needed: int = 0) -> Finding:
    """Asks the file system what is wrong with a local source that failed; see `probe`."""
    try:
        number = open_plain(path)
    except FileNotFoundError:
        return Finding(Exit.SOURCE_MISSING, "the file is not there.")
    except NotPlainError as error:
        return Finding(Exit.SOURCE_UNREADABLE, f"it is not read: {error.strerror}.")
    except PermissionError:
        return Finding(Exit.SOURCE_DENIED, "not allowed to read the file.")
    except OSError as error:
        return Finding(Exit.SOURCE_UNREADABLE, f"{error.strerror or error}.")
    with os.fdopen(number, "rb") as file:
        return judge(file.read(16), os.fstat(number).st_size, complaint, needed)


def refused(error: RefusedError) -> Finding:
    """The finding for an address that is out of reach."""
    return Finding(error.exit, f"{error}.")


def truncated(size: int, needed: int) -> Finding:
    """The finding for a file that has fewer bytes than its header tells of."""
    said = f"truncated: {size} bytes are there, {needed} are needed."
    return Finding(Exit.SOURCE_UNREADABLE, said)


def from_status(status: int, words: str = "") -> Finding:
    """What an HTTP status says of a source."""
    said = f"HTTP {status}" + (f" ({words})" if words else "")
    if status in (404, 410):
        return Finding(Exit.SOURCE_MISSING, f"{said}: the file is not there.")
    if status == 407:
        return Finding(
            Exit.SOURCE_DENIED,
            f"{said}: the environment's proxy wants a user and a password in its address.",
        )
    if status in (401, 403, 409):  # 409: Azure's "public access is not permitted"
        return Finding(Exit.SOURCE_DENIED, f"{said}: not allowed to read it, or throttled.")
    if status == 416:  # no byte of the first 16 is there
        return Finding(Exit.SOURCE_UNREADABLE, "the file is empty.")
    if status == 429 or status >= 500:
        return Finding(Exit.SOURCE_UNREACHABLE, f"{said}, also after retries. Retry later.")
    return Finding(Exit.SOURCE_UNREADABLE, f"{said}: the server does not give the file.")


def judge(start: bytes, size: int | None, complaint: str, needed: int) -> Finding:
    """Judges a source that answers, by its first bytes, its size and the complaint."""
    page = start.lstrip()[:1] == b"<"
    # before the complaint: a range beyond the end is an HTTP 416
    if size and size < needed and not page:
        return truncated(size, needed)
    match = _CODE.search(complaint)
    status = int(match[1] or match[2]) if match else 0
    if status and not (page and status == 416):  # a page has few bytes
        return from_status(status)
    if start and not page and _NETWORK.search(complaint):
        why = complaint.removeprefix("connection: ")[:160]
        said = f"the connection broke ({why}). Retry later."
        return Finding(Exit.SOURCE_UNREACHABLE, said)
    if not start or size == 0:
        said = "the file is empty."
    elif not start.startswith((*TIFF, *JP2)):
        said = f"not a raster that is read (those are GeoTIFF and JPEG 2000) but {kind_of(start)}."
    else:
        said = f"truncated or corrupt ({_cut(complaint)})."
    return Finding(Exit.SOURCE_UNREADABLE, said)


def kind_of(start: bytes) -> str:
    """Names the likely kind of a file that is not read as a raster."""
    bare = start.lstrip()
    named = next((name for magic, name in _OTHERS.items() if bare.startswith(magic)), None)
    return named or f"one that starts with {start[:8]!r}"


def _cut(complaint: str) -> str:
    """The first words of a complaint that is long."""
    if len(complaint) <= _LONGEST:
        return complaint
    start = complaint[:_LONGEST]
    return (start.rpartition(" ")[0] or start).rstrip(" .,:;(") + " ..."


def _size(content_range: str | None, length: str | None) -> int | None:
    total = content_range.rpartition("/")[2] if content_range else length
    return int(total) if total and total.isascii() and total.isdecimal() else None


def _words(answer: Answer) -> str:
    """A service's own words: Azure answers XML with a code and a message."""
    try:
        text = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return answer.reason
    found = re.search(r"<Code>([^<]+)</Code>(?:\s*<Message>([^<\n]+))?", text)
    said = ": ".join(filter(None, found.groups())) if found else answer.reason
    return redact("".join(c if c.isprintable() else " " for c in said)[:300])
