"""Media types of rasters, in the spellings that catalogues use for GeoTIFF and JPEG 2000.

`image/tiff; application=geotiff; profile=cloud-optimized` is STAC's own; parameters, case, spaces
and quotes differ from catalogue to catalogue, and so does the type itself.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

Format = Literal["tiff", "jp2"]

READ = "GeoTIFF (image/tiff; application=geotiff) and JPEG 2000 (image/jp2)"
"""What is read as a band, for messages."""

_TIFF = re.compile(r"((image|application)/)?(x[.-]|vnd\.(stac\.)?)?(geo)?(tiff?|cog)")
_JP2 = re.compile(r"((image|application)/)?(x[.-])?(jp2|jpx|jpm|j2k|jpeg-?2000)")
_PARAMETERS = re.compile(r"[;,\s]")
_NOTHING = ("", "application/octet-stream", "binary/octet-stream", "image", "image/*", "*/*")
"""Types that tell nothing: the file's name decides."""
_SUFFIXES: dict[str, Format] = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".gtiff": "tiff",
    ".cog": "tiff",
    ".jp2": "jp2",
    ".j2k": "jp2",
    ".jpx": "jp2",
}


def format_of(media_type: str | None, href: str) -> Format | None:
    """The format of an asset, or None where it is neither.

    An asset without a type, or with one that tells nothing, has the format of its file's name; one
    whose name tells nothing either is taken for a TIFF.
    """
    kind = essence(media_type)
    if kind in _NOTHING:
        suffix = PurePosixPath(urlsplit(href).path).suffix.lower()
        if suffix in _SUFFIXES:
            return _SUFFIXES[suffix]
        return "tiff" if not kind or not suffix else None
    return _of_type(kind)


def essence(media_type: str | None) -> str:
    """The type without its parameters, in lower case; empty where there is none."""
    told = _PARAMETERS.split(str(media_type or "").strip(" \t\n\"'"), maxsplit=1)[0]
    return told.strip("\"'").lower()


@lru_cache(maxsize=256)
def _of_type(kind: str) -> Format | None:
    if _TIFF.fullmatch(kind):
        return "tiff"
    return "jp2" if _JP2.fullmatch(kind) else None
