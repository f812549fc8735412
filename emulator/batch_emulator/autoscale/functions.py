"""The functions of formulas. Most flatten their arguments, numbers and vectors, into one vector."""

from __future__ import annotations

import math
import random
import re
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from batch_emulator.autoscale.values import Moment, Value, Vector, finite, number, wrong
from batch_emulator.wire.iso8601 import parse_time


class Stop(Exception):  # noqa: N818 - no error: the formula asked for it
    """`stop()`: the formula ends here, with the values that its variables have."""


def call(name: str, arguments: list[Value], now: Moment) -> Value:
    """A function's value.

    Raises:
        FormulaError: if there is none of the name, or its arguments are wrong.
        Stop: for `stop()`.
    """
    if name == "time" and len(arguments) <= 1:
        return _time(arguments, now)
    if name == "rand" and not arguments:
        return random.random()  # noqa: S311 - a formula's chance is no secret
    if name == "stop" and not arguments:
        raise Stop
    if name in ("val", "percentile") and len(arguments) == 2:
        vector, at = _flat([arguments[0]]), number(arguments[1])
        return _val(vector, at) if name == "val" else _percentile(vector, at)
    if name in _OF_EACH and arguments:
        return _of_each(name, arguments)
    if name in _OF_ALL:
        return _total(name, _flat(arguments))
    known = ", ".join(sorted([*_OF_EACH, *_OF_ALL, "time", "rand", "stop", "val", "percentile"]))
    raise wrong(f"There is no function {name} of {len(arguments)} arguments; there are {known}")


def _time(arguments: list[Value], now: Moment) -> Moment:
    """Now, or what a text says, in W3C-DTF or RFC 1123."""
    if not arguments or arguments[0] == "":
        return now
    text = arguments[0]
    if not isinstance(text, str):
        raise wrong("time takes a string")
    try:
        return Moment(_read_time(text.strip()).timestamp())
    except (ValueError, OverflowError):
        raise wrong(f"{text!r} is no time in W3C-DTF or RFC 1123") from None


def _read_time(text: str) -> datetime:
    if re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", text):
        year, month, day = (*text.split("-"), "01", "01")[:3]
        return datetime(int(year), int(month), int(day), tzinfo=UTC)
    if "," in text:
        value = parsedate_to_datetime(text)
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return parse_time(text)


def _flat(arguments: list[Value]) -> Vector:
    members: list[float] = []
    for argument in arguments:
        members += argument if isinstance(argument, tuple) else (number(argument),)
    return tuple(members)


def _val(vector: Vector, at: float) -> float:
    if not vector:
        return 0.0
    if not 0 <= at < len(vector):
        raise wrong(f"val: there is no member {at:g} of {len(vector)}")
    return vector[int(at)]


def _percentile(vector: Vector, percent: float) -> float:
    if not 0 <= percent <= 100:
        raise wrong("percentile wants a percentage from 0 to 100")
    if not vector:
        return 0.0
    ordered = sorted(vector)
    place = percent / 100 * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _of_each(name: str, arguments: list[Value]) -> Value:
    """The function of a number, or of each member of what is no single number."""
    alone = len(arguments) == 1 and not isinstance(arguments[0], tuple)
    members = tuple(_one(name, member) for member in _flat(arguments))
    return members[0] if alone else members


def _total(name: str, members: Vector) -> float:
    try:
        return finite(_OF_ALL[name](members))
    except OverflowError:
        raise wrong(f"{name} has no value: a number is too large") from None


def _one(name: str, argument: float) -> float:
    try:
        return float(_OF_EACH[name](argument))
    except (ValueError, OverflowError):
        raise wrong(f"{name} of {argument:g} has no value") from None


_OF_EACH: dict[str, Callable[[float], float]] = {
    "ceil": math.ceil,
    "floor": math.floor,
    "round": lambda x: math.copysign(math.floor(abs(x) + 0.5), x),
    "ln": math.log,
    "lg": math.log2,
    "log": math.log10,
}
_OF_ALL: dict[str, Callable[[Vector], float]] = {
    "avg": lambda v: math.fsum(v) / len(v) if v else 0.0,
    "len": lambda v: float(len(v)),
    "max": lambda v: max(v, default=0.0),
    "min": lambda v: min(v, default=0.0),
    "norm": lambda v: math.hypot(*v),
    "range": lambda v: max(v) - min(v) if v else 0.0,
    "std": lambda v: statistics.stdev(v) if len(v) > 1 else 0.0,
    "sum": math.fsum,
}
"""Of no members they are 0: formulas of Batch Shipyard rely on new pools, which have no samples,
passing `avg($PendingTasks.GetSample(x))` and `val($PendingTasks.GetSample(1), 0)`."""
