"""What pools used: the cores of their nodes over time, also of pools that are there no more."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import ClassVar

from batch_emulator.state.resource import Resource

KEPT = timedelta(days=30)
"""How far back it is known."""


@dataclass(slots=True, kw_only=True, eq=False)
class Usage(Resource):
    """The cores that a pool had, by time; its id is the pool's."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("pool", "vm_size", "ended", "times", "cores"),
    )

    pool: int
    """The pool's sequence: ids can come again."""
    vm_size: str
    ended: datetime | None = None
    """When the pool was gone."""
    times: list[int] = field(default_factory=list[int])
    """Seconds since the epoch at which the number of cores changed."""
    cores: list[int] = field(default_factory=list[int])
    """How many there were from each of them on."""

    def spec_json(self) -> bytes:
        """Nothing: it follows from what the pool did."""
        return b"{}"

    def change(self, cores: int, now: datetime) -> None:
        """Have so many cores more, or fewer, from now on."""
        second = int(now.timestamp())
        total = max(0, (self.cores[-1] if self.cores else 0) + cores)
        if self.times and self.times[-1] == second:
            self.cores[-1] = total
        else:
            self.times.append(second)
            self.cores.append(total)
        self._forget(second - int(KEPT.total_seconds()))
        self.mark()

    def end(self, now: datetime) -> None:
        """The pool is gone."""
        self.ended = now
        self.change(-self.cores[-1] if self.cores else 0, now)

    def is_known(self, now: datetime) -> bool:
        """Whether its pool is there, or was lately enough."""
        return self.ended is None or self.ended > now - KEPT

    def existed(self, start: datetime, end: datetime) -> bool:
        """Whether its pool was there at some time from `start` until `end`."""
        return self.created < end and (self.ended is None or self.ended > start)

    def core_hours(self, start: datetime, end: datetime) -> float:
        """Core hours from `start` until `end`."""
        first, last = start.timestamp(), end.timestamp()
        began = bisect.bisect_right(self.times, first) - 1
        stop = bisect.bisect_left(self.times, last)
        inner = self.times[began + 1 : stop]
        cores = [self.cores[began] if began >= 0 else 0, *self.cores[began + 1 : stop]]
        spans = pairwise((first, *inner, last))
        return sum(n * (to - since) for n, (since, to) in zip(cores, spans, strict=True)) / 3600

    def _forget(self, before: int) -> None:
        """Let go of what nobody may ask for any more."""
        old = bisect.bisect_right(self.times, before) - 1
        if old > 0:
            del self.times[:old], self.cores[:old]
