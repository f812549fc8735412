"""Paths that clients send: they stay inside the folder they are meant for."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def is_relative(name: str) -> bool:
    """Whether a path is relative and has no `..`."""
    path = PurePosixPath(name.replace("\\", "/"))
    return bool(name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts


def inside(folder: Path, name: str) -> Path | None:
    """`folder / name`, or None where it would lead out, be it through a link."""
    if not is_relative(name):
        return None
    target = folder / PurePosixPath(name)
    try:
        resolved = target.resolve()
    except (OSError, RuntimeError):
        return None
    return target if resolved.is_relative_to(folder.resolve()) else None
