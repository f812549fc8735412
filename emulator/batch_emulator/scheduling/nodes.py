"""A node's life: created, started, at work, taken away."""

from __future__ import annotations

import asyncio
import secrets

from batch_emulator.node.environment import start_task_environment
from batch_emulator.node.execute import execute
from batch_emulator.node.work import Outcome, Work
from batch_emulator.service import Service
from batch_emulator.state.node import Node, StartTaskRun
from batch_emulator.state.pool import Deallocation, Pool

CREATION = 0.2
"""The part of a node's boot time that it is `creating`."""
START = 0.4
"""The part that it is `starting`."""


def add_node(service: Service, pool: Pool, *, dedicated: bool) -> Node:
    """Add a node to a pool; it comes up by and by."""
    name = f"tvmps_{secrets.token_hex(12)}_{'d' if dedicated else 'p'}"
    root = service.pool_folder(pool.id) / name
    node = Node(
        id=name,
        created=service.now(),
        ledger=pool.ledger,
        pool=pool,
        dedicated=dedicated,
        root=root,
    )
    pool.nodes[name] = node
    node.life = service.spawn(_come_up(service, node))
    return node


def leave(service: Service, node: Node, deallocation: Deallocation) -> asyncio.Task[None]:
    """Take a node away, and do with its running tasks as told; returns what waits for its end."""
    if node.state == "leavingpool" and node.life is not None and deallocation != "requeue":
        return node.life
    if node.life is not None:
        node.life.cancel()
    node.enter("leavingpool", service.now())
    if deallocation in ("requeue", "terminate"):
        for task in list(node.running):
            if task.attempt is not None:
                task.attempt.end("terminate" if deallocation == "terminate" else "requeue")
    node.life = service.spawn(_depart(service, node))
    return node.life


def restart(service: Service, node: Node) -> None:
    """Let a node boot again; its files stay."""
    node.enter("starting", service.now())
    node.life = service.spawn(_boot(service, node))


async def _come_up(service: Service, node: Node) -> None:
    await service.clock.sleep(CREATION * service.options.boot_time)
    node.enter("starting", service.now())
    await _boot(service, node)


async def _boot(service: Service, node: Node) -> None:
    for name in ("shared", "startup/wd", "fsmounts", "workitems"):
        (node.root / name).mkdir(parents=True, exist_ok=True)
    await service.clock.sleep(START * service.options.boot_time)
    node.booted = service.now()
    start_task = node.pool.spec.get("startTask")
    if start_task and start_task.get("waitForSuccess", True):
        node.enter("waitingforstarttask", service.now())
        if not await _run_start_task(service, node):
            node.enter("starttaskfailed", service.now())
            return
    node.enter("idle", service.now())
    service.wake(node.pool.id)
    if start_task and not start_task.get("waitForSuccess", True):
        await _run_start_task(service, node)


async def _run_start_task(service: Service, node: Node) -> bool:
    """Run the pool's start task, as often as it may be tried."""
    spec = node.pool.spec["startTask"]
    folder = node.root / "startup"
    work = Work(
        command=spec["commandLine"],
        folder=folder,
        environment=start_task_environment(service.options, service.endpoint, node, folder),
        resource_files=spec.get("resourceFiles", []),
        container="containerSettings" in spec,
    )
    run = node.start_task = StartTaskRun(service.now())
    limit = spec.get("maxTaskRetryCount", 0)
    while True:
        outcome = await execute(work, service.host)
        if not outcome.retryable or (limit != -1 and run.retries >= limit):
            break
        run.retries += 1
    _note(run, outcome, service)
    return run.succeeded


def _note(run: StartTaskRun, outcome: Outcome, service: Service) -> None:
    run.exit_code, run.failure, run.ended = outcome.exit_code, outcome.failure, service.now()


async def _depart(service: Service, node: Node) -> None:
    if node.running:
        await node.emptied.wait()
    node.gone = True
    node.mark()
    node.pool.nodes.pop(node.id, None)
    service.remove_folders({node.root})
    node.pool.touch(service.now())
