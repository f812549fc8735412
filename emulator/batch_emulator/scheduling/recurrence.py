"""When a job schedule's jobs are due, from its `schedule` alone: no clock, no state.

Source: the docstrings of `BatchJobScheduleConfiguration` in the azure-batch wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from batch_emulator.wire.iso8601 import parse_duration, parse_time


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The times at which jobs are due, and how late they may be made. Times are in UTC."""

    start: datetime | None = None
    """The earliest time of any job: `doNotRunUntil`."""
    end: datetime | None = None
    """The time from which on no job is made: `doNotRunAfter`."""
    window: timedelta | None = None
    """How late a job may be made: `startWindow`; None is without limit."""
    interval: timedelta | None = None
    """From one job to the next: `recurrenceInterval`; None is for one job only."""

    def first(self, now: datetime) -> datetime | None:
        """When the first job is due."""
        return self._allowed(now if self.start is None else max(self.start, now))

    def after(self, due: datetime) -> datetime | None:
        """When the job after the one that is due is."""
        following = None if self.interval is None else later(due, self.interval)
        if following is not None and self.start is not None:
            following = max(following, self.start)
        return self._allowed(following)

    def current(self, due: datetime | None, now: datetime) -> datetime | None:
        """The job to make next, given the one that was: what was missed is lost, not made up for.

        Of several intervals that have begun the last one counts; and where its window is over, the
        one after it.
        """
        if due is None or (self.end is not None and now >= self.end):
            return None
        if self.interval is not None and now > due:
            due += (now - due) // self.interval * self.interval
        if self.window is not None and (closed := later(due, self.window)) and now >= closed:
            return self.after(due)
        return self._allowed(due)

    def over(self, due: datetime | None, now: datetime) -> bool:
        """Whether no job will be made any more: a recurring schedule lasts until its end."""
        if self.interval is None:
            return due is None
        return self.end is not None and now >= self.end

    def events(self, due: datetime | None) -> list[datetime]:
        """The times at which something changes by itself."""
        spans = () if due is None else (timedelta(0), self.interval, self.window)
        times = [later(due, span) for span in spans if due is not None and span is not None]
        return [time for time in (*times, self.end) if time is not None]

    def _allowed(self, due: datetime | None) -> datetime | None:
        return None if due is None or (self.end is not None and due >= self.end) else due


def recurrence(schedule: dict[str, Any]) -> Recurrence:
    """Read the service's JSON of a `schedule`."""
    start, end = (schedule.get(name) for name in ("doNotRunUntil", "doNotRunAfter"))
    window, interval = (schedule.get(name) for name in ("startWindow", "recurrenceInterval"))
    return Recurrence(
        start=None if start is None else parse_time(start),
        end=None if end is None else parse_time(end),
        window=None if window is None else parse_duration(window),
        interval=None if interval is None else parse_duration(interval),
    )


def later(time: datetime, span: timedelta) -> datetime | None:
    """A time and a span, or None for what is beyond the calendar: never."""
    try:
        return time + span
    except OverflowError:
        return None
