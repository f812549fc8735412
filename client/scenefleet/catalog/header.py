"""What the header of a local TIFF or JPEG 2000 says of its size and numbers, without GDAL.

Sources: TIFF Revision 6.0, sections 2 and 15; BigTIFF (libtiff); ISO/IEC 15444-1, annex I.5.3.1;
GDAL's GTiff driver, which keeps a band's scale in the tag GDAL_METADATA.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

_WIDTH, _LENGTH, _STRIP_BYTES, _TILE_WIDTH, _TILE_BYTES = 256, 257, 279, 322, 325
_SAMPLES, _PLANAR, _FORMAT, _METADATA = 277, 284, 339, 42112
_APART = 2
"""Of `_PLANAR`: each band has tiles of its own."""
_WHOLE = (1, 2)
"""Of `_FORMAT`: whole numbers without and with a sign. They are the default, too."""
_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 16: "Q"}
_MOST_ENTRIES = 4096
_MOST_COUNTS = 4_000_000
"""Tiles or strips whose bytes are added up; a header that names more is not believed."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file's first image."""

    rows: int
    columns: int
    stored: int
    """Bytes of its tiles or strips that hold one band, as compressed: overviews are not counted.

    Where bands are interleaved by pixels, whoever reads one reads them all.
    """
    tile: int
    """Columns of a tile; of the whole image where it has strips."""
    together: bool = False
    """Whether it has several bands that are interleaved by pixel."""
    unscaled: bool = False
    """Whether its numbers are integers and the header gives no band a scale."""


def read_header(path: str) -> Header | None:
    """The header of a local file, or None where it is none that this module reads."""
    try:
        # a FIFO would wait for a writer, and a device has no end
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return None
        with Path(path).open("rb") as file:
            start = file.read(16)
            if start[:2] in (b"II", b"MM"):
                return _tiff(file, start)
            if start[4:8] == b"jP  ":
                return _jp2(file, Path(path).stat().st_size)
            if start[:4] == b"\xff\x4f\xff\x51":
                return _codestream(file, Path(path).stat().st_size)
    except (OSError, ValueError, KeyError, IndexError, struct.error, OverflowError):
        return None  # the task opens the file and says what is wrong with it
    return None


def _tiff(file: BinaryIO, start: bytes) -> Header | None:
    order = "<" if start[:2] == b"II" else ">"
    (version,) = struct.unpack(f"{order}H", start[2:4])
    if version == 43:
        (offset,) = struct.unpack(f"{order}Q", start[8:16])
        head, entry = "Q", "HHQ8s"
    elif version == 42:
        (offset,) = struct.unpack(f"{order}I", start[4:8])
        head, entry = "H", "HHI4s"
    else:
        return None
    file.seek(offset)
    (count,) = _unpack(file, order + head)
    found: dict[int, list[int]] = {}
    entries = [_unpack(file, order + entry) for _ in range(min(count, _MOST_ENTRIES))]
    wanted = (
        _WIDTH, _LENGTH, _STRIP_BYTES, _TILE_WIDTH, _TILE_BYTES, _SAMPLES, _PLANAR, _FORMAT,
        _METADATA,
    )  # fmt: skip
    for tag, kind, number, value in entries:
        if tag in wanted and kind in _CODES and number <= _MOST_COUNTS:
            found[tag] = _values(file, order, _CODES[kind], number, value)
    rows, columns = found[_LENGTH][0], found[_WIDTH][0]
    counts = found.get(_TILE_BYTES) or found.get(_STRIP_BYTES) or []
    tile = found.get(_TILE_WIDTH) or [columns]
    samples, apart = found.get(_SAMPLES, [1])[0], found.get(_PLANAR) == [_APART]
    stored = sum(counts) // max(1, samples if apart else 1)
    unscaled = found.get(_FORMAT, [1])[0] in _WHOLE and (
        b'role="scale"' not in bytes(found.get(_METADATA, ()))
    )
    together = samples > 1 and not apart
    return _checked(Header(rows, columns, stored, tile[0], together, unscaled))


def _values(file: BinaryIO, order: str, code: str, number: int, value: bytes) -> list[int]:
    form = f"{order}{number}{code}"
    size = struct.calcsize(form)
    if size <= len(value):
        return list(struct.unpack(form, value[:size]))
    (offset,) = struct.unpack(order + ("Q" if len(value) == 8 else "I"), value)
    file.seek(offset)
    return list(struct.unpack(form, file.read(size)))


def _jp2(file: BinaryIO, size: int) -> Header | None:
    file.seek(0)
    head = file.read(4096)
    at = head.find(b"ihdr")
    if at < 0:
        return None
    rows, columns, bands = struct.unpack(">IIH", head[at + 4 : at + 14])
    return _checked(Header(rows, columns, size, min(columns, 1024), bands > 1))


def _codestream(file: BinaryIO, size: int) -> Header | None:
    """A bare codestream: its SIZ segment has the image's far corner, then its origin (annex A)."""
    file.seek(8)
    right, low, left, high = struct.unpack(">IIII", file.read(16))
    file.seek(16, 1)  # size and place of a tile
    (bands,) = struct.unpack(">H", file.read(2))
    return _checked(Header(low - high, right - left, size, min(right - left, 1024), bands > 1))


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _checked(header: Header) -> Header | None:
    sides = (header.rows, header.columns, header.tile)
    return header if all(1 <= side <= 1_000_000 for side in sides) else None
