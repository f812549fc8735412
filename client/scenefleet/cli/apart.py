"""Names made shorter so that they stay different: what all of them share goes first. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from scenefleet.cli.cells import cells, shorten, start_of

_SIGN = "…"
_FIELD = re.compile(r"[^_\-./ ]+|[_\-./ ]")
"""Fields of a name, and what separates them, each by itself."""
_SEPARATOR = re.compile(r"[_\-./ ]")
_MOST_NAMES = 2000
"""Names that are compared; of more, each is shortened by itself."""


def shorten_apart(names: Sequence[str], most: int) -> list[str]:
    """Returns each name in `most` columns; names that differ still do, where that is possible.

    Fields that all names share are left out first, the longest first, then those that tell the
    fewest names apart. Names without common fields lose what they begin and end with alike.

    Args:
        names: of one column of a table; some may be equal.
        most: columns.
    """
    long = list(dict.fromkeys(name for name in names if cells(name) > most))
    short = {name: shorten(name, most) for name in long}
    others = {name for name in names if cells(name) <= most}
    if 1 < len(long) <= _MOST_NAMES and not _differ(short.values(), others):
        for candidate in (_by_fields(long, most), _by_ends(long, most)):
            if _distinct(candidate, others) > _distinct(short.values(), others):
                short = dict(zip(long, candidate, strict=True))
    return [short.get(name, name) for name in names]


def _distinct(short: Collection[str], others: set[str]) -> int:
    return len({*short, *others})


def _differ(short: Collection[str], others: set[str]) -> bool:
    return _distinct(short, others) == len(short) + len(others)


def _by_fields(names: Sequence[str], most: int) -> list[str]:
    """The names without fields that tell none apart, for names of equal numbers of fields."""
    rows = [_FIELD.findall(name) for name in names]
    if len({len(row) for row in rows}) != 1:
        return [shorten(name, most) for name in names]
    columns = [tuple(row[n] for row in rows) for n in range(len(rows[0]))]
    fields = [n for n, column in enumerate(columns) if not _SEPARATOR.fullmatch(column[0])]
    # those that all share first, of these the longest; then those that tell the fewest apart
    fields.sort(key=lambda n: (len(set(columns[n])), -max(map(cells, columns[n]))))
    left = set(range(len(columns)))
    out: list[int] = []
    for field in fields:
        if _fit(rows, left, most):
            break
        fewer = left - {field}
        if len({_joined(row, fewer) for row in rows}) == len(rows):
            left = fewer
            out.append(field)
    for field in reversed(out):  # a short one may have room again, once a long one is out
        if _fit(rows, left | {field}, most):
            left |= {field}
    short = (shorten(_joined(row, left), most) for row in rows)
    return [text.replace(_SIGN * 2, _SIGN) for text in short]


def _fit(rows: Sequence[Sequence[str]], left: set[int], most: int) -> bool:
    return all(cells(_joined(row, left)) <= most for row in rows)


def _joined(row: Sequence[str], left: set[int]) -> str:
    """A name with a sign in place of each stretch of fields that are left out."""
    found: list[str] = []
    for n, field in enumerate(row):
        separator = _SEPARATOR.fullmatch(field) is not None
        if n in left and not (separator and not _beside(row, left, n)):
            found.append(field)
        elif not found or found[-1] != _SIGN:
            found.append(_SIGN)
    return "".join(found)


def _beside(row: Sequence[str], left: set[int], n: int) -> bool:
    """Whether a separator has fields on both sides that stay."""
    return all(not 0 <= m < len(row) or m in left for m in (n - 1, n + 1))


def _alike(names: Sequence[str]) -> int:
    """How many characters all names begin with alike: the first and the last in order tell."""
    first, last = min(names), max(names)
    pairs = enumerate(zip(first, last, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(first), len(last)))


def _by_ends(names: Sequence[str], most: int) -> list[str]:
    """The names without what all of them begin with, or end with."""
    start = _alike(names)
    end = _alike([name[::-1] for name in names])
    found: list[str] = []
    for name in names:
        stop = max(start, len(name) - end)
        core = name[start:stop]
        head = start_of(name[:start], max(0, most - cells(core) - 2))
        tail = _SIGN if stop < len(name) else ""
        sign = _SIGN if len(head) < start else ""
        found.append(shorten(f"{head}{sign}{core}{tail}", most))
    return found
