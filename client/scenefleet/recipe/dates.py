"""Dates as people write them, as the interval a STAC search takes."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
ALLOWED = (
    "a day, month or year (2023-02-01, 2023-02, 2023), two of them with a slash between "
    "(2023-02-01/2023-05-01), an RFC 3339 time (2023-02-01T10:00:00Z), or .. for an open end"
)


def interval(text: str) -> str:
    """`text` as `start/end` in RFC 3339, UTC; a day, month or year stands for all of it.

    Raises:
        ValueError: says what was given and what is allowed.
    """
    parts = text.strip().split("/")
    if len(parts) > 2 or not all(parts):
        raise ValueError(f"{text!r} is no date or interval; allowed is {ALLOWED}")
    first, last = parts[0], parts[-1]
    start = ".." if first == ".." else _moment(first, text, last=False)
    end = ".." if last == ".." else _moment(last, text, last=True)
    if start == end == "..":
        raise ValueError(f"{text!r} has no date in it; allowed is {ALLOWED}")
    if ".." not in (start, end) and start > end:
        raise ValueError(f"{text!r} ends before it starts; write the earlier date first")
    return f"{start}/{end}"


def _moment(part: str, text: str, *, last: bool) -> str:
    if match := _DAY.fullmatch(part):
        year, month, day = (int(group) if group else None for group in match.groups())
        try:
            moment = _edge(year or 0, month, day, last=last)
        except ValueError as error:
            raise ValueError(f"{part!r} in {text!r} is no date of the calendar: {error}") from None
    else:
        try:
            moment = datetime.fromisoformat(part)
        except ValueError:
            raise ValueError(f"{part!r} in {text!r} is no date; allowed is {ALLOWED}") from None
        if moment.tzinfo is None:
            raise ValueError(f"{part!r} in {text!r} has no time zone; write {part}Z for UTC")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _edge(year: int, month: int | None, day: int | None, *, last: bool) -> datetime:
    if not last:
        return datetime(year, month or 1, day or 1, tzinfo=UTC)
    month = month or 12
    if day is None:
        if not 1 <= month <= 12:
            raise ValueError("month must be in 1..12")
        day = calendar.monthrange(year, month)[1]
    return datetime(year, month, day, 23, 59, 59, tzinfo=UTC)
