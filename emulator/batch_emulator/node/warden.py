"""Sees to it that no task outlives the emulator, whatever ends it.

A small process holds the reading end of a pipe and hears of every process group that starts and
ends. When the pipe closes, be it by `kill -9` of the emulator, it kills the groups that are left,
and takes containers away, by command lines that it was told when they were ordered.
A signal on the parent's death (PR_SET_PDEATHSIG) would reach a task's first process only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_PATIENCE = 30.0
"""Seconds for an engine to take a container away."""
_ENGINE_VARIABLES = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT")
_ENGINE_PREFIXES = ("CONTAINER", "DOCKER_TLS", "DOCKER_CERT")


def engine_environment() -> dict[str, str]:
    """What of this machine's environment an engine needs: where it is, and its settings are."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENGINE_VARIABLES or name.startswith(_ENGINE_PREFIXES)
    }


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
            env=engine_environment(),
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

    def watch_command(self, arguments: list[str]) -> None:
        """A container has been ordered, which this command line takes away."""
        self._say(f"+{json.dumps(arguments)}\n")

    def forget_command(self, arguments: list[str]) -> None:
        """A container has been taken away."""
        self._say(f"-{json.dumps(arguments)}\n")

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


def group_lives(group: int) -> bool:
    """Whether a group has processes."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def keep_watch(pipe: int) -> None:
    """Be the warden: listen until the pipe closes, then kill."""
    watched: set[str] = set()
    with os.fdopen(pipe) as lines:
        for line in lines:
            if line[0] == "+":
                watched.add(line[1:])
            else:
                watched.discard(line[1:])
    found = [json.loads(one) for one in watched]
    for group in found:
        if isinstance(group, int):
            kill_group(group)
    _run_all([arguments for arguments in found if isinstance(arguments, list)])


def _run_all(commands: list[list[str]]) -> None:
    """Take containers away: they are not of our process groups."""
    quiet = subprocess.DEVNULL
    running = [subprocess.Popen(c, stdin=quiet, stdout=quiet, stderr=quiet) for c in commands]
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    keep_watch(sys.stdin.fileno())
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)
