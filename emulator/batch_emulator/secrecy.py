"""Closes a process to others of its user: what it knows of a task is not for the next.

The emulator and its node agent hold the environments of all tasks, in which clients put what opens
their stores. Tasks run as the same user, who on Linux may read any of its processes' memory by
`/proc`, unless the process forbids it. Standard library only.
"""

from __future__ import annotations

import ctypes
import sys

_DUMPABLE = 4
"""`PR_SET_DUMPABLE` of prctl(2)."""


def conceal() -> None:
    """Forbids other processes of this user to read this one's environment and memory, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DUMPABLE, *(ctypes.c_ulong(0),) * 4)
