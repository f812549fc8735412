"""Room for nodes: how many more a pool may have, and which quota says so."""

from __future__ import annotations

from collections.abc import Iterator

from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.state.sizes import family_of


def find_room(service: Service, pool: Pool, *, dedicated: bool) -> tuple[int, str]:
    """Nodes of a kind that a pool may have more, and what limits them, in words."""
    room, limit = min(_limits(service, pool, dedicated=dedicated), key=lambda one: one[0])
    return max(0, room), limit


def _limits(service: Service, pool: Pool, *, dedicated: bool) -> Iterator[tuple[int, str]]:
    account = service.account
    nodes = service.options.nodes
    yield nodes - account.node_count(), f"this emulator has --nodes {nodes}"
    quotas = account.quotas
    if quotas is None:
        return
    nodes = quotas.dedicated_nodes if dedicated else quotas.low_priority_nodes
    if nodes is not None:
        there = sum(one.count(dedicated=dedicated) for one in account.pools.values())
        yield nodes - there, f"it was set to {nodes} nodes of this kind"
    cores = quotas.dedicated_cores if dedicated else quotas.low_priority_cores
    if cores is not None:
        left = cores - _cores(service, dedicated=dedicated)
        yield left // pool.cores, f"it was set to {cores} cores of this kind"
    if dedicated and quotas.family_cores is not None:
        family = family_of(pool.spec["vmSize"])
        cores = dict(quotas.family_cores).get(family or "", 0)
        left = cores - _cores(service, dedicated=True, family=family)
        yield left // pool.cores, f"it was set to {cores} cores of the family {family}"


def _cores(service: Service, *, dedicated: bool, family: str | None = None) -> int:
    pools = service.account.pools.values()
    counted = (p for p in pools if family is None or family_of(p.spec["vmSize"]) == family)
    return sum(pool.count(dedicated=dedicated) * pool.cores for pool in counted)
