"""Texts by the columns that they take at a terminal: letters of East Asia and emoji take two."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

_USUAL = 80
"""Columns of a terminal that does not say how many it has."""


def columns_of(stream: TextIO, environment: Mapping[str, str]) -> int:
    """Returns the columns of the terminal behind a stream: no more than `COLUMNS` says."""
    try:
        real = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        real = 0
    text = environment.get("COLUMNS", "")
    wanted = int(text) if text.isascii() and text.isdecimal() else 0
    return min(wanted, real) if wanted and real else wanted or real or _USUAL


def cells(text: str) -> int:
    """Returns how many columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, columns: int) -> str:
    """Fills a text up with blanks to so many columns."""
    return text + " " * (columns - cells(text))


def shorten(text: str, most: int) -> str:
    """Shortens a text to `most` columns by leaving out its middle: the ends tell names apart."""
    if cells(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{start_of(text, most - 1 - tail)}…{start_of(text[::-1], tail)[::-1]}"


def wrap(text: str, columns: int, indent: str = "", *, whole: bool = False) -> list[str]:
    """Returns a text as lines of so many columns at most; its own lines stay lines.

    Blanks at a line's start are kept.

    Args:
        text: any text.
        columns: of a line, the indent included.
        indent: what each line begins with.
        whole: whether a word that is longer stays whole, so that it can be copied; else it is
            broken.
    """
    room = max(1, columns - len(indent))
    lines: list[str] = []
    for own in text.splitlines():
        inner = own[: len(own) - len(own.lstrip(" "))]
        inner = inner if len(inner) < room // 2 else ""
        line = ""
        for word in own.split():
            while not whole and cells(word) > room - len(inner):
                if line:
                    lines.append(line)
                    line = ""
                piece = start_of(word, room - len(inner)) or word[0]
                lines.append(inner + piece)
                word = word[len(piece) :]  # noqa: PLW2901 - what is left of it
            if not word:
                continue
            longer = f"{line} {word}" if line else inner + word
            if line and cells(longer) > room:
                lines.append(line)
                longer = inner + word
            line = longer
        if line:
            lines.append(line)
    return [indent + line for line in lines]


def start_of(text: str, most: int) -> str:
    """Returns the beginning of a text, of so many columns at most."""
    used = 0
    for place, letter in enumerate(text):
        used += cells(letter)
        if used > most:
            return text[:place]
    return text
