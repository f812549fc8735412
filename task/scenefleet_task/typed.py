"""JSON values as frozen dataclasses, every type and key checked. Standard library only.

A value that fits goes through a reader that is made once for each type; one that does not is walked
again, slowly, to say where. So a plan of many documents costs little, and errors stay exact.
"""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

Read = Callable[[Any], Any]
"""JSON value to typed value; raises `_MisfitError` where it does not fit."""


class DocumentError(ValueError):
    """A task document that cannot be used: says where in it, what was found and what is allowed."""


class _MisfitError(Exception):
    """A value that does not fit; `_walk` says where."""


def build(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - any JSON value
    """`value` as `kind`: dataclasses, tuples, unions with None, literals and JSON's own types.

    Raises:
        DocumentError: says where, what was found and what is allowed.
    """
    try:
        return _reader(kind)(value)
    except _MisfitError:
        return _walk(kind, value, where)


def plain(value: Any) -> Any:  # noqa: ANN401 - a dataclass, or what its fields hold
    """Dataclasses as dictionaries, tuples as lists, all the way down; the rest is shared."""
    kind = typing.cast("type[Any]", type(value))
    if kind is tuple:
        return [plain(part) for part in value]
    members = _members(kind)
    if members is None:
        return value
    names, values, deep = members
    told = dict(zip(names, values(value), strict=True))
    for name in deep:
        told[name] = plain(told[name])
    return told


@cache
def _members(kind: type[Any]) -> tuple[tuple[str, ...], Read, tuple[str, ...]] | None:
    """Names of a dataclass's fields, what gives their values, and which hold more such."""
    if not dataclasses.is_dataclass(kind):
        return None
    hints = _hints(kind)
    values = operator.attrgetter(*hints) if len(hints) > 1 else _only(*hints)
    return tuple(hints), values, tuple(name for name, hint in hints.items() if _is_deep(hint))


def _only(name: str) -> Read:
    return lambda value: (getattr(value, name),)


def _is_deep(hint: Any) -> bool:  # noqa: ANN401 - any type
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_is_deep(part) for part in typing.get_args(hint))
    return dataclasses.is_dataclass(hint) or origin is tuple


@cache
def _reader(kind: Any) -> Read:  # noqa: ANN401 - any type
    """What reads a value of a type; the same rules as `_walk`, which tells what is wrong."""
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(typing.cast("type[Any]", kind))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _optional_reader(_reader(next(a for a in arguments if a is not type(None))))
    if origin is Literal:
        return _literal_reader(frozenset(arguments))
    if origin is tuple:
        return _tuple_reader(arguments)
    return _float if (origin or kind) is float else _plain_reader(origin or kind)


def _dataclass_reader(kind: type[Any]) -> Read:
    hints = _hints(kind)
    names = hints.keys()
    exact = {name: hint for name, hint in hints.items() if hint in (str, int, bool)}
    others = [(name, _reader(hint)) for name, hint in hints.items() if name not in exact]
    checks = list(exact.items())

    def read(value: Any) -> Any:  # noqa: ANN401 - as `build`
        if type(value) is not dict or value.keys() != names:
            raise _MisfitError
        given = typing.cast("dict[str, Any]", value)
        for name, wanted in checks:
            if type(given[name]) is not wanted:
                raise _MisfitError
        return kind(**given | {name: reader(given[name]) for name, reader in others})

    return read


def _optional_reader(inner: Read) -> Read:
    return lambda value: None if value is None else inner(value)


def _literal_reader(allowed: frozenset[Any]) -> Read:
    def read(value: Any) -> Any:  # noqa: ANN401 - as `build`
        if type(value) is not str or value not in allowed:
            raise _MisfitError
        return value

    return read


def _tuple_reader(arguments: tuple[Any, ...]) -> Read:
    readers = [_reader(argument) for argument in arguments if argument is not Ellipsis]
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        (inner,) = readers

        def read_all(value: Any) -> Any:  # noqa: ANN401 - as `build`
            if type(value) is not list:
                raise _MisfitError
            return tuple([inner(part) for part in typing.cast("list[Any]", value)])

        return read_all

    def read(value: Any) -> Any:  # noqa: ANN401 - as `build`
        if type(value) is not list or len(typing.cast("list[Any]", value)) != len(readers):
            raise _MisfitError
        parts = zip(readers, typing.cast("list[Any]", value), strict=True)
        return tuple([inner(part) for inner, part in parts])

    return read


def _float(value: Any) -> float:  # noqa: ANN401 - as `build`
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _MisfitError
    return float(value)


def _plain_reader(wanted: type[Any]) -> Read:
    def read(value: Any) -> Any:  # noqa: ANN401 - as `build`
        if type(value) is not wanted:
            raise _MisfitError
        return value

    return read


def _walk(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401, PLR0911 - a walk over types
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(typing.cast("type[Any]", kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _walk(next(a for a in arguments if a is not type(None)), value, where)
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
        return tuple(_walk(arguments[0], part, f"{where}[{n}]") for n, part in enumerate(parts))
    if len(parts) != len(arguments):
        raise DocumentError(f"{where}: {len(parts)} values; {len(arguments)} are needed")
    return tuple(
        _walk(argument, part, f"{where}[{n}]")
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
    parts = {name: _walk(hint, given[name], f"{where}.{name}") for name, hint in fields.items()}
    return kind(**parts)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)
