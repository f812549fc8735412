"""Paths that clients send: they stay inside the folder they are meant for."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any, Literal


def is_relative(name: str) -> bool:
    """Whether a path is relative and has no `..`."""
    path = PurePosixPath(name.replace("\\", "/"))
    return bool(name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts


def is_real(folder: Path) -> bool:
    """Whether a folder is where its path says, with no link on the way.

    The emulator makes its folders so; a task may put a link in the place of its own.
    """
    try:
        return folder.resolve() == folder
    except (OSError, RuntimeError):
        return False  # links that go in circles


def inside(folder: Path, name: str) -> Path | None:
    """`folder / name`, or None where it would lead out, be it through a link."""
    if not is_relative(name) or not is_real(folder):
        return None
    target = folder / PurePosixPath(name)
    try:
        resolved = target.resolve()
        target.exists()
    except (OSError, RuntimeError):
        return None  # links that go in circles, names that are too long
    return target if resolved.is_relative_to(folder) else None


def open_file(path: Path, mode: Literal["rb", "wb", "ab"]) -> Any:  # noqa: ANN401 - a file
    """Open a file that a task may have replaced by a pipe: that would wait for its other end.

    Raises:
        OSError: if it is a pipe that nobody reads; a pipe to read from is empty.
    """
    return open(path, mode, opener=_open_without_waiting)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o666)
