"""Formulas evaluated over a pool's samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal as Choices
from typing import Protocol, cast

from batch_emulator.autoscale.functions import call
from batch_emulator.autoscale.syntax import (
    Assignment,
    Binary,
    Call,
    Choice,
    FormulaError,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    parse,
)
from batch_emulator.autoscale.values import INTERVALS, Interval, Moment, Value, apply, number, show
from batch_emulator.autoscale.values import wrong as _wrong

PERIOD = 30.0
"""Seconds from one sample to the next."""

TARGETS = ("$TargetDedicatedNodes", "$TargetLowPriorityNodes")
_OPTION = "$NodeDeallocationOption"
_OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
_OLD_NAMES = {
    "TargetDedicated": "TargetDedicatedNodes",
    "CurrentDedicated": "CurrentDedicatedNodes",
}
_MAX_NODES = 1_000_000

Deallocation = Choices["requeue", "terminate", "taskcompletion", "retaineddata"]


class Sampled(Protocol):
    """A sample of the service-defined variables."""

    @property
    def time(self) -> float:
        """Service time, in seconds since the epoch."""
        ...

    @property
    def values(self) -> Mapping[str, float]:
        """By name, without `$`."""
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


@dataclass(frozen=True, slots=True)
class Decision:
    """What a formula wants."""

    dedicated: int
    spot: int
    deallocation: Deallocation
    results: str
    """`name=value` pairs, separated by `;`, as the service reports them."""


def evaluate(text: str, view: View) -> Decision:
    """Read and evaluate a formula.

    Raises:
        FormulaError: if it cannot be read, or has no value with these samples.
    """
    statements = parse(text)
    variables = _run(statements, view)
    dedicated, spot = (_nodes(name, variables, view) for name in TARGETS)
    option = str(variables.get(_OPTION, "requeue"))
    own = {n: v for n, v in variables.items() if n not in (*TARGETS, _OPTION)}
    shown = {TARGETS[0]: f"{dedicated}", TARGETS[1]: f"{spot}", _OPTION: option}
    shown |= {name: show(value) for name, value in own.items()}
    results = ";".join(f"{name}={value}" for name, value in shown.items())
    return Decision(dedicated, spot, cast("Deallocation", option), results)


def check_targets(text: str) -> None:
    """See that a formula can be read and sets a target.

    Raises:
        FormulaError: if not.
    """
    names = {_canonical(statement.name) for statement in parse(text)}
    if not names & set(TARGETS):
        raise FormulaError(
            "AutoScalingFormulaSyntaxError", f"The formula sets none of {', '.join(TARGETS)}"
        )


def _canonical(name: str) -> str:
    return "$" + _OLD_NAMES.get(name[1:], name[1:]) if name.startswith("$") else name


def _run(statements: Sequence[Assignment], view: View) -> dict[str, Value]:
    scope = _Scope(view)
    for statement in statements:
        name, value = _canonical(statement.name), scope.value(statement.value)
        if name == _OPTION:
            value = _option(value)
        elif name.startswith("$") and name not in TARGETS:
            raise _wrong(f"{name} cannot be set; {', '.join((*TARGETS, _OPTION))} can")
        scope.variables[name] = value
    return scope.variables


def _option(value: Value) -> str:
    option = str(value).lower()
    if option not in _OPTIONS:
        raise _wrong(f"{_OPTION} is one of {', '.join(_OPTIONS)}, not {show(value)}")
    return option


def _nodes(name: str, variables: Mapping[str, Value], view: View) -> int:
    if name not in variables:
        return int(view.current[name[1:]])
    value = number(variables[name])
    if not math.isfinite(value) or value > _MAX_NODES:
        raise _wrong(f"{name} cannot be {value:g}")
    return max(0, round(value))


class _Scope:
    """Variables, and the values of expressions over them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.variables: dict[str, Value] = {}

    def value(self, node: Node) -> Value:  # noqa: PLR0911 - one for each kind of node
        match node:
            case Literal(value):
                return value
            case Name(name):
                return self._variable(name)
            case Unary(sign, operand):
                operand_value = number(self.value(operand))
                return -operand_value if sign == "-" else float(not operand_value)
            case Binary(sign, left, right):
                return self._binary(sign, left, right)
            case Choice(condition, yes, no):
                return self.value(yes if number(self.value(condition)) else no)
            case Call(function, arguments):
                return call(function, [self.value(a) for a in arguments], Moment(self._view.now))
            case Member(owner, name, arguments):
                return self._member(owner, name, arguments)

    def _variable(self, name: str) -> Value:
        name = _canonical(name)
        if name in self.variables:
            return self.variables[name]
        if name in INTERVALS:
            return Interval(INTERVALS[name])
        if name.startswith("$") and name[1:] in self._view.current:
            return float(self._view.current[name[1:]])
        if name.lower() in _OPTIONS:
            return name.lower()
        raise _wrong(f"There is no variable {name}")

    def _binary(self, sign: str, left: Node, right: Node) -> Value:
        value = self.value(left)
        if sign == "&&":
            return float(bool(number(value)) and bool(number(self.value(right))))
        if sign == "||":
            return float(bool(number(value)) or bool(number(self.value(right))))
        return apply(sign, value, self.value(right))

    def _member(self, owner: Node, name: str, arguments: tuple[Node, ...] | None) -> Value:
        if arguments is None:
            return _time_part(self.value(owner), name)
        variable = _canonical(owner.name)[1:] if isinstance(owner, Name) else ""
        if variable not in self._view.current:
            raise _wrong(f"Only service-defined variables have a {name}(...)")
        values = [self.value(argument) for argument in arguments]
        return _sampled(self._view, variable, name, values)


