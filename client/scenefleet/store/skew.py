"""Tells by the date of a service's answer whether this machine's clock is why it refused. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_NOTICED = timedelta(minutes=4)
"""A smaller difference is no reason: tokens of Microsoft Entra ID are taken for 5 minutes more."""
_LIMIT = timedelta(minutes=14.5)
"""A request that is signed with a key is refused from 15 minutes on, by Batch and by Storage.
Source: "Authenticate requests to Azure Batch", "Authorize with Shared Key (Azure Storage)"."""


def explain_skew(date: str | None, now: datetime) -> str | None:
    """Returns whole sentences with the difference and the remedy; None where the clocks agree.

    Args:
        date: the answer's `Date` header.
        now: this machine's time.
    """
    there = _parse(date)
    if there is None:
        return None
    off = now - there
    if abs(off) < _NOTICED:
        return None
    way = "ahead of" if off > timedelta(0) else "behind"
    reason = "is why" if abs(off) >= _LIMIT else "may be why"
    here, said = (f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in (now, there))
    return (
        f"This machine's clock is {_span(abs(off))} {way} the service's, which {reason} the "
        f"service refuses: it is {here} here, and {said} there. Set the clock, by `sudo "
        "timedatectl set-ntp true` for example, then give the same command again."
    )


def _parse(date: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _span(span: timedelta) -> str:
    minutes = span / timedelta(minutes=1)
    if minutes < 120:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.0f} hours" if minutes < 2880 else f"{minutes / 1440:.0f} days"
