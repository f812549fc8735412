"""Time: one clock for every stamp, limit, interval and retention; it can run fast and be moved.

It begins as real time. With `scale` it runs so many times faster, and `advance` moves it on: what
falls due on the way happens in its order, each at its own time. Processes run in real time always.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

_TURNS = 20
"""Turns of the event loop that what has fallen due gets before the clock moves on: a few
coroutines that wait for one another, one after the other."""
LOOKS = 2880
"""Times that an observer is told of at once: a day of one every 30 seconds."""


@dataclass(slots=True, eq=False)
class Timer:
    """Something that happens at its time unless it is cancelled."""

    due: float
    act: Callable[[], object] | None

    def cancel(self) -> None:
        """Have it not happen."""
        self.act = None

    def fire(self) -> None:
        """Have it happen, unless it was cancelled meanwhile."""
        act, self.act = self.act, None
        if act is not None:
            act()


@dataclass(order=True, slots=True)
class _Entry:
    due: float
    number: int
    timer: Timer = field(compare=False)


@dataclass(slots=True, eq=False)
class _Observer:
    """Someone who looks at things again and again, and changes nothing."""

    period: float
    look: Callable[[Sequence[float]], None]
    due: float

    def observe(self, until: float, most: int) -> None:
        """Look as often as is due, at what has not changed since it was: so once does for all."""
        times = max(0, math.floor((until - self.due) / self.period) + 1)
        if times:
            last = self.due + (times - 1) * self.period
            self.look([last - self.period * back for back in reversed(range(min(times, most)))])
            self.due = last + self.period


class Clock:
    """The one clock of an emulator.

    Args:
        scale: seconds of this clock in a real second.
        wall: real seconds since the epoch.
        steady: real seconds that never go back.
    """

    def __init__(
        self,
        scale: float = 1.0,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scale = scale
        self._wall = wall
        self._steady = steady
        self._wall_start = wall()
        self._steady_start = steady()
        self._moved = 0.0
        self._moving = asyncio.Lock()
        self._numbers = count()
        self._heap: list[_Entry] = []
        self._observers: list[_Observer] = []
        self._alarm: asyncio.TimerHandle | None = None

    def real(self) -> datetime:
        """The real time, in UTC: clients sign with theirs."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        """The time, in seconds since the epoch."""
        elapsed = (self._steady() - self._steady_start) * self.scale
        return self._wall_start + elapsed + self._moved

    def move_to(self, when: float) -> None:
        """Begin no earlier than a time that was reached before, in seconds since the epoch."""
        self._moved += max(0.0, when - self.time())

    def call_later(self, seconds: float, act: Callable[[], object]) -> Timer:
        """Have something happen in so many seconds of this clock."""
        timer = Timer(self.time() + max(0.0, seconds), act)
        heapq.heappush(self._heap, _Entry(timer.due, next(self._numbers), timer))
        if self._heap[0].timer is timer:
            self._arm()
        return timer

    def observe(self, period: float, look: Callable[[Sequence[float]], None]) -> None:
        """Have someone look every so many seconds, without changing anything.

        `look` is given the times, of which there are several after the clock was moved: nothing has
        happened between them.
        """
        self._observers.append(_Observer(period, look, self.time() + period))
        self._arm()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        over = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: over.done() or over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()

    @asynccontextmanager
    async def limit(self, seconds: float | None) -> AsyncGenerator[None]:
        """Hold a block to so many seconds of this clock.

        Raises:
            TimeoutError: if it takes longer.
        """
        async with asyncio.timeout(None) as timeout:
            if seconds is None:
                yield
                return
            timer = self.call_later(seconds, lambda: _expire(timeout))
            try:
                yield
            finally:
                timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Move on, letting happen what falls due on the way."""
        async with self._moving:
            await _settle()  # what is just happening belongs to the time before
            target = self.time() + seconds
            while (entry := self._first()) and entry.due <= target:
                self._observe(entry.due)
                self.move_to(entry.due)
                self._fire()
                await _settle()
            self._observe(target)
            self.move_to(target)
            self._arm()

    def _observe(self, until: float) -> None:
        for observer in self._observers:
            observer.observe(until, LOOKS)

    def _first(self) -> _Entry | None:
        while self._heap and self._heap[0].timer.act is None:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _fire(self) -> None:
        """Do what is due, and set the alarm for what comes next."""
        self._observe(self.time())
        while (entry := self._first()) and entry.due <= self.time():
            heapq.heappop(self._heap)
            asyncio.get_running_loop().call_soon(entry.timer.fire)
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        entry = self._first()
        due = [observer.due for observer in self._observers] + ([entry.due] if entry else [])
        if due:
            wait = max(0.0, min(due) - self.time()) / self.scale
            self._alarm = asyncio.get_running_loop().call_later(wait, self._fire)


async def _settle() -> None:
    """Let what has fallen due go on until it waits again."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _expire(timeout: asyncio.Timeout) -> None:
    timeout.reschedule(asyncio.get_running_loop().time())
