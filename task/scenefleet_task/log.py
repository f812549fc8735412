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


def start_log(stream: Stream | None = None) -> None:
    """Sends all log records to a stream, or to standard error; call once a process."""
    screen = logging.StreamHandler(stream or sys.stderr)
    screen.setFormatter(_Lines("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[screen], force=True)
    log.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
