"""A node's life: it is added, does one thing after the other, and leaves."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from batch_emulator.scheduling.boot import boot, come_up
from batch_emulator.scheduling.preparation import vacate
from batch_emulator.service import Service
from batch_emulator.state.node import Drain, Node
from batch_emulator.state.pool import Pool

_LONGEST = timedelta(days=365)
"""Retentions beyond are held to this: clients send ten million days for "always"."""


def add_node(service: Service, pool: Pool, number: int, *, dedicated: bool) -> Node:
    """Add a node to a pool, with a number of its own there; it comes up by and by."""
    name = f"tvmps_{secrets.token_hex(12)}_{'d' if dedicated else 'p'}"
    root = service.pool_folder(pool.id) / name
    node = Node(
        id=name,
        created=service.now(),
        ledger=pool.ledger,
        pool=pool,
        dedicated=dedicated,
        root=root,
        number=number,
    )
    pool.nodes[name] = node
    pool.use(1, node.created)
    go_on(service, node, partial(come_up, service, node))
    return node


def go_on(service: Service, node: Node, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """Let a node break off what it does, its start task for one, and do something else."""
    before = node.life
    if before is not None:
        before.cancel()
    node.life = service.spawn(_after(before, work))
    return node.life


async def _after(before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
    if before is not None:
        await asyncio.wait([before])
    await work()


def leave(service: Service, node: Node, deallocation: Drain) -> asyncio.Task[None]:
    """Take a node away, and do with its running tasks as told; returns what waits for its end."""
    if node.state == "leavingpool" and node.life is not None and deallocation != "requeue":
        return node.life
    stop_timer(node)
    node.drain = deallocation
    node.enter("leavingpool", service.now())
    end_running(node, deallocation)
    return go_on(service, node, partial(_depart, service, node))


def restart(service: Service, node: Node) -> None:
    """Let a node boot again; its files stay."""
    node.enter("starting", service.now())
    go_on(service, node, partial(boot, service, node))


def end_running(node: Node, drain: Drain) -> None:
    """End a node's running tasks, where that is what becomes of them."""
    if drain in ("requeue", "terminate"):
        for task in list(node.running):
            if task.attempt is not None:
                task.attempt.end("terminate" if drain == "terminate" else "requeue")


async def drained(service: Service, node: Node) -> None:
    """Wait for a node's tasks to end, and with `retaineddata` for their files' retention."""
    if node.running:
        await node.emptied.wait()
    await vacate(service, node)
    if node.drain == "retaineddata":
        while (left := _retention(service, node)) > timedelta(0):
            await service.clock.sleep(left.total_seconds())


def _retention(service: Service, node: Node) -> timedelta:
    """How long files of completed tasks are to stay on a node."""
    ends = [
        task.ended + min(task.retention, _LONGEST)
        for job in service.account.jobs.values()
        for task in job.order
        if task.ended and task.place and task.place.node_id == node.id and not task.gone
    ]
    return max(ends, default=service.now()) - service.now()


def wipe(service: Service, node: Node) -> None:
    """Take a node's files away."""
    service.remove_folders({node.root})
    node.start_task = None
    node.imaged = service.now()
    node.mark()


def stop_timer(node: Node) -> None:
    """Have a node not come back by itself."""
    node.returns = None
    if node.timer is not None:
        node.timer.cancel()
        node.timer = None


async def _depart(service: Service, node: Node) -> None:
    await drained(service, node)
    node.gone = True
    node.mark()
    if node.pool.nodes.pop(node.id, None) and node.has_machine:
        node.pool.use(-1, service.now())
    service.remove_folders({node.root, node.journal.folder})
    node.pool.touch(service.now())
    service.wake(node.pool.id)
