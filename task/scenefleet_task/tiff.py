"""The head of a Cloud Optimized GeoTIFF: directories before data, as GDAL's COG driver lays it out.

What describes the raster (its georeference, descriptions, statistics, colours) GDAL writes into an
empty file first; its tags are taken from there as they are. Here they are put in order with the
places of the tiles.

TIFF 6.0 (https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf), BigTIFF
(https://www.awaresystems.be/imaging/tiff/bigtiff.html), and GDAL's layout of a COG
(https://gdal.org/en/stable/drivers/raster/cog.html).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # fmt: skip  # noqa: E501
"""Bytes of one value, by TIFF's number of its type."""
_SHORT, _LONG, _LONG8 = 3, 4, 16
_SUBFILE, _WIDTH, _HEIGHT, _OFFSETS, _COUNTS = 254, 256, 257, 324, 325
_OF_EACH_LEVEL = (258, 259, 262, 277, 284, 317, 320, 322, 323, 338, 339, 42113)
"""Tags that an overview has as well: form, colours, tiles, nodata."""
_CLASSIC_END = 2**32
_LAYOUT = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
"""Tells readers that know it that a tile's size stands before it: no need of the table."""
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_LAYOUT) + _LAYOUT
LEADER, TRAILER = 4, 4
"""Bytes around a tile."""

Tags = Mapping[int, "Tag"]


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a directory."""

    kind: int
    """TIFF's number of the type."""
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Level:
    """A resolution of the raster: what it measures and its tiles' sizes."""

    width: int
    height: int
    sizes: NDArray[np.int64]
    """Bytes of each tile in row-major order, without leader and trailer; 0 is not there."""

    @property
    def length(self) -> int:
        """Bytes of all tiles, leaders and trailers included."""
        return int(self.sizes.sum()) + (LEADER + TRAILER) * int(np.count_nonzero(self.sizes))


def wrapped(tile: bytes) -> bytes:
    """A tile between its size and its last four bytes again, as `_LAYOUT` promises."""
    return b"".join((struct.pack("<I", len(tile)), tile, tile[-TRAILER:]))


def first_tags(data: bytes) -> dict[int, Tag]:
    """The tags of a little-endian TIFF's first directory."""
    big = data[:4] == b"II+\0"
    (place,) = struct.unpack_from("<Q" if big else "<I", data, 8 if big else 4)
    (count,) = struct.unpack_from("<Q" if big else "<H", data, place)
    place += 8 if big else 2
    tags: dict[int, Tag] = {}
    entry, inline = ("<HHQ", 8) if big else ("<HHI", 4)
    for start in range(place, place + count * (20 if big else 12), 20 if big else 12):
        tag, kind, values = struct.unpack_from(entry, data, start)
        size, at = _SIZES[kind] * values, start + struct.calcsize(entry)
        if size > inline:
            (at,) = struct.unpack_from("<Q" if big else "<I", data, at)
        tags[tag] = Tag(kind, values, data[at : at + size])
    return tags


def head(tags: Tags, levels: Sequence[Level]) -> bytes:
    """All that stands before the first tile.

    The tiles follow: those of the last level first, those of the first one, the raster itself,
    last; each `wrapped`.

    Args:
        tags: of the raster's own directory (see `first_tags`).
        levels: the raster, and its overviews from large to small.
    """
    data = sum(level.length for level in levels)
    entries = sum(level.sizes.size for level in levels)
    described = sum(len(tag.data) for tag in tags.values()) * 2 * len(levels)
    big = data + 24 * entries + described + 4096 >= _CLASSIC_END
    length = len(_assemble(tags, levels, [0] * len(levels), big=big))
    starts = [0] * len(levels)
    at = length
    for n in reversed(range(len(levels))):
        starts[n] = at
        at += levels[n].length
    return _assemble(tags, levels, starts, big=big)


def _assemble(tags: Tags, levels: Sequence[Level], starts: Sequence[int], *, big: bool) -> bytes:
    first = (16 if big else 8) + len(_GHOST)
    first += first % 2
    start = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if big else struct.pack("<2sHI", b"II", 42, first)  # fmt: skip  # noqa: E501
    out = bytearray((start + _GHOST).ljust(first, b"\0"))
    for n, level in enumerate(levels):
        own = dict(tags) if n == 0 else {t: tags[t] for t in _OF_EACH_LEVEL if t in tags}
        if n:
            own[_SUBFILE] = Tag(_LONG, 1, struct.pack("<I", 1))
        own[_WIDTH] = Tag(_LONG, 1, struct.pack("<I", level.width))
        own[_HEIGHT] = Tag(_LONG, 1, struct.pack("<I", level.height))
        own[_COUNTS] = Tag(_LONG, level.sizes.size, level.sizes.astype("<u4").tobytes())
        places = _places(level, starts[n])
        own[_OFFSETS] = Tag(
            _LONG8 if big else _LONG, places.size, places.astype("<u8" if big else "<u4").tobytes()
        )
        out += _directory(own, len(out), last=n == len(levels) - 1, big=big)
    return bytes(out)


def _places(level: Level, start: int) -> NDArray[np.int64]:
    """Where each tile begins; 0 for one that is not there."""
    there = level.sizes > 0
    steps = np.where(there, level.sizes + LEADER + TRAILER, 0)
    places = start + LEADER + np.cumsum(steps) - steps
    return np.where(there, places, 0)


def _directory(tags: Tags, at: int, *, last: bool, big: bool) -> bytes:
    """A directory at a place of the file, with its values behind it."""
    word, entry, inline = ("<Q", "<HHQ", 8) if big else ("<I", "<HHI", 4)
    fixed = (8 + 20 * len(tags) + 8) if big else (2 + 12 * len(tags) + 4)
    out, beyond = bytearray(struct.pack("<Q" if big else "<H", len(tags))), bytearray()
    for number in sorted(tags):
        tag = tags[number]
        out += struct.pack(entry, number, tag.kind, tag.count)
        if len(tag.data) <= inline:
            out += tag.data.ljust(inline, b"\0")
        else:
            out += struct.pack(word, at + fixed + len(beyond))
            beyond += tag.data + b"\0" * (len(tag.data) % 2)
    end = at + fixed + len(beyond)
    out += struct.pack(word, 0 if last else end)
    return bytes(out + beyond)
