"""Says what a command waits for, once it takes some seconds: a line in a terminal, else text."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from scenefleet.cli.narrow import shorten
from scenefleet.cli.show import count, safe, say

if TYPE_CHECKING:
    from scenefleet.catalog import CatalogRequest, Patience

Value = TypeVar("Value")

_FIRST = 3.0
"""Seconds of silence before it says anything: most waits are shorter."""
_AGAIN = 8.0
"""Seconds between two lines of text."""
_TURN = 0.25
"""Seconds between two pictures of a line in a terminal."""
_SPINNER = "|/-\\"


class Wait:
    """What is waited for at this moment."""

    def __init__(self, place: str, what: str = "") -> None:
        self._now = (place, what)
        self._begun = time.monotonic()

    def now(self, place: str, what: str = "") -> None:
        """Changes what is waited for.

        Args:
            place: a host or service, which a narrow terminal may show shortened.
            what: of it, such as `page 3`.
        """
        self._now = (place, what)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begun

    def text(self) -> str:
        """Returns the line as text."""
        place, what = self._now
        return f"waiting for {place}{f': {what}' if what else ''} ({self.seconds:.0f} s)"

    def line(self, columns: int) -> str:
        """Returns the line of a terminal, no wider than it; the place is what gives way."""
        place, what = self._now
        turn = _SPINNER[int(self.seconds / _TURN) % len(_SPINNER)]
        end = f"{f': {what}' if what else ''} {self.seconds:.0f} s"
        room = columns - 1 - len(turn) - 1 - len(end)
        if room >= min(len(place), 8):
            return f"{turn} {shorten(place, room)}{end}"
        return shorten(f"{turn} {end.removeprefix(': ')}", columns - 1)


@contextmanager
def waiting(
    place: str, what: str = "", *, alone: bool = True, first: float = _FIRST
) -> Generator[Wait]:
    """Says what is waited for while the block runs, after some seconds and again.

    Nothing else may be written to standard error meanwhile where it is a terminal.

    Args:
        place: as in `Wait.now`.
        what: as in `Wait.now`.
        alone: whether that is so; else it writes lines of text in a terminal as well.
        first: seconds of silence before it says anything.
    """
    wait = Wait(place, what)
    over = threading.Event()
    moving = alone and _moves()
    thread = threading.Thread(
        target=_draw if moving else _write, args=(wait, over, first), daemon=True, name="waiting"
    )
    thread.start()
    try:
        yield wait
    finally:
        over.set()
        thread.join()


@contextmanager
def entering(place: str, manager: AbstractContextManager[Value]) -> Generator[Value]:
    """Says what is waited for while a context manager is entered; then as that manager.

    Args:
        place: as in `Wait.now`.
        manager: what is entered.
    """
    with ExitStack() as stack:
        with waiting(place):
            value = stack.enter_context(manager)
        yield value


@contextmanager
def waiting_for_catalogue(name: str) -> Generator[Patience]:
    """Gives the patience with which a catalogue is asked, and says what it waits for.

    Args:
        name: of the catalogue, as the recipe has it.
    """
    from scenefleet.catalog import Patience

    with waiting(safe(name)) as wait:

        def tell(asked: CatalogRequest) -> None:
            items = f", {count(asked.items, 'item')}" if asked.items else ""
            wait.now(safe(asked.host), safe(f"{asked.what}{items}"))

        yield Patience(tell=tell)


def _moves() -> bool:
    """Tells whether standard error is a terminal on which a line can be drawn over."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - the shell's `2>&-`
        return False
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _write(wait: Wait, over: threading.Event, first: float) -> None:
    pause = first
    while not over.wait(pause):
        say(wait.text())
        pause = _AGAIN


def _draw(wait: Wait, over: threading.Event, first: float) -> None:
    if over.wait(first):
        return
    while not over.wait(_TURN):
        _put(f"\r{wait.line(_columns())}\x1b[K")
    _put("\r\x1b[K")


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns)
    except (OSError, ValueError):
        return 80


def _put(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # the terminal is gone; what is waited for is not
        return
