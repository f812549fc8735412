"""A pool's size: nodes are made and taken away until there are as many as wanted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from batch_emulator.scheduling.nodes import add_node, leave
from batch_emulator.service import Service
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Deallocation, Pool

ALLOCATION = 0.4
"""The part of a node's boot time before machines are there."""


def resize(
    service: Service,
    pool: Pool,
    *,
    dedicated: int,
    spot: int,
    deallocation: Deallocation = "requeue",
    timeout: timedelta | None = None,
) -> None:
    """Want this many nodes from now on; it takes effect by and by."""
    pool.dedicated, pool.spot, pool.deallocation = dedicated, spot, deallocation
    pool.resize_timeout = timeout or pool.resize_timeout
    pool.resize_errors = []
    pool.touch(service.now())
    if pool.resizing is not None:
        pool.resizing.cancel()
    if _fits(pool):
        pool.allocate("steady", service.now())
        return
    pool.allocate("resizing", service.now())
    pool.resizing = service.spawn(_resize(service, pool))


def stop_resize(service: Service, pool: Pool) -> None:
    """Stop a resize: the nodes that are there stay."""
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.resize_errors = [("ResizeStopped", "Desired number of nodes: the resize was stopped")]
    pool.allocate("steady", service.now())


def remove_nodes(
    service: Service, pool: Pool, nodes: list[Node], deallocation: Deallocation
) -> None:
    """Take certain nodes away, and want so many fewer."""
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


def _fits(pool: Pool) -> bool:
    present = [node for node in pool.nodes.values() if node.state != "leavingpool"]
    dedicated = sum(node.dedicated for node in present)
    return (dedicated, len(present) - dedicated) == (pool.dedicated, pool.spot)


async def _resize(service: Service, pool: Pool) -> None:
    await service.clock.sleep(ALLOCATION * service.options.boot_time)
    leaving = _surplus(pool, dedicated=True) + _surplus(pool, dedicated=False)
    departures = [leave(service, node, pool.deallocation) for node in leaving]
    for dedicated in (True, False):
        _grow(service, pool, dedicated=dedicated)
    departures += [n.life for n in pool.nodes.values() if n.state == "leavingpool" and n.life]
    if departures:
        try:
            async with service.clock.limit(pool.resize_timeout.total_seconds()):
                await asyncio.wait(departures)
        except TimeoutError:
            pool.mark()
            pool.resize_errors.append(
                ("AllocationTimedOut", "Desired number of nodes could not be reached in time")
            )
    pool.allocate("steady", service.now())


async def _remove(
    service: Service, pool: Pool, nodes: list[Node], deallocation: Deallocation
) -> None:
    departures = [leave(service, node, deallocation) for node in nodes]
    if departures:
        await asyncio.wait(departures)
    pool.allocate("steady", service.now())


async def _delete(service: Service, pool: Pool) -> None:
    departures = [leave(service, node, "requeue") for node in pool.nodes.values()]
    if departures:
        await asyncio.wait(departures)
    pool.gone = True
    pool.mark()
    service.account.pools.pop(pool.id.lower(), None)
    service.remove_folders({service.pool_folder(pool.id)})


def _surplus(pool: Pool, *, dedicated: bool) -> list[Node]:
    """Nodes too many: first those that do nothing, then those with least to do, then the newest."""
    present = [
        node
        for node in pool.nodes.values()
        if node.dedicated == dedicated and node.state != "leavingpool"
    ]
    wanted = pool.dedicated if dedicated else pool.spot
    present.sort(key=lambda node: (node.used, -node.sequence))
    return present[: max(0, len(present) - wanted)]


def _grow(service: Service, pool: Pool, *, dedicated: bool) -> None:
    wanted = pool.dedicated if dedicated else pool.spot
    present = sum(
        node.dedicated == dedicated and node.state != "leavingpool" for node in pool.nodes.values()
    )
    room = service.options.nodes - service.account.node_count()
    for _ in range(min(wanted - present, room)):
        add_node(service, pool, dedicated=dedicated)
    if wanted - present > room:
        kind = "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached"
        text = f"The account's quota is reached: this emulator has --nodes {service.options.nodes}"
        pool.resize_errors.append((kind, text))
