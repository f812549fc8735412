"""Checks what a TIFF's directories say of where its tiles or strips lie.

GDAL takes a tile of no bytes for one that is not there, whatever its place, and reads any place as
pixels, the file's own header too. So contradictions are looked for before a pixel is read, in every
directory: the raster's, its overviews' and its mask's. What is not there has no place and no bytes
(a sparse file's tiles); all else must lie behind the header, in no directory, and may overlap with
another only where both are one and the same range.

TIFF 6.0, sections 2 and 15; BigTIFF. That ranges end within the file is checked when they are read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Read = Callable[[int, int], bytes]
"""Gives bytes from a place, fewer at the file's end."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
          17: 8, 18: 8}  # fmt: skip
"""Bytes of one value, by TIFF's number of its type."""
_NUMBERS = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS, _SUB = 273, 279, 324, 325, 330
_TABLES = (_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS, _SUB)
_MOST_DIRECTORIES = 512
_MOST_ENTRIES = 4096
_MOST_TILES = 20_000_000
Numbers = NDArray[np.uint64]


@dataclass(slots=True)
class _Seen:
    """The directories and tables found so far."""

    directories: set[int] = field(default_factory=set[int])
    taken: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Start and end of what directories and their values take."""
    tables: list[tuple[Numbers, Numbers]] = field(default_factory=list[tuple[Numbers, Numbers]])
    """Offsets and byte counts."""


@dataclass(frozen=True, slots=True)
class _Form:
    order: str
    big: bool

    @property
    def word(self) -> str:
        return f"{self.order}{'Q' if self.big else 'I'}"

    @property
    def entry(self) -> str:
        return f"{self.order}HH{'Q' if self.big else 'I'}"


def contradiction(read: Read, size: int) -> str | None:
    """Describes what is wrong with a TIFF's tables of tiles; None if nothing is."""
    start = read(0, 16)
    form = _Form("<" if start[:2] == b"II" else ">", start[2:4] in (b"+\0", b"\0+"))
    if len(start) < (16 if form.big else 8):
        return "its header is cut short"
    seen = _Seen(taken=[(0, 16 if form.big else 8)])
    (place,) = struct.unpack_from(form.word, start, 8 if form.big else 4)
    waiting = [place]
    while waiting:
        place = waiting.pop()
        if not place or place in seen.directories:
            continue
        if len(seen.directories) >= _MOST_DIRECTORIES:
            return f"it has more than {_MOST_DIRECTORIES} directories"
        seen.directories.add(place)
        found = _directory(read, form, place, seen, size)
        if isinstance(found, str):
            return found
        waiting += found
    for offsets, counts in seen.tables:
        said = _wrong(offsets, counts, seen.taken)
        if said:
            return said
    return None


def _directory(read: Read, form: _Form, place: int, seen: _Seen, size: int) -> list[int] | str:
    """Notes a directory's tables; gives the directories that it names, or what is wrong."""
    head, entry = (8, 20) if form.big else (2, 12)
    word = struct.calcsize(form.word)
    count = _one(read(place, head), f"{form.order}{'Q' if form.big else 'H'}")
    if count is None or count > _MOST_ENTRIES:
        return "a directory of it is cut short, or too long"
    data = read(place + head, count * entry + word)
    if len(data) < count * entry:
        return "a directory of it is cut short"
    seen.taken.append((place, place + head + len(data)))
    values: dict[int, Numbers] = {}
    for at in range(0, count * entry, entry):
        tag, kind, many = struct.unpack_from(form.entry, data, at)
        length = _SIZES.get(kind, 0) * many
        inline = data[at + entry - word : at + entry]
        where = _one(inline, form.word) or 0
        if word < length <= size - where:
            seen.taken.append((where, where + length))
        if tag in _TABLES and tag not in values:
            if kind not in _NUMBERS or many > _MOST_TILES:
                return f"its tag {tag} is of a type that it cannot have, or too long"
            raw = read(where, length) if length > word else inline[:length]
            if len(raw) < length:
                return f"its tag {tag} is cut short"
            values[tag] = np.frombuffer(raw, form.order + _NUMBERS[kind]).astype(np.uint64)
    return _directories_of(values, seen, _one(data[count * entry :], form.word) or 0)


def _directories_of(values: dict[int, Numbers], seen: _Seen, onward: int) -> list[int]:
    for offsets, counts in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
        if offsets in values and counts in values:  # without counts libtiff tells them from sizes
            seen.tables.append((values[offsets], values[counts]))
    return [onward, *(int(n) for n in values.get(_SUB, ()))]


def _wrong(offsets: Numbers, counts: Numbers, taken: list[tuple[int, int]]) -> str | None:
    """What is wrong with a table."""
    if len(offsets) != len(counts):
        return f"it names {len(offsets)} places of tiles or strips, but {len(counts)} sizes"
    placed, full = offsets > 0, counts > 0
    ends = offsets + counts
    in_header = np.zeros(len(offsets), np.bool_)
    for begin, end in taken:
        in_header |= full & (offsets < np.uint64(end)) & (ends > np.uint64(begin))
    faults = {
        "has a place in the file, but no bytes": placed & ~full,
        "has bytes, but no place in the file": full & ~placed,
        "ends beyond any file": ends < offsets,
        "lies in the file's own header": in_header,
    }
    for said, at in faults.items():
        if at.any():
            return f"its tile or strip number {np.flatnonzero(at)[0]} {said}"
    order = np.lexsort((counts[full], offsets[full]))
    first, last = offsets[full][order], ends[full][order]
    same = (first[1:] == first[:-1]) & (last[1:] == last[:-1])
    meets = (first[1:] < last[:-1]) & ~same
    if meets.any():
        number = np.flatnonzero(full)[order[1:][meets][0]]
        return f"its tile or strip number {number} overlaps with another"
    return None


def _one(data: bytes, form: str) -> int | None:
    return struct.unpack_from(form, data)[0] if len(data) >= struct.calcsize(form) else None
