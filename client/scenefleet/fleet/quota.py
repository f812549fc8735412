"""An account's quotas beside what is in use and what a recipe's pool wants. Pure.

Source: "Batch service quotas and limits" of Microsoft's documentation: dedicated cores are counted
in all and by family of VM sizes, Spot (low-priority) cores in all only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from scenefleet.fleet.machine import family_key, vm_family, vm_machine

Json = Mapping[str, Any]

ASK = (
    "ask for more in the Azure portal, at the Batch account under Quotas "
    "(https://learn.microsoft.com/azure/batch/batch-quota-limit#increase-a-quota)"
)
_CAP = re.compile(r"^[ \t]*maxNodes[ \t]*=[ \t]*(\d+)[ \t]*;", re.MULTILINE)
_FLOOR = re.compile(r"^[ \t]*minDedicated[ \t]*=[ \t]*(\d+)[ \t]*;", re.MULTILINE)
_TARGET = re.compile(r"\$Target(Dedicated|LowPriority)(?:Nodes)?[ \t]*=[ \t]*([^;]*);")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an account may have; None where nothing tells."""

    dedicated: int | None
    """Cores."""
    spot: int | None
    """Cores."""
    families: Mapping[str, int] | None
    """Dedicated cores by `family_key`; None where only their sum counts."""
    pools: int | None
    jobs: int | None
    """Active jobs and job schedules."""
    own_subscription: bool
    """Whether nodes are made in the user's subscription, whose quotas of cores count instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What of it is in use."""

    dedicated: int = 0
    """Cores."""
    spot: int = 0
    """Cores."""
    families: Mapping[str, int] = field(default_factory=dict[str, int])
    """Dedicated cores by `family_key`."""
    pools: int = 0
    jobs: int = 0
    unknown: tuple[str, ...] = ()
    """VM sizes whose cores are not known here: each of their nodes counts as one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a recipe's pool may come to have."""

    size: str
    """The VM size of its nodes."""
    dedicated: int
    """Nodes at most."""
    spot: int
    """Nodes at most."""
    has: tuple[int, int]
    """Dedicated and Spot nodes that it has now."""
    new: bool
    """Whether the pool is yet to be made."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a recipe's pool fits, in a sentence."""

    fits: bool
    possible: bool
    """Whether a run could go on at all."""
    text: str


def read_quota(account: Json) -> Quota:
    """Reads the quotas of an account out of Azure Resource Manager's description of it."""
    told = cast("Json", account.get("properties") or {})
    families = None
    if told.get("dedicatedCoreQuotaPerVMFamilyEnforced") is True:
        listed = cast("list[Json]", told.get("dedicatedCoreQuotaPerVMFamily") or [])
        families = {
            family_key(str(one.get("name"))): _number(one.get("coreQuota")) or 0 for one in listed
        }
    return Quota(
        dedicated=_number(told.get("dedicatedCoreQuota")),
        spot=_number(told.get("lowPriorityCoreQuota")),
        families=families,
        pools=_number(told.get("poolQuota")),
        jobs=_number(told.get("activeJobAndJobScheduleQuota")),
        own_subscription=str(told.get("poolAllocationMode")).casefold() == "usersubscription",
    )


def measure(pools: Sequence[Json], jobs: int) -> Usage:
    """Counts what the pools of an account use, as the data plane tells them."""
    dedicated = spot = 0
    families: dict[str, int] = {}
    unknown: dict[str, None] = {}
    for pool in pools:
        size = str(pool.get("vmSize", ""))
        family = vm_family(size)
        if family is None:
            unknown[size] = None
        cores = vm_machine(size).cores
        of_pool = cores * int(pool.get("currentDedicatedNodes") or 0)
        dedicated += of_pool
        spot += cores * int(pool.get("currentLowPriorityNodes") or 0)
        if family is not None:
            families[family_key(family)] = families.get(family_key(family), 0) + of_pool
    return Usage(
        dedicated=dedicated,
        spot=spot,
        families=families,
        pools=len(pools),
        jobs=jobs,
        unknown=tuple(unknown),
    )


def want(body: Json, found: Json | None, *, max_nodes: int) -> Wanted:
    """Tells what a pool may come to have.

    Args:
        body: the pool as it is or is to be, in the data plane's words.
        found: the pool as the service has it; None where it is yet to be made.
        max_nodes: of the recipe, for a formula that states no limit.
    """
    dedicated, spot = _most_nodes(body, max_nodes)
    has = found or {}
    return Wanted(
        size=str(body.get("vmSize", "")),
        dedicated=dedicated,
        spot=spot,
        has=(
            int(has.get("currentDedicatedNodes") or 0),
            int(has.get("currentLowPriorityNodes") or 0),
        ),
        new=found is None,
    )


