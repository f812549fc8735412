"""Attends to the computing process from its order to its end. Standard library only.

It is answered, its files are taken, what it says is passed on redacted, and signals reach it. It is
not trusted: what it says is bounded, and whatever does not belong on its lines ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import FrameType
from typing import IO

from scenefleet_task.broker import Broker
from scenefleet_task.computing import Computing
from scenefleet_task.line import LineError
from scenefleet_task.order import Order
from scenefleet_task.receive import Receiver
from scenefleet_task.redact import redact

_LINE = 1 << 16
"""Bytes of a line that is passed on in one piece."""
_LOG = 1 << 24
"""Bytes that are kept of what it says."""
_CUT = "the log is cut here: the rest is on the node only, in stderr.txt\n"
_PATIENCE = 1.0
"""Seconds for the last words of a process that has ended to be read."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a computing process."""

    code: int
    """Its exit code, negative for a signal."""
    trouble: str
    """What it did that it may not; empty if nothing."""


class Log:
    """The task's log, on standard error and in a file."""

    def __init__(self, file: IO[bytes] | None) -> None:
        """Begins; without a file it goes to standard error alone."""
        self._file = file
        self._left = _LOG
        self._writing = threading.Lock()

    def write(self, text: str) -> int:
        """Writes a text that holds no secret."""
        with self._writing:
            sys.stderr.write(text)
            sys.stderr.flush()
            data = text.encode(errors="replace")
            if self._file and self._left > 0:
                self._left -= len(data)
                self._file.write(data if self._left > 0 else _CUT.encode())
        return len(text)

    def adopt(self) -> None:
        """Takes what Python's loggers say as well, redacted."""
        from scenefleet_task.log import start_log

        start_log(self)

    def flush(self) -> None:
        """Nothing waits."""


def attend(
    computing: Computing, order: Order, broker: Broker, receiver: Receiver, log: Log
) -> Ended:
    """Gives the process its order, and attends to it; gives how it ended."""
    with contextlib.suppress(OSError):  # it has ended already, and how it did is told
        computing.asks.send(*order.message())
    troubles: list[str] = []

    def begin(work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=_serve, args=(work, computing, troubles), daemon=True)
        thread.start()
        return thread

    taking = begin(receiver.serve)
    begin(lambda: broker.serve(receiver.ready))
    listening = begin(lambda: _pass_on(computing.said, log))
    with _forwarding(computing):
        code = computing.wait()
    # What it started may go on, and hold what it speaks by.
    listening.join(_PATIENCE)
    # One that ended by itself has been told that its files are there. One that was killed may have
    # left an upload that goes on for minutes: nobody wants it any more.
    taking.join(None if code >= 0 and not troubles else _PATIENCE)
    return Ended(code, troubles[0] if troubles else "")


def _pass_on(said: int, log: Log) -> None:
    with os.fdopen(said, "rb") as lines:
        while line := lines.readline(_LINE):
            log.write(redact(line.decode(errors="replace")))


def _serve(work: Callable[[], None], computing: Computing, troubles: list[str]) -> None:
    try:
        work()
    except LineError as error:
        troubles.append(str(error))
        computing.kill(signal.SIGKILL)
    except OSError:
        pass  # it ended meanwhile, and how it did says more
    except Exception as error:
        troubles.append(f"its supervisor failed: {type(error).__name__}: {error}")
        computing.kill(signal.SIGKILL)
        raise


@contextlib.contextmanager
def _forwarding(computing: Computing) -> Generator[None]:
    """Passes SIGTERM and SIGINT on to the process, whose end then tells the rest."""

    def forward(number: int, _frame: FrameType | None) -> None:
        computing.kill(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
