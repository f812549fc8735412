"""Formulas evaluated over a pool's samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal as Choices
from typing import cast

from batch_emulator.autoscale.functions import Stop, call
from batch_emulator.autoscale.samples import View, ask
from batch_emulator.autoscale.syntax import (
    Binary,
    Call,
    Choice,
    FormulaError,
    Literal,
    Member,
    Name,
    Node,
    Statement,
    Unary,
    parse,
)
from batch_emulator.autoscale.values import (
    INTERVALS,
    Interval,
    Moment,
    Value,
    apply,
    finite,
    kind_of,
    negate,
    number,
    show,
    wrong,
)

TARGETS = ("$TargetDedicatedNodes", "$TargetLowPriorityNodes")
READ_ONLY = (
    "$CPUPercent",
    "$ActiveTasks",
    "$RunningTasks",
    "$PendingTasks",
    "$SucceededTasks",
    "$FailedTasks",
    "$TaskSlotsPerNode",
    "$CurrentDedicatedNodes",
    "$CurrentLowPriorityNodes",
    "$UsableNodeCount",
    "$PreemptedNodeCount",
    "$SampleNodeCount",
)
"""The service-defined variables of today's page, and the last of an older one."""
_OPTION = "$NodeDeallocationOption"
_OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
_ALIASES = {
    "$targetdedicated": TARGETS[0],
    "$targetlowpriority": TARGETS[1],
    "$currentdedicated": "$CurrentDedicatedNodes",
    "$currentlowpriority": "$CurrentLowPriorityNodes",
}
_FULL = {name.lower(): name for name in (*TARGETS, *READ_ONLY, _OPTION)}
_MAX_NODES = 1_000_000
_MOST_MEMBERS = 1_000_000
"""A second's work; a day of samples of a variable are 2,880."""

Deallocation = Choices["requeue", "terminate", "taskcompletion", "retaineddata"]


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
    scope = _Scope(view)
    try:
        for statement in statements:
            scope.run(statement)
    except Stop:
        pass
    except FormulaError as error:
        error.results = scope.results()
        raise
    return scope.decision()


def check_targets(text: str) -> None:
    """See that a formula can be read and sets a target.

    Raises:
        FormulaError: if not.
    """
    names = {_canonical(statement.name) for statement in parse(text) if statement.name}
    if not names & set(TARGETS):
        raise FormulaError(
            "AutoScalingFormulaSyntaxError", f"The formula sets none of {', '.join(TARGETS)}"
        )


def _canonical(name: str) -> str:
    """A service-defined variable's full name, whatever its case; other names as they are."""
    lower = name.lower()
    return _FULL.get(lower) or _ALIASES.get(lower) or name


