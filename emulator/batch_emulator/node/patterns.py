"""Output files' patterns: `*`, `?`, `[a-c]`, `[!abc]`, and `**` for any directories.

Source: the docstring of `OutputFile.filePattern`. Names that begin with a dot match only where the
pattern has the dot too. Links to directories are not followed: they may go in circles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from batch_emulator.node.tree import walk

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
    for name, is_folder in walk(str(base)):
        if not is_folder and _match(name.split("/"), names):
            path = base / name
            if path.is_file():
                yield path, name


def _match(parts: Sequence[str], names: tuple[str, ...]) -> bool:
    """Whether a path's parts match: by where in the pattern each part may have led."""
    reached = _passing({0}, names)
    for part in parts:
        taken = {at for at in reached if at < len(names) and _one(part, names[at])}
        reached = _passing({at if names[at] == "**" else at + 1 for at in taken}, names)
    return len(names) in reached


def _passing(reached: set[int], names: tuple[str, ...]) -> set[int]:
    """The same places, and those after a `**`, which may stand for nothing; never two in a row."""
    return reached | {at + 1 for at in reached if names[at : at + 1] == ("**",)}


def _one(part: str, name: str) -> bool:
    hidden = part.startswith(".") and not name.startswith(".")
    return not hidden and fnmatchcase(part, name)
