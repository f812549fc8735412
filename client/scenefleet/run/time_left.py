"""Tells how long a run will go on, from how fast its tasks have ended; nothing before some have."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from scenefleet.run.events import Progress

_LEAST = 2
"""Tasks that must have ended before anything is told."""
_RECENT = 200
"""Ended tasks that the pace is taken from: a pool that has grown since is then known to be fast."""


@dataclass(slots=True)
class TimeLeft:
    """The pace of a run, as far as it was watched.

    The pace is that of the latest tasks, at least half of those that were seen to end, so that it
    neither jumps with each task nor forgets that a pool grew.
    """

    _seen: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    """Times, and how many tasks had ended by then."""
    _most: int = 0
    """Tasks that were seen to run at once."""
    _progress: Progress | None = None

    def note(self, progress: Progress, now: float) -> None:
        """Notes how far the run is at a time, in seconds of any clock that rises."""
        self._progress = progress
        self._most = max(self._most, progress.running)
        ended = progress.done + progress.failed
        if not self._seen and not progress.running:
            return  # no task has begun: what a pool takes to start says nothing of tasks
        if not self._seen or ended > self._seen[-1][1]:
            self._seen.append((now, ended))
        while len(self._seen) > 2 and self._is_old(self._seen[1][1], ended):
            self._seen.popleft()

    def seconds(self, now: float) -> float | None:
        """Returns the seconds that are left, or None while that cannot be told.

        One round of tasks must have ended: of those that began together the first to end is no
        measure. While nothing runs, nothing can be told either.
        """
        progress = self._progress
        if progress is None or not self._seen or not progress.running:
            return None
        began, first = self._seen[0]
        last, ended = self._seen[-1]
        count = ended - first
        if count < max(_LEAST, self._most) or last <= began:
            return None
        rest, gap = progress.waiting + progress.running, now - last
        # each task that runs has run for the gap at least: one that hangs is no end in sight
        return max(rest * (last - began) / count - gap, rest * gap / (self._most + 1))

    def _is_old(self, then: int, ended: int) -> bool:
        """Whether the pace can be taken from a later time than it is."""
        seen = ended - self._seen[0][1]
        return ended - then >= max(_RECENT, self._most, seen // 2)


def describe_seconds(seconds: float) -> str:
    """Returns a time that is left, as roughly as it is known: `40 s`, `7 min`, `2.5 h`."""
    if seconds < 90:
        return f"{max(10, round(seconds / 10) * 10)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 1800) / 2:g} h"
