"""The scheduler: gives free slots to the tasks whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from batch_emulator.node.attempt import Attempt
from batch_emulator.node.environment import task_environment
from batch_emulator.node.execute import PROCESS_NOTE, execute
from batch_emulator.node.work import Outcome, Work
from batch_emulator.scheduling.tasks import begin, settle
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.task import Failure, Place, Task
from batch_emulator.wire.iso8601 import parse_duration


async def dispatch(service: Service) -> None:
    """Schedule whenever the bell rings, for ever."""
    while True:
        await service.bell.wait()
        service.bell.clear()
        woken, service.woken = service.woken, set()
        for pool_id in woken:
            pool = service.account.pools.get(pool_id)
            if pool is not None and pool.state == "active":
                schedule(service, pool)


def schedule(service: Service, pool: Pool) -> None:
    """Start what can start on a pool.

    Jobs go by priority, then age. Within a job the first task that waits goes first: where it needs
    more slots than any node has free, the job waits, so that small tasks cannot starve a large one.
    """
    jobs = sorted(_eligible(service, pool), key=lambda job: (-job.priority, job.sequence))
    for job in jobs:
        while (task := job.first()) and _below_limit(job):
            node = _choose(pool, task)
            if node is None:
                break
            job.dequeue(task)
            _start(service, task, node)


def _eligible(service: Service, pool: Pool) -> Iterator[Job]:
    return (j for j in service.account.jobs_of(pool.id) if j.state == "active" and j.ready)


def _below_limit(job: Job) -> bool:
    return job.max_parallel is None or job.counts.running < job.max_parallel


def _choose(pool: Pool, task: Task) -> Node | None:
    """The node to run on: the emptiest, or for `pack` the fullest, that has the slots."""
    fitting = [node for node in pool.nodes.values() if node.free >= task.slots]
    if not fitting:
        return None
    return (min if pool.packs else max)(fitting, key=lambda node: node.free)


def _start(service: Service, task: Task, node: Node) -> None:
    job_folder = node.root / "workitems" / task.job.id
    folder = job_folder / "job-1" / task.id
    task.job.folders.add(job_folder)
    task.place = Place(node.pool.id, node.id, folder)
    node.take(task, service.now())
    begin(service, task)
    attempt = task.attempt = Attempt(task, node)
    task.job.attempts.add(attempt)
    work = _work(service, task, node)
    if work.container and service.options.containers == "process":
        task.container = PROCESS_NOTE
    attempt.work = service.spawn(_drive(service, attempt, work))


def _work(service: Service, task: Task, node: Node) -> Work:
    assert task.place is not None
    folder, spec = task.place.folder, task.spec
    limit = spec.get("constraints", {}).get("maxWallClockTime")
    return Work(
        command=spec["commandLine"],
        folder=folder,
        environment=task_environment(service.options, service.endpoint, task, spec, node, folder),
        limit=None if limit is None else parse_duration(limit),
        resource_files=spec.get("resourceFiles", []),
        output_files=spec.get("outputFiles", []),
        container="containerSettings" in spec,
    )


async def _drive(service: Service, attempt: Attempt, work: Work) -> None:
    outcome: Outcome | None = None
    try:
        outcome = await execute(work, service.host)
    except asyncio.CancelledError:
        if attempt.ending is None:
            raise
    except Exception as error:
        failure = Failure("UnknownError", f"The emulator failed: {error!r}", category="servererror")
        settle(service, attempt, Outcome("prepare", failure=failure))
        raise
    settle(service, attempt, outcome)
