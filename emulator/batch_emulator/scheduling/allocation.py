"""A pool's size: nodes are made and taken away until there are as many as wanted."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from itertools import islice

from batch_emulator.scheduling.nodes import add_node, leave
from batch_emulator.scheduling.room import find_room
from batch_emulator.service import Service
from batch_emulator.state.node import Node
from batch_emulator.state.pool import RESIZE_TIMEOUT, Deallocation, Pool

ALLOCATION = 0.4
"""The part of a node's boot time before machines are there."""
STOPPING = 0.2
"""The part that a resize takes to be stopped."""
_EMPTY = 1.0
"""Seconds, at most, until a new pool without nodes is steady, as recorded of the service."""
_NO_USE = ("preempted", "unusable", "starttaskfailed", "unknown", "deallocating", "deallocated")


def resize(
    service: Service,
    pool: Pool,
    *,
    dedicated: int,
    spot: int,
    deallocation: Deallocation = "requeue",
    timeout: timedelta | None = None,
    new: bool = False,
) -> None:
    """Want this many nodes from now on; it takes effect by and by.

    A new pool is resizing for a moment even where it is to have no nodes.
    """
    pool.dedicated, pool.spot, pool.deallocation = dedicated, spot, deallocation
    pool.resize_timeout = timeout or RESIZE_TIMEOUT
    pool.resize_errors = []
    pool.touch(service.now())
    if pool.resizing is not None:
        pool.resizing.cancel()
    if fits(pool) and not new:
        pool.allocate("steady", service.now())
        return
    pool.allocate("resizing", service.now())
    if fits(pool):
        pool.resizing = service.spawn(_come_to_rest(service, pool, _EMPTY))
        return
    pool.resizing = service.spawn(_resize(service, pool))


def stop_resize(service: Service, pool: Pool) -> None:
    """Stop a resize: the nodes that are there stay, those that leave already go on to leave."""
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.resize_errors = [("ResizeStopped", "Desired number of nodes: the resize was stopped")]
    pool.allocate("stopping", service.now())
    pool.resizing = service.spawn(_come_to_rest(service, pool))


def remove_nodes(
    service: Service,
    pool: Pool,
    nodes: list[Node],
    deallocation: Deallocation,
    timeout: timedelta | None = None,
) -> None:
    """Take certain nodes away, and want so many fewer."""
    pool.resize_timeout = timeout or RESIZE_TIMEOUT
    pool.dedicated -= sum(node.dedicated for node in nodes)
    pool.spot -= sum(not node.dedicated for node in nodes)
    pool.dedicated, pool.spot = max(0, pool.dedicated), max(0, pool.spot)
    pool.resize_errors = []
    pool.allocate("resizing", service.now())
    pool.resizing = service.spawn(_remove(service, pool, nodes, deallocation))


def delete_pool(service: Service, pool: Pool) -> None:
    """Take a pool and its nodes away; its running tasks go back to their queues."""
    now = service.now()
    pool.state, pool.state_since = "deleting", now
    pool.dedicated = pool.spot = 0
    pool.touch(now)
    for work in (pool.resizing, pool.scaling):
        if work is not None:
            work.cancel()
    pool.allocate("resizing", now)
    service.spawn(_delete(service, pool))


def fits(pool: Pool) -> bool:
    """Whether a pool has as many nodes as it wants."""
    present = [node for node in pool.nodes.values() if node.state != "leavingpool"]
    dedicated = sum(node.dedicated for node in present)
    return (dedicated, len(present) - dedicated) == (pool.dedicated, pool.spot)


async def _resize(service: Service, pool: Pool) -> None:
    await service.clock.sleep(ALLOCATION * service.options.boot_time)
    leaving = _surplus(pool, dedicated=True) + _surplus(pool, dedicated=False)
    for node in leaving:
        leave(service, node, pool.deallocation)
    if any(_missing(pool, dedicated=kind) > 0 for kind in (True, False)):
        await _grow_or_fail(service, pool)
    await _departed(service, pool)
    pool.allocate("steady", service.now())


async def _come_to_rest(service: Service, pool: Pool, longest: float = math.inf) -> None:
    await service.clock.sleep(min(longest, STOPPING * service.options.boot_time))
    pool.allocate("steady", service.now())


async def _remove(
    service: Service, pool: Pool, nodes: list[Node], deallocation: Deallocation
) -> None:
    for node in nodes:
        leave(service, node, deallocation)
    await _departed(service, pool)
    pool.allocate("steady", service.now())


async def _departed(service: Service, pool: Pool) -> None:
    """Wait for the nodes that leave, but no longer than the resize may take."""
    departures = [n.life for n in pool.nodes.values() if n.state == "leavingpool" and n.life]
    if not departures:
        return
    try:
        async with service.clock.limit(pool.resize_timeout.total_seconds()):
            await asyncio.wait(departures)
    except TimeoutError:
        pool.mark()
        pool.resize_errors.append(
            ("AllocationTimedOut", "Desired number of nodes could not be reached in time")
        )


async def _grow_or_fail(service: Service, pool: Pool) -> None:
    """Add the nodes that are missing, unless a failure was ordered."""
    fault = pool.take_fault()
    if fault is None:
        for dedicated in (True, False):
            _grow(service, pool, dedicated=dedicated)
        return
    if fault.code == "AllocationTimedOut":
        await service.clock.sleep(pool.resize_timeout.total_seconds())
    pool.resize_errors.append((fault.code, fault.message))
    pool.mark()


async def _delete(service: Service, pool: Pool) -> None:
    departures = [leave(service, node, "requeue") for node in pool.nodes.values()]
    if departures:
        await asyncio.wait(departures)
    pool.gone = True
    pool.mark()
    service.account.pools.pop(pool.id.lower(), None)
    if pool.usage is not None:
        pool.usage.end(service.now())
    service.remove_folders({service.pool_folder(pool.id)})


def _present(pool: Pool, *, dedicated: bool) -> list[Node]:
    nodes = pool.nodes.values()
    return [n for n in nodes if n.dedicated == dedicated and n.state != "leavingpool"]


def _missing(pool: Pool, *, dedicated: bool) -> int:
    """Nodes too few; below 0 where there are too many. Those that were preempted count."""
    wanted = pool.dedicated if dedicated else pool.spot
    return wanted - len(_present(pool, dedicated=dedicated))


def _surplus(pool: Pool, *, dedicated: bool) -> list[Node]:
    """Nodes too many: first those of no use, then those with least to do, then the newest."""
    present = _present(pool, dedicated=dedicated)
    present.sort(key=lambda node: (node.state not in _NO_USE, node.used, -node.sequence))
    return present[: max(0, -_missing(pool, dedicated=dedicated))]


def _grow(service: Service, pool: Pool, *, dedicated: bool) -> None:
    missing = _missing(pool, dedicated=dedicated)
    room, limit = find_room(service, pool, dedicated=dedicated)
    for number in islice(pool.free_numbers(), max(0, min(missing, room))):
        add_node(service, pool, number, dedicated=dedicated)
    if missing > room:
        kind = "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached"
        pool.resize_errors.append((kind, f"The account's quota is reached: {limit}"))
        pool.mark()
