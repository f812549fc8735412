"""The values of formulas and their arithmetic: numbers, vectors, texts, times, intervals."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from batch_emulator.autoscale.syntax import FormulaError
from batch_emulator.wire.iso8601 import format_time


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A timestamp."""

    seconds: float
    """Since the epoch."""

    def date(self) -> datetime:
        """As a UTC date.

        Raises:
            FormulaError: if it lies beyond the calendar.
        """
        try:
            return datetime.fromtimestamp(self.seconds, UTC)
        except (OverflowError, ValueError, OSError):
            raise wrong("The time lies beyond the calendar") from None


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A length of time."""

    seconds: float


Vector = tuple[float, ...]
Value = float | str | Vector | Moment | Interval

INTERVALS = {
    "TimeInterval_Zero": 0.0,
    "TimeInterval_100ns": 1e-7,
    "TimeInterval_Microsecond": 1e-6,
    "TimeInterval_Millisecond": 1e-3,
    "TimeInterval_Second": 1.0,
    "TimeInterval_Minute": 60.0,
    "TimeInterval_Hour": 3600.0,
    "TimeInterval_Day": 86400.0,
    "TimeInterval_Week": 7 * 86400.0,
    "TimeInterval_Year": 365 * 86400.0,
}

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b,
}
_COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def wrong(message: str) -> FormulaError:
    """The error for a formula that reads well but has no value."""
    return FormulaError("AutoScalingFormulaEvaluationError", message)


def number(value: Value) -> float:
    """A value as a number.

    Raises:
        FormulaError: if it is none.
    """
    if isinstance(value, int | float):
        return value
    if isinstance(value, tuple) and len(value) == 1:
        return value[0]
    raise wrong(f"A number is expected, not {show(value)}")


def apply(sign: str, left: Value, right: Value) -> Value:
    """A binary operator's value.

    Raises:
        FormulaError: if the operator does not take such operands.
    """
    if isinstance(left, str) and isinstance(right, str) and sign in ("==", "!="):
        return float((left == right) == (sign == "=="))
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _vectors(sign, left, right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _compute(sign, left, right)
    if isinstance(left, str) or isinstance(right, str):
        raise wrong(f"{sign} does not take {show(left)} and {show(right)}")
    return _times(sign, left, right)


def _compute(sign: str, left: float, right: float) -> float:
    if sign in _COMPARISON:
        return float(_COMPARISON[sign](left, right))
    if sign == "/" and right == 0:
        raise wrong("Division by zero")
    try:
        return _ARITHMETIC[sign](left, right)
    except OverflowError:
        raise wrong("A number is too large") from None


def _vectors(sign: str, left: Value, right: Value) -> Vector:
    a = left if isinstance(left, tuple) else (number(left),)
    b = right if isinstance(right, tuple) else (number(right),)
    size = max(len(a), len(b))
    a, b = (v * size if len(v) == 1 else v for v in (a, b))
    if len(a) != len(b):
        raise wrong(f"{sign} does not take vectors of {len(a)} and {len(b)} members")
    return tuple(_compute(sign, x, y) for x, y in zip(a, b, strict=True))


def _times(sign: str, left: float | Moment | Interval, right: float | Moment | Interval) -> Value:
    kinds = (type(left), type(right))
    a = left if isinstance(left, int | float) else left.seconds
    b = right if isinstance(right, int | float) else right.seconds
    if sign in _COMPARISON and kinds[0] is kinds[1]:
        return _compute(sign, a, b)
    result = _TIME_RESULTS.get((kinds[0], sign, kinds[1]))
    if result is None:
        raise wrong(f"{sign} does not take {show(left)} and {show(right)}")
    return result(_compute(sign, a, b))


_TIME_RESULTS: dict[tuple[type, str, type], Callable[[float], Value]] = {
    (Moment, "-", Moment): Interval,
    (Moment, "+", Interval): Moment,
    (Moment, "-", Interval): Moment,
    (Interval, "+", Moment): Moment,
    (Interval, "+", Interval): Interval,
    (Interval, "-", Interval): Interval,
    (Interval, "/", Interval): float,
    (Interval, "*", float): Interval,
    (Interval, "/", float): Interval,
    (float, "*", Interval): Interval,
}


def show(value: Value) -> str:
    """A value as evaluations report it."""
    if isinstance(value, int | float):
        return f"{value:.15g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Moment):
        return format_time(value.date())
    if isinstance(value, Interval):
        return f"{value.seconds:g}s"
    return "[" + ",".join(f"{member:.15g}" for member in value) + "]"
