"""Lays out help for terminals of any width: click's own formatter needs 50 columns."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click

from scenefleet.cli.cells import columns_of

_ENOUGH = 60
"""Columns from which on click's own layout does."""
_LEAST = 20


class HelpText(click.HelpFormatter):
    """Help whose lines fit a narrow terminal too."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        """Takes the terminal's width where none is given, up to `max_width`."""
        if width is None:
            columns = columns_of(sys.stdout, os.environ)
            width = max(_LEAST, min(columns, max_width or 80) - 2)
        super().__init__(indent_increment, width, max_width)

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Writes words and what they mean; in little room the words have a third of it."""
        narrow = self.width < _ENOUGH
        super().write_dl(rows, self.width // 3 if narrow else col_max, col_spacing)
