"""JSON values as frozen dataclasses, every type and key checked. Standard library only."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Any, Literal


class DocumentError(ValueError):
    """A task document that cannot be used: says where in it, what was found and what is allowed."""


def build(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401, PLR0911 - a walk over types
    """`value` as `kind`: dataclasses, tuples, unions with None, literals and JSON's own types.

    Raises:
        DocumentError: says where, what was found and what is allowed.
    """
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(typing.cast("type[Any]", kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return build(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise DocumentError(f"{where}: {value!r}; one of {list(arguments)}")
    if origin is tuple:
        return _build_tuple(arguments, value, where)
    wanted = origin or kind
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise DocumentError(f"{where}: {value!r} is no {wanted.__name__}")
    return value


def _build_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise DocumentError(f"{where}: {value!r} is no list")
    parts = typing.cast("list[Any]", list(value))  # pyright: ignore[reportUnknownArgumentType]
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(build(arguments[0], part, f"{where}[{n}]") for n, part in enumerate(parts))
    if len(parts) != len(arguments):
        raise DocumentError(f"{where}: {len(parts)} values; {len(arguments)} are needed")
    return tuple(
        build(argument, part, f"{where}[{n}]")
        for n, (argument, part) in enumerate(zip(arguments, parts, strict=True))
    )


def _build_dataclass(kind: type[Any], value: Any, where: str) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        raise DocumentError(f"{where}: {value!r} is no object")
    fields = _hints(kind)
    given = typing.cast("dict[str, Any]", value)
    if unknown := sorted(given.keys() - fields.keys()):
        raise DocumentError(f"{where}: unknown key {unknown[0]!r}; allowed are {sorted(fields)}")
    if missing := sorted(fields.keys() - given.keys()):
        raise DocumentError(f"{where}: key {missing[0]!r} is missing")
    parts = {name: build(hint, given[name], f"{where}.{name}") for name, hint in fields.items()}
    return kind(**parts)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)
