"""Where on the disk nodes' folders are made: apart from each other, and from what was deleted.

ext4 makes files in their folder's group of inodes. There it passes over those that were deleted
within the last minutes, one by one and each time anew (`recently_deleted` in fs/ext4/ialloc.c): on
a machine that has just run a few thousand tasks, and deleted their files, four fifths of a task's
time went there. Folders in one that is the top of hierarchies go to other groups each.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
from pathlib import Path

_TOP = 0x00020000
"""`FS_TOPDIR_FL` of linux/fs.h, which `chattr +T` sets."""
_NUMBER = struct.Struct("i")
_LONG = struct.calcsize("l")
_READ = 2 << 30 | _LONG << 16 | ord("f") << 8 | 1
"""`FS_IOC_GETFLAGS`, Linux's `_IOR('f', 1, long)`, which is of an int for all that."""
_WRITE = 1 << 30 | _LONG << 16 | ord("f") << 8 | 2
"""`FS_IOC_SETFLAGS`, `_IOW('f', 2, long)`."""
_LARGE = 1 << 26
"""Inodes of a large disk: ext4 makes that many for a terabyte."""


def make_top(folder: Path, *, many: bool = False) -> None:
    """Make a folder whose own folders are unrelated; where a disk knows nothing of it, a plain one.

    Args:
        folder: which; those above it are made as well.
        many: whether it will have so many folders that it matters what each costs. ext4 looks at
            all its groups for each: on a large disk that is more than it is good for.

    Raises:
        OSError: if it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform != "linux" or (many and os.statvfs(folder).f_files > _LARGE):
        return
    with contextlib.suppress(OSError):  # another file system, or somebody else's folder
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            (flags,) = _NUMBER.unpack(fcntl.ioctl(opened, _READ, bytes(_NUMBER.size)))
            fcntl.ioctl(opened, _WRITE, _NUMBER.pack(flags | _TOP))
        finally:
            os.close(opened)
