"""Trees of files that tasks made: they may be as deep as a task likes, and of as many files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def walk(folder: str, *, recursive: bool = True) -> Iterator[tuple[str, bool]]:
    """Names from a folder on, and whether they are folders; a folder's before what they hold.

    Links to folders are named, as files, and not followed: they may go in circles. What cannot be
    looked into is passed over, be it that its path is longer than the system takes. (`os.walk` goes
    down by recursion before Python 3.12, and ends where that does.)
    """
    ahead = [""]
    while ahead:
        place = ahead.pop()
        try:
            with os.scandir(f"{folder}/{place}") as entries:
                found = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries)
        except OSError:
            continue
        names = [(f"{place}{name}", is_folder) for name, is_folder in found]
        yield from names
        if not recursive:
            return
        ahead += (f"{name}/" for name, is_folder in reversed(names) if is_folder)


def remove(folder: Path) -> None:
    """Delete a folder with all it holds, as far as that can be done.

    `shutil.rmtree` goes down by recursion, and ends where that does.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True)
