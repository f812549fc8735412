"""A recipe from its YAML file, with errors that name file, line, key and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from scenefleet.errors import RecipeError
from scenefleet.recipe.model import Recipe


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe, where it was read, and its text as the user wrote it."""

    recipe: Recipe
    path: Path
    text: str

    @property
    def base(self) -> Path:
        """The folder that relative paths in the recipe start from."""
        return self.path.parent


def with_compute(source: RecipeFile, other: RecipeFile) -> RecipeFile:
    """A recipe with another's `compute` and `budget`, whose relative paths start where it lies."""
    given = other.recipe
    changes = {"compute": given.compute, "budget": given.budget}
    return RecipeFile(source.recipe.model_copy(update=changes), other.path, source.text)


def read_recipe(path: Path) -> RecipeFile:
    """Reads and checks a recipe.

    Raises:
        RecipeError: names each key that is wrong, what was given and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(
            f"{path}: there is no such file. `scenefleet init` writes a recipe to start from."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from None
    return RecipeFile(parse(text, path), path, text)


def parse(text: str, path: Path) -> Recipe:
    """The recipe in `text`; `path` names it in errors and is where relative paths start.

    Raises:
        RecipeError: as `read_recipe`.
    """
    value, lines = _load(text, path)
    if not isinstance(value, dict):
        raise RecipeError(
            f"{path}: a recipe is a mapping of keys such as `version: 1`, `name:` and `search:`; "
            f"this is {'empty' if value is None else f'a {type(value).__name__}'}"
        )
    try:
        return Recipe.model_validate(value, context={"base": path.parent})
    except ValidationError as error:
        problems = [_say(problem, value, path, lines) for problem in error.errors()]
        raise RecipeError("\n".join(dict.fromkeys(problems))) from None


def resolved(recipe: Recipe) -> str:
    """The recipe as YAML with every default written out and its area in place.

    It needs no other file, so a run that keeps it can be understood and repeated anywhere.
    """
    import yaml

    values = recipe.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def json_schema() -> dict[str, Any]:
    """The recipe's JSON Schema (draft 2020-12), for editors that complete and check YAML."""
    schema = Recipe.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "scenefleet recipe"
    return schema


def _load(text: str, path: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The YAML's value, dates kept as text, and each key's line number."""
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML without dates: `2023-02-01` stays the text that the user wrote."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines = dict(_lines(node, (), path))
        return cast("Any", loader).construct_document(node), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or str(error)
        raise RecipeError(f"{where}: this is no YAML: {what}") from None
    except RecursionError:
        raise RecipeError(f"{path}: this YAML refers to itself") from None
    finally:
        cast("Any", loader).dispose()


def _lines(
    node: Any,  # noqa: ANN401 - PyYAML's nodes have no types
    at: tuple[str, ...],
    path: Path,
) -> Iterable[tuple[tuple[str, ...], int]]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), int(key.start_mark.line) + 1
        if name in seen:
            where = ".".join([*at, name])
            raise RecipeError(f"{path}:{line}: {where}: given twice, on line {seen[name]} already")
        seen[name] = line
        yield (*at, name), line
        yield from _lines(value, (*at, name), path)


def _say(problem: Any, value: Any, path: Path, lines: dict[tuple[str, ...], int]) -> str:  # noqa: ANN401
    keys = _keys(problem["loc"])
    line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
    where = f"{path}:{line}" if line else str(path)
    key = ".".join(keys)
    kind = problem["type"]
    if kind == "extra_forbidden":
        return f"{where}: {key}: unknown key{_nearest(keys)}"
    if kind == "missing" and keys[-1].isdigit():
        return f"{where}: {'.'.join(keys[:-1])}: {int(keys[-1]) + 1} or more values are needed"
    if kind == "missing":
        return f"{where}: {key}: this key is needed and missing"
    text = str(problem["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return f"{where}: {key}: {text}" if key else f"{where}: {text}"
    if kind == "tuple_type":
        text = "write a list, as in [a, b]"
    if kind == "string_pattern_mismatch" and keys[-1:] == ("name",):
        text = "lower-case letters, digits and hyphens only, 40 at most, no hyphen first"
    return f"{where}: {key}: {_given(value, problem['loc'])!r} was given: {text}"


def _keys(loc: Sequence[Any]) -> tuple[str, ...]:
    """Only the parts of a location that a user wrote: pydantic adds names of union members."""
    keys: list[str] = []
    model: Any = Recipe
    for part in loc:
        if isinstance(part, int):
            keys.append(str(part))
        elif isinstance(model, type) and issubclass(model, BaseModel):
            keys.append(str(part))
            field = model.model_fields.get(str(part))
            model = field.annotation if field else None
        else:
            break
    return tuple(keys)


def _given(value: Any, loc: Sequence[Any]) -> Any:  # noqa: ANN401 - any YAML value
    found: Any = value
    for part in loc:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            break  # the rest of the location names a member of a union, not what the user wrote
    return found


def _nearest(keys: tuple[str, ...]) -> str:
    model: Any = Recipe
    for part in keys[:-1]:
        model = model.model_fields[part].annotation
    allowed = list(model.model_fields)
    near = difflib.get_close_matches(keys[-1], allowed, n=1, cutoff=0.6)
    hint = f"; did you mean `{near[0]}`?" if near else ";"
    return f"{hint} Allowed here: {', '.join(allowed)}"
