"""A processing script as the recipe holds it: its text, and what it states of itself.

What it states stands in literals at the top of the file and is read without running it, so that
planning never executes a user's code (see `scenefleet_task.script` for what they mean).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import BeforeValidator, ValidationInfo, model_validator

from scenefleet.inputs import read_file
from scenefleet.recipe.part import Part

LARGEST = 1_000_000
"""Bytes of a script: it is a program, not a model's weights."""
MOST_OVERLAP = 1024
"""Pixels: beyond this the overlap costs more than the window."""
_STATES = ("BANDS", "OUTPUTS", "OVERLAP", "SECONDS")
_RESERVED = ("reason", "thumbnail")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptHeader:
    """What a script states."""

    bands: tuple[str, ...]
    outputs: tuple[str, ...]
    overlap: int
    """Pixels around a window."""
    seconds: float
    """That a window may take."""


def read_text(path: Path) -> str:
    """A script's text.

    Raises:
        ValueError: if it cannot be read.
    """
    try:
        return read_file(path, LARGEST).decode()
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{str(path)!r} is no text in UTF-8") from None


class ScriptPart(Part):
    """A script as a recipe holds it once it is read: nothing beside the recipe is needed."""

    file: str
    """The name it was read from, for people."""
    text: str

    @model_validator(mode="after")
    def _sound(self) -> Self:
        try:
            _ = self.header
        except ValueError as error:
            raise ValueError(f"{self.file}: {error}") from None
        return self

    @property
    def sha256(self) -> str:
        """The hash that names the script in tasks and stores."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def header(self) -> ScriptHeader:
        """What the script states."""
        return header(self.text)


def _read(value: object, info: ValidationInfo) -> object:
    """A path, relative to the recipe, becomes the file's text."""
    if not isinstance(value, str):
        return value
    if "://" in value or not value.endswith(".py"):
        raise ValueError(f"{value!r} is no Python file; write its path, such as my_process.py")
    context = cast("dict[str, Path]", info.context or {})
    return {"file": value, "text": read_text(context.get("base", Path()) / value)}


ScriptFile = Annotated[ScriptPart, BeforeValidator(_read, json_schema_input_type=str | ScriptPart)]
"""A path in a recipe as people write it; once read, the script itself."""


def header(text: str) -> ScriptHeader:
    """What a script states, read without running it.

    Raises:
        ValueError: with the line of what is wrong.
    """
    try:
        tree = ast.parse(text)
    except (RecursionError, MemoryError):
        raise ValueError("this is no Python that can be read: it is nested too deeply") from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"line {line}: " if line else ""
        raise ValueError(f"{where}this is no Python: {getattr(error, 'msg', error)}") from None
    _check_process(tree)
    stated = _stated(tree)
    bands = _names(stated, "BANDS", 'the bands it needs, such as BANDS = ("red", "nir")')
    outputs = _names(stated, "OUTPUTS", 'the keys of what it gives, as OUTPUTS = ("texture",)')
    _check_outputs(outputs)
    overlap, seconds = stated.get("OVERLAP", 0), stated.get("SECONDS", 600)
    if not _is_number(overlap, int) or not 0 <= overlap <= MOST_OVERLAP:
        raise ValueError(f"OVERLAP: {overlap!r}; pixels, a whole number from 0 to {MOST_OVERLAP}")
    if not _is_number(seconds, int | float) or not 0 < seconds <= 86_400:
        raise ValueError(f"SECONDS: {seconds!r}; a number above 0, at most 86400")
    return ScriptHeader(bands=bands, outputs=outputs, overlap=overlap, seconds=float(seconds))


def _check_process(tree: ast.Module) -> None:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "process":
            if len(node.args.posonlyargs) + len(node.args.args) < 1:
                raise ValueError(f"line {node.lineno}: `process` takes the scene as its argument")
            return
    raise ValueError("it has no function `def process(scene): ...` at its top level")


def _stated(tree: ast.Module) -> Mapping[str, Any]:
    stated: dict[str, Any] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            if isinstance(target, ast.Name) and target.id in _STATES and value is not None:
                stated[target.id] = _literal(target.id, value)
    return stated


def _literal(name: str, value: ast.expr) -> Any:  # noqa: ANN401 - any literal
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise ValueError(
            f"line {value.lineno}: {name} must be a literal, since it is read without running the "
            "script"
        ) from None


def _names(stated: Mapping[str, Any], key: str, meaning: str) -> tuple[str, ...]:
    if key not in stated:
        raise ValueError(f"it does not state {key}: {meaning}")
    value: object = stated[key]
    names = list(cast("list[object]", value)) if isinstance(value, list | tuple) else []
    if not names or not all(isinstance(one, str) for one in names):
        raise ValueError(f"{key}: {value!r}; write {meaning}")
    return tuple(dict.fromkeys(str(name) for name in names))


def _check_outputs(outputs: tuple[str, ...]) -> None:
    from scenefleet_task.spec import safe_name

    if len({name.lower() for name in outputs}) < len(outputs):
        raise ValueError(f"OUTPUTS: {list(outputs)} would meet where case does not count")
    for name in outputs:
        if safe_name(name) != name or len(name) > 40 or name.lower() in _RESERVED:
            raise ValueError(
                f"OUTPUTS: {name!r} cannot name an output: letters, digits, hyphens and "
                f"underscores, at most 40, and none of {', '.join(_RESERVED)}"
            )


def _is_number(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type or a union of types
    return isinstance(value, kind) and not isinstance(value, bool)