def describe(quota: Quota, usage: Usage, size: str) -> str:
    """Says what an account may have and has, for the pools of a VM size."""
    family = vm_family(size)
    parts = [
        f"dedicated cores: {usage.dedicated} of {_of(quota.dedicated)} in use",
        f"Spot cores: {usage.spot} of {_of(quota.spot)}",
        f"pools: {usage.pools} of {_of(quota.pools)}",
        f"active jobs: {usage.jobs} of {_of(quota.jobs)}",
    ]
    if quota.own_subscription:
        parts[:2] = [
            f"{usage.dedicated + usage.spot} cores in use, which count against the quotas of the "
            "subscription (Azure portal, Subscriptions, Usage + quotas)"
        ]
    elif quota.families is not None and family is not None:
        key = family_key(family)
        told = quota.families.get(key)
        text = f"{usage.families.get(key, 0)} of {told}" if told is not None else "none told"
        parts.insert(1, f"dedicated cores of {family}: {text}")
    if usage.unknown:
        parts.append(f"cores of {', '.join(usage.unknown)} are not known here and count as 1")
    return "; ".join(parts)


def judge(quota: Quota, usage: Usage, wanted: Wanted) -> Verdict:
    """Weighs what a recipe's pool wants against what an account has left."""
    cores = vm_machine(wanted.size).cores
    text = _wish(wanted, cores)
    if quota.pools is not None and wanted.new and usage.pools >= quota.pools:
        why = f"all {quota.pools} pools of the account are taken: delete one, or {ASK}"
        return Verdict(fits=False, possible=False, text=f"{text}; {why}")
    limits = [limit for limit in _limits(quota, usage, wanted, cores) if limit.nodes]
    notes = [limit.note for limit in limits if limit.left < limit.nodes]
    if notes:
        notes.append(ASK)
    if quota.jobs is not None and usage.jobs >= quota.jobs:
        notes.append(f"all {quota.jobs} active jobs are taken, so a run waits for one to end")
    kinds = {limit.spot for limit in limits}
    possible = not kinds or any(
        all(limit.left > 0 for limit in limits if limit.spot == kind) for kind in kinds
    )
    return Verdict(
        fits=not notes, possible=possible, text="; ".join([text, *(notes or ["that fits"])])
    )


class _Limit(NamedTuple):
    """A quota of cores beside what a pool wants of it."""

    spot: bool
    name: str
    left: int
    """Nodes that it allows the pool."""
    nodes: int
    """Nodes that the pool wants."""

    @property
    def note(self) -> str:
        """Says what it does not suffice for."""
        return f"the quota of {self.name} allows {self.left} of {self.nodes} nodes"


def _limits(quota: Quota, usage: Usage, wanted: Wanted, cores: int) -> Iterator[_Limit]:
    """Each quota of cores that is told; what the pool has already is its own to use."""
    if quota.own_subscription:
        return
    dedicated, spot = wanted.has
    if quota.spot is not None:
        left = max(0, quota.spot - usage.spot + spot * cores)
        yield _Limit(True, "Spot cores", left // cores, wanted.spot)
    if quota.dedicated is not None:
        left = max(0, quota.dedicated - usage.dedicated + dedicated * cores)
        yield _Limit(False, "dedicated cores", left // cores, wanted.dedicated)
    family = vm_family(wanted.size)
    if quota.families is not None and family is not None:
        key = family_key(family)
        left = quota.families.get(key, 0) - usage.families.get(key, 0) + dedicated * cores
        name = f"dedicated cores of {family}"
        yield _Limit(False, name, max(0, left) // cores, wanted.dedicated)


def _wish(wanted: Wanted, cores: int) -> str:
    kinds = ((wanted.spot, "Spot"), (wanted.dedicated, "dedicated"))
    told = " and ".join(f"{n * cores} {kind} cores ({n} nodes)" for n, kind in kinds if n)
    guess = "" if vm_family(wanted.size) else " (not known here, so 1 is assumed)"
    each = f"{wanted.size}: cores a node {cores}{guess}"
    pool = "a pool that is yet to be made" if wanted.new else "a pool that is there"
    return f"at most {told or '0 cores'} of {each}; {pool}; one job"


def _most_nodes(body: Json, max_nodes: int) -> tuple[int, int]:
    """Dedicated and Spot nodes that a pool may have at most."""
    formula = body.get("autoScaleFormula")
    if not formula:
        dedicated, spot = body.get("targetDedicatedNodes"), body.get("targetLowPriorityNodes")
        return int(dedicated or 0), int(spot or 0)
    text = str(formula)
    cap, floor = _CAP.search(text), _FLOOR.search(text)
    most = int(cap[1]) if cap else max_nodes
    assigned = {kind: value.strip() for kind, value in _TARGET.findall(text)}
    dedicated, spot = (
        0 if assigned.get(kind, "0") == "0" else most for kind in ("Dedicated", "LowPriority")
    )
    if floor and spot:
        dedicated = min(most, int(floor[1]))
    return dedicated, spot


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _of(quota: int | None) -> str:
    return "a number that is not told" if quota is None else str(quota)
