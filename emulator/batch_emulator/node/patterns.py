"""Output files' patterns: `*`, `?`, `[a-c]`, `[!abc]`, and `**` for any directories.

Source: the docstring of `OutputFile.filePattern`. Names that begin with a dot match only where the
pattern has the dot too. Links to directories are not followed: they may go in circles.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

_WILD = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def is_wild(pattern: str) -> bool:
    """Whether a pattern may match several files."""
    return bool(_WILD.search(pattern))


def expand(pattern: str, environment: Mapping[str, str]) -> str:
    """Put the values of environment variables in; unknown ones stay as they are."""
    return _VARIABLE.sub(lambda m: environment.get(m[1] or m[2], m[0]), pattern)


def split(pattern: str) -> tuple[str, tuple[str, ...]]:
    """The folders before the first wildcard, and the names from there on."""
    names = pattern.split("/")
    first = next((at for at, name in enumerate(names) if is_wild(name)), len(names) - 1)
    rest = tuple(name for name in names[first:] if name)
    # Twice in a row it means the same as once, and would take very long.
    once = (n for at, n in enumerate(rest) if n != "**" or rest[at - 1 : at] != ("**",))
    return "/".join(names[:first]) + ("/" if names[:first] == [""] else ""), tuple(once)


def find(base: Path, names: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Files below a folder that match, in order, with their names from there."""
    for place, folders, files in os.walk(base):
        folders.sort()
        for file in sorted(files):
            path = Path(place, file)
            relative = path.relative_to(base)
            if path.is_file() and _match(relative.parts, names):
                yield path, relative.as_posix()


def _match(parts: tuple[str, ...], names: tuple[str, ...]) -> bool:
    @cache
    def match(part: int, name: int) -> bool:
        if name == len(names):
            return part == len(parts)
        if names[name] == "**" and match(part, name + 1):
            return True
        if part == len(parts) or not _one(parts[part], names[name]):
            return False
        return match(part + 1, name if names[name] == "**" else name + 1)

    return match(0, 0)


def _one(part: str, name: str) -> bool:
    hidden = part.startswith(".") and not name.startswith(".")
    return not hidden and fnmatchcase(part, name)
