"""The values of formulas and their arithmetic: numbers, vectors, texts, times, intervals."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from batch_emulator.autoscale.syntax import FormulaError


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
Kind = Literal["double", "doubleVec", "string", "timestamp", "timeinterval"]

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
_COMPARISON: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_TIMES: dict[tuple[Kind, str, Kind], Callable[[float], Value]] = {
    ("double", "*", "timeinterval"): Interval,
    ("timeinterval", "*", "double"): Interval,
    ("timeinterval", "/", "double"): Interval,
    ("timeinterval", "+", "timeinterval"): Interval,
    ("timeinterval", "-", "timeinterval"): Interval,
    ("timeinterval", "+", "timestamp"): Moment,
    ("timestamp", "+", "timeinterval"): Moment,
    ("timestamp", "-", "timestamp"): Interval,
}
"""The service's table of operations, where it is about times: what is not in it is refused."""


def wrong(reason: str) -> FormulaError:
    """The error for a formula that reads well but has no value."""
    return FormulaError("AutoScalingFormulaEvaluationError", reason)


def kind_of(value: Value) -> Kind:
    """A value's type, as the service names it."""
    if isinstance(value, tuple):
        return "doubleVec"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Moment):
        return "timestamp"
    return "timeinterval" if isinstance(value, Interval) else "double"


def number(value: Value) -> float:
    """A value as a number; a vector of one member is one too.

    Raises:
        FormulaError: if it is none.
    """
    value = _single(value)
    if isinstance(value, int | float):
        return value
    raise wrong(f"A double is expected, not the {kind_of(value)} {show(value)}")


def negate(value: Value) -> Value:
    """`-value`: of a number or of an interval."""
    return Interval(-value.seconds) if isinstance(value, Interval) else -number(value)


def apply(sign: str, left: Value, right: Value) -> Value:
    """A binary operator's value.

    Raises:
        FormulaError: if the operator does not take such operands.
    """
    if sign in _COMPARISON:
        return _compare(sign, _single(left), _single(right))
    if isinstance(left, tuple) and isinstance(right, tuple | float):
        return _vectors(sign, left, right)
    left, right = _single(left), _single(right)
    if isinstance(left, float) and isinstance(right, float):
        return _compute(sign, left, right)
    result = _TIMES.get((kind_of(left), sign, kind_of(right)))
    if result is None or isinstance(left, str | tuple) or isinstance(right, str | tuple):
        raise _refused(sign, left, right)
    return result(_compute(sign, _plain(left), _plain(right)))


def _compare(sign: str, left: Value, right: Value) -> float:
    if kind_of(left) != kind_of(right) or isinstance(left, tuple):
        raise _refused(sign, left, right)
    return float(_COMPARISON[sign](left, right))


def finite(value: float) -> float:
    """The number, which is one.

    Raises:
        FormulaError: for an infinity, and for what is no number.
    """
    if not math.isfinite(value):
        raise wrong("A number is too large")
    return value


def _compute(sign: str, left: float, right: float) -> float:
    if sign == "/" and right == 0:
        raise wrong("Division by zero")
    return finite(_ARITHMETIC[sign](left, right))


def _vectors(sign: str, left: Vector, right: Vector | float) -> Vector:
    """A vector with a number, or with another of its length, member by member."""
    others = right if isinstance(right, tuple) else (right,) * len(left)
    if len(left) != len(others):
        raise wrong(f"{sign} does not take vectors of {len(left)} and {len(others)} members")
    return tuple(_compute(sign, x, y) for x, y in zip(left, others, strict=True))


def _single(value: Value) -> Value:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _plain(value: float | Moment | Interval) -> float:
    return value if isinstance(value, int | float) else value.seconds


def _refused(sign: str, left: Value, right: Value) -> FormulaError:
    return wrong(f"There is no {kind_of(left)} {sign} {kind_of(right)}")


def show(value: Value) -> str:
    """A value as evaluations report it: numbers with six digits, times with milliseconds."""
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Moment):
        return value.date().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, Interval):
        return f"{value.seconds:g}s"
    return "[" + ",".join(f"{member:g}" for member in value) + "]"
