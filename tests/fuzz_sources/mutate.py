"""Seeded changes to well-made rasters, as bad disks, broken transfers and bad writers make them.

Each change is a function of a random generator and a seed's bytes. It gives the bytes that it
makes, or None where the seed has nothing of the kind, such as tiles in a JPEG 2000 file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fuzz_sources.tiff import COUNTS, OFFSETS, OVERVIEW, Tiff

Change = Callable[[Random, bytes, Tiff | None], bytes | None]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A kind of change."""

    name: str
    change: Change
    contradicts: bool = False
    """Whether the file's tables contradict themselves or the file: never to be read as nodata."""
    harmless: bool = False
    """Whether every pixel, and all that is said of it, stays as it was."""


def _flip(rng: Random, data: bytes, place: int, length: int, most: int = 3) -> bytes:
    """Changes one byte to `most` bytes of a stretch."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = place + rng.randrange(length)
        changed[at] ^= 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randint(1, 255)
    return bytes(changed)


def _nothing(_rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return data


def _tail(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return data + rng.randbytes(rng.choice((1, 16, 3000)))


def _start(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return _flip(rng, data, 0, 16)


def _anywhere(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return _flip(rng, data, 0, len(data), 8)


def _front(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return _flip(rng, data, 0, min(len(data), 700), 2)


def _entry(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    if not tiff:
        return None
    entry = rng.choice(tiff.directories[0])
    return _flip(rng, data, entry.place, entry.size, 2)


def _entry_of_overview(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    if not tiff or len(tiff.directories) < 2:
        return None
    entry = rng.choice(tiff.directories[1])
    return _flip(rng, data, entry.place, entry.size, 2)


def _type(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    """An entry's values get another type, or another number of them."""
    if not tiff:
        return None
    entry = rng.choice(tiff.directories[0])
    changed = bytearray(data)
    place = entry.place + (2 if rng.random() < 0.5 else 4)
    new = rng.choice((0, 1, 2, 3, 4, 5, 12, 13, 16, 18, 255, 1000, 65535))
    changed[place : place + 2] = new.to_bytes(2, "little" if tiff.order == "<" else "big")
    return bytes(changed)


