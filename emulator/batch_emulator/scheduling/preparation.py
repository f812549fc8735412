"""Job preparation and release: what runs on a node before a job's first task there, and after all.

A preparation is the job's: it goes on when the task that set it off is ended. A node that could not
be prepared gets no tasks of the job until it has a new disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from batch_emulator.node.execute import execute
from batch_emulator.node.work import Outcome, Work
from batch_emulator.scheduling.orders import order
from batch_emulator.service import Service
from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.task import RETENTION, Failure, Place
from batch_emulator.state.visit import Run, Visit
from batch_emulator.wire.iso8601 import parse_duration

RELEASE_LIMIT = timedelta(minutes=15)
"""How long a release task may take at most: the service's default and limit."""
_FAR = timedelta(days=365)
_ENDED = Failure("TaskEnded", "Task Was Ended by User Request")
_UP = ("idle", "running", "offline")
_COMING_UP = ("creating", "starting", "rebooting", "waitingforstarttask")


def is_prepared(job: Job, node: Node) -> bool:
    """Whether the job's tasks may run on a node as it is."""
    spec, visit = job.preparation, job.visits.get(node.id)
    if not spec:
        return True
    run = visit.preparation if visit else None
    if visit is None or run is None or not visit.fresh(node) or run.ended is None:
        return False
    if spec.get("waitForSuccess", True) and run.failure:
        return False
    return visit.booted == node.booted or not spec.get("rerunOnNodeRebootAfterSuccess", True)


async def prepare(service: Service, job: Job, nodes: list[Node]) -> bool:
    """See that nodes are prepared for a job; tells whether its tasks may run there."""
    works = [_preparation(service, job, node) for node in nodes if not is_prepared(job, node)]
    if not job.preparation.get("waitForSuccess", True):
        return True
    if works:
        await asyncio.wait(works)
    return all(is_prepared(job, node) for node in nodes)


def note_use(job: Job, node: Node) -> None:
    """A task of the job runs on a node: so the release task is to run there too."""
    visit = job.visits.get(node.id)
    if visit is not None and not visit.used:
        visit.used = True
        visit.mark()


def release(service: Service, job: Job) -> bool:
    """Run the release task where it is due; tells whether there is nothing more to wait for."""
    busy = False
    for visit in job.visits.values():
        if visit.work is not None:
            busy = True
            continue
        if visit.preparation and visit.preparation.ended is None:
            # Broken off by a reboot or the emulator's death: there will be no other try.
            _end(service, visit, visit.preparation, Outcome("run", failure=_ENDED))
        if (node := _due(service, visit)) is not None:
            busy = True
            if node.state in _UP:
                _begin(service, visit, _release(service, visit, node))
    return not busy


def end_preparations(job: Job) -> None:
    """End the preparations of a job that is over."""
    for visit in job.visits.values():
        if visit.work is not None and visit.release is None:
            # Soon, not now: work cancelled before its first step would not note its end.
            visit.work.get_loop().call_soon(visit.work.cancel)


async def vacate(service: Service, node: Node) -> None:
    """Break off what jobs run on a node besides tasks: it is to do something else."""
    visits = [job.visits.get(node.id) for job in service.account.jobs.values()]
    works = [visit.work for visit in visits if visit and visit.work]
    for work in works:
        work.cancel()
    if works:
        await asyncio.wait(works)
    service.wake(node.pool.id)


def keep_prepared(service: Service, job: Job) -> None:
    """Let the folders of preparation and release go when their time after the job's end is over."""
    ended = job.ended
    if ended is None:
        return
    preparation = job.preparation.get("constraints", {}).get("retentionTime")
    for visit in job.visits.values():
        later = job.spec.get("jobReleaseTask", {}).get("retentionTime")
        for run, text in ((visit.preparation, preparation), (visit.release, later)):
            retention = RETENTION if text is None else parse_duration(text)
            if run and retention < _FAR:
                left = (ended + retention - service.now()).total_seconds()
                service.clock.call_later(left, partial(_clean_up, service, job, run))