class _Scope:
    """Variables, and the values of expressions over them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._full: set[str] = set()
        self._members = 0
        """Of vectors, that were gone through."""
        self._variables: dict[str, Value] = {
            name: float(view.current[name[1:]]) for name in TARGETS if name[1:] in view.current
        }
        self._variables[_OPTION] = "requeue"

    def run(self, statement: Statement) -> None:
        """Evaluate a statement, and set its variable."""
        try:
            value = self.value(statement.value)
            if statement.name is not None:
                self._set(statement.name, value)
        except FormulaError as error:
            _locate(error, statement)
            raise

    def decision(self) -> Decision:
        """What the variables say in the end."""
        dedicated, spot = (_nodes(name, self._variables) for name in TARGETS)
        deallocation = cast("Deallocation", self._variables[_OPTION])
        return Decision(dedicated, spot, deallocation, self.results())

    def results(self) -> str:
        """The service's own variables first, then the others by their names."""
        first = (*TARGETS, _OPTION)
        shown = {name: f"{_nodes(name, self._variables)}" for name in TARGETS}
        shown[_OPTION] = show(self._variables[_OPTION])
        shown |= {n: show(self._variables[n]) for n in sorted(self._variables) if n not in first}
        return ";".join(f"{name}={value}" for name, value in shown.items())

    def _set(self, given: str, value: Value) -> None:
        """Set a variable; one set by its full name is not set by its alias any more."""
        self._work(value)  # it is shown in the end
        name = _canonical(given)
        if name in READ_ONLY:
            raise wrong(f"{given} cannot be set; {', '.join((*TARGETS, _OPTION))} can")
        if name == _OPTION:
            value = _option(value)
        elif name in TARGETS:
            _check_nodes(name, value)
            if given.lower() in _ALIASES and name in self._full:
                return
            self._full |= {name} if given.lower() not in _ALIASES else set()
        self._variables[name] = value

    def value(self, node: Node) -> Value:
        """The value of an expression.

        A long chain such as `1+1+...` leans to the left: it is walked along, since going down into
        it would take a stack as deep as the formula is long.
        """
        chain: list[Unary | Binary | Member] = []
        while isinstance(node, Unary | Binary | Member) and (first := _first(node)) is not None:
            chain.append(node)
            node = first
        part: Node = node
        try:
            value = self._begun(node)
            for part in reversed(chain):
                value = self._continued(part, value)
        except FormulaError as error:
            _locate(error, part)
            raise
        return value

    def _begun(self, node: Node) -> Value:
        match node:
            case Literal(value):
                return value if isinstance(value, str) else finite(value)
            case Name(name):
                return self._variable(name)
            case Choice(condition, yes, no):
                return self.value(yes if number(self.value(condition)) else no)
            case Call(function, arguments):
                given = [self.value(argument) for argument in arguments]
                self._work(*given)
                return call(function, given, Moment(self._view.now))
            case Member(owner, name, arguments):
                return self._asked(owner, name, arguments or ())
            case Unary() | Binary():
                raise AssertionError(node)

    def _continued(self, node: Unary | Binary | Member, value: Value) -> Value:
        """The value of an expression whose first part has one."""
        match node:
            case Unary(sign):
                return negate(value) if sign == "-" else _not(value)
            case Binary(sign, _, right):
                return self._binary(sign, value, right)
            case Member(_, name):
                return _time_part(value, name)

    def _work(self, *values: Value) -> None:
        """Count what is gone through: a vector doubled thirty times would stop the server."""
        self._members += sum(len(value) for value in values if isinstance(value, tuple))
        if self._members > _MOST_MEMBERS:
            raise wrong(f"Its vectors have more than {_MOST_MEMBERS} members in all")

    def _variable(self, given: str) -> Value:
        name = _canonical(given)
        if name in self._variables:
            return self._variables[name]
        if name in INTERVALS:
            return Interval(INTERVALS[name])
        if name in READ_ONLY and name[1:] in self._view.current:
            return float(self._view.current[name[1:]])
        if name.lower() in _OPTIONS:
            return name.lower()
        raise wrong(f"{given} has no value")

    def _binary(self, sign: str, value: Value, right: Node) -> Value:
        if sign not in ("&&", "||"):
            other = self.value(right)
            self._work(value, other)
            return apply(sign, value, other)
        first = bool(number(value))
        decided = first == (sign == "||")
        return float(first if decided else bool(number(self.value(right))))

    def _asked(self, owner: Node, name: str, arguments: tuple[Node, ...]) -> Value:
        variable = _canonical(owner.name) if isinstance(owner, Name) else ""
        if variable not in (*READ_ONLY, *TARGETS):
            raise wrong(f"Only service-defined variables have {name}(...)")
        given = [self.value(argument) for argument in arguments]
        self._members += len(self._view.samples)
        return ask(self._view, variable[1:], name, given)


def _first(node: Unary | Binary | Member) -> Node | None:
    """The part that has to have a value before the rest; None for what begins by itself."""
    match node:
        case Unary(_, operand):
            return operand
        case Binary(_, left):
            return left
        case Member(owner, _, arguments):
            return owner if arguments is None else None


def _locate(error: FormulaError, part: Node | Statement) -> None:
    """Note where an error happened, unless a smaller part has done so."""
    if error.at is None and not isinstance(part, Literal):
        error.at = part.at


def _not(value: Value) -> float:
    return float(not number(value))


def _option(value: Value) -> str:
    option = value.lower() if isinstance(value, str) else ""
    if option not in _OPTIONS:
        raise wrong(f"{_OPTION} is one of {', '.join(_OPTIONS)}, not {show(value)}")
    return option


def _check_nodes(name: str, value: Value) -> None:
    count = number(value)
    if not math.isfinite(count) or count > _MAX_NODES:
        raise wrong(f"{name} cannot be {count:g}")


def _nodes(name: str, variables: Mapping[str, Value]) -> int:
    """A whole number of nodes: 2.9 is 2, as at the service."""
    return max(0, int(number(variables.get(name, 0.0))))


def _time_part(value: Value, name: str) -> float:
    if not isinstance(value, Moment):
        raise wrong(f"A {kind_of(value)} has no .{name}")
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
        raise wrong(f"A timestamp has {', '.join(parts)}, but no .{name}")
    return float(parts[name])
