"""Checks whether a pool that others made can run a recipe's tasks. Pure: nothing is changed.

The pool is taken as the data plane answers it (REST names of Batch 2025-06-01).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.fleet.machine import Machine, vm_machine
from scenefleet.fleet.nodes import PoolHealth
from scenefleet.fleet.slots import fits, slots_of
from scenefleet.recipe import Resources

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The requirements of one recipe, which a pool is held against."""

    image: str | None
    """The container image of its tasks; None where they run on the node itself."""
    identity: str | None
    """Resource id of the managed identity that nodes reach the store with; None for a SAS."""
    resources: Resources
    """What one task may take."""
    max_nodes: int | None = None
    """`compute.max_nodes` where the recipe has it, which such a pool does not heed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What else the service says about a pool: its nodes, and the jobs that use it."""

    health: PoolHealth | None = None
    jobs: Sequence[str] = ()
    """Ids of the active jobs on it."""
    support: str | None = None
    """A sentence where Azure Batch ends, or ended, its support of the operating system."""
    unread: Sequence[str] = ()
    """Why something of it could not be read, which a run does not need."""


def slots_per_node(pool: Json) -> int:
    """Returns how many tasks run at once on a node; the service means 1 where it answers none."""
    return int(pool.get("taskSlotsPerNode") or 1)


def identities(pool: Json) -> list[str]:
    """Returns the resource ids of the managed identities of its nodes."""
    given = cast("Json", pool.get("identity") or {})
    assigned = cast("list[Json]", given.get("userAssignedIdentities") or [])
    return [str(one.get("resourceId")) for one in assigned]


def machine_of(pool: Json) -> Machine:
    """Returns the cores and memory of one node, by the pool's `vmSize`."""
    return vm_machine(str(pool.get("vmSize", "")))


def misfits(pool: Json, need: Need) -> list[str]:
    """Returns why the recipe's tasks could not run on the pool, a line each; empty if they can."""
    found = [*_system(pool), *_containers(pool, need.image), *_identity(pool, need.identity)]
    machine, slots = machine_of(pool), slots_per_node(pool)
    if not fits(machine, need.resources, slots):
        note = slots_of(machine, need.resources, most=slots).note
        found.append(
            f"tasks on a node: the pool runs {slots} at once (taskSlotsPerNode). {note}. Lower "
            "`resources.memory` in the recipe, or use a pool of larger nodes or fewer slots"
        )
    return found


def _system(pool: Json) -> list[str]:
    machine = _machine(pool)
    agent = str(machine.get("nodeAgentSKUId", ""))
    if agent.lower().startswith("batch.node.windows") or machine.get("windowsConfiguration"):
        return [f"system: its nodes run Windows ({agent}), and tasks need Linux"]
    return []


def _containers(pool: Json, image: str | None) -> list[str]:
    configured = _machine(pool).get("containerConfiguration")
    if image is not None and not configured:
        return [
            f"containers: the pool has none, and the recipe or the settings name the image {image}."
            " Use a pool with a containerConfiguration; or take the image out, if the nodes' own "
            "python3 has what requirements/task.txt lists"
        ]
    if image is None and configured:
        listed = ", ".join(prefetched(pool)) or "none"
        return [
            "containers: the pool runs tasks in containers, and no image is named. Write `image:` "
            f"under `compute` in the recipe; the pool prefetches {listed}"
        ]
    return []


def _identity(pool: Json, wanted: str | None) -> list[str]:
    held = identities(pool)
    if wanted is None or wanted.casefold() in (one.casefold() for one in held):
        return []
    return [
        f"identity: nodes reach the store as {wanted} (the setting `identity_resource_id`), and "
        f"the pool has {', '.join(held) or 'no identity'}. Give the pool that identity (its owner, "
        "by Bicep or Terraform), or name in the settings the one that it has"
    ]


def containers(pool: Json) -> Json:
    """Returns how its nodes run containers; empty where they do not."""
    return cast("Json", _machine(pool).get("containerConfiguration") or {})


def prefetched(pool: Json) -> Sequence[str]:
    """Returns the images that each node pulls as it starts."""
    return cast("list[str]", containers(pool).get("containerImageNames") or [])


def _machine(pool: Json) -> Json:
    return cast("Json", pool.get("virtualMachineConfiguration") or {})
