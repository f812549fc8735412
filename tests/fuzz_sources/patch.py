"""Puts a tag into a TIFF by a new directory at its end."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from fuzz_sources.tiff import OVERVIEW, Tiff


def with_text(data: bytes, tag: int, text: str) -> bytes:
    """The file with a tag of text; it must be little-endian and classic, with one directory."""
    return _with(data, tag, 2, text.encode() + b"\0", 1)


def with_numbers(data: bytes, tag: int, numbers: Sequence[int]) -> bytes:
    """The file with a tag of whole numbers of 16 bits; see `with_text`."""
    return _with(data, tag, 3, struct.pack(f"<{len(numbers)}H", *numbers), 2)


def _with(data: bytes, tag: int, type_: int, value: bytes, size: int) -> bytes:
    tiff = Tiff(data)
    assert (tiff.order, tiff.big, len(tiff.directories)) == ("<", False, 1)
    assert OVERVIEW not in tiff.image
    data += bytes(len(data) % 2)
    place = len(data) + len(value) + len(value) % 2
    entries = {
        entry.tag: data[entry.place : entry.place + entry.size] for entry in tiff.directories[0]
    }
    entries[tag] = struct.pack("<HHII", tag, type_, len(value) // size, len(data))
    directory = struct.pack("<H", len(entries)) + b"".join(entries[t] for t in sorted(entries))
    whole = data + value + bytes(len(value) % 2) + directory + bytes(4)
    return whole[:4] + struct.pack("<I", place) + whole[8:]
