"""Finished outputs that another version of scenefleet or another recipe made: a run redoes them.

An output stands where the plan's task would write its own, but carries another task's id. The cause
is told by the version of the task's code, which each output's STAC item names: where it is not this
one, pixels changed with scenefleet; else the recipe or the scene's metadata did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.recipe import Recipe
from scenefleet.run.changes import changed_keys
from scenefleet.run.finished import find_outputs
from scenefleet.store import Store
from scenefleet_task import spec

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Tasks of a plan whose finished outputs were made by other tasks, by cause."""

    other_version: frozenset[str] = frozenset()
    """Ids of the tasks whose outputs another version of the task's code made."""
    versions: tuple[int | None, ...] = ()
    """Those versions, ascending; None, the first, where an item names none that can be read."""
    other_recipe: frozenset[str] = frozenset()
    """Ids of the tasks whose outputs this version made, of another recipe or other metadata."""
    added: tuple[str, ...] = ()
    """Outputs that the plan computes and that none of the outputs of `other_recipe` has."""
    changed: tuple[str, ...] = ()
    """Keys of the recipe that differ from the recipe of the run that made those of `other_recipe`,
    as `process.negative: keep -> mask`; empty where that run or its recipe is not known."""


def find_superseded(
    store: Store, documents: Iterable[spec.TaskDocument], recipe: Recipe | None = None
) -> Superseded:
    """The tasks whose outputs are there and whole, but made by another task.

    Args:
        store: where the outputs are. Their items are read, and sizes compared; no file is hashed.
        documents: the tasks in question, all of one product.
        recipe: the plan's, whose keys are compared with those of the earlier run's; None where that
            is not wanted.
    """
    other_version: set[str] = set()
    versions: set[int | None] = set()
    other_recipe: set[str] = set()
    planned: dict[str, None] = {}
    had: set[str] = set()
    made_by: set[str] = set()
    found = find_outputs(store, documents, deep=False, wanted=lambda task, made_by: task != made_by)
    for document, one in found:
        version = made_by_version(one.item)
        if version != spec.VERSION:
            other_version.add(document.id)
            versions.add(version)
            continue
        other_recipe.add(document.id)
        made_by.add(str(one.item["properties"]["scenefleet:task"]))
        planned |= dict.fromkeys(output.name for output in document.outputs)
        had |= _names(one.item)
    return Superseded(
        other_version=frozenset(other_version),
        versions=tuple(sorted(versions, key=lambda number: -1 if number is None else number)),
        other_recipe=frozenset(other_recipe),
        added=tuple(name for name in planned if name not in had),
        changed=changed_keys(store, recipe.name, made_by, recipe) if recipe and made_by else (),
    )


def made_by_version(item: Json) -> int | None:
    """The version of the task's code that made an output, or None where its item names none."""
    try:
        return int(item["properties"]["processing:software"]["scenefleet_task"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _names(item: Json) -> set[str]:
    """The names of an output's assets and of their bands: a stacked file has many."""
    assets = cast("Json", item["assets"])
    names = set(assets)
    for asset in assets.values():
        bands = cast("Json", asset).get("bands")
        for band in cast("list[Any]", bands) if isinstance(bands, list) else ():
            if isinstance(band, Mapping):
                names.add(str(cast("Json", band).get("name")))
    return names
