"""Tables that fit the terminal: long names are shortened in their middle, reasons stand below."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from scenefleet.cli.cells import cells, columns_of, pad, shorten, wrap
from scenefleet.cli.show import put_table, safe

_LEAST = 19
"""Columns of a name that are worth showing; for fewer, columns are left out."""
_GAP = 2
_INDENT = "    "
_BESIDE = 30
"""Columns that a text of several lines takes at least; below its row it has more."""


def width() -> int | None:
    """Returns the columns of the terminal behind standard output; None where there is none."""
    if not sys.stdout.isatty():
        return None
    return max(20, columns_of(sys.stdout, os.environ))


def put_fitting(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    name: int = -1,
    spare: Sequence[int] = (),
    below: bool = False,
) -> None:
    """Writes a table to standard output that fits the terminal, if there is one.

    Args:
        headers: of the columns.
        rows: their cells.
        name: the column that may be shortened.
        spare: columns that are left out where there is no room, the first ones first.
        below: whether the last column's text takes several lines where it does not fit in one:
            beside its row, or below it where little room is left.
    """
    most = width()
    if most is None:
        put_table(headers, rows)
    elif below and (room := _room_of_last(headers, rows, most)) >= _BESIDE:
        _put_beside(headers, rows, room)
    elif below:
        kept = [row[:-1] for row in rows]
        last = ["" if row[-1] is None else str(row[-1]) for row in rows]
        put_rows(
            headers[:-1], list(zip(kept, last, strict=True)), name=name, spare=spare, most=most
        )
    else:
        whole = [(row, "") for row in rows]
        put_rows(headers, whole, name=name % len(headers), spare=spare, most=most)


def put_rows(
    headers: Sequence[str],
    rows: Sequence[tuple[Sequence[object], str]],
    *,
    name: int,
    spare: Sequence[int],
    most: int | None,
) -> None:
    """Writes a table to standard output, no wider than the terminal where there is one.

    Args:
        headers: of the columns.
        rows: cells, and why: below the row in a terminal, at its end elsewhere.
        name: the column that may be shortened.
        spare: columns that are left out where there is no room, the first ones first.
        most: columns of the terminal; None where there is none.
    """
    if most is None:
        put_table((*headers, "why"), [(*cells_, why) for cells_, why in rows])
        return
    name %= len(headers)
    texts = [["" if cell is None else _one_line(cell) for cell in row] for row, _ in rows]
    widths = [max(map(cells, column)) for column in zip(headers, *texts, strict=True)]
    kept = list(range(len(headers)))
    for column in spare:
        if _room(widths, kept, name, most) >= min(_LEAST, widths[name]):
            break
        kept.remove(column)
    room = max(1, _room(widths, kept, name, most))
    widths[name] = min(widths[name], room)
    _line([headers[n] for n in kept], [widths[n] for n in kept], most)
    for row, (_, why) in zip(texts, rows, strict=True):
        row[name] = shorten(row[name], room)
        _line([row[n] for n in kept], [widths[n] for n in kept], most)
        for line in wrap(safe(why), most, _INDENT):
            click.echo(line)


def _widths(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
    texts = [[*headers], *[[_one_line(cell) for cell in row] for row in rows]]
    return [max(map(cells, column)) for column in zip(*texts, strict=True)]


def _room_of_last(headers: Sequence[str], rows: Sequence[Sequence[object]], most: int) -> int:
    return most - sum(width + _GAP for width in _widths(headers, rows)[:-1])


def _put_beside(headers: Sequence[str], rows: Sequence[Sequence[object]], room: int) -> None:
    """Writes a table whose last column has lines of so many columns."""
    widths = _widths(headers, rows)[:-1]
    for row in (headers, *rows):
        *first, last = map(_one_line, row)
        lines = wrap(last, room) or [""]
        for place, line in enumerate(lines):
            texts = first if place == 0 else [""] * len(first)
            padded = (pad(text, width) for text, width in zip(texts, widths, strict=True))
            click.echo((" " * _GAP).join([*padded, line]).rstrip())


def _one_line(value: object) -> str:
    return "" if value is None else safe(" ".join(str(value).splitlines()))


def _room(widths: Sequence[int], kept: Sequence[int], name: int, most: int) -> int:
    """Columns that are left for the name."""
    return most - sum(widths[n] + _GAP for n in kept if n != name)


def _line(texts: Sequence[str], widths: Sequence[int], most: int) -> None:
    padded = (pad(text, width) for text, width in zip(texts, widths, strict=True))
    click.echo(shorten((" " * _GAP).join(padded).rstrip(), most))
