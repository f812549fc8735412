"""The task's log: short plain lines with UTC time on standard error.

Warnings and other packages' log records (rasterio passes on what GDAL complains of) take the same
way, so that they are redacted too.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Protocol

from scenefleet_task.redact import redact

log = logging.getLogger("scenefleet_task")
prints = log.getChild("prints")
"""What a user's script prints."""


class _Lines(logging.Formatter):
    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """One line a record, redacted; a traceback's lines follow it."""
        return redact(super().format(record))


class Stream(Protocol):
    """A place that lines go to."""

    def write(self, text: str, /) -> int:
        """Takes a line."""
        ...

    def flush(self) -> None:
        """Waits until all is written."""
        ...


def start_log(stream: Stream | None = None, *, brief: bool = False) -> None:
    """Sends all log records to a stream, or to standard error; call once a process.

    Args:
        stream: where lines go; None for standard error.
        brief: for a person at a terminal: what a script prints, and warnings. How pixels are read,
            and what GDAL complains of, is left out; what matters of that becomes an error.
    """
    screen = logging.StreamHandler(stream or sys.stderr)
    if brief:
        screen.addFilter(lambda record: not record.name.startswith("rasterio"))
    screen.setFormatter(_Lines("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[screen], force=True)
    log.setLevel(logging.WARNING if brief else logging.INFO)
    prints.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
