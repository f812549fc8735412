"""Time: real time, which stamps and tasks use, and service time, which can run faster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """The one clock of an emulator.

    Args:
        scale: seconds of service time in a real second.
        wall: seconds since the epoch.
        steady: seconds that never go back.
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

    def now(self) -> datetime:
        """The real time, in UTC."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def service_now(self) -> float:
        """Service time, in seconds since the epoch: it begins as real time."""
        return self._wall_start + (self._steady() - self._steady_start) * self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of service time."""
        await asyncio.sleep(seconds / self.scale)
