"""Lines on a run's progress where no bar can be drawn, also while nothing happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from scenefleet.cli.bar import clock_text
from scenefleet.cli.show import say
from scenefleet.run import Progress
from scenefleet.run.time_left import TimeLeft, describe_seconds

_SILENCE = 8.0
"""Seconds without a line, after which the last state is told again."""
_LATER = 60.0
"""The same, once a run has gone on for `_LONG`: logs of a night's run stay readable."""
_LONG = 600.0
_TICK = 0.5
"""Seconds between looks at the clock."""


class Pulse:
    """Writes what comes, and the last state again after some seconds in which nothing came."""

    def __init__(
        self,
        total: int,
        *,
        write: Callable[[str], None] = say,
        clock: Callable[[], float] = time.monotonic,
        silence: float = _SILENCE,
    ) -> None:
        """Writes nothing yet.

        Args:
            total: tasks of the run.
            write: takes a line.
            clock: seconds, rising.
            silence: seconds without a line that are borne at first.
        """
        self._total = total
        self._write = write
        self._clock = clock
        self._silence = silence
        self._began = self._last = clock()
        self._left = TimeLeft()
        self._progress: Progress | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="pulse", daemon=True)

    def __enter__(self) -> Self:
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

    def say(self, text: str) -> None:
        """Writes a line."""
        with self._lock:
            self._put(text)

    def update(self, progress: Progress) -> None:
        """Writes how far the run is."""
        with self._lock:
            now = self._clock()
            self._progress = progress
            self._left.note(progress, now)
            self._put(self._state(progress, now))

    def look(self) -> None:
        """Writes the last state again where it was silent for too long."""
        with self._lock:
            now = self._clock()
            most = self._silence if now - self._began < _LONG else max(_LATER, self._silence)
            if now - self._last < most:
                return
            passed = f"({clock_text(now - self._began)})"
            if self._progress is None:
                self._put(f"waiting for the first task to begin {passed}")
            else:
                self._put(f"{self._state(self._progress, now)} {passed}")

    def _state(self, progress: Progress, now: float) -> str:
        counts = [
            f"{progress.done}/{self._total} done",
            f"{progress.running} running",
            f"{progress.waiting} waiting",
        ]
        if progress.failed:
            counts.append(f"{progress.failed} failed")
        left = self._left.seconds(now)
        if left is not None:
            counts.append(f"about {describe_seconds(left)} left")
        return ", ".join(counts)

    def _put(self, text: str) -> None:
        self._last = self._clock()
        self._write(text)

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            try:
                self.look()
            except OSError:  # nobody reads any more; the thread that follows the run meets it too
                return
