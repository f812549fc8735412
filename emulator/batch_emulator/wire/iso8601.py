"""Times and durations as the service writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE
)


def parse_duration(text: str) -> timedelta:
    """Reads `PT5M`, `P1DT2H` and the like; a year is 365 days and a month 30, as at the service.

    Raises:
        ValueError: if the text is no duration.
    """
    match = _DURATION.fullmatch(text)
    if not match or text in ("P", "PT") or text.endswith("T"):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT5M")
    parts = {name: float(value) for name, value in match.groupdict().items() if value}
    days = 365 * parts.pop("years", 0) + 30 * parts.pop("months", 0) + parts.pop("days", 0)
    return timedelta(days=days, **parts)


def format_duration(value: timedelta) -> str:
    """Write a duration as `P1DT2H3M4S`, leaving out what is zero."""
    minutes, seconds = divmod(value.seconds + value.microseconds / 1e6, 60)
    hours, minutes = divmod(int(minutes), 60)
    days = f"{value.days}D" if value.days else ""
    clock = "".join(f"{n:g}{u}" for n, u in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{days}" + (f"T{clock}" if clock else "" if days else "T0S")


def parse_time(text: str) -> datetime:
    """Read a time; one without a zone is UTC. Seven digits of a second are cut to six.

    Raises:
        ValueError: if the text is no time.
    """
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not an ISO 8601 time such as 2026-01-31T12:00:00Z")
    main, fraction, zone = match.groups()
    offset = "+00:00" if not zone or zone in "Zz" else zone
    value = datetime.fromisoformat(main + (fraction or "")[:7] + offset)
    return value.astimezone(UTC)


def format_time(value: datetime) -> str:
    """Write a UTC time with microseconds and `Z`."""
    # strftime writes the year 300 without its leading zero
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def format_http_time(value: datetime) -> str:
    """Write a UTC time as HTTP headers want it."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return (
        f"{days[value.weekday()]}, {value.day:02} {months[value.month - 1]} {value.year:04} "
        f"{value.hour:02}:{value.minute:02}:{value.second:02} GMT"
    )
