"""Starts the computing process: a fresh interpreter that is given none of the supervisor's secrets.

A fork would hold them in its memory. The process gets a clean environment (`environment.clean`), a
command line that says where the code is, and six descriptors: no input, one pipe for all that it
says, and two lines to the supervisor. It is begun before the supervisor has read anything, so that
Python starts while the supervisor does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from scenefleet_task.environment import clean
from scenefleet_task.line import Line

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from scenefleet_task.work import main; main(*map(int, sys.argv[2:]))"
)
_PIPE = 1 << 20
"""Bytes that a pipe holds: a process that writes need not wait for the one that reads."""
_SET_PIPE_SIZE = 1031
"""`F_SETPIPE_SZ` of fcntl(2)."""
_DEFAULT = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python, or who started the supervisor, may ignore."""


class Computing:
    """The computing process, begun: it waits for its order."""

    def __init__(self) -> None:
        """Starts it."""
        said, say = os.pipe()
        asked, ask = os.pipe()
        answered, answer = os.pipe()
        received, hand = os.pipe()
        noted, note = os.pipe()
        theirs = (answered, ask, noted, hand)
        _keep_to_ourselves(theirs)
        with contextlib.suppress(ImportError, OSError):  # Linux; and a user may have no room left
            import fcntl

            fcntl.fcntl(hand, _SET_PIPE_SIZE, _PIPE)
        root = Path(__file__).resolve().parents[1]  # a folder, or a zip file
        own = [sys.executable, "-P", "-c", _PROGRAM, str(root), *map(str, (os.getpid(), *theirs))]
        self.pid = os.posix_spawn(
            sys.executable,
            own,
            clean(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, say, 1),
                (os.POSIX_SPAWN_DUP2, say, 2),
            ],
            setsigdef=_DEFAULT,
        )
        for end in (*theirs, say):
            os.close(end)
        self._alive = threading.RLock()  # a signal may come while it is held
        self._over = False
        self.said = said
        """A descriptor: what it says on standard output and standard error."""
        self.asks = Line(asked, answer)
        """Its questions, one at a time, and its order before them."""
        self.files = Line(received, note)
        """The files that it hands over, and its result after them."""

    def kill(self, number: int) -> None:
        """Sends it a signal, if it is still there."""
        with self._alive:
            if not self._over:
                os.kill(self.pid, number)

    def wait(self) -> int:
        """Waits for its end; gives its exit code, negative for a signal."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._alive:  # from here on the number may be another process's
            self._over = True
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def give_up(self) -> None:
        """Ends a process that got no order."""
        self.kill(signal.SIGKILL)
        self.wait()


def _keep_to_ourselves(but: tuple[int, ...]) -> None:
    """Lets a new process inherit these descriptors and its own three, whatever we were given."""
    for number in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError):  # that of the list itself is closed by now
            os.set_inheritable(number, number <= 2 or number in but)
