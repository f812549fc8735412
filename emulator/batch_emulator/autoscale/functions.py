"""The functions of formulas. All but `time` and `val` flatten their arguments into one vector."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

from batch_emulator.autoscale.values import Moment, Value, Vector, number, wrong
from batch_emulator.wire.iso8601 import parse_time


def call(name: str, arguments: list[Value], now: Moment) -> Value:
    """A function's value.

    Raises:
        FormulaError: if there is none of the name, or its arguments are wrong.
    """
    if name == "time":
        return _time(arguments, now)
    if name == "rand" and not arguments:
        return random.random()  # noqa: S311 - a formula's chance is no secret
    if name in ("val", "percentile") and len(arguments) == 2:
        vector, at = _flat([arguments[0]]), number(arguments[1])
        return _val(vector, at) if name == "val" else _percentile(vector, at)
    if name in _OF_ONE and len(arguments) == 1:
        return _of_one(name, number(arguments[0]))
    if name in _OF_MANY:
        vector = _flat(arguments)
        if not vector and name not in ("len", "sum"):
            raise wrong(f"{name} of nothing has no value")
        return _OF_MANY[name](vector)
    known = ", ".join(sorted([*_OF_ONE, *_OF_MANY, "time", "rand", "val", "percentile"]))
    raise wrong(f"There is no function {name} of {len(arguments)} arguments; there are {known}")


def _time(arguments: list[Value], now: Moment) -> Moment:
    if not arguments or arguments == [""]:
        return now
    try:
        return Moment(parse_time(str(arguments[0])).timestamp())
    except ValueError as error:
        raise wrong(str(error)) from None


def _flat(arguments: list[Value]) -> Vector:
    members: list[float] = []
    for argument in arguments:
        members += argument if isinstance(argument, tuple) else (number(argument),)
    return tuple(members)


def _val(vector: Vector, at: float) -> float:
    if not 0 <= at < len(vector):
        raise wrong(f"val: there is no member {at:g} of {len(vector)}")
    return vector[int(at)]


def _percentile(vector: Vector, percent: float) -> float:
    if not vector or not 0 <= percent <= 100:
        raise wrong("percentile wants members, and a percentage from 0 to 100")
    ordered = sorted(vector)
    place = percent / 100 * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _of_one(name: str, argument: float) -> float:
    try:
        return _OF_ONE[name](argument)
    except (ValueError, OverflowError):
        raise wrong(f"{name} of {argument:g} has no value") from None


def _round(argument: float) -> float:
    return float(math.floor(argument + 0.5))


_OF_ONE: dict[str, Callable[[float], float]] = {
    "ceil": lambda x: float(math.ceil(x)),
    "floor": lambda x: float(math.floor(x)),
    "round": _round,
    "ln": math.log,
    "lg": math.log2,
    "log": math.log10,
}
_OF_MANY: dict[str, Callable[[Vector], float]] = {
    "avg": lambda v: math.fsum(v) / len(v),
    "len": lambda v: float(len(v)),
    "max": max,
    "min": min,
    "norm": lambda v: math.hypot(*v),
    "range": lambda v: max(v) - min(v),
    "std": lambda v: statistics.stdev(v) if len(v) > 1 else 0.0,
    "sum": math.fsum,
}
