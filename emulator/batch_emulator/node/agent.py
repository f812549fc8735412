"""The node agent: a small process that starts tasks' processes, and lets none outlive the emulator.

It makes folders and opens files, starts processes and waits for them, so that the emulator's event
loop need not. Orders come by a socket, as dictionaries, and are answered in the same way:

- `{"run": number, "argv", "cwd", "env", "out", "err", "append", "keep"}` is answered by
  `{"began": number, "pid"}` and `{"ended": number, "code", "left"}`, or by
  `{"failed": number, "at", "errno"}`, where `at` is `folder`, `output` or `start`.
- `{"kill": number}` kills a process with its group. `{"adopt": group}` names a group to kill at the
  end; `{"forget": group}` takes that back, also of one that was left at work (`keep`).
- `{"watch": argv}` names a command to run at the end, one that takes a container away, and
  `{"unwatch": argv}` takes that back.

A process has ended when its whole group has: what is killed goes on until it is its turn, and may
hold a lock meanwhile. On Linux the agent is whom orphans fall to, so none stays as a zombie. (A
container's client is no child of it: podman would wait for ever for what falls to another.)

When the socket closes, be it by `kill -9` of the emulator, it kills every process group that is
left, and on Linux what tasks left in sessions of their own. A signal on the parent's death
(PR_SET_PDEATHSIG) would reach a task's first process only.
It runs by itself, without the package: standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Message = dict[str, Any]

_LENGTH = 4
"""Bytes that say how long a message is."""
MOST = 1 << 16
"""Bytes to read at once: memory for much more would be mapped and unmapped each time."""
_PATIENCE = 30.0
"""Seconds for an engine to take a container away."""
_DEATH = 2.0
"""Seconds to wait for killed processes: one that waits for a disk cannot die before."""
_PAUSE = 0.005
"""Seconds from one look at dying groups to the next; mostly a signal comes first."""
_SUBREAPER, _DUMPABLE = 36, 4
"""`PR_SET_CHILD_SUBREAPER` and `PR_SET_DUMPABLE` of prctl(2)."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The emulator ends it, by closing the socket: not who presses Ctrl-C."""
_DEFAULT = (*_IGNORED, signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python or we ignore, and tasks should not."""


class Messages:
    """Dictionaries on a socket between two processes of the same Python.

    A dozen bytes of JSON more or less do not matter, but the time to write and read a task's
    environment does: `marshal` takes a fifth of it.
    """

    def __init__(self) -> None:
        self._rest = b""

    @staticmethod
    def pack(message: Message) -> bytes:
        """The bytes of a message."""
        data = marshal.dumps(message)
        return len(data).to_bytes(_LENGTH, "little") + data

    def unpack(self, data: bytes) -> Iterator[Message]:
        """The messages that have come whole with more bytes."""
        rest = self._rest + data if self._rest else data
        start = 0
        while (begin := start + _LENGTH) <= len(rest):
            end = begin + int.from_bytes(rest[start:begin], "little")
            if end > len(rest):
                break
            yield marshal.loads(rest[begin:end])  # noqa: S302 - from the other end of our own
            start = end
        self._rest = rest[start:]


def kill_group(group: int) -> bool:
    """Kill every process of a group; returns whether there were some."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def group_lives(group: int) -> bool:
    """Whether a group has processes."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _nothing(_number: int, _frame: object) -> None:
    """That there is a handler is what matters: the wake-up descriptor is written to then."""


def _ended_child() -> tuple[int, int] | None:
    """A child that has ended, and its status."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _children() -> list[int]:
    """Whose parent the agent is, zombies too; on Linux that is every orphan of a task."""
    me, found = os.getpid(), list[int]()
    for process in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            # the program's name is in parentheses, and may hold some itself
            parent = (process / "stat").read_bytes().rpartition(b")")[2].split()[1]
            if int(parent) == me:
                found.append(int(process.name))
    return found


class Agent:
    """What the process does until the socket closes."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._messages = Messages()
        self._pids: dict[int, int] = {}
        """By the numbers of orders."""
        self._orders: dict[int, Message] = {}
        """By process id."""
        self._dying: dict[int, tuple[Message, float]] = {}
        """By group: what to answer, and until when to wait."""
        self._left: set[int] = set()
        self._watched: list[list[str]] = []
        self._answers: list[Message] = []

    def serve(self) -> None:
        """Do as ordered, and tell of processes that ended."""
        woken, wakes = socket.socketpair()
        for end in (woken, wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(wakes.fileno())
        while True:
            pause = _PAUSE if self._dying else None
            ready, _, _ = select.select([self._line, woken], [], [], pause)
            if woken in ready:
                woken.recv(4096)
            self._look()
            if self._line in ready and not self._hear():
                signal.set_wakeup_fd(-1)
                return

    def end(self) -> None:
        """Kill what is left, and take containers away: they are not of our process groups."""
        for group in (*self._orders, *self._dying, *self._left):
            kill_group(group)
        self._outlast()
        quiet = subprocess.DEVNULL
        running = [
            subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet)
            for argv in self._watched
        ]
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)

    def _hear(self) -> bool:
        data = self._line.recv(MOST)
        for order in self._messages.unpack(data):
            self._obey(order)
            self._look()  # and tell at once, so that the emulator works while the next one starts
        return bool(data)

    def _look(self) -> None:
        """See what has ended, and tell."""
        self._reap()
        self._see_off()
        self._tell()

    def _obey(self, order: Message) -> None:
        if "run" in order:
            self._run(order)
        elif "kill" in order:
            if pid := self._pids.get(order["kill"]):
                kill_group(pid)
        elif "adopt" in order:
            self._left.add(order["adopt"])
        elif "forget" in order:
            self._left.discard(order["forget"])
        elif "watch" in order:
            self._watched.append(order["watch"])
        elif order["unwatch"] in self._watched:
            self._watched.remove(order["unwatch"])

    def _run(self, order: Message) -> None:
        number = order["run"]
        at = "folder"
        try:
            _make(order["cwd"])
            at = "start"
            pid = _start(order)
        except (OSError, ValueError) as error:
            blocked = _blocked(order) if at == "start" else 0
            fault = blocked or getattr(error, "errno", None) or errno.EINVAL
            answer = {"failed": number, "at": "output" if blocked else at, "errno": fault}
            self._answers.append(answer)
            return
        self._pids[number] = pid
        self._orders[pid] = order
        self._answers.append({"began": number, "pid": pid})

    def _reap(self) -> None:
        """Tell of every process that has ended, and end what it leaves behind."""
        while ended := _ended_child():
            pid, status = ended
            order = self._orders.pop(pid, None)
            if order is None:
                continue  # an orphan
            del self._pids[order["run"]]
            code = os.waitstatus_to_exitcode(status)
            answer: Message = {"ended": order["run"], "code": code, "left": False}
            if order["keep"] and code == 0 and group_lives(pid):
                self._left.add(pid)
                self._answers.append({**answer, "left": True})
            elif kill_group(pid):
                self._dying[pid] = (answer, time.monotonic() + _DEATH)
            else:
                self._answers.append(answer)

    def _see_off(self) -> None:
        """Tell of the groups whose last process has ended."""
        now = time.monotonic() if self._dying else 0.0
        for group, (answer, until) in list(self._dying.items()):
            if now > until or not group_lives(group):
                del self._dying[group]
                self._answers.append(answer)

    def _outlast(self) -> None:
        """Wait for all that was killed, and kill what it leaves: orphans fall to the agent."""
        until = time.monotonic() + _DEATH
        groups = {*self._orders, *self._dying, *self._left}
        while time.monotonic() < until:
            while _ended_child():
                pass
            groups = {group for group in groups if group_lives(group)}
            orphans = _children()
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not groups and not orphans:
                return
            time.sleep(_PAUSE)

    def _tell(self) -> None:
        if self._answers:
            data = b"".join(map(Messages.pack, self._answers))
            self._answers.clear()
            self._line.sendall(data)


def _make(folder: str) -> None:
    """Make a folder, and those above it: mostly one, or none."""
    try:
        os.mkdir(os.path.dirname(folder))  # noqa: PTH102, PTH120 - paths' objects cost time
        os.mkdir(folder)  # noqa: PTH102 - as above
    except (FileExistsError, FileNotFoundError):
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above


def _blocked(order: Message) -> int:
    """The error that opening the output's files gives, or 0."""
    for name in ("out", "err"):
        try:
            os.close(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def _start(order: Message) -> int:
    """Start a process in a session of its own, without a shell; returns its id."""
    end = os.O_APPEND if order["append"] else os.O_TRUNC
    # Without waiting: a task may have put a pipe in the place of a file.
    flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | end
    os.chdir(order["cwd"])
    argv: list[str] = order["argv"]
    return os.posix_spawn(
        _program(argv[0], order["env"]),
        argv,
        order["env"],
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, order["out"], flags, 0o666),
            (os.POSIX_SPAWN_OPEN, 2, order["err"], flags, 0o666),
        ],
        setsid=True,
        setsigdef=_DEFAULT,
    )


def _program(name: str, environment: dict[str, str]) -> str:
    """Where a program is, by the PATH of who wants it.

    Raises:
        FileNotFoundError: if it is nowhere.
    """
    if "/" in name:
        return name
    for folder in os.get_exec_path(environment):
        path = Path(folder, name)
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def _remove(folder: str) -> None:
    """Delete a folder, however deep a task has made it: `tree.remove`, which is out of reach."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)


def main() -> None:
    """Serve on standard input, which is the socket; then delete the folders that are named."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        control = ctypes.CDLL(None).prctl
        control(_DUMPABLE, *(ctypes.c_ulong(0),) * 4)  # it knows all tasks' environments
        control(_SUBREAPER, 1, 0, 0, 0)
    for held in map(int, sys.argv[1].split(",") if sys.argv[1] else ()):
        os.set_inheritable(held, False)
    agent = Agent(socket.socket(fileno=sys.stdin.fileno()))
    with contextlib.suppress(ConnectionError):
        agent.serve()
    agent.end()
    for scratch in sys.argv[2:]:
        _remove(scratch)


if __name__ == "__main__":
    main()
