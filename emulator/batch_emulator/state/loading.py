"""The account as it was saved: what ran when the emulator ended waits again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from batch_emulator.state.account import Account
from batch_emulator.state.job import Job
from batch_emulator.state.job_schedule import JobSchedule
from batch_emulator.state.ledger import Forgetful, Ledger
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.quotas import Quotas
from batch_emulator.state.resource import SEQUENCES, Resource
from batch_emulator.state.store import Record
from batch_emulator.state.task import Task
from batch_emulator.state.usage import Usage
from batch_emulator.state.visit import Visit

R = TypeVar("R", bound=Resource)
_forgetful = Forgetful()


def load(
    records: Iterable[Record],
    account: Account,
    ledger: Ledger,
    folder: Callable[[str], Path],
    now: datetime,
) -> None:
    """Fill an empty account.

    Args:
        records: what was saved, parents before their parts.
        account: the account.
        ledger: who is told of the resources' changes from now on.
        folder: where a pool, by its id, has its nodes' folders.
        now: when tasks that ran begin to wait.
    """
    pools: dict[int, Pool] = {}
    jobs: dict[int, Job] = {}
    tasks: dict[int, list[Task]] = defaultdict(list)
    for record in records:
        SEQUENCES.last = max(SEQUENCES.last, record.sequence)
        if record.kind == "pool":
            pool = pools[record.sequence] = _pool(record, ledger)
            account.pools[pool.id.lower()] = pool
        elif record.kind == "job":
            job = jobs[record.sequence] = _job(record, ledger)
            account.jobs[job.id.lower()] = job
        elif record.kind == "node" and (parent := pools.get(record.parent)):
            node = _node(record, ledger, parent, folder(parent.id))
            parent.nodes[node.id] = node
        elif record.kind == "visit" and (host := jobs.get(record.parent)):
            visit = Visit(**_new(record), job=host, pool_id=record.state["pool_id"])
            host.visits[visit.id] = _restored(visit, record, ledger)
        elif record.kind == "task" and (owner := jobs.get(record.parent)):
            tasks[record.parent].append(_task(record, ledger, owner, now))
        else:
            _load_other(record, account, ledger, pools)
    for sequence, job in jobs.items():
        job.restore(tasks[sequence])
    _recall(account)


def _load_other(record: Record, account: Account, ledger: Ledger, pools: dict[int, Pool]) -> None:
    """Take up what is the account's besides pools and jobs."""
    if record.kind == "jobschedule":
        schedule = _schedule(record, ledger)
        account.schedules[schedule.id.lower()] = schedule
    elif record.kind == "usage":
        _link(_usage(record, ledger), account, pools)
    elif record.kind == "quotas":
        account.quotas = _restored(Quotas(**_new(record)), record, ledger)


def _pool(record: Record, ledger: Ledger) -> Pool:
    pool = Pool(**_new(record), spec=json.loads(record.spec))
    return _restored(pool, record, ledger)


def _job(record: Record, ledger: Ledger) -> Job:
    job = Job(**_new(record), spec=json.loads(record.spec))
    return _restored(job, record, ledger)


def _schedule(record: Record, ledger: Ledger) -> JobSchedule:
    schedule = JobSchedule(**_new(record), spec=json.loads(record.spec))
    return _restored(schedule, record, ledger)


def _usage(record: Record, ledger: Ledger) -> Usage:
    pool, vm_size = record.state["pool"], record.state["vm_size"]
    return _restored(Usage(**_new(record), pool=pool, vm_size=vm_size), record, ledger)


def _link(usage: Usage, account: Account, pools: dict[int, Pool]) -> None:
    """Let a pool that is still there know what it used."""
    account.usages.append(usage)
    if pool := pools.get(usage.pool):
        pool.usage = usage


def _node(record: Record, ledger: Ledger, pool: Pool, folder: Path) -> Node:
    root = folder / record.state["id"]
    node = Node(**_new(record), pool=pool, dedicated=record.state["dedicated"], root=root)
    return _restored(node, record, ledger)


def _task(record: Record, ledger: Ledger, job: Job, now: datetime) -> Task:
    task = Task(**_new(record), job=job, body=record.spec, unsaved=False)
    _restored(task, record, ledger)
    if task.state not in ("active", "completed"):
        task.enter("active", now)
        task.subtasks = None
    return task


def _new(record: Record) -> dict[str, Any]:
    return {
        "id": record.state["id"],
        "created": record.state["created"],
        "ledger": _forgetful,
        "sequence": record.sequence,
    }


def _restored(resource: R, record: Record, ledger: Ledger) -> R:
    for name, value in record.state.items():
        setattr(resource, name, value)
    resource.ledger = ledger
    return resource


def _recall(account: Account) -> None:
    """Tell jobs and nodes of the tasks that they had, and schedules of their jobs."""
    for job in account.jobs.values():
        schedule = account.schedules.get((job.schedule_id or "").lower())
        if schedule:
            schedule.jobs[job.id.lower()] = job
        for visit in job.visits.values():
            if visit.preparation:
                job.folders.add(_job_folder(job, visit.preparation.place.folder))
        for task in job.order:
            if task.place is None:
                continue
            job.folders.update(_job_folder(job, folder) for folder in task.folders)
            pool = account.pools.get(task.place.pool_id.lower())
            if pool and (node := pool.nodes.get(task.place.node_id)):
                node.recent.append(task)


def _job_folder(job: Job, folder: Path) -> Path:
    """A job's folder on a node, from a task's there."""
    return folder.parent if job.schedule_id else folder.parent.parent
