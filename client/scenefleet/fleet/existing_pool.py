"""Checks whether a pool that others made can run a recipe's tasks. Pure: nothing is changed.

The pool is taken as the data plane answers it (REST names of Batch 2025-06-01).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.fleet.machine import Machine, vm_machine
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


def remarks(pool: Json, need: Need) -> list[str]:
    """Returns what the user should know of a pool that fits, a sentence each."""
    found = [*_nodes(pool), *_prefetch(pool, need.image)]
    machine, slots = machine_of(pool), slots_per_node(pool)
    if machine.memory is None:
        found.append(
            f"the memory of {machine.name} is not known here, so nothing checks that "
            f"{slots} tasks of {need.resources.memory} fit on a node"
        )
    elif slots * need.resources.threads > max(machine.cores, slots):
        found.append(
            f"{slots} tasks at once compute with {need.resources.threads} threads each "
            f"(`resources.threads`) on {machine.cores} cores, so they wait for one another"
        )
    if need.image is None:
        found.append(
            "no image is named, so tasks run on the nodes themselves, whose python3 must have what "
            "requirements/task.txt lists"
        )
    if _provision(pool) == "nopublicipaddresses":
        found.append(
            "its nodes have no public address: imagery, store and registry must be within reach of "
            "its subnet (a NAT gateway, private endpoints)"
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
        listed = ", ".join(_prefetched(pool)) or "none"
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


def _nodes(pool: Json) -> list[str]:
    if pool.get("enableAutoScale"):
        return []
    targets = (pool.get("targetDedicatedNodes"), pool.get("targetLowPriorityNodes"))
    if any(targets):
        return []
    return [
        "it has no nodes and no autoscale formula, so tasks wait until its owner gives it some: "
        f"az batch pool resize --pool-id {pool.get('id')} --target-low-priority-nodes 2"
    ]


def _prefetch(pool: Json, image: str | None) -> list[str]:
    listed = _prefetched(pool)
    if image is None or _spelt_out(image) in map(_spelt_out, listed):
        return []
    server = _spelt_out(image).partition("/")[0]
    container = cast("Json", _machine(pool).get("containerConfiguration") or {})
    registries = cast("list[Json]", container.get("containerRegistries") or [])
    known = {str(one.get("registryServer", "docker.io")).casefold() for one in registries}
    text = (
        f"the image {image} is not among those that it prefetches ({', '.join(listed) or 'none'}), "
        "so each node pulls it for its first task"
    )
    if server.casefold() not in known:
        text += f", and can do so only if {server} asks for no sign-in: the pool has none for it"
    return [text]


def _prefetched(pool: Json) -> Sequence[str]:
    container = cast("Json", _machine(pool).get("containerConfiguration") or {})
    return cast("list[str]", container.get("containerImageNames") or [])


def _spelt_out(image: str) -> str:
    """The image's name with all that Docker fills in; a tag beside a digest says nothing."""
    name, at, digest = image.partition("@")
    server, slash, rest = name.partition("/")
    if not slash or not ("." in server or ":" in server or server == "localhost"):
        server, rest = "docker.io", name if slash else f"library/{name}"
    if server in ("index.docker.io", "registry-1.docker.io"):
        server = "docker.io"
    path, _, tag = rest.partition(":")
    return (
        f"{server.lower()}/{path}{at}{digest}"
        if at
        else f"{server.lower()}/{path}:{tag or 'latest'}"
    )


def _provision(pool: Json) -> str:
    network = cast("Json", pool.get("networkConfiguration") or {})
    addresses = cast("Json", network.get("publicIPAddressConfiguration") or {})
    return str(addresses.get("provision", "")).lower()


def _machine(pool: Json) -> Json:
    return cast("Json", pool.get("virtualMachineConfiguration") or {})
