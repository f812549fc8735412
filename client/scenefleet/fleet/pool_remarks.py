"""Remarks on a pool that others made and that fits: what its user should know. Pure.

The pool is taken as the data plane answers it (REST names of Batch 2025-06-01).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.fleet.existing_pool import (
    Need,
    Seen,
    containers,
    identities,
    machine_of,
    prefetched,
    slots_per_node,
)
from scenefleet.fleet.machine import is_arm
from scenefleet.fleet.template import CAP

Json = Mapping[str, Any]

_BOUND = re.compile(r"^[ \t]*maxNumberofVMs[ \t]*=[ \t]*(\d+)[ \t]*;", re.MULTILINE)
"""The bound in the formulas of Microsoft's own pages:
https://learn.microsoft.com/azure/batch/batch-automatic-scaling."""
_TARGET = re.compile(r"^[ \t]*\$Target(?:Dedicated|LowPriority)Nodes[ \t]*=([^;]*);", re.MULTILINE)
_SLOW = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:\d+S)?")
_PATIENT = 10
"""Minutes between two evaluations of a formula that nobody needs to be told of."""
_NAMED = 3
"""Jobs, images and the like that are named before the rest is counted."""


@dataclass(frozen=True, slots=True)
class _Given:
    pool: Json
    need: Need
    seen: Seen


def most_nodes(pool: Json) -> int | None:
    """Returns how many nodes the pool has at most, or None where it does not tell.

    A pool of fixed size tells by its targets; one that scales by itself, by a line of its formula:
    `maxNodes = 20;`, `maxNumberofVMs = 20;`, or targets that are plain numbers.
    """
    if not pool.get("enableAutoScale"):
        return _targets(pool)[0] + _targets(pool)[1] or None
    formula = str(pool.get("autoScaleFormula") or "")
    if found := CAP.search(formula):
        return int(found["cap"]) or None
    if found := _BOUND.search(formula):
        return int(found[1]) or None
    targets = [value.strip() for value in _TARGET.findall(formula)]
    if targets and all(value.isdecimal() for value in targets):
        return sum(map(int, targets)) or None
    return None


def remarks(pool: Json, need: Need, seen: Seen | None = None) -> list[str]:
    """Returns what the user should know of a pool that fits, a sentence each.

    Args:
        pool: the pool.
        need: what a recipe's tasks need.
        seen: its nodes and the jobs on it; None where nobody looked.
    """
    given = _Given(pool, need, seen or Seen())
    return [text for look in _LOOKS for text in look(given)]


def _size(given: _Given) -> list[str]:
    pool = given.pool
    dedicated, spot = _targets(pool)
    found: list[str] = []
    if str(pool.get("allocationState", "steady")) != "steady":
        has = int(pool.get("currentDedicatedNodes") or 0)
        has += int(pool.get("currentLowPriorityNodes") or 0)
        found.append(f"it is being resized now, from {has} nodes to {dedicated + spot}")
    if pool.get("enableAutoScale"):
        return [*found, *_formula(given)]
    if dedicated + spot == 0:
        found.append(
            "it has no nodes and no autoscale formula, so tasks wait until its owner gives it "
            f"some: az batch pool resize --pool-id {pool.get('id')} --target-low-priority-nodes 2"
        )
    elif dedicated == 0:
        found.append(
            "all its nodes are Spot nodes: where Azure takes one away, its tasks run again on "
            "another, and wait while there is none"
        )
    return found


def _formula(given: _Given) -> list[str]:
    pool = given.pool
    found: list[str] = []
    run = cast("Json", pool.get("autoScaleRun") or {})
    if error := cast("Json | None", run.get("error")):
        found.append(
            f"its autoscale formula failed at its last evaluation ({error.get('code')}: "
            f"{error.get('message')}), so it may get no nodes until its owner mends that"
        )
    minutes = _minutes(str(pool.get("autoScaleEvaluationInterval") or "PT15M"))
    if minutes > _PATIENT:
        found.append(
            f"its autoscale formula is evaluated every {minutes} minutes, so nodes may come, and "
            "go, that late"
        )
    return found


def _bound(given: _Given) -> list[str]:
    asked, most = given.need.max_nodes, most_nodes(given.pool)
    if most is None and given.pool.get("enableAutoScale"):
        return [
            "its autoscale formula does not say how many nodes it has at most, so the estimate "
            "counts `compute.max_nodes`, and what it costs may differ"
        ]
    if asked is not None and most is not None and asked != most:
        return [
            f"it is used as it is, with {most} nodes at most: `compute.max_nodes` is not heeded"
        ]
    return []


def _nodes(given: _Given) -> list[str]:
    health = given.seen.health
    unread = [
        f"not all of it could be read, and the run goes on: {text}" for text in given.seen.unread
    ]
    if health is None:
        return unread
    found = [*unread]
    found += [f"it has fewer nodes than it wants: {text}" for text in health.troubles]
    if health.broken:
        total = sum(health.counts.values())
        words = "; ".join(f"{count} x {text}" for text, count in health.errors.items())
        found.append(
            f"{health.broken} of its {total} nodes take no task ({health.states})"
            + (f": {words}" if words else "")
        )
    return found


