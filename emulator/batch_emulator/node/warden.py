"""Sees to it that no task outlives the emulator, whatever ends it.

A small process holds the reading end of a pipe and hears of every process group that starts and
ends. When the pipe closes, be it by `kill -9` of the emulator, it kills the groups that are left.
A signal on the parent's death (PR_SET_PDEATHSIG) would reach a task's first process only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path


class Warden:
    """The emulator's end of the pipe.

    Args:
        scratch: a folder to delete at the end, after the groups.
        held: a descriptor to keep open until then, of a lock.
    """

    def __init__(self, scratch: Path | None, held: int | None = None) -> None:
        last = [] if scratch is None else [str(scratch)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__)), *last],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={},
            start_new_session=True,
            pass_fds=() if held is None else (held,),
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin
        self._groups: set[int] = set()

    def watch(self, group: int) -> None:
        """A process group has started."""
        self._groups.add(group)
        self._say(f"+{group}\n")

    def forget(self, group: int) -> None:
        """A process group has ended."""
        self._groups.discard(group)
        self._say(f"-{group}\n")

    def close(self) -> None:
        """Kill what is left, and end."""
        for group in self._groups:
            kill_group(group)
        self._groups.clear()
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        os.write(self._pipe.fileno(), line.encode())


def kill_group(group: int) -> None:
    """Kill every process of a group, if there is one."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def keep_watch(pipe: int) -> None:
    """Be the warden: listen until the pipe closes, then kill."""
    groups: set[int] = set()
    with os.fdopen(pipe) as lines:
        for line in lines:
            group = int(line[1:])
            if line[0] == "+":
                groups.add(group)
            else:
                groups.discard(group)
    for group in groups:
        kill_group(group)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    keep_watch(sys.stdin.fileno())
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)
