"""Each task of a plan beside the scene that it was made of, in order and one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scenefleet.catalog import Scene
from scenefleet.plan.model import Plan
from scenefleet_task import spec


def pairs(plan: Plan, scenes: Iterable[Scene]) -> Iterator[tuple[spec.TaskDocument, Scene]]:
    """Tasks and scenes in the plan's order; scenes that were left out are passed over.

    Args:
        plan: the tasks.
        scenes: what the plan was made of, in the same order. They are gone through once, and none
            is kept: a search may have found a hundred thousand.

    Raises:
        ValueError: if a task is of none of the scenes.
    """
    documents = iter(plan.documents)
    document = next(documents, None)
    for scene in scenes:
        if document is None:
            return
        if (document.source.collection, document.source.id) == (scene.collection, scene.id):
            yield document, scene
            document = next(documents, None)
    if document is not None:
        raise ValueError(f"task {document.id} is of no scene that comes after the others")
