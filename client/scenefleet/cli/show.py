"""How values look in a terminal: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

WAYS = {"tiles": "by tiles", "gdal": "through GDAL"}
"""How pixels are read, in words."""


def say(text: str) -> None:
    """A line for the person, on standard error."""
    click.echo(text, err=True)


def put_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """JSON on standard output."""
    click.echo(json.dumps(value, indent=1 if sys.stdout.isatty() else None, ensure_ascii=False))


def put_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on standard output: columns in line, plain text, so that `grep` and `awk` work."""
    cells = [[*headers], *[["" if c is None else str(c) for c in row] for row in rows]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(headers))]
    for row in cells:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def size(value: float) -> str:
    """Bytes for a person: powers of ten, as disks and clouds are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def hours(value: float) -> str:
    """A span of hours for a person."""
    seconds = value * 3600
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{value:.1f} h"


def count(number: int, what: str) -> str:
    """`1 scene`, `2 scenes`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
