"""Names the keys of a recipe that differ from the recipe of an earlier run, as far as pixels go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from scenefleet.errors import ScenefleetError
from scenefleet.inputs import cut
from scenefleet.recipe import Recipe
from scenefleet.run.model import Run
from scenefleet.run.record import list_runs, load_recipe
from scenefleet.store import Store

_MOST_RUNS = 10
"""Runs of the recipe's name that are looked into, the newest first."""
_SHOWN = 40
"""Characters of a value that are shown."""
_PARTS = ("process", "output", "collections")
"""What of a recipe decides pixels; the area as well where outputs are cut to it."""
_NOT_PIXELS = ("output.store",)

Json = Mapping[str, Any]


def changed_keys(
    store: Store, name: str, tasks: Collection[str], recipe: Recipe
) -> tuple[str, ...]:
    """Returns lines such as `process.negative: keep -> mask`; none where nothing is known.

    Args:
        store: where the earlier run may be.
        name: the recipe's, which the earlier run has as well.
        tasks: ids of the earlier run's tasks.
        recipe: as it is now.
    """
    earlier = _recipe_of(store, name, tasks)
    if earlier is None:
        return ()
    before, now = (one.model_dump(mode="json") for one in (earlier, recipe))
    found = [
        f"{key}: {_shown(old)} -> {_shown(new)}"
        for part in _PARTS
        for key, old, new in _differences(part, before.get(part), now.get(part))
        if key not in _NOT_PIXELS
    ]
    if recipe.process.clip and before["search"]["area"] != now["search"]["area"]:
        found.append("search.area: another area")
    return tuple(found)


def _recipe_of(store: Store, name: str, tasks: Collection[str]) -> Recipe | None:
    """The recipe of the newest run that has one of the tasks."""
    runs = [run for run in list_runs(store) if run.name == name]
    for run in runs[:_MOST_RUNS]:
        try:
            if _has(store, run, tasks):
                return load_recipe(store, run).recipe
        except ScenefleetError:
            continue  # of another version, or damaged
    return None


def _has(store: Store, run: Run, tasks: Collection[str]) -> bool:
    marks = [f'"{task}"'.encode() for task in tasks]
    lines = store.lines(f"runs/{run.id}/plan.jsonl")
    return any(mark in line for line in lines for mark in marks)


def _differences(key: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    """Yields the keys, with their dots, whose values differ."""
    if key == "process.script":  # by its text, which nobody reads here
        names = [cast("Json", one or {}).get("file") for one in (old, new)]
        if old != new:
            changed = names[0] == names[1]
            yield key, names[0], f"{names[1]} (changed)" if changed else names[1]
    elif isinstance(old, dict) and isinstance(new, dict):
        before, now = cast("Json", old), cast("Json", new)
        for name in dict.fromkeys([*before, *now]):
            yield from _differences(f"{key}.{name}", before.get(name), now.get(name))
    elif old != new:
        yield key, old, new


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        items = cast("list[object]", value)
        return cut(f"[{', '.join(_name(item) for item in items)}]", _SHOWN)
    return cut(str(value), _SHOWN)


def _name(item: object) -> str:
    """An index by its name alone."""
    if isinstance(item, dict):
        told = cast("Json", item)
        return str(told.get("name", told))
    return str(item)
