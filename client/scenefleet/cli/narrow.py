"""Tables that fit the terminal: long names are shortened and stay apart, reasons stand below."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from scenefleet.cli.apart import shorten_apart
from scenefleet.cli.cells import cells, columns_of, pad, shorten, wrap
from scenefleet.cli.show import put_table, safe
from scenefleet.inputs import cut

_LEAST = 19
"""Columns of a name that are worth showing; for fewer, columns are left out."""
_GAP = 2
_INDENT = "    "
_MOST = 1000
"""Characters of a cell where no terminal is."""
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
) -> None:
    """Writes a table to standard output that fits the terminal, if there is one.

    Args:
        headers: of the columns.
        rows: their cells.
        name: the column that may be shortened.
        spare: columns that are left out where there is no room, the first ones first.
    """
    most = width()
    if most is None:
        put_table(headers, rows)
    else:
        whole = [(row, "") for row in rows]
        put_rows(headers, whole, name=name % len(headers), spare=spare, most=most)


class Growing:
    """A table on standard output whose rows are written as they come; its last column may be long.

    Where that does not fit in one line of a terminal, it takes several.
    """

    def __init__(self, headers: Sequence[str], values: Sequence[Sequence[str]]) -> None:
        """Writes nothing yet.

        Args:
            headers: of the columns.
            values: all that the columns before the last may hold, by column.
        """
        self._headers = headers
        self._widths = [
            max(map(cells, (header, *column)))
            for header, column in zip(headers, values, strict=False)
        ]
        self._begun = False

    def put(self, row: Sequence[object]) -> None:
        """Writes a row, the first time below the headers."""
        if not self._begun:
            self._begun = True
            self._put(self._headers)
        self._put(row)

    def _put(self, row: Sequence[object]) -> None:
        most = width()
        *first, last = map(_one_line, row)
        room = 0 if most is None else most - sum(width + _GAP for width in self._widths)
        below: list[str] = []
        if most is None:
            lines = [cut(last, _MOST)]
        elif room >= _BESIDE:
            lines = wrap(last, room) or [""]
        else:
            lines = [""]
            below = [] if row is self._headers else wrap(last, most, _INDENT)
        for place, line in enumerate(lines):
            texts = first if place == 0 else [""] * len(first)
            padded = [pad(text, width) for text, width in zip(texts, self._widths, strict=True)]
            text = (" " * _GAP).join([*padded, line]).rstrip()
            click.echo(text if most is None else shorten(text, most))
        for line in below:
            click.echo(line)


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
    names = shorten_apart([row[name] for row in texts], room)
    for row, short, (_, why) in zip(texts, names, rows, strict=True):
        row[name] = short
        _line([row[n] for n in kept], [widths[n] for n in kept], most)
        for line in wrap(safe(why), most, _INDENT):
            click.echo(line)


def _one_line(value: object) -> str:
    return "" if value is None else safe(" ".join(str(value).splitlines()))


def _room(widths: Sequence[int], kept: Sequence[int], name: int, most: int) -> int:
    """Columns that are left for the name."""
    return most - sum(widths[n] + _GAP for n in kept if n != name)


def _line(texts: Sequence[str], widths: Sequence[int], most: int) -> None:
    padded = (pad(text, width) for text, width in zip(texts, widths, strict=True))
    click.echo(shorten((" " * _GAP).join(padded).rstrip(), most))
