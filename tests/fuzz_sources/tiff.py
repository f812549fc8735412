"""Where things lie in a TIFF: header, directories, their entries, tables of tiles, and tiles.

Only well-made files are read here: seeds, before anything in them is changed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}  # fmt: skip  # noqa: E501
"""Bytes of a value by TIFF's type."""
_LETTERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
OFFSETS, COUNTS = (273, 324), (279, 325)
"""Tags of the tables that say where strips or tiles lie, and how long they are."""
OVERVIEW = 254
"""NewSubfileType: not 0 in an overview or a mask."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory."""

    tag: int
    type: int
    count: int
    place: int
    """Of its first byte in the file."""
    size: int
    """Bytes of the entry itself."""
    value: int
    """Where its values lie: in the entry, or elsewhere."""

    @property
    def length(self) -> int:
        """Bytes of its values."""
        return self.count * _SIZES[self.type]

    @property
    def inline(self) -> bool:
        """Whether its values lie in the entry."""
        return self.place <= self.value < self.place + self.size


@dataclass(frozen=True)
class Tiff:
    """A file's bytes and its directories."""

    data: bytes

    @cached_property
    def order(self) -> str:
        """`<` or `>`, as `struct` has it."""
        return "<" if self.data[:2] == b"II" else ">"

    @cached_property
    def big(self) -> bool:
        """Whether it is a BigTIFF."""
        return self.number(2, 2) == 43

    def number(self, place: int, size: int) -> int:
        """A whole number of so many bytes."""
        return self.numbers(place, 1, {1: 1, 2: 3, 4: 4, 8: 16}[size])[0]

    def numbers(self, place: int, count: int, type_: int) -> list[int]:
        """Whole numbers of one of TIFF's types."""
        form = f"{self.order}{count}{_LETTERS[type_]}"
        return list(struct.unpack_from(form, self.data, place))

    @cached_property
    def directories(self) -> list[list[Entry]]:
        """Entries by directory; the image's own comes first."""
        found: list[list[Entry]] = []
        place = self.number(8, 8) if self.big else self.number(4, 4)
        while place:
            entries, place = self._directory(place)
            found.append(entries)
        return found

    def _directory(self, place: int) -> tuple[list[Entry], int]:
        head, size, room = (8, 20, 8) if self.big else (2, 12, 4)
        count = self.number(place, head)
        entries: list[Entry] = []
        for n in range(count):
            at = place + head + n * size
            tag, type_ = self.number(at, 2), self.number(at + 2, 2)
            many = self.number(at + 4, room)
            value = at + 4 + room
            if many * _SIZES[type_] > room:
                value = self.number(value, room)
            entries.append(Entry(tag, type_, many, at, size, value))
        return entries, self.number(place + head + count * size, room)

    @cached_property
    def image(self) -> dict[int, Entry]:
        """The image's own entries, by tag."""
        return {entry.tag: entry for entry in self.directories[0]}

    def table(self, tags: tuple[int, int], directory: int = 0) -> Entry:
        """The table of offsets or of counts."""
        return next(entry for entry in self.directories[directory] if entry.tag in tags)

    def read(self, entry: Entry) -> list[int]:
        """An entry's whole numbers."""
        return self.numbers(entry.value, entry.count, entry.type)

    @cached_property
    def tiles(self) -> list[tuple[int, int]]:
        """Place and length of the image's strips or tiles; (0, 0) of one that is not there."""
        places, lengths = self.read(self.table(OFFSETS)), self.read(self.table(COUNTS))
        return list(zip(places, lengths, strict=True))

    @cached_property
    def headers(self) -> list[tuple[int, int]]:
        """Place and length of all that is no tile: header, directories, values of entries."""
        found = [(0, 16 if self.big else 8)]
        for entries in self.directories:
            found.append((entries[0].place, len(entries) * entries[0].size))
            found += [(e.value, e.length) for e in entries if not e.inline]
        return found

    @staticmethod
    def fits(entry: Entry, value: int) -> bool:
        """Whether an entry's type holds a number."""
        return 0 <= value < 256 ** _SIZES[entry.type]

    def with_number(self, entry: Entry, index: int, value: int) -> bytes:
        """The file with one number of an entry changed; it is cut to the entry's type."""
        size = _SIZES[entry.type]
        packed = struct.pack(f"{self.order}{_LETTERS[entry.type]}", value % 256**size)
        place = entry.value + index * size
        return self.data[:place] + packed + self.data[place + size :]
