"""Waits for a server in a thread, so that neither a silent server nor Ctrl-C has to be borne.

Looking up a name, connecting and shaking hands block inside C code, where a signal is not seen and
no limit of ours holds. So each request has a thread of its own, and the caller waits beside it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CatalogRequest:
    """A request to a catalogue that begins, for displays of progress."""

    host: str
    """The host that is asked."""
    what: str
    """The document that is asked for, such as `page 3`; also when it will be asked for again."""
    items: int
    """Items that have come so far, of all pages or documents."""


def host_of(href: str) -> str:
    """Returns the host of an address as it may be shown: without user and password."""
    try:
        parts = urlsplit(href)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that cannot be read"
    return f"{host or 'an address without a host'}{f':{port}' if port else ''}"


class LateError(Exception):
    """A request that did not end within its time."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage
        """The stage that the request had reached when its time was over."""


class Trip:
    """One request on its way: the time it has left, the stage it has reached, its connection."""

    def __init__(self, seconds: float) -> None:
        self.stage = "nothing was sent"
        """The last thing that happened, or did not, in words for a message."""
        self.is_reached = False
        """True once a server was connected to."""
        self.is_over = False
        """True once nobody waits for the request any more."""
        self._end = time.monotonic() + seconds
        self._line: socket.socket | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()

    def hold(self, line: Any) -> None:  # noqa: ANN401 - a socket, plain or of TLS
        """Takes the connection, to cut it when the time is over."""
        with self._lock:
            self._drop()
            self._line = socket.socket(fileno=socket.dup(line.fileno()))
            if self.is_over:
                self._shut()

    def end(self) -> None:
        """Cuts the connection: a thread that still reads from it ends."""
        with self._lock:
            self.is_over = True
            self._over.set()
            self._shut()

    def close(self) -> None:
        """Lets go of the connection."""
        with self._lock:
            self._drop()

    def pause(self, seconds: float) -> None:
        """Waits, but not longer than anybody waits for the request."""
        self._over.wait(seconds)

    def _shut(self) -> None:
        if self._line is not None:
            with suppress(OSError):  # it ended by itself
                self._line.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


def within(trip: Trip, call: Callable[[], Result]) -> Result:
    """Returns what a call returns, if it ends before its trip's time is over.

    A call that does not end is left to a thread that keeps no program from ending.

    Raises:
        LateError: if it does not end in time.
        KeyboardInterrupt: at once, whatever the call waits for.
        BaseException: whatever the call raises.
    """
    found: list[Result] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            failed.append(error)
        finally:
            trip.close()
            done.set()

    try:
        threading.Thread(target=work, daemon=True, name="catalogue request").start()
        ended = done.wait(max(0.0, trip.left))
    except BaseException:
        trip.end()
        raise
    if not ended:
        stage = trip.stage  # before the end: a thread that is cut off may try again
        trip.end()
        raise LateError(stage)
    if failed:
        raise failed.pop()
    return found.pop()
