"""What pydantic found wrong, told in the recipe's own terms: file, line, key, what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from scenefleet.inputs import cut
from scenefleet.recipe.model import Recipe
from scenefleet.recipe.part import Place, near

Lines = Mapping[tuple[str, ...], int]
"""Line number, from 1, by the way to a key; entries of lists count from `"0"`."""


def each_problem(
    error: ValidationError,
    value: Any,  # noqa: ANN401 - any YAML value
    path: Path,
    lines: Lines,
) -> list[str]:
    """A line of text for every problem.

    Args:
        error: of validating `value` as a recipe.
        value: what the YAML holds.
        path: the recipe's file.
        lines: where its keys are.
    """
    return [_say(*problem, value, path, lines) for problem in _each(error)]


def _each(error: ValidationError) -> Iterator[tuple[str, Place, str]]:
    """Kind, place and text of every problem; what `part.refuse` bundled is apart again."""
    for problem in error.errors():
        bundle: list[tuple[Place, str]] = problem.get("ctx", {}).get("problems", [])
        for place, text in bundle:
            yield "value_error", (*problem["loc"], *place), text
        if not bundle:
            yield problem["type"], problem["loc"], str(problem["msg"])


def _say(
    kind: str,
    loc: Place,
    text: str,
    value: Any,  # noqa: ANN401 - any YAML value
    path: Path,
    lines: Lines,
) -> str:
    keys, given = _walk(value, loc, missing=kind == "missing")
    line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
    where = f"{path}:{line}" if line else str(path)
    key = cut(".".join(keys))
    if kind == "extra_forbidden":
        return f"{where}: {key}: unknown key{_nearest(keys)}"
    if kind == "missing" and keys[-1].isdigit():
        return f"{where}: {'.'.join(keys[:-1])}: {int(keys[-1]) + 1} or more values are needed"
    if kind == "missing":
        return f"{where}: {key}: this key is needed and missing"
    text = cut(text.removeprefix("Value error, "), 2000)
    if kind == "value_error":
        return f"{where}: {key}: {text}" if key else f"{where}: {text}"
    if kind == "tuple_type":
        text = "write a list, as in [a, b]"
    if kind == "model_type":
        text = "write a mapping, as in {key: value}"
    if loc[-1:] == ("[key]",):
        given = keys[-1]
    if kind == "literal_error":
        allowed = re.findall(r"'([^']+)'", text)
        hint = near(given[:100], allowed) if isinstance(given, str) else ";"
        text = text.removeprefix("Input should be ")
        return f"{where}: {key}: {cut(repr(given))} was given{hint} allowed are {text}"
    if kind == "string_pattern_mismatch" and keys[-1:] == ("name",):
        text = "lower-case letters, digits and hyphens only, 40 at most, no hyphen first"
    return f"{where}: {key}: {cut(repr(given))} was given: {text}"


def _walk(value: Any, loc: Place, *, missing: bool) -> tuple[tuple[str, ...], object]:  # noqa: ANN401 - any YAML value
    """The part of a location that the user wrote, and what stands there.

    Pydantic adds names of union members, and keys that a short form stands for.
    """
    keys: list[str] = []
    value = cast("object", value)
    for n, part in enumerate(loc):
        if isinstance(value, dict):
            mapping = cast("dict[object, Any]", value)
            found = {str(key): key for key in mapping}
            if str(part) not in found:
                # a key that is needed, the last of its location, is one the user did not write
                return (*keys, *([str(part)] if missing and n == len(loc) - 1 else [])), mapping
            value = mapping[found[str(part)]]
        elif isinstance(value, list) and isinstance(part, int):
            entries = cast("list[Any]", value)
            if part >= len(entries):
                return (*keys, str(part)), entries
            value = entries[part]
        else:
            break
        keys.append(str(part))
    return tuple(keys), cast("object", value)


def _nearest(keys: tuple[str, ...]) -> str:
    model = _model_at(keys[:-1])
    allowed = list(model.model_fields) if model else []
    alike = difflib.get_close_matches(keys[-1][:100], allowed, n=1, cutoff=0.6)
    hint = f"; did you mean `{alike[0]}`?" if alike else ";"
    return f"{hint} Allowed here: {', '.join(allowed)}"


def _model_at(keys: tuple[str, ...]) -> type[BaseModel] | None:
    """The model that the mapping at a place is read by."""
    kind: Any = Recipe
    for key in keys:
        model = _model(kind)
        if model:
            kind = model.model_fields[key].annotation
        else:  # an entry of a list or of a mapping by the user's own names
            kind = next((k for k in reversed(get_args(kind)) if k is not Ellipsis), None)
    return _model(kind)


def _model(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type form
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    members = (kind, *get_args(kind)) if isinstance(kind, UnionType) else (kind,)
    found = (one for one in members if isinstance(one, type) and issubclass(one, BaseModel))
    return next(found, None)