def _jobs(given: _Given) -> list[str]:
    jobs = given.seen.jobs
    if not jobs:
        return []
    verb = "an active job has" if len(jobs) == 1 else f"{len(jobs)} active jobs have"
    return [f"{verb} it already ({_some(jobs)}): tasks of all jobs share its nodes"]


def _prefetch(given: _Given) -> list[str]:
    image, listed = given.need.image, prefetched(given.pool)
    if image is None or _spelt_out(image) in map(_spelt_out, listed):
        return []
    server = _spelt_out(image).partition("/")[0]
    registries = cast("list[Json]", containers(given.pool).get("containerRegistries") or [])
    known = {str(one.get("registryServer") or "docker.io").casefold() for one in registries}
    others = [one for one in listed if _repository(one) == _repository(image)]
    text = (
        f"the image {image} is not among those that it prefetches ({_some(listed) or 'none'}), "
        "so each node pulls it for its first task"
    )
    if others:
        text = (
            f"it prefetches another version of the image, {_some(others)}, and the recipe or the "
            f"settings name {image}, which each node pulls for its first task"
        )
    if server.casefold() not in {one.removeprefix("https://") for one in known}:
        text += f", and can do so only if {server} asks for no sign-in: the pool has none for it"
    return [text]


def _machines(given: _Given) -> list[str]:
    pool, need = given.pool, given.need
    machine, slots = machine_of(pool), slots_per_node(pool)
    found: list[str] = []
    if is_arm(machine.name):
        found.append(
            f"its nodes ({machine.name}) have Arm processors: the image must be built for "
            "linux/arm64, or each task fails as it starts"
        )
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
    busy = slots * need.resources.threads
    if machine.memory is not None and 2 * busy <= machine.cores:
        found.append(
            f"it runs {slots} at once on a node (taskSlotsPerNode), so {machine.cores - busy} of "
            f"{machine.cores} cores stay idle: `resources.threads: {machine.cores // slots}` "
            "uses them"
        )
    policy = cast("Json", pool.get("taskSchedulingPolicy") or {})
    if slots > 1 and pool.get("enableAutoScale") and policy.get("nodeFillType") == "spread":
        found.append(
            "it spreads tasks over all its nodes (taskSchedulingPolicy), so few nodes fall idle "
            "before the end, and node hours may be more than estimated"
        )
    return found


def _system(given: _Given) -> list[str]:
    pool, found = given.pool, list[str]()
    if given.seen.support:
        found.append(given.seen.support)
    if given.need.image is None:
        found.append(
            "no image is named, so tasks run on the nodes themselves, whose python3 must have what "
            "requirements/task.txt lists"
        )
    if packages := cast("list[Json]", pool.get("applicationPackageReferences") or []):
        names = [
            " ".join(filter(None, (p.get("applicationId"), p.get("version")))) for p in packages
        ]
        found.append(
            f"its nodes install application packages first ({_some(names)}); a node where that "
            "fails takes no task"
        )
    start = cast("Json | None", pool.get("startTask"))
    if start and start.get("waitForSuccess") is not False:
        found.append("its nodes run a start task first, and one where that fails takes no task")
    return found


def _reach(given: _Given) -> list[str]:
    pool, found = given.pool, list[str]()
    network = cast("Json", pool.get("networkConfiguration") or {})
    addresses = cast("Json", network.get("publicIPAddressConfiguration") or {})
    if str(addresses.get("provision", "")).lower() == "nopublicipaddresses":
        found.append(
            "its nodes have no public address: imagery, store and registry must be within reach of "
            "its subnet (a NAT gateway, private endpoints)"
        )
    if pool.get("enableInterNodeCommunication"):
        found.append(
            "its nodes can reach one another, which scenefleet does not need: a script on one of "
            "them can reach what runs on the others"
        )
    if given.need.identity is None and (held := identities(pool)):
        found.append(
            f"its nodes have the identity {_some(held)}, and the settings name none, so they reach "
            "the store by a SAS"
        )
    return found


_LOOKS: tuple[Callable[[_Given], list[str]], ...] = (
    _size, _bound, _nodes, _jobs, _prefetch, _machines, _system, _reach,
)  # fmt: skip


def _targets(pool: Json) -> tuple[int, int]:
    """Dedicated and Spot nodes that the pool is to have."""
    return int(pool.get("targetDedicatedNodes") or 0), int(pool.get("targetLowPriorityNodes") or 0)


def _minutes(interval: str) -> int:
    found = _SLOW.fullmatch(interval)
    return 60 * int(found[1] or 0) + int(found[2] or 0) if found else 0


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _repository(image: str) -> str:
    name = _spelt_out(image).partition("@")[0]
    server, _, path = name.partition("/")
    return f"{server}/{path.partition(':')[0]}"


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
