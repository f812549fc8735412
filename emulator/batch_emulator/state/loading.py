"""The account as it was saved: what ran when the emulator ended waits again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from batch_emulator.state.account import Account
from batch_emulator.state.job import Job
from batch_emulator.state.ledger import Forgetful, Ledger
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.resource import SEQUENCES, Resource
from batch_emulator.state.store import Record
from batch_emulator.state.task import Task

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
        elif record.kind == "task" and (owner := jobs.get(record.parent)):
            tasks[record.parent].append(_task(record, ledger, owner, now))
    for sequence, job in jobs.items():
        job.restore(tasks[sequence])
    _recall(account)


def _pool(record: Record, ledger: Ledger) -> Pool:
    pool = Pool(**_new(record), spec=json.loads(record.spec))
    return _restored(pool, record, ledger)


def _job(record: Record, ledger: Ledger) -> Job:
    job = Job(**_new(record), spec=json.loads(record.spec))
    return _restored(job, record, ledger)


def _node(record: Record, ledger: Ledger, pool: Pool, folder: Path) -> Node:
    root = folder / record.state["id"]
    node = Node(**_new(record), pool=pool, dedicated=record.state["dedicated"], root=root)
    return _restored(node, record, ledger)


def _task(record: Record, ledger: Ledger, job: Job, now: datetime) -> Task:
    task = Task(**_new(record), job=job, body=record.spec, unsaved=False)
    _restored(task, record, ledger)
    if task.state not in ("active", "completed"):
        task.enter("active", now)
    return task


def _new(record: Record) -> dict[str, object]:
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
    """Tell jobs and nodes of the tasks that they had."""
    for job in account.jobs.values():
        for task in job.order:
            if task.place is None:
                continue
            job.folders.add(task.place.folder.parent.parent)
            pool = account.pools.get(task.place.pool_id.lower())
            if pool and (node := pool.nodes.get(task.place.node_id)):
                node.recent.append(task)
