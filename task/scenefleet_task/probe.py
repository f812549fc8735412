"""Finds out why a source could not be opened or read.

GDAL says "not recognized as a supported file format" of a 404, a 403 and a throttled account alike
(gdal#8922), so one small ranged GET asks the server itself.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scenefleet_task.redact import redact
from scenefleet_task.spec import Exit

if TYPE_CHECKING:
    from urllib.error import HTTPError

TIMEOUT = 30.0
"""Seconds."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CODE = re.compile(r"response(?: |_)code:?\s*(\d{3})|HTTP error code\s*:?\s*(\d{3})", re.IGNORECASE)
_NETWORK = re.compile(r"curl error|timed? ?out|connection|partial file|transfer closed", re.IGNORECASE)  # fmt: skip  # noqa: E501

_SHORT = re.compile(r"got \d+ byte", re.IGNORECASE)
"""libtiff's words for fewer bytes than it asked for: of a file that has them, a lost connection."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a source is not readable."""

    exit: Exit
    text: str
    """Goes on after the source's address, e.g. `HTTP 404: not there`."""


def probe(place: str, complaint: str, needed: int = 0) -> Finding:
    """Asks the server or the file system what is wrong with a source that failed.

    Args:
        place: a signed address, or a local path.
        complaint: what GDAL said; decides where the source looks sound.
        needed: bytes that the file must have for what was asked of it, as far as known.
    """
    # Imported late, as only a failure needs them, and every task would pay for the import.
    import http.client
    import urllib.error
    import urllib.request

    if not place.startswith(("http://", "https://")):
        return _probe_file(Path(place), complaint, needed)
    request = urllib.request.Request(place, headers={"Range": "bytes=0-15"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            start = answer.read(16)
            size = _size(answer.headers.get("Content-Range"), answer.headers.get("Content-Length"))
    except urllib.error.HTTPError as error:
        with error:
            return from_status(error.code, _words(error))
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        return Finding(Exit.SOURCE_UNREACHABLE, f"no answer ({redact(str(cause))}). Retry later.")
    return _judge(start, size, complaint, needed)


def from_status(status: int, words: str = "") -> Finding:
    """What an HTTP status says of a source."""
    said = f"HTTP {status}" + (f" ({words})" if words else "")
    if status in (404, 410):
        return Finding(Exit.SOURCE_MISSING, f"{said}: the file is not there.")
    if status in (401, 403, 409):  # 409: Azure's "public access is not permitted"
        return Finding(Exit.SOURCE_DENIED, f"{said}: not allowed to read it, or throttled.")
    if status == 416:  # no byte of the first 16 is there
        return Finding(Exit.SOURCE_UNREADABLE, "the file is empty.")
    if status == 429 or status >= 500:
        return Finding(Exit.SOURCE_UNREACHABLE, f"{said}, also after retries. Retry later.")
    return Finding(Exit.SOURCE_UNREADABLE, f"{said}: the server does not give the file.")


def _judge(start: bytes, size: int | None, complaint: str, needed: int) -> Finding:
    """Of a source that answers: what its first bytes, its size and GDAL's complaint say."""
    page = start.lstrip()[:1] == b"<"
    # before GDAL's complaint: a range beyond the end is its HTTP 416
    if size and size < needed and not page:
        said = f"truncated: {size} bytes are there, {needed} are needed."
        return Finding(Exit.SOURCE_UNREADABLE, said)
    match = _CODE.search(complaint)
    status = int(match[1] or match[2]) if match else 0
    if status and not (page and status == 416):  # a page has few bytes
        return from_status(status)
    if start and not page and (_NETWORK.search(complaint) or (needed and _SHORT.search(complaint))):
        said = f"the connection broke ({complaint[:160]}). Retry later."
        return Finding(Exit.SOURCE_UNREACHABLE, said)
    if not start or size == 0:
        said = "the file is empty."
    elif page:
        said = "not a raster but a page of HTML or XML."
    elif not start.startswith(_TIFF):
        said = f"not a raster that can be read; it starts with {start[:8]!r}."
    else:
        said = f"truncated or corrupt ({complaint[:240]})."
    return Finding(Exit.SOURCE_UNREADABLE, said)


def _probe_file(path: Path, complaint: str, needed: int) -> Finding:
    try:
        with path.open("rb") as file:
            return _judge(file.read(16), os.fstat(file.fileno()).st_size, complaint, needed)
    except FileNotFoundError:
        return Finding(Exit.SOURCE_MISSING, "the file is not there.")
    except PermissionError:
        return Finding(Exit.SOURCE_DENIED, "not allowed to read the file.")
    except OSError as error:
        return Finding(Exit.SOURCE_UNREADABLE, f"{error.strerror or error}.")


def _size(content_range: str | None, length: str | None) -> int | None:
    total = content_range.rpartition("/")[2] if content_range else length
    return int(total) if total and total.isdecimal() else None


def _words(error: HTTPError) -> str:
    """A service's own words: Azure answers XML with a code and a message."""
    from http.client import HTTPException

    try:
        text = error.read(2000).decode(errors="replace")
    except (OSError, HTTPException):
        return str(error.reason)
    found = re.search(r"<Code>([^<]+)</Code>(?:\s*<Message>([^<\n]+))?", text)
    return redact(": ".join(filter(None, found.groups()))) if found else str(error.reason)
