"""The scheduler: gives free slots to the tasks whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from batch_emulator.node.attempt import Attempt
from batch_emulator.node.execute import execute
from batch_emulator.node.spread import make_top
from batch_emulator.node.work import Outcome
from batch_emulator.scheduling.instances import allot, run_instances
from batch_emulator.scheduling.jobs import advance
from batch_emulator.scheduling.orders import order
from batch_emulator.scheduling.preparation import is_prepared, note_use, prepare
from batch_emulator.scheduling.tasks import await_preparation, begin, settle
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.task import Failure, Place, Task


async def dispatch(service: Service) -> None:
    """Schedule whenever the bell rings, for ever."""
    while True:
        await service.bell.wait()
        service.bell.clear()
        woken, service.woken = service.woken, set()
        try:
            _look(service, woken)
        except Exception as error:  # noqa: BLE001 - told of; one job's trouble must not stop others
            message = "the emulator's scheduler failed"
            told = {"message": message, "exception": error}
            asyncio.get_running_loop().call_exception_handler(told)


def _look(service: Service, woken: set[str]) -> None:
    for pool_id in woken:
        pool = service.account.pools.get(pool_id)
        if pool is not None and pool.state == "active":
            schedule(service, pool)
    for job in list(service.account.jobs.values()):
        if job.state in ("terminating", "deleting"):
            advance(service, job)


def schedule(service: Service, pool: Pool) -> None:
    """Start what can start on a pool.

    Jobs go by priority, then age. Within a job the first task that waits goes first: where it needs
    more slots than any node has free, the job waits, and with it those of lower priority, so that
    small tasks cannot starve a large one.
    """
    jobs = sorted(_eligible(service, pool), key=lambda job: (-job.priority, job.sequence))
    held: int | None = None
    for job in jobs:
        if held is not None and job.priority < held:
            break
        job.unpark((pool.sequence, pool.slots, pool.joins_nodes))
        while (task := job.first()) and _below_limit(job):
            if task.slots > pool.slots or (task.instances and not pool.joins_nodes):
                job.park_first()
                continue
            nodes = _choose(pool, task)
            if not nodes:
                held = job.priority if _could(pool, task) else held
                break
            job.dequeue(task)
            _start(service, task, nodes)


def _eligible(service: Service, pool: Pool) -> Iterator[Job]:
    jobs = service.account.jobs_of(pool.id)
    return (job for job in jobs if job.state == "active" and job.ready)


def _below_limit(job: Job) -> bool:
    return job.max_parallel is None or job.counts.running < job.max_parallel


def _choose(pool: Pool, task: Task) -> list[Node]:
    """The nodes to run on, as many as it takes; none where there are not enough.

    A node that the task would like comes first, then the emptiest, or for `pack` the fullest.
    """
    job = task.job
    fitting = [node for node in pool.nodes.values() if node.free >= task.slots]
    if job.visits:
        fitting = [node for node in fitting if not job.refuses(node)]
    if job.managed_by(task):
        fitting = [node for node in fitting if _suits_manager(node, task)]
    if not fitting or len(fitting) < task.instances:
        return []
    if task.instances > 1:
        return sorted(fitting, key=lambda node: node.id != task.affinity)[: task.instances]
    liked = pool.nodes.get(task.affinity)
    if liked is not None and liked in fitting:
        return [liked]
    return [(min if pool.packs else max)(fitting, key=lambda node: node.free)]


def _could(pool: Pool, task: Task) -> bool:
    """Whether a task could run, were its pool's nodes empty."""
    able = [
        node
        for node in pool.nodes.values()
        if node.works and (node.dedicated or not task.job.managed_by(task))
        if not task.job.refuses(node)
    ]
    return len(able) >= max(1, task.instances)


def _suits_manager(node: Node, task: Task) -> bool:
    """Whether a job manager may run on a node: by default on none that has other tasks."""
    spot = node.dedicated or task.job.manager.get("allowLowPriorityNode", True)
    return spot and not (task.exclusive and node.used)


def _start(service: Service, task: Task, nodes: list[Node]) -> None:
    job, master = task.job, nodes[0]
    homes = [job.homes.get(node.root) or _settle(job, node) for node in nodes]
    task.place = Place(master.pool.id, master.id, homes[0] / task.id)
    for node in nodes:
        node.take(task, service.now())
    attempt = task.attempt = Attempt(task, master, tuple(nodes[1:]))
    job.attempts.add(attempt)
    if task.instances:
        allot(task, attempt.nodes, service.now())
    if _waits(job, nodes):
        await_preparation(service, task)
    else:
        begin(service, task)
    attempt.work = service.spawn(_drive(service, attempt))


def _settle(job: Job, node: Node) -> Path:
    home = job.settle_on(node.root)
    with contextlib.suppress(OSError):  # the first task will tell
        make_top(home, many=True)
    return home


def _waits(job: Job, nodes: list[Node]) -> bool:
    """Whether a task has to wait for the job's preparation task."""
    waiting = bool(job.preparation) and job.preparation.get("waitForSuccess", True)
    return waiting and not all(is_prepared(job, node) for node in nodes)


async def _drive(service: Service, attempt: Attempt) -> None:
    outcome: Outcome | None = None
    try:
        outcome = await _run(service, attempt)
    except asyncio.CancelledError:
        if attempt.ending is None:
            raise
    except Exception as error:
        failure = Failure("UnknownError", f"The emulator failed: {error!r}", category="servererror")
        settle(service, attempt, Outcome("prepare", failure=failure))
        raise
    settle(service, attempt, outcome)


async def _run(service: Service, attempt: Attempt) -> Outcome | None:
    """Do one try; None where it was ended, or where its node could not be prepared for it."""
    task, job = attempt.task, attempt.task.job
    if job.preparation:
        if not await prepare(service, job, list(attempt.nodes)):
            attempt.ending = attempt.ending or "requeue"
            return None
        if task.state == "preparing":
            begin(service, task)
        for node in attempt.nodes:
            note_use(job, node)
    spec = task.spec
    if task.instances:
        return await run_instances(service, attempt, spec)
    assert task.place is not None
    work = order(service, job, spec, attempt.node, task.place.folder, note=task.note_container)
    return await execute(work, service.host)
