"""The task's log: short plain lines with UTC time on standard error, kept to be put in the store.

Warnings and other packages' log records (rasterio passes on what GDAL complains of) take the same
way, so that they are redacted too.
"""

from __future__ import annotations

import logging
import sys
import time

from scenefleet_task.redact import redact

log = logging.getLogger("scenefleet_task")


class _Lines(logging.Formatter):
    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """One line a record, redacted; a traceback's lines follow it."""
        return redact(super().format(record))


class Kept(logging.Handler):
    """Keeps every line, to be put in the store when the task ends."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Appends the formatted record."""
        self.lines.append(self.format(record) + "\n")

    def text(self) -> bytes:
        """All lines so far."""
        return "".join(self.lines).encode()


def start_log() -> Kept:
    """Sends all log records to standard error; call once a process."""
    lines = _Lines("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    kept, screen = Kept(), logging.StreamHandler(sys.stderr)
    for handler in (kept, screen):
        handler.setFormatter(lines)
    logging.basicConfig(level=logging.WARNING, handlers=[kept, screen], force=True)
    log.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    return kept
