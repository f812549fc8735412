"""CQL2 JSON over a STAC item: so that a filter holds even where a server ignored it.

The subset that searches need: `and`, `or`, `not`, comparisons, `between`, `in`, `like` and `isNull`
over queryables of an item (OGC 21-065r2, sections 7.4 to 7.7). A null operand makes a comparison
unknown, and unknown is not a match, as in the standard.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from scenefleet.catalog.model import Json
from scenefleet.errors import CatalogError

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
OPERATORS = ("and", "or", "not", *_COMPARE, "between", "in", "like", "isNull")
_TOP = ("id", "collection", "geometry")


class UnsupportedFilterError(CatalogError):
    """A filter with an operator that is only known to servers."""


def matches(expression: Json, item: Json) -> bool:
    """Whether the item passes the filter.

    Raises:
        UnsupportedFilterError: if it uses an operator beyond `OPERATORS`.
        CatalogError: if it is no CQL2 JSON.
    """
    return _truth(expression, item) is True


def supported(expression: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether `matches` knows every operator and value of the filter."""
    if isinstance(expression, list):
        return all(supported(part) for part in cast("list[Any]", expression))
    if not isinstance(expression, dict):
        return True
    given = cast("Json", expression)
    if "op" in given:
        return given["op"] in OPERATORS and supported(given.get("args"))
    return any(kind in given for kind in ("property", "timestamp", "date"))


def properties(expression: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    """The names of properties that the filter asks of an item, each once, in its order."""
    if isinstance(expression, list):
        parts = cast("list[Any]", expression)
    elif isinstance(expression, dict):
        given = cast("Json", expression)
        if isinstance(given.get("property"), str):
            return (given["property"],)
        parts = list(given.values())
    else:
        return ()
    return tuple(dict.fromkeys(name for part in parts for name in properties(part)))


def value_of(name: str, item: Json) -> Any:  # noqa: ANN401 - any JSON value
    """An item's value of a property as a filter means it; None where it has none."""
    return _value({"property": name}, item)


def below(name: str, value: float) -> Json:
    """The filter `name < value`."""
    return {"op": "<", "args": [{"property": name}, value]}


def both(first: Json | None, second: Json | None) -> Json | None:
    """Both filters, or the one that is there."""
    if first and second:
        return {"op": "and", "args": [first, second]}
    return first or second


def _truth(expression: Any, item: Json) -> bool | None:  # noqa: ANN401 - any JSON value
    """Three-valued: None is unknown."""
    if isinstance(expression, bool):
        return expression
    op, arguments = _operation(expression)
    if op not in OPERATORS:
        raise UnsupportedFilterError(
            f"The filter uses {op!r}; scenefleet itself can apply {', '.join(OPERATORS)}."
        )
    if op in ("and", "or"):
        return _join(op, [_truth(argument, item) for argument in arguments])
    if op == "not":
        truth = _truth(arguments[0], item)
        return None if truth is None else not truth
    if op == "isNull":
        return _value(arguments[0], item) is None
    values = [_value(argument, item) for argument in arguments]
    return None if None in values else _predicate(op, values)


def _predicate(op: str, values: list[Any]) -> bool:
    try:
        if op in _COMPARE:
            return _COMPARE[op](values[0], values[1])
        if op == "between":
            return values[1] <= values[0] <= values[2]
        if op == "in":
            return values[0] in values[1]
        if op == "like":
            return bool(re.fullmatch(_pattern(str(values[1])), str(values[0]), re.DOTALL))
    except (TypeError, IndexError) as error:
        raise CatalogError(f"The filter cannot be applied: {op!r} of {values}: {error}.") from None
    raise AssertionError(op)


def _operation(expression: Any) -> tuple[str, list[Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(expression, dict):
        given = cast("Json", expression)
        op, arguments = given.get("op"), given.get("args")
        if isinstance(op, str) and isinstance(arguments, list) and arguments:
            return op, cast("list[Any]", arguments)
    shown = str(cast("object", expression))[:80]
    raise CatalogError(
        f"The filter holds {shown!r}, which is no CQL2 JSON; write e.g. "
        '{"op": "<", "args": [{"property": "view:off_nadir"}, 10]}.'
    )


def _join(op: str, truths: list[bool | None]) -> bool | None:
    decisive = op == "or"
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


def _value(argument: Any, item: Json) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(argument, dict):
        return argument
    given = cast("Json", argument)
    if "property" in given:
        name = str(given["property"])
        properties = cast("Json", item.get("properties") or {})
        return item.get(name) if name in _TOP else properties.get(name)
    for kind in ("timestamp", "date"):
        if kind in given:
            return given[kind]
    raise UnsupportedFilterError(
        f"The filter uses {next(iter(given), None)!r} as a value; scenefleet itself knows "
        "property, timestamp and date."
    )


def _pattern(like: str) -> str:
    """A regular expression for `%` (any text) and `_` (any character), with backslash to escape."""
    parts = re.findall(r"\\.|.", like, re.DOTALL)
    return "".join(
        {"%": ".*", "_": "."}.get(part) or re.escape(part.removeprefix("\\") or part)
        for part in parts
    )
