"""Opens local files that are plain files, and nothing that only looks like one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_SYSTEM = ("/dev", "/proc", "/sys")
"""Folders of the operating system: what lies there is no imagery, and may be a secret."""


class NotPlainError(OSError):
    """The thing at a path is no plain file."""


def open_plain(path: str) -> int:
    """Opens a file for reading; gives its number.

    Raises:
        NotPlainError: of a folder, FIFO, socket or device, and of what lies, after all symbolic
            links, in a folder of the operating system.
        OSError: if it cannot be opened.
    """
    _check_place(os.path.realpath(path))  # a device may do something as soon as it is opened
    # a FIFO that nobody writes to would hold the task for ever
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_kind(os.fstat(number).st_mode)
        place = Path(f"/proc/self/fd/{number}")
        if place.exists():  # what was opened, whatever the path means by now
            _check_place(str(place.readlink()))
    except BaseException:
        os.close(number)
        raise
    return number


def _check_place(real: str) -> None:
    if any(real == folder or real.startswith(f"{folder}/") for folder in _SYSTEM):
        raise NotPlainError(errno.EACCES, "it lies in a folder of the operating system")


def _check_kind(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
    kinds = {
        "a directory": stat.S_ISDIR(mode),
        "a FIFO": stat.S_ISFIFO(mode),
        "a socket": stat.S_ISSOCK(mode),
        "a device": device,
    }
    kind = next((name for name, is_one in kinds.items() if is_one), "something else")
    raise NotPlainError(errno.EINVAL, f"it is no plain file but {kind}")