def _clean_up(service: Service, job: Job, run: Run) -> None:
    if not job.gone:
        service.remove_folders({run.place.folder})


def _preparation(service: Service, job: Job, node: Node) -> asyncio.Task[None]:
    """The preparation of a node that is under way, or a new one."""
    visit = job.visits.get(node.id)
    if visit is None:
        visit = Visit(
            id=node.id, created=service.now(), ledger=job.ledger, job=job, pool_id=node.pool.id
        )
        job.visits[node.id] = visit
    if visit.work is not None:
        return visit.work
    visit.used = visit.used and visit.fresh(node)
    visit.booted, visit.imaged = node.booted, node.imaged
    folder = job.tasks_on(node.root) / job.preparation_id
    visit.preparation = _run(service, visit, node, folder)
    visit.mark()
    return _begin(service, visit, _prepare(service, visit, node, visit.preparation))


def _begin(service: Service, visit: Visit, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = visit.work = service.spawn(work)
    task.add_done_callback(partial(_over, service, visit))
    return task


def _over(service: Service, visit: Visit, _work: asyncio.Task[None]) -> None:
    visit.work = None
    service.wake(visit.pool_id)


async def _prepare(service: Service, visit: Visit, node: Node, run: Run) -> None:
    spec = visit.job.preparation
    limit = spec.get("constraints", {}).get("maxTaskRetryCount", 0)
    note = partial(_note_container, visit, run)
    work = partial(order, service, visit.job, spec, node, run.place.folder, note=note, bare=True)
    await _try(service, visit, run, work, limit)


async def _release(service: Service, visit: Visit, node: Node) -> None:
    job = visit.job
    spec = job.spec["jobReleaseTask"]
    folder = job.tasks_on(node.root) / job.release_id
    run = visit.release = _run(service, visit, node, folder)
    limit = RELEASE_LIMIT
    if "maxWallClockTime" in spec:
        limit = parse_duration(spec["maxWallClockTime"])
    note = partial(_note_container, visit, run)
    work = partial(order, service, job, spec, node, folder, limit, note, bare=True)
    await _try(service, visit, run, work, 0)


def _note_container(visit: Visit, run: Run, info: ContainerInfo) -> None:
    run.container = info
    visit.mark()


def _run(service: Service, visit: Visit, node: Node, folder: Path) -> Run:
    visit.job.folders.add(visit.job.folder_on(node.root))
    return Run(Place(node.pool.id, node.id, folder), service.now())


async def _try(
    service: Service, visit: Visit, run: Run, work: Callable[[], Work], retries: int
) -> None:
    """Run it until it is well, or has been tried again often enough; -1 is without end."""
    try:
        while True:
            visit.mark()
            outcome = await execute(work(), service.host)
            if not outcome.retryable or (retries != -1 and run.retries >= retries):
                break
            run.retries += 1
            run.started = run.last_retry = service.now()
        _end(service, visit, run, outcome)
    except asyncio.CancelledError:
        # A node that boots again does it anew; a job that is over does not.
        if run is visit.preparation and visit.job.state in ("terminating", "deleting"):
            _end(service, visit, run, Outcome("run", failure=_ENDED))
        raise
    except Exception as error:
        failure = Failure("UnknownError", f"The emulator failed: {error!r}", category="servererror")
        _end(service, visit, run, Outcome("prepare", failure=failure))
        raise


def _end(service: Service, visit: Visit, run: Run, outcome: Outcome) -> None:
    run.exit_code, run.failure, run.ended = outcome.exit_code, outcome.failure, service.now()
    visit.mark()


def _due(service: Service, visit: Visit) -> Node | None:
    """The node that the release task is yet to run on."""
    run = visit.release
    prepared = visit.used and visit.preparation and visit.preparation.ended
    if "jobReleaseTask" not in visit.job.spec or (run and run.ended) or not prepared:
        return None
    node = service.find_node(visit.pool_id, visit.id)
    if node is None or not visit.fresh(node):
        return None
    return node if node.state in (*_UP, *_COMING_UP) else None
