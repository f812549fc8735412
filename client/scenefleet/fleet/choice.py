"""Which pool a recipe asks for, and how many tasks run at once on one of its nodes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from scenefleet.errors import FleetError
from scenefleet.fleet import local
from scenefleet.fleet.existing_pool import Need
from scenefleet.fleet.machine import this_machine, vm_machine
from scenefleet.fleet.slots import Slots, asked_slots, slots_of
from scenefleet.fleet.template import load_template, task_slots, to_data_plane
from scenefleet.recipe import PoolId, RecipeFile
from scenefleet.settings import Settings

_POOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChoice:
    """The pool that a recipe asks for."""

    body: dict[str, Any]
    """As the data plane takes it."""
    image: str | None
    """The container image of its tasks; None where tasks run on the node itself."""
    identity: str | None
    """Resource id of the managed identity of its nodes, which must have been deployed."""
    slots: int
    """Tasks at once on one node; on this machine for a local run."""
    cores: int
    """Of one node, or of this machine."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: why slots are not what the template or the recipe says, and what is
    to be known of a pool that others made."""
    existing: Need | None = None
    """What the tasks need of a pool that others made, which is used as it is; None for ours."""

    nodes: int | None = None
    """How many nodes a pool that others made has at most; None where `compute.max_nodes` counts."""

    @property
    def note(self) -> str | None:
        """The notes as one text, or None where there is none."""
        return "; ".join(self.notes) or None

    @property
    def id(self) -> str:
        """The pool's id."""
        return str(self.body["id"])


def choose_pool(source: RecipeFile, settings: Settings) -> PoolChoice:
    """The pool of a recipe: this machine's cores for a local run, else from its template.

    Raises:
        FleetError: if the template cannot be read or used, or no image is named.
    """
    compute = source.recipe.compute
    if compute.backend == "local":
        slots = local_slots(source)
        return PoolChoice(
            body=local.local_pool(slots.count),
            image=None,
            identity=None,
            slots=slots.count,
            cores=this_machine().cores,
            notes=_noted(slots),
        )
    name = compute.pool
    if isinstance(name, PoolId):
        return _existing(source, settings, name.id)
    template = load_template(source.base / name if name.endswith(".json") else name)
    if not _POOL_NAME.fullmatch(template.name):
        raise FleetError(
            f"pool template {template.source}: its name becomes the pool's id, so the file must be "
            "called NAME.pool.json with letters, digits, hyphens and underscores, 50 at most"
        )
    image = compute.image or settings.azure.image
    if image is None:
        raise FleetError(
            "Azure Batch needs the task's container image: write `image:` under `compute` in the "
            "recipe or under [azure] in the settings. docker/README.md says how to build it."
        )
    identity = settings.azure.identity_resource_id
    machine = vm_machine(str(template.properties["vmSize"]))
    slots = slots_of(machine, source.recipe.resources, most=task_slots(template))
    body = to_data_plane(
        template,
        pool_id=f"scenefleet-{template.name}",
        image=image,
        registry_identity=identity,
        max_nodes=compute.max_nodes,
        slots=slots.count,
    )
    return PoolChoice(
        body=body,
        image=image,
        identity=identity,
        slots=slots.count,
        cores=machine.cores,
        notes=_noted(slots),
    )


def _noted(slots: Slots) -> tuple[str, ...]:
    return (slots.note,) if slots.note else ()


def _existing(source: RecipeFile, settings: Settings, pool: str) -> PoolChoice:
    """A pool that only the service knows: until it is read, its nodes count as `spot`'s."""
    compute = source.recipe.compute
    template = load_template("spot")
    need = Need(
        image=compute.image or settings.azure.image,
        identity=settings.azure.identity_resource_id,
        resources=source.recipe.resources,
        max_nodes=compute.max_nodes if "max_nodes" in compute.model_fields_set else None,
    )
    return PoolChoice(
        body={"id": pool},
        image=need.image,
        identity=need.identity,
        slots=task_slots(template),
        cores=vm_machine(str(template.properties["vmSize"])).cores,
        existing=need,
    )


def local_slots(source: RecipeFile) -> Slots:
    """Tasks at once on this machine: as the recipe says, or as its cores and memory allow."""
    machine, recipe = this_machine(), source.recipe
    if recipe.compute.slots is not None:
        return asked_slots(machine, recipe.resources, recipe.compute.slots)
    most = max(1, machine.cores // recipe.resources.threads)
    return slots_of(machine, recipe.resources, most=most)
