"""Temporary files beside a store's own: locked while they are written, removed once nobody does.

A killed process lets its locks go, so that the next attempt on the same machine can tell a file
that was left from one that is being written. Another machine's locks may not be seen here: its
files are judged by their age.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import time
from collections.abc import Generator
from io import FileIO
from pathlib import Path

_STALE = 3600.0
"""Seconds after which no other machine is writing a temporary file any more."""
_FRESH = 1.0
"""Seconds in which a file may have been made and not locked yet."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""The same in all containers of a machine, and another after a restart."""


@contextlib.contextmanager
def part_file(target: Path) -> Generator[tuple[Path, FileIO]]:
    """Makes a temporary file beside a file, locked; it is gone at the end, unless it was renamed.

    What other attempts left in the folder is removed first.
    """
    # Letters of its own keep two attempts at one task (a lost node's, a retry's) apart: process ids
    # do not, where each runs in a container.
    part = target.with_name(f".{target.name}.{_machine()}-{secrets.token_hex(8)}.part")
    sweep(target.parent)
    try:
        with part.open("wb", buffering=0) as file:
            _lock(file)
            yield part, file
    finally:
        with contextlib.suppress(OSError):  # once renamed, or never made, it is not there
            part.unlink()


def sweep(folder: Path) -> None:
    """Removes the temporary files that attempts left which were killed while they wrote them."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError):  # another attempt may be just as tidy
            age = time.time() - part.stat().st_mtime
            if age > _STALE or (age > _FRESH and f".{_machine()}-" in part.name and _is_free(part)):
                part.unlink()


def _machine() -> str:
    try:
        return _BOOT.read_text()[:8]
    except OSError:
        return "unknown"


def _lock(file: FileIO) -> None:
    with contextlib.suppress(OSError):  # some file systems have no locks: then it is found locked
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_free(part: Path) -> bool:
    """Tells whether no process holds the file; without `/proc` or locks it may be held."""
    if not _BOOT.exists():
        return False
    with part.open("rb", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
