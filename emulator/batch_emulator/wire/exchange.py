"""The last requests and what became of them, for those who look for what a client did.

Of a request they hold nothing that is secret: no query, which may have a signature, no headers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from batch_emulator.wire.iso8601 import format_time

KEPT = 200
"""Requests that are remembered."""
_LONGEST = 300
"""Characters of a path that are remembered."""


@dataclass(slots=True)
class Exchange:
    """A request, and its answer as far as it got."""

    id: str
    """The `request-id` that the client is told."""
    time: datetime
    """By the emulator's clock."""
    began: datetime
    """In real time."""
    method: str
    path: str
    """Without its query."""
    of_service: bool
    """Whether it asks the service, and not the emulator itself."""
    operation: str | None = None
    status: int | None = None
    """None where the client got no answer."""
    code: str | None = None
    """The service's error code."""
    took: timedelta = timedelta(0)
    """Real time until the last of the answer was sent."""
    faults: list[str] = field(default_factory=list[str])
    """What went wrong by order."""

    def document(self) -> dict[str, Any]:
        """The JSON of the admin interface and the page."""
        return {
            "id": self.id,
            "time": format_time(self.time),
            "method": self.method,
            "path": self.path[:_LONGEST],
            "operation": self.operation,
            "status": self.status,
            "code": self.code,
            "milliseconds": round(self.took / timedelta(milliseconds=1), 1),
            "faults": self.faults,
        }


class Recent:
    """The last requests."""

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=KEPT)

    def add(self, exchange: Exchange) -> None:
        """Remember a request that is over."""
        self._kept.append(exchange)

    def __iter__(self) -> Iterator[Exchange]:
        """The newest first."""
        return reversed(self._kept)
