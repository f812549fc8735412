"""Processes and containers of tasks that outlived both their emulator and its node agent.

The agent lets none outlive the emulator, but it can be killed with it, as by `pkill -9`. Where the
state goes on, so would they, beside those that are started for the same tasks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from batch_emulator.node.engine import Answer, engine_environment

_DEATH = 2.0
"""Seconds to wait for killed processes: one that waits for a disk cannot die before."""
_PAUSE = 0.01
_PATIENCE = 30.0
"""Seconds for engines to take containers away."""
_CONTAINERS = "containers"
"""The folder of a state where a file is kept for each container until it is taken away."""


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


def note_container(state: Path, name: str, removal: list[str]) -> Path:
    """Write down that there will be a container, until it is forgotten; returns the note.

    Args:
        state: the emulator's folder.
        name: the container's.
        removal: the command line that takes it away.
    """
    note = state / _CONTAINERS / name
    note.parent.mkdir(exist_ok=True)
    note.write_text(json.dumps(removal))
    return note


def forget_container(note: Path) -> None:
    """Drop the note of a container that was taken away."""
    note.unlink(missing_ok=True)


def remove_containers(state: Path) -> None:
    """Take away the containers that are noted in a state folder, all at once.

    The state's lock is held. What its engine does not take away stays noted.
    """
    removals = [(note, _begin(note.read_text())) for note in (state / _CONTAINERS).glob("*")]
    until = time.monotonic() + _PATIENCE
    for note, process in removals:
        if process and _gone(process, until - time.monotonic()):
            forget_container(note)


def _begin(note: str) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen(
            json.loads(note),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=engine_environment(),
        )
    except (OSError, ValueError):  # the engine is not here any more; or the note is not whole
        return None


def _gone(process: subprocess.Popen[str], patience: float) -> bool:
    try:
        _, error = process.communicate(timeout=max(0, patience))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    return Answer(process.returncode, "", error).removed
