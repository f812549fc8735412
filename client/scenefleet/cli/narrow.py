"""Tables that fit the terminal: long names are shortened in their middle, reasons stand below."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import click

from scenefleet.cli.show import put_table, safe

_LEAST = 19
"""Characters of a name that are worth showing; for fewer, columns are left out."""
_GAP = 2


def width() -> int | None:
    """Returns the columns of the terminal behind standard output; None where there is none."""
    if not sys.stdout.isatty():
        return None
    return max(20, shutil.get_terminal_size().columns)


def shorten(text: str, most: int) -> str:
    """Shortens a text to `most` characters by leaving out its middle: the ends tell names apart."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


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
        put_table((*headers, "why"), [(*cells, why) for cells, why in rows])
        return
    texts = [["" if cell is None else safe(str(cell)) for cell in cells] for cells, _ in rows]
    widths = [max(map(len, column)) for column in zip(headers, *texts, strict=True)]
    kept = list(range(len(headers)))
    for column in spare:
        if _room(widths, kept, name, most) >= min(_LEAST, widths[name]):
            break
        kept.remove(column)
    room = max(1, _room(widths, kept, name, most))
    _line([headers[n] for n in kept], [widths[n] for n in kept])
    for cells, (_, why) in zip(texts, rows, strict=True):
        cells[name] = shorten(cells[name], room)
        _line([cells[n] for n in kept], [widths[n] for n in kept])
        if why:
            click.echo(click.wrap_text(safe(why), most, "    ", "    "))


def _room(widths: Sequence[int], kept: Sequence[int], name: int, most: int) -> int:
    """Characters that are left for the name."""
    return most - sum(widths[n] + _GAP for n in kept if n != name)


def _line(cells: Sequence[str], widths: Sequence[int]) -> None:
    texts = (text.ljust(width) for text, width in zip(cells, widths, strict=True))
    click.echo((" " * _GAP).join(texts).rstrip())
