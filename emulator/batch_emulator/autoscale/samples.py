"""What formulas see of a pool, and the methods of its service-defined variables.

Source: "Obtain sample data" of the service's page on autoscale formulas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from batch_emulator.autoscale.syntax import FormulaError
from batch_emulator.autoscale.values import Interval, Moment, Value, kind_of, wrong

PERIOD = 30.0
"""Seconds from one sample to the next."""


class Sampled(Protocol):
    """A sample of the service-defined variables."""

    @property
    def time(self) -> float:
        """Service time, in seconds since the epoch."""
        ...

    @property
    def values(self) -> Mapping[str, float]:
        """By name, without `$`; what could not be measured is missing."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What a formula can see."""

    now: float
    """Service time, in seconds since the epoch."""
    current: Mapping[str, float]
    """The service-defined variables now, without `$`; the targets among them."""
    samples: Sequence[Sampled]
    """The oldest first."""

    def history(self, variable: str) -> list[tuple[float, float]]:
        """Times and values of a variable's samples."""
        return [(s.time, float(s.values[variable])) for s in self.samples if variable in s.values]


def ask(view: View, variable: str, method: str, arguments: list[Value]) -> Value:
    """The value of a method of a variable.

    Raises:
        FormulaError: if there is no such method, or too few samples are there.
    """
    history = view.history(variable)
    if method == "GetSample":
        return _get_sample(view, variable, arguments)
    if method == "GetSamplePercent":
        start, end, percent = _window(view, arguments)
        if percent is not None:
            raise wrong("GetSamplePercent takes (start [, end])")
        return _percent(history, start, end)
    if arguments:
        raise wrong(f"{method} takes no arguments")
    if method == "Count":
        return float(len(history))
    if method == "GetSamplePeriod":
        return Interval(PERIOD)
    if method == "HistoryBeginTime":
        return Moment(history[0][0] if history else view.now)
    raise wrong(f"${variable} has no {method}(...)")


def _get_sample(view: View, variable: str, arguments: list[Value]) -> tuple[float, ...]:
    """Samples of a variable, the latest last: as many as there are, or at least a percentage."""
    history = view.history(variable)
    if len(arguments) == 1 and isinstance(arguments[0], float):
        count = int(arguments[0])
        return tuple(value for _, value in history[-count:]) if count >= 1 else ()
    start, end, wanted = _window(view, arguments)
    percent = _percent(history, start, end)
    if wanted is not None and percent < wanted:
        reason = f"${variable} wanted {wanted:g}%, received {percent:g}%"
        raise FormulaError("InsufficientSampleData", f"Insufficient data from data set: {reason}")
    return tuple(value for time, value in history if start < time <= end)


def _window(view: View, arguments: list[Value]) -> tuple[float, float, float | None]:
    """`(start [, end] [, percent])`, with the earlier time first.

    The service's own examples look back from one minute to six: the later time comes first there.
    """
    rest = list(arguments)
    times = [_moment(view, rest.pop(0)) for _ in range(2) if rest and not _is_double(rest[0])]
    percent = rest.pop(0) if rest else None
    if not times or rest or not (percent is None or isinstance(percent, float)):
        raise wrong("Expected (start [, end] [, percent]): start and end are times or intervals")
    times = sorted(times) if len(times) > 1 else [times[0], view.now]
    return times[0], times[1], percent


def _is_double(value: Value) -> bool:
    return kind_of(value) == "double"


def _moment(view: View, value: Value) -> float:
    if isinstance(value, Interval):
        return view.now - value.seconds
    if isinstance(value, Moment):
        return value.seconds
    raise wrong(f"A time or an interval is expected, not a {kind_of(value)}")


def _percent(history: list[tuple[float, float]], start: float, end: float) -> float:
    """How many of the samples that a span should hold are there, in percent."""
    expected = max(1, math.floor((end - start) / PERIOD + 1e-6))
    found = sum(start < time <= end for time, _ in history)
    return min(100.0, 100.0 * found / expected)
