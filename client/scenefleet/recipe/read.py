"""Reads a recipe from its YAML file, a text or a program's values; errors name what is allowed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from scenefleet.errors import NoRecipeError, RecipeError
from scenefleet.inputs import cut, is_deeper, read_text
from scenefleet.recipe.area import AS_READ
from scenefleet.recipe.model import Recipe
from scenefleet.recipe.part import near
from scenefleet.recipe.problems import Lines, each_problem

MOST_BYTES = 20_000_000
"""Of a recipe's file; a large area is better in a file of its own."""
_MOST_NESTED = 100
_MOST_REPEATED = 10_000
"""Values that aliases (`*name`) may stand for in all: each is read as if it were written out."""
_SHOWN_VERTICES = 50


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe, where it was read, and its text as the user wrote it."""

    recipe: Recipe
    path: Path | None
    """The recipe's file; None where a program made the recipe."""
    text: str
    folder: Path | None = None
    """The folder that relative paths start from, where that is not the file's own."""

    @property
    def base(self) -> Path:
        """The folder that relative paths in the recipe start from."""
        if self.folder is not None:
            return self.folder
        return Path() if self.path is None else self.path.parent

    @property
    def label(self) -> str:
        """What messages call the recipe: its file, where it has one."""
        return "the recipe" if self.path is None else str(self.path)


def _alike(path: Path) -> str:
    """Ends a sentence by the recipe beside a path that is most like it, if one is."""
    try:
        names = [one.name for one in path.parent.iterdir() if one.suffix in (".yaml", ".yml")]
    except OSError:
        names = []
    hint = near(path.name, names)
    return "." if hint == ";" else hint


def with_compute(source: RecipeFile, other: RecipeFile) -> RecipeFile:
    """A recipe with all of another's that no pixel depends on: on what, with what, for how much.

    Relative paths then start where the other lies.
    """
    given = other.recipe
    changes = {
        "compute": given.compute,
        "resources": given.resources,
        "budget": given.budget,
    }
    return replace(other, recipe=source.recipe.model_copy(update=changes), text=source.text)


Source = str | os.PathLike[str] | Mapping[str, object] | Recipe | RecipeFile


def read_recipe(source: Source, *, base: str | os.PathLike[str] | None = None) -> RecipeFile:
    """Reads and checks a recipe.

    Args:
        source: a path; YAML as text, told from a path by a line's end, a colon and a blank, or a
            brace at its start; a dict of the same keys; a `Recipe`; or what this function gave.
        base: the folder that relative paths of areas, scripts, catalogues and stores start from.
            By default that of the file, else the current one. A part that was made by its class has
            read its area and script from the current folder already.

    Raises:
        RecipeError: names each key that is wrong, what was given and what is allowed.
    """
    folder = None if base is None else Path(base)
    if isinstance(source, RecipeFile):
        return source if folder is None else replace(source, folder=folder)
    if isinstance(source, Recipe):
        return RecipeFile(source, None, source.to_yaml(), folder)
    if isinstance(source, Mapping):
        recipe = _of_values(source, folder or Path())
        return RecipeFile(recipe, None, recipe.to_yaml(), folder)
    if isinstance(source, str) and _is_yaml(source):
        return RecipeFile(_parse(source, None, folder or Path()), None, source, folder)
    try:
        path = Path(source)
    except TypeError:
        given = type(source).__name__
        raise RecipeError(
            f"a recipe is a path, YAML as text, a dict or a Recipe; {given} was given"
        ) from None
    text = _text(path)
    recipe = _parse(text, path, folder or path.parent)
    return RecipeFile(recipe, path, text, folder)


def _is_yaml(text: str) -> bool:
    return "\n" in text or ": " in text or text.lstrip().startswith("{")


def _of_values(values: Mapping[str, object], base: Path) -> Recipe:
    if is_deeper(dict(values), _MOST_NESTED):
        raise RecipeError(f"the recipe is nested deeper than {_MOST_NESTED} levels")
    return _validated(dict(values), None, {}, base)


def _text(path: Path) -> str:
    try:
        return read_text(path, MOST_BYTES)
    except FileNotFoundError:
        raise NoRecipeError(
            f"{path}: there is no such file{_alike(path)} `scenefleet init` writes a recipe to "
            "start from."
        ) from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from None


def parse(text: str, path: Path) -> Recipe:
    """The recipe in `text`; `path` names it in errors and is where relative paths start.

    Raises:
        RecipeError: as `read_recipe`.
    """
    return _parse(text, path, path.parent)


def _parse(text: str, path: Path | None, base: Path) -> Recipe:
    value, lines = _load(text, path or "the recipe")
    if not isinstance(value, dict):
        raise RecipeError(
            f"{path or 'the recipe'}: a recipe is a mapping of keys such as `version: 1`, `name:` "
            f"and `search:`; this is {'empty' if value is None else f'a {type(value).__name__}'}"
        )
    return _validated(cast("dict[str, object]", value), path, lines, base)


def _validated(value: dict[str, object], path: Path | None, lines: Lines, base: Path) -> Recipe:
    try:
        return Recipe.model_validate(value, context={"base": base})
    except ValidationError as error:
        place = "" if path is None else str(path)
        problems = each_problem(error, value, Recipe, place, lines)
        raise RecipeError("\n".join(dict.fromkeys(problems))) from None


