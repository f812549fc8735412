"""How busy this machine is: every node's processors are its own."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_SHORTEST = 0.01
"""Real seconds between two readings that tell something: the clock may jump."""


class Processors:
    """The processors of this machine, from one look to the next."""

    def __init__(self) -> None:
        self._last = _read()
        self._looked = time.monotonic()
        self._busy = 0.0

    def busy(self) -> float:
        """The part of the time since the last look that they were busy, from 0 to 1."""
        now = time.monotonic()
        if now - self._looked >= _SHORTEST:
            (used, total), (before, all_before) = (_read(), self._last)
            if total > all_before:
                self._busy = min(1.0, max(0.0, (used - before) / (total - all_before)))
                self._last, self._looked = (used, total), now
        return self._busy


def _read() -> tuple[float, float]:
    """Time that the processors were busy, and all their time, since some beginning."""
    try:
        line = _STAT.read_text().partition("\n")[0]
    except FileNotFoundError:
        # Not Linux: the load of the last minute stands for it.
        cores = os.cpu_count() or 1
        return time.monotonic() * os.getloadavg()[0] / cores, time.monotonic()
    times = [float(part) for part in line.split()[1:9]]
    idle = times[3] + times[4]
    return sum(times) - idle, sum(times)
