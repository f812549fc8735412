"""How values look in a terminal: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from scenefleet.cli.cells import cells, columns_of, pad, wrap
from scenefleet.inputs import cut
from scenefleet_task.redact import redact

WAYS = {"tiles": "by tiles", "gdal": "through GDAL"}
"""How pixels are read, in words."""


_MOST = 4000
"""Characters of a line for a person; what others wrote could have millions."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Characters that steer a terminal, turn the order of writing, or are not seen; not tab and line
end."""


def safe(text: str) -> str:
    """The text as a terminal may have it: what steers one is written out by its number."""
    return _UNSEEN.sub(lambda found: repr(found[0])[1:-1], text.replace("\r\n", "\n"))


_above: list[Callable[[str], None]] = []
"""Writes a line above what is drawn on standard error; none where nothing is."""


def say(text: str) -> None:
    """A line for the person, on standard error, without secrets and what steers a terminal."""
    if sys.stderr.isatty():
        text = _fitted(shown(text), columns_of(sys.stderr, os.environ))
    else:
        text = shown(text)
    if _above:
        _above[-1](text)
    else:
        click.echo(text, err=True)


def _fitted(text: str, columns: int) -> str:
    """Breaks sentences between words; lines that are indented or in columns may be commands."""
    lines: list[str] = []
    for line in text.split("\n"):
        prose = cells(line) > columns and not line.startswith(" ") and "  " not in line
        lines += wrap(line, columns, whole=True) if prose else [line]
    return "\n".join(lines)


@contextmanager
def saying_above(write: Callable[[str], None]) -> Generator[None]:
    """Has `say` write by another way while something is drawn on standard error."""
    _above.append(write)
    try:
        yield
    finally:
        _above.remove(write)


def shown(text: str) -> str:
    """The text as `say` writes it: redacted, harmless to a terminal, its lines not too long."""
    return "\n".join(cut(line, _MOST) for line in safe(redact(text)).split("\n"))


def put_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """JSON on standard output."""
    whole = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, indent=1 if sys.stdout.isatty() else None, ensure_ascii=not whole)
    # JSON escapes what lies below a blank itself; the rest is data all the same, written out
    click.echo(_UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text))


def put_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on standard output: columns in line, plain text, so that `grep` and `awk` work."""
    texts = [[*headers], *[["" if c is None else _cell(c) for c in row] for row in rows]]
    widths = [max(cells(row[n]) for row in texts) for n in range(len(headers))]
    for row in texts:
        line = "  ".join(pad(text, width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _cell(value: object) -> str:
    return cut(safe(" ".join(str(value).splitlines())), 1000)


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


def without_scene(message: str, item: str) -> str:
    """Returns a task's message without the scene's own name, for a line that begins with it."""
    return message.replace(f"item {item}, ", "")


def count(number: int, what: str) -> str:
    """`1 scene`, `2 scenes`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