def resolved(recipe: Recipe) -> str:
    """The recipe as YAML with every default written out and its area in place.

    It needs no other file, so a run that keeps it can be understood and repeated anywhere.
    """
    import yaml

    values = recipe.model_dump(mode="json", exclude_none=True)
    if recipe.search.filter is not None:  # a `null` inside of it is the user's own
        values["search"]["filter"] = recipe.model_dump(mode="json")["search"]["filter"]
    if values["search"].get("area", {}).get("type") == "MultiPolygon":
        values["search"]["area"][AS_READ] = True
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def shown(recipe: Recipe, columns: int = 80) -> str:
    """The recipe as YAML for a person: defaults written out, `none` for all that is not set.

    An area of many vertices is told in a line, as nobody reads its coordinates.

    Args:
        recipe: any recipe.
        columns: lines are broken where they would be longer, as far as YAML lets them be.
    """
    import yaml

    values = recipe.model_dump(mode="json")
    whole = recipe.model_dump(mode="json", exclude_none=True)
    del values["search"]["bbox"]  # `area` holds it once read
    values["search"]["area"] = _area_shown(recipe.search.area)
    if "filter" in whole["search"]:
        values["search"]["filter"] = whole["search"]["filter"]
    if "collections" in whole:
        values["collections"] = whole["collections"]
    return yaml.safe_dump(
        _with_none(values),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=columns,
    )


def _area_shown(area: str | dict[str, Any] | None) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(area, dict):
        return area
    polygons: list[Any] = area["coordinates"]
    polygons = polygons if area["type"] == "MultiPolygon" else [polygons]
    points = [point for rings in polygons for ring in rings for point in ring]
    if len(points) <= _SHOWN_VERTICES:
        return area
    xs, ys = zip(*(point[:2] for point in points), strict=True)
    return (
        f"{len(polygons):,} polygon{'s' if len(polygons) > 1 else ''}, {len(points):,} vertices, "
        f"within {[min(xs), min(ys), max(xs), max(ys)]}"
    )


def _with_none(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _with_none(one) for key, one in cast("dict[str, Any]", value).items()}
    return "none" if value is None else value


def json_schema() -> dict[str, Any]:
    """The recipe's JSON Schema (draft 2020-12), for editors that complete and check YAML."""
    schema = Recipe.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "scenefleet recipe"
    return schema


def _load(text: str, path: Path | str) -> tuple[Any, Lines]:
    """The YAML's value, dates kept as text, and the line number of each key and entry of a list."""
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML without dates: `2023-02-01` stays the text that the user wrote."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        loader = Loader(text)
    except yaml.YAMLError:
        raise RecipeError(
            f"{path}: this is no YAML: it holds characters that text has not"
        ) from None
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        _check_aliases(node, path)
        lines = dict(_lines(node, (), path))
        value = cast("Any", loader).construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = _at(path, mark.line + 1) if mark else str(path)
        what = getattr(error, "problem", None) or str(error)
        raise RecipeError(f"{where}: this is no YAML: {what}") from None
    except RecursionError:
        raise RecipeError(f"{path}: this YAML is nested too deeply") from None
    except (ArithmeticError, ValueError) as error:  # of a number or a tag that holds none
        raise RecipeError(f"{path}: this is no YAML: {cut(str(error))}") from None
    finally:
        cast("Any", loader).dispose()
    if is_deeper(value, _MOST_NESTED):
        raise RecipeError(f"{path}: this YAML is nested deeper than {_MOST_NESTED} levels")
    return value, lines


def _at(path: Path | str, line: int) -> str:
    """A line of a recipe: as editors and shells have it where there is a file."""
    return f"{path}:{line}" if isinstance(path, Path) else f"{path}, line {line}"


def _check_aliases(node: Any, path: Path | str) -> None:  # noqa: ANN401 - PyYAML's nodes have no types
    """Refuses YAML whose aliases would make much of little: ten of ten of ten ...

    Raises:
        RecipeError: if they do, or refer to what they are part of.
    """
    sizes: dict[int, int] = {}
    open_: set[int] = set()
    repeated = 0
    waiting = [(node, False)]
    while waiting:
        one, done = waiting.pop()
        parts = _parts(one)
        if done:
            open_.discard(id(one))
            sizes[id(one)] = 1 + sum(sizes[id(part)] for part in parts)
            continue
        if id(one) in open_:
            raise RecipeError(f"{path}: this YAML refers to itself")
        if id(one) in sizes:
            repeated += sizes[id(one)]
        else:
            open_.add(id(one))
            waiting.append((one, True))
            waiting += [(part, False) for part in parts]
        if repeated > _MOST_REPEATED:
            raise RecipeError(
                f"{path}: the aliases of this YAML (`*name`) stand for more than {_MOST_REPEATED} "
                "values; write a large area to a file of its own"
            )


def _parts(node: Any) -> list[Any]:  # noqa: ANN401 - PyYAML's nodes have no types
    import yaml

    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _lines(
    node: Any,  # noqa: ANN401 - PyYAML's nodes have no types
    at: tuple[str, ...],
    path: Path | str,
) -> Iterable[tuple[tuple[str, ...], int]]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            yield (*at, str(number)), int(entry.start_mark.line) + 1
            yield from _lines(entry, (*at, str(number)), path)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), int(key.start_mark.line) + 1
        if name in seen:
            where = ".".join([*at, name])
            raise RecipeError(
                f"{_at(path, line)}: {where}: given twice, on line {seen[name]} already"
            )
        seen[name] = line
        yield (*at, name), line
        yield from _lines(value, (*at, name), path)
