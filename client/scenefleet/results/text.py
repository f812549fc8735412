"""Words and numbers of the report: escaped for HTML, and formatted for people."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

NONE = "\N{EN DASH}"
"""What stands where there is nothing to say."""

_UNSHOWN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff"
    r"\u2028-\u202e\u2066-\u2069]"  # turns the direction of writing: an id must look as it is
)


def escape(text: object) -> str:
    """Any text as HTML, in an element or a quoted attribute; what cannot be shown is U+FFFD."""
    clean = str(text).encode("utf-8", "replace").decode()
    return html.escape(_UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", clean), quote=True)


def when(time: str | None) -> str:
    """An RFC 3339 time as `2026-11-21 10:03:22 UTC`; a text that is none stays as it is."""
    found = _parse(time)
    return found.strftime("%Y-%m-%d %H:%M:%S UTC") if found else time or NONE


def day(time: str) -> str:
    """The date of an RFC 3339 time, `2026-11-21`, in UTC; the text's start where it is none."""
    found = _parse(time)
    return found.strftime("%Y-%m-%d") if found else time[:10]


def elapsed(start: str | None, end: str | None) -> float | None:
    """Seconds from one RFC 3339 time to another, or None where one is missing."""
    first, last = _parse(start), _parse(end)
    return (last - first) / timedelta(seconds=1) if first and last else None


def moment(time: str) -> float:
    """An RFC 3339 time as seconds since 1970, to sort by; a text that is none comes first."""
    found = _parse(time)
    return found.timestamp() if found else float("-inf")


def duration(seconds: float | None) -> str:
    """`8.3 s`, `95 s`, `12 min 5 s`, `3 h 20 min`, `2 d 4 h`."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, 60, "min", 1, "s")
    if whole < 86400:
        return _two(whole, 3600, "h", 60, "min")
    return _two(whole, 86400, "d", 3600, "h")


def _two(seconds: int, unit: int, name: str, part: int, part_name: str) -> str:
    rest = seconds % unit // part
    return f"{seconds // unit} {name}" + (f" {rest} {part_name}" if rest else "")


def number(value: float) -> str:
    """With thin spaces between thousands, one decimal where it is below 100 and not whole."""
    text = f"{value:,.1f}" if value < 100 and value != int(value) else f"{round(value):,}"
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(value: float | None) -> str:
    """`41.2 %`, or a dash."""
    return NONE if value is None else f"{value:.1f}\N{NARROW NO-BREAK SPACE}%"


def count(amount: int, noun: str) -> str:
    """`1 scene`, `2 scenes`."""
    return f"{number(amount)} {noun}" + ("" if amount == 1 else "s")


def _parse(time: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(time) if time else None
    except ValueError:
        return None
    if found is None:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