def _number(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    """A number that says how the image is made is another one that also is possible."""
    if not tiff:
        return None
    entry = rng.choice([e for e in tiff.directories[0] if e.type in (3, 4, 16) and e.count < 5])
    index = rng.randrange(entry.count)
    now = tiff.read(entry)[index]
    new = rng.choice((0, 1, 2, 3, 4, 8, 16, 32, 64, now + 1, max(0, now - 1), now * 2, 65535, -1))
    return tiff.with_number(entry, index, new)


def _value(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    """Bytes of what entries refer to: tables, keys of the CRS, text."""
    if not tiff:
        return None
    entry = rng.choice([e for e in tiff.directories[0] if not e.inline])
    return _flip(rng, data, entry.value, entry.length, 2)


def _table(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    if not tiff:
        return None
    table = tiff.table(rng.choice((OFFSETS, COUNTS)))
    return _flip(rng, data, table.value, table.length, 2)


def _tile(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    if not tiff:
        return None
    place, length = rng.choice([tile for tile in tiff.tiles if tile[1]])
    return _flip(rng, data, place, length)


def _tile_start(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    if not tiff:
        return None
    place, length = rng.choice([tile for tile in tiff.tiles if tile[1]])
    return _flip(rng, data, place, min(length, 6), 1)


def _tile_zeros(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
    """A stretch of a tile is zeros: a disk's block that was never written."""
    if not tiff:
        return None
    place, length = rng.choice([tile for tile in tiff.tiles if tile[1]])
    start = place + rng.randrange(length)
    end = min(place + length, start + rng.choice((16, 512, 4096)))
    return data[:start] + bytes(end - start) + data[end:]


def _zeros(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((4, 64, 4096)))
    return data[:start] + bytes(end - start) + data[end:]


def _cut(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return data[: rng.randrange(len(data))]


def _cut_head(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return data[: rng.randrange(min(len(data), 600))]


def _cut_end(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    return data[: -rng.choice((1, 2, 10, 100))]


def _lost(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    """Some bytes are missing in the middle, and all that follows comes too early."""
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 2, 16, 512)) :]


def _lines(_rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    """Sent as text: each line ends as another system's lines do."""
    return data.replace(b"\n", b"\r\n")


def _twice(rng: Random, data: bytes, _tiff: Tiff | None) -> bytes:
    """A piece comes a second time in the place of what follows: a resumed transfer."""
    size = rng.choice((16, 512, 4096))
    at = rng.randrange(max(1, len(data) - 2 * size))
    return data[: at + size] + data[at : at + size] + data[at + 2 * size :]


def _present(rng: Random, tiff: Tiff) -> int:
    return rng.choice([n for n, tile in enumerate(tiff.tiles) if tile[1]])


def _set(tags: tuple[int, int], value: Callable[[Random, Tiff, int], int]) -> Change:
    """Changes one tile's number in one of the tables."""

    def change(rng: Random, _data: bytes, tiff: Tiff | None) -> bytes | None:
        if not tiff:
            return None
        n = _present(rng, tiff)
        table, new = tiff.table(tags), value(rng, tiff, n)
        return tiff.with_number(table, n, new) if tiff.fits(table, new) else None

    return change


def _in_header(rng: Random, tiff: Tiff, _n: int) -> int:
    place, length = rng.choice([part for part in tiff.headers if part[1] > 1])
    return place + rng.randrange(1 if not place else 0, length)


def _beyond(rng: Random, tiff: Tiff, _n: int) -> int:
    return len(tiff.data) + rng.choice((0, 1, 4096, 10**6, 10**9))


def _over_the_end(rng: Random, tiff: Tiff, n: int) -> int:
    return len(tiff.data) - rng.randrange(1, tiff.tiles[n][1])


def _too_long(rng: Random, tiff: Tiff, n: int) -> int:
    return len(tiff.data) - tiff.tiles[n][0] + rng.choice((1, 1000, 10**6, 2**31))


def _shorter(rng: Random, tiff: Tiff, n: int) -> int:
    return rng.randrange(1, tiff.tiles[n][1])


def _longer(rng: Random, tiff: Tiff, n: int) -> int:
    most = len(tiff.data) - tiff.tiles[n][0]
    return min(most, tiff.tiles[n][1] + rng.choice((1, 2, 50)))


def _of_another(rng: Random, tiff: Tiff, _n: int) -> int:
    return tiff.tiles[_present(rng, tiff)][0]


def _inside_another(rng: Random, tiff: Tiff, _n: int) -> int:
    place, length = tiff.tiles[_present(rng, tiff)]
    return place + rng.randrange(length)


def _gone(rng: Random, _data: bytes, tiff: Tiff | None) -> bytes | None:
    """A tile that is not there: both numbers are 0, as in a sparse file."""
    if not tiff:
        return None
    n = _present(rng, tiff)
    without = Tiff(tiff.with_number(tiff.table(OFFSETS), n, 0))
    return without.with_number(without.table(COUNTS), n, 0)


def _overview(change: Change) -> Change:
    """Changes the tables of an overview, which a task has no use for."""

    def of_overview(rng: Random, data: bytes, tiff: Tiff | None) -> bytes | None:
        if not tiff or len(tiff.directories) < 2:
            return None
        small = {entry.tag: entry for entry in tiff.directories[1]}
        if OVERVIEW not in small or tiff.read(small[OVERVIEW]) != [1]:
            return None
        return change(rng, data, tiff)

    return of_overview


def _table_of_overview(rng: Random, _data: bytes, tiff: Tiff | None) -> bytes:
    assert tiff
    table = tiff.table(rng.choice((OFFSETS, COUNTS)), 1)
    return tiff.with_number(table, rng.randrange(table.count), rng.choice((0, 7, 10**9)))


MUTATIONS = (
    Mutation("nothing", _nothing, harmless=True),
    Mutation("bytes after the end", _tail, harmless=True),
    Mutation("table of an overview", _overview(_table_of_overview)),
    Mutation("entry of an overview", _entry_of_overview),
    Mutation("start", _start),
    Mutation("front", _front),
    Mutation("anywhere", _anywhere),
    Mutation("entry", _entry),
    Mutation("entry's type", _type),
    Mutation("entry's number", _number),
    Mutation("entry's values", _value),
    Mutation("table", _table),
    Mutation("tile", _tile),
    Mutation("tile's start", _tile_start),
    Mutation("zeros in a tile", _tile_zeros),
    Mutation("zeros", _zeros),
    Mutation("cut", _cut),
    Mutation("cut in its head", _cut_head),
    Mutation("cut at its end", _cut_end),
    Mutation("bytes lost", _lost),
    Mutation("sent as text", _lines),
    Mutation("bytes sent twice", _twice),
    Mutation("sparse", _gone),
    Mutation("count 0, offset there", _set(COUNTS, lambda *_: 0), contradicts=True),
    Mutation("offset 0, count there", _set(OFFSETS, lambda *_: 0), contradicts=True),
    Mutation("tile in the header", _set(OFFSETS, _in_header), contradicts=True),
    Mutation("tile beyond the end", _set(OFFSETS, _beyond), contradicts=True),
    Mutation("tile over the end", _set(OFFSETS, _over_the_end), contradicts=True),
    Mutation("count over the end", _set(COUNTS, _too_long), contradicts=True),
    Mutation("count too small", _set(COUNTS, _shorter)),
    Mutation("count too large", _set(COUNTS, _longer)),
    Mutation("tile of another place", _set(OFFSETS, _of_another)),
    Mutation("tile inside another", _set(OFFSETS, _inside_another)),
)
