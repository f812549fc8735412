"""Usage metrics: the core hours of each pool, by half hours, once two hours have passed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.listing import USAGES, question
from batch_emulator.operations.older import usage_as_told
from batch_emulator.service import Service
from batch_emulator.state.account import Account
from batch_emulator.state.usage import KEPT, Usage
from batch_emulator.wire.errors import invalid_query
from batch_emulator.wire.iso8601 import format_time, parse_time
from batch_emulator.wire.paging import EXAMINED, reply_page

_HALF_HOUR = 1800
_LAG = timedelta(hours=2)
"""How long the service takes until it tells."""
_USAGES = 1 << 32
"""More than there are pools: what sets the half hours apart in a place in the list."""


@dataclass(frozen=True, slots=True)
class _Metrics:
    """What a pool used in a half hour, given by its number since the epoch."""

    number: int
    usage: Usage
    gone: bool = False

    @property
    def sequence(self) -> int:
        """The place in the list: by time, then by pool."""
        return self.number * _USAGES + self.usage.sequence

    def document(self) -> dict[str, Any]:
        """The service's JSON."""
        start, end = _time(self.number), _time(self.number + 1)
        return {
            "poolId": self.usage.id,
            "startTime": format_time(start),
            "endTime": format_time(end),
            "vmSize": self.usage.vm_size,
            "totalCoreHours": self.usage.core_hours(start, end),
        }

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        """A property, for filters."""
        return self.document().get(path)


async def list_metrics(service: Service, request: Request) -> Response:
    """List what pools used in the half hours of a range, or in the last one that is known."""
    asked = question(request, USAGES, None)
    first, end = _range(service, request)
    all_metrics = _metrics(service.account, max(first, asked.after // _USAGES), end)
    later = (metrics for metrics in all_metrics if metrics.sequence > asked.after)
    page = list(islice(later, EXAMINED + 1))
    return reply_page(request, page, asked, lambda one: usage_as_told(request, one.document()))


def _metrics(account: Account, first: int, end: int) -> Iterator[_Metrics]:
    for number in range(first, end):
        start, stop = _time(number), _time(number + 1)
        for usage in account.usages:
            if usage.existed(start, stop):
                yield _Metrics(number, usage)


def _range(service: Service, request: Request) -> tuple[int, int]:
    """The first half hour that is asked for, and the one after the last."""
    now = service.now()
    newest = math.floor((now - _LAG).timestamp() / _HALF_HOUR)
    start = _given(request, "startTime", now - _LAG - timedelta(seconds=_HALF_HOUR))
    end = _given(request, "endTime", now - _LAG)
    first = newest - 1 if start is None else math.ceil(start.timestamp() / _HALF_HOUR)
    stop = newest if end is None else math.floor(end.timestamp() / _HALF_HOUR)
    if start and end and end <= start:
        raise invalid_query("endTime", end.isoformat(), "It is not after startTime.")
    oldest = math.floor((now - KEPT).timestamp() / _HALF_HOUR)
    return max(first, oldest), stop


def _given(request: Request, name: str, latest: datetime) -> datetime | None:
    """A time of the query: the newest version writes `endtime` and `startTime`, older ones small.

    Raises:
        BatchError: if it is none, or so late that the service does not know yet.
    """
    query = request.query_params
    text = query.get(name, query.get(name.lower()))
    if text is None:
        return None
    try:
        time = parse_time(text)
    except (ValueError, OverflowError):
        raise invalid_query(name, text, "A time is expected.") from None
    if time > latest:
        raise invalid_query(name, text, f"It must not be later than {format_time(latest)}.")
    return time


def _time(number: int) -> datetime:
    return datetime.fromtimestamp(number * _HALF_HOUR, UTC)
