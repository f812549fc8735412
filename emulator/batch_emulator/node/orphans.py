"""Processes of tasks that outlived both their emulator and its node agent.

The agent lets none outlive the emulator, but it can be killed with it, as by `pkill -9`. Where the
state goes on, so would they, beside those that are started for the same tasks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_DEATH = 2.0
"""Seconds to wait for killed processes: one that waits for a disk cannot die before."""
_PAUSE = 0.01


def kill_orphans(state: Path) -> None:
    """Kill the processes, of this user, whose environment names a node in a state folder.

    The state's lock is held: no other emulator has tasks there. On systems without `/proc` they
    stay.
    """
    until = time.monotonic() + _DEATH
    while (found := list(_orphans(state))) and time.monotonic() < until:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def _orphans(state: Path) -> Iterator[int]:
    mark = b"\0AZ_BATCH_NODE_ROOT_DIR=" + os.fsencode(state) + b"/"
    for process in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's; zombies have none
            if mark in b"\0" + (process / "environ").read_bytes():
                yield int(process.name)
