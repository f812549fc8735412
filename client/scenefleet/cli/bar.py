"""A bar for a run's progress: one line of any width, drawn over itself.

A line that is longer than the terminal would wrap, and what wrapped cannot be drawn over; so the
width is asked for at each drawing, and what a smaller window has wrapped is taken off first.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TextIO

import click

from scenefleet.cli.cells import columns_of
from scenefleet.cli.show import saying_above
from scenefleet.run import Progress
from scenefleet.run.time_left import TimeLeft, describe_seconds

_TICK = 1.0
"""Seconds between drawings while nothing happens: the time goes on."""
_LEAST, _MOST = 8, 40
"""Columns of the bar itself."""
_BLOCKS = "━", "─"
_PLAIN = "#", "-"


def can_draw(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tells whether a line can be drawn over: at a terminal that is not a dumb one."""
    return stream.isatty() and environment.get("TERM", "dumb") not in ("", "dumb", "unknown")


class Bar:
    """The line, from `with` to the end of its block. One thread draws it each second."""

    def __init__(
        self,
        total: int,
        *,
        stream: TextIO | None = None,
        columns: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Draws nothing yet.

        Args:
            total: tasks of the run.
            stream: a terminal; None for standard error.
            columns: gives the terminal's width; None asks the terminal, or `COLUMNS`.
            clock: seconds, rising.
        """
        self._total = total
        self._stream = stream or sys.stderr
        self._columns = columns or (lambda: columns_of(self._stream, os.environ))
        self._clock = clock
        self._began = clock()
        self._left = TimeLeft()
        self._progress = Progress(total, 0, 0, 0)
        self._drawn = 0
        """Columns of the line on the screen; 0 where none is."""
        self._color = not os.environ.get("NO_COLOR")
        self._signs = _BLOCKS if _can_write(self._stream, "".join(_BLOCKS)) else _PLAIN
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._speaking = ExitStack()
        self._thread = threading.Thread(target=self._tick, name="bar", daemon=True)

    def __enter__(self) -> Self:
        self._speaking.enter_context(saying_above(self.say))
        self._draw("")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._speaking.close()
        self._draw("", end="\n")

    def update(self, progress: Progress) -> None:
        """Shows how far the run is."""
        with self._lock:
            self._progress = progress
            self._left.note(progress, self._clock())
        self._draw("")

    def say(self, text: str) -> None:
        """Writes lines above the bar; they are the caller's to make harmless."""
        self._draw(f"{text}\n")

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            self._draw("")

    def _draw(self, above: str, end: str = "") -> None:
        """Writes all at once, so that nothing is seen half drawn."""
        with self._lock:
            now = self._clock()
            columns = max(1, self._columns())
            progress, seconds = self._progress, self._left.seconds(now)
            if self._over.is_set():
                seconds = None
            text, bar = compose(progress, self._total, now - self._began, seconds, columns - 1)
            line = text.replace("\0" * bar, self._bar(progress, bar)) if bar else text
            wrapped = max(0, self._drawn - 1) // columns
            up = f"\x1b[{wrapped}A" if wrapped else ""
            clean = "\r\x1b[J" if wrapped or above else "\r"
            self._drawn = 0 if end else len(text)
            self._stream.write(f"{up}{clean}{above}{line}\x1b[K{end}")
            self._stream.flush()

    def _bar(self, progress: Progress, width: int) -> str:
        total = max(1, self._total)
        done = width * progress.done // total
        failed = -(-width * progress.failed // total) if progress.failed else 0
        failed = min(failed, width - done)
        full, empty = self._signs
        parts = (
            (full * done, "green"),
            (full * failed, "red"),
            (empty * (width - done - failed), ""),
        )
        if not self._color:
            return full * done + ("x") * failed + parts[2][0]
        return "".join(
            click.style(text, fg=color) if color and text else text for text, color in parts
        )


def compose(
    progress: Progress, total: int, elapsed: float, left: float | None, columns: int
) -> tuple[str, int]:
    """Returns a line of at most so many columns, and how many NULs in it the bar takes.

    What matters least is left out first where there is no room: the time that has passed, what
    waits, what runs, the time left, the bar.
    """
    count = f"{progress.done}/{total}"
    failed = f"{progress.failed} failed" if progress.failed else ""
    rest = f"{describe_seconds(left)} left" if left is not None else ""
    running = f"{progress.running} running" if progress.running else ""
    waiting = f"{progress.waiting} waiting" if progress.waiting else ""
    for parts in (
        (failed, running, waiting, rest, clock_text(elapsed)),
        (failed, running, waiting, rest),
        (failed, running, rest),
        (failed, rest),
        (failed,),
    ):
        words = ", ".join(filter(None, parts))
        room = columns - len(count) - len(words) - (2 if words else 1)
        if room >= _LEAST:
            width = min(room, _MOST)
            blank = "\0" * width
            return f"{count} {blank} {words}".rstrip(" "), width
    return f"{count} {failed}".rstrip()[: max(0, columns)], 0


def clock_text(seconds: float) -> str:
    """A time that has passed: `0:07`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