def _time_part(value: Value, name: str) -> float:
    if not isinstance(value, Moment):
        raise _wrong(f"{show(value)} has no .{name}")
    date = value.date()
    parts = {
        "year": date.year,
        "month": date.month,
        "day": date.day,
        "weekday": date.isoweekday() % 7,
        "hour": date.hour,
        "minute": date.minute,
        "second": date.second,
    }
    if name not in parts:
        raise _wrong(f"A time has {', '.join(parts)}, but no .{name}")
    return float(parts[name])


def _sampled(view: View, variable: str, method: str, arguments: list[Value]) -> Value:
    if method == "Count":
        return float(len(view.samples))
    if method == "GetSamplePeriod":
        return Interval(PERIOD)
    if method == "HistoryBeginTime":
        return Moment(view.samples[0].time if view.samples else view.now)
    if method == "GetSamplePercent":
        start, end, _ = _window(view, arguments)
        return _percent(view, start, end)
    if method == "GetSample":
        return _get_sample(view, variable, arguments)
    raise _wrong(f"${variable} has no {method}(...)")


def _get_sample(view: View, variable: str, arguments: list[Value]) -> tuple[float, ...]:
    """Samples of a variable, the latest last; too few of them are an error."""
    if len(arguments) == 1 and _is_number(arguments[0]):
        count = int(number(arguments[0]))
        found = list(view.samples)[-count:] if count >= 1 else []
    else:
        start, end, wanted = _window(view, arguments)
        found = [s for s in view.samples if start <= s.time <= end]
        percent = _percent(view, start, end)
        if percent < wanted:
            raise FormulaError(
                "InsufficientSampleData",
                f"${variable}: {percent:g} percent of the samples are there, not {wanted:g}",
            )
    if not found:
        raise FormulaError("InsufficientSampleData", f"${variable}: there are no samples yet")
    return tuple(float(sample.values[variable]) for sample in found)


def _window(view: View, arguments: list[Value]) -> tuple[float, float, float]:
    """Start, end and wanted percentage: `(start [, end] [, percent])`."""
    rest = list(arguments)
    times = [_moment(view, rest.pop(0)) for _ in range(2) if rest and not _is_number(rest[0])]
    percent = number(rest.pop(0)) if rest else 0.0
    if not times or rest:
        raise _wrong("Expected (start [, end] [, percent]): start and end are times or intervals")
    return times[0], times[1] if len(times) > 1 else view.now, percent


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float)


def _moment(view: View, value: Value) -> float:
    if isinstance(value, Interval):
        return view.now - value.seconds
    if isinstance(value, Moment):
        return value.seconds
    raise _wrong(f"A time or an interval is expected, not {show(value)}")


def _percent(view: View, start: float, end: float) -> float:
    """How many of the samples that a span should hold are there, in percent."""
    expected = max(1, math.floor((end - start) / PERIOD))
    found = sum(start <= sample.time <= end for sample in view.samples)
    return min(100.0, 100.0 * found / expected)
