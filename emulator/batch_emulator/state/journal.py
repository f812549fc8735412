"""A node's journal: what befell it, as the node agent of the service logs it.

It lies beside the node's folder: tasks do not see it, and a reimage does not take it away.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch_emulator.wire.iso8601 import format_time

NAME = "agent-debug.log"
_OLD = "agent-debug.1.log"
_MOST = 4 << 20
"""Bytes after which a new file is begun; one old file is kept."""
_STAMP = len("2026-01-31T12:00:00.000000Z")
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_log = logging.getLogger("batch_emulator")


@dataclass(frozen=True, slots=True)
class Journal:
    """A folder of log files."""

    folder: Path

    def note(self, now: datetime, text: str) -> None:
        """Write a line. A disk that is full must not stop the node: the emulator's log tells."""
        try:
            if self._append(f"{format_time(now)} {text}\n".encode()) > _MOST:
                (self.folder / NAME).replace(self.folder / _OLD)
        except OSError as error:
            _log.warning("the log in %s cannot be written: %s", self.folder, error.strerror)

    def _append(self, line: bytes) -> int:
        """Add a line, and return the file's size: without objects' cost, for tasks are many."""
        path = f"{self.folder}/{NAME}"
        try:
            file = os.open(path, _FLAGS, 0o644)
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, _FLAGS, 0o644)
        try:
            os.write(file, line)
            return os.lseek(file, 0, os.SEEK_END)
        finally:
            os.close(file)

    def files(self, start: datetime, end: datetime | None) -> list[Path]:
        """The files with a message of a range of time."""
        first, last = format_time(start), format_time(end) if end else None
        found = [self.folder / name for name in (_OLD, NAME)]
        return [file for file in found if file.is_file() and _within(file, first, last)]


def _within(file: Path, first: str, last: str | None) -> bool:
    """Whether a line is of the range: stamps sort as text."""
    with file.open(encoding="utf-8") as lines:
        stamps = (line[:_STAMP] for line in lines)
        return any(first <= stamp and (last is None or stamp <= last) for stamp in stamps)
