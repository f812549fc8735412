"""Notes on bands whose scale neither recipe nor item tells, before a task finds it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from scenefleet.catalog import Scene
from scenefleet.catalog.header import Header
from scenefleet.plan.model import Plan
from scenefleet.plan.pairs import pairs
from scenefleet.recipe import Recipe
from scenefleet_task import spec

_WRONG = (
    "indices with constants of their own, such as SAVI and EVI, are then wrong unless the numbers "
    "are values already. Give each band its `scale` (and `offset`) under `collections`"
)


def scale_notes(
    plan: Plan, scenes: Iterable[Scene], recipe: Recipe, headers: Callable[[str], Header | None]
) -> Iterator[str]:
    """Yields a sentence or two for each collection with a band of unknown scale.

    Args:
        plan: the tasks; of each collection the first is looked at.
        scenes: the scenes they were made of, in order.
        recipe: what is asked for. Only a band that it describes can lack a scale.
        headers: reads the header of a local file; None where it cannot.
    """
    open_ones = {
        collection
        for collection, part in recipe.collections.items()
        if any(band.scale is None for band in part.bands.values())
    }
    if not open_ones:
        return
    for document, scene in pairs(plan, scenes):
        if scene.collection in open_ones:
            open_ones.remove(scene.collection)
            yield from _notes(document, scene, headers)
            if not open_ones:
                return


def _notes(
    document: spec.TaskDocument, scene: Scene, headers: Callable[[str], Header | None]
) -> Iterator[str]:
    missing: list[str] = []
    unseen: list[str] = []
    part = document.parts[0]
    item = next(one for one in scene.parts if one.id == part.item)
    for band in part.bands:
        kind = item.assets[band.asset].of_band(band.band).data_type or ""
        if band.scale is not None or kind.startswith(("float", "cfloat")):
            continue
        header = None if "://" in band.href else headers(band.href)
        named = f"{band.name} (asset {band.asset})"
        if header is None or Path(f"{band.href}.aux.xml").exists():
            unseen.append(named)
        elif header.unscaled:
            missing.append(named)
    where = scene.collection or document.source.id
    if missing:
        yield (
            f"{where}: nothing tells the scale of {', '.join(missing)}: the recipe and the item do "
            "not, nor does the header of the first scene's file. Whole numbers are taken as they "
            f"are; {_WRONG}"
        )
    if unseen:
        yield (
            f"{where}: the scale of {', '.join(unseen)} is the file's header to tell, which is "
            f"read when its task runs. Where it tells none, whole numbers are taken as they are; "
            f"{_WRONG}"
        )
