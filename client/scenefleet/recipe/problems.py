"""What pydantic found wrong, told in the recipe's own terms: file, line, key, what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from scenefleet.inputs import cut
from scenefleet.recipe.part import Place, near
from scenefleet.recipe.wording import FIXED, Field, given_as, is_wrong_type, words

Keys = tuple[str, ...]
"""The part of a location that the user wrote."""
Lines = Mapping[tuple[str, ...], int]
"""Line number, from 1, by the way to a key; entries of lists count from `"0"`."""
_KEY = ("[key]",)
"""Ends pydantic's location of a problem with a key of a mapping."""


def each_problem(
    error: ValidationError,
    value: Any,  # noqa: ANN401 - any YAML value
    root: type[BaseModel],
    place: str = "",
    lines: Lines | None = None,
) -> list[str]:
    """Returns a line of text for every problem.

    Args:
        error: of validating `value`.
        value: what the YAML, or the program, gives.
        root: the part of a recipe that `value` is meant as.
        place: what a message begins with: the recipe's file, or the part's name.
        lines: where keys are in the file.
    """
    said = [_say(one, root) for one in _merged(_each(error, value, root))]
    return [f"{_where(keys, place, lines or {})}{text}" for keys, text in said]


@dataclass(frozen=True, slots=True)
class _Found:
    """A problem, where it is and what stands there."""

    kind: str
    """Pydantic's."""
    keys: Keys
    text: str
    given: object
    field: Field
    limits: Mapping[str, Any]
    of_key: bool = False
    """Whether a key of a mapping is wrong, not its value."""


def _where(keys: Keys, place: str, lines: Lines) -> str:
    """The beginning of a message: file and line, the part that a program makes, or nothing."""
    line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
    if not place:
        return f"line {line}: " if line else ""
    return f"{place}:{line}: " if line else f"{place}: "


def _each(error: ValidationError, value: object, root: type[BaseModel]) -> Iterator[_Found]:
    """Every problem; what `part.refuse` bundled is apart again."""
    for problem in error.errors():
        limits: dict[str, Any] = problem.get("ctx", {})
        bundle: list[tuple[Place, str]] = limits.get("problems", [])
        found = [((*problem["loc"], *place), "value_error", text) for place, text in bundle]
        for loc, kind, text in found or [(problem["loc"], problem["type"], str(problem["msg"]))]:
            keys, given = _walk(value, loc, missing=kind == "missing")
            one = _Found(kind, keys, text, given, _field(keys, root), limits, loc[-1:] == _KEY)
            yield _of_whole(one, value, root)


def _of_whole(one: _Found, value: object, root: type[BaseModel]) -> _Found:
    """The problem of a whole value, for one within a value of a fixed form."""
    field = _field(one.keys[:-1], root)
    if field not in FIXED or one.kind == "value_error":
        return one
    keys, given = _walk(value, one.keys[:-1], missing=False)
    return replace(one, kind="tuple_type", keys=keys, given=given, field=field, of_key=False)


def _merged(problems: Iterable[_Found]) -> list[_Found]:
    """One problem for each value: not one for each type that it might have had.

    That a list is too short is not told where entries are wrong, since pydantic counts the others.
    """
    merged: dict[tuple[Any, ...], _Found] = {}
    for one in problems:
        key = (one.keys, one.of_key, "" if is_wrong_type(one.kind) else one.text)
        merged.setdefault(key, one)
    found = list(merged.values())
    within = {one.keys[:n] for one in found for n in range(len(one.keys))}
    return [one for one in found if one.kind != "too_short" or one.keys not in within]


def _say(one: _Found, root: type[BaseModel]) -> tuple[Keys, str]:
    """The way to a problem, and the problem in words."""
    keys, kind = one.keys, one.kind
    key = cut(".".join(keys))
    if kind == "extra_forbidden":
        return keys, f"{key}: unknown key{_nearest(keys, root)}"
    if kind == "missing":
        return keys, f"{key}: this key is needed and missing"
    text = cut(one.text.removeprefix("Value error, "), 2000)
    if kind == "value_error":
        return keys, f"{key}: {text}" if key else text
    given = keys[-1] if one.of_key else one.given
    if kind == "literal_error" and (allowed := re.findall(r"'([^']+)'", text)):
        hint = near(given[:100], allowed) if isinstance(given, str) else ";"
        verb = "allowed is" if len(allowed) == 1 else "allowed are"
        listed = text.removeprefix("Input should be ")
        return keys, f"{key}: {given_as(given)} was given{hint} {verb} {listed}"
    field = ("", "") if one.of_key else one.field
    wanted = words(kind, text, one.limits, field, given)
    return keys, f"{key}: {given_as(given)} was given: {wanted}"


def _walk(value: Any, loc: Place, *, missing: bool) -> tuple[Keys, object]:  # noqa: ANN401 - any YAML value
    """The part of a location that the user wrote, and what stands there.

    Pydantic adds names of union members, and keys that a short form stands for.
    """
    keys: list[str] = []
    value = cast("object", value)
    for n, part in enumerate(loc):
        if isinstance(value, BaseModel):  # a part that a program made
            value = dict(value)
        if isinstance(value, dict):
            mapping = cast("dict[object, Any]", value)
            found = {str(key): key for key in mapping}
            if str(part) not in found:
                # a key that is needed, the last of its location, is one the user did not write
                return (*keys, *([str(part)] if missing and n == len(loc) - 1 else [])), mapping
            value = mapping[found[str(part)]]
        elif isinstance(value, list | tuple) and isinstance(part, int):
            entries = cast("Sequence[Any]", value)
            if part >= len(entries):
                return (*keys, str(part)), entries
            value = entries[part]
        else:
            break
        keys.append(str(part))
    return tuple(keys), cast("object", value)


def _field(keys: Keys, root: type[BaseModel]) -> Field:
    """The class of the part, and the key in it; without names in a list or a mapping."""
    model = _model_at(keys[:-1], root) if keys else None
    return (model.__name__, keys[-1]) if model else ("", "")


def _nearest(keys: Keys, root: type[BaseModel]) -> str:
    model = _model_at(keys[:-1], root)
    allowed = list(model.model_fields) if model else []
    alike = difflib.get_close_matches(keys[-1][:100], allowed, n=1, cutoff=0.6)
    hint = f"; did you mean `{alike[0]}`?" if alike else ";"
    return f"{hint} Allowed here: {', '.join(allowed)}"


def _model_at(keys: Keys, root: type[BaseModel]) -> type[BaseModel] | None:
    """The model that the mapping at a place is read by."""
    kind: Any = root
    for key in keys:
        model = _model(kind)
        if model:
            field = model.model_fields.get(key)
            kind = field and field.annotation
        else:  # an entry of a list or of a mapping by the user's own names
            kind = next((k for k in reversed(get_args(kind)) if k is not Ellipsis), None)
    return _model(kind)


def _model(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type form
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    members = (kind, *get_args(kind)) if isinstance(kind, UnionType) else (kind,)
    found = (one for one in members if isinstance(one, type) and issubclass(one, BaseModel))
    return next(found, None)
