"""Dates as people write them, as the interval a STAC search takes."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d+))?)?([Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_OTHER = (
    (re.compile(r"\d{4}-?W\d\d?(-?\d)?", re.ASCII | re.IGNORECASE), "a week date"),
    (re.compile(r"\d{4}-?\d{3}", re.ASCII), "a day's number in its year"),
    (re.compile(r"\d{4}-?Q\d", re.ASCII | re.IGNORECASE), "a quarter"),
    (re.compile(r"\d{6}|\d{8}", re.ASCII), "a date without hyphens"),
    (re.compile(r"-?-?P.*", re.ASCII), "a duration"),
)
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
    if ".." not in (start, end) and _sortable(start, "0") > _sortable(end, "9"):
        raise ValueError(f"{text!r} ends before it starts; write the earlier date first")
    return f"{start}/{end}"


def _sortable(moment: str, digit: str) -> str:
    """A time as text that sorts; one without a fraction is the first or last of its second."""
    return moment[:-1] if "." in moment else f"{moment[:-1]}.{digit * 6}"


def _moment(part: str, text: str, *, last: bool) -> str:
    if match := _DAY.fullmatch(part):
        year, month, day = (int(group) if group else None for group in match.groups())
        try:
            moment = _edge(year or 0, month, day, last=last)
        except ValueError as error:
            raise ValueError(f"{part!r} in {text!r} is no date of the calendar: {error}") from None
        return moment.isoformat(timespec="seconds")[:-6] + "Z"
    found = _TIME.fullmatch(part)
    if found is None:
        raise ValueError(f"{part!r} in {text!r} is {_kind(part)}; allowed is {ALLOWED}")
    day, minute, second, fraction, zone = found.groups()
    if zone is None:
        raise ValueError(f"{part!r} in {text!r} has no time zone; write {part}Z for UTC")
    try:
        return _exact(f"{day}T{minute}:{second or '00'}", fraction, zone.upper())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{part!r} in {text!r} is no time of the calendar: {error}") from None


def _exact(clock: str, fraction: str | None, zone: str) -> str:
    """A time to the second, or to the microsecond where the text has a fraction."""
    if clock.endswith(":60"):  # a leap second, which Python's clock has not: it ends the minute
        clock, fraction = f"{clock[:-2]}59", "999999"
    exact = datetime.fromisoformat(f"{clock}.{(fraction or '0')[:6]:0<6}{zone}")
    digits = "microseconds" if fraction else "seconds"
    return exact.astimezone(UTC).isoformat(timespec=digits)[:-6] + "Z"


def _kind(part: str) -> str:
    return next((name for form, name in _OTHER if form.fullmatch(part)), "no date")


def _edge(year: int, month: int | None, day: int | None, *, last: bool) -> datetime:
    if not last:
        return datetime(year, month or 1, day or 1, tzinfo=UTC)
    month = month or 12
    if day is None:
        if not 1 <= month <= 12:
            raise ValueError("month must be in 1..12")
        day = calendar.monthrange(year, month)[1]
    return datetime(year, month, day, 23, 59, 59, tzinfo=UTC)
