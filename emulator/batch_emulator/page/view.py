"""What the page shows of the account: ids, states, times and codes, and a page of the tasks.

Commands, environments and files are left out: they may hold what is secret. It is asked for every
second, so it looks at no more than it tells: a hundred thousand tasks cost it what a hundred do.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.page.document import SAFE
from batch_emulator.service import Service
from batch_emulator.state.account import Account
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.task import Task
from batch_emulator.wire.errors import invalid_query
from batch_emulator.wire.iso8601 import format_time

R = TypeVar("R")
PAGE = 50
"""Tasks at once."""
_POOLS = 50
_NODES = 200
"""Of each pool."""
_JOBS = 100
_STATES = ("active", "running", "completed", "failed")


async def show_state(service: Service, request: Request) -> Response:
    """Tell what there is now, or that it is what it was."""
    text = json.dumps(tell(service, request), separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {**SAFE, "ETag": tag, "Emulator-Time": format_time(service.now())}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="application/json")


def tell(service: Service, request: Request) -> dict[str, Any]:
    """What the page draws."""
    account = service.account
    return {
        "account": service.options.account,
        "endpoint": service.endpoint,
        "scale": service.clock.scale,
        "pools": _newest(account.pools, _POOLS, _pool),
        "jobs": _newest(account.jobs, _JOBS, _job),
        "tasks": _tasks(account, *_asked(request)),
        "requests": [exchange.document() for exchange in service.recent],
    }


def _asked(request: Request) -> tuple[str, str, int]:
    """The job and the state that are looked for, and the number of the page."""
    query = request.query_params
    state, page = query.get("state", ""), query.get("page", "0")
    if state not in ("", *_STATES):
        raise invalid_query("state", state, f"Allowed: {', '.join(_STATES)}.")
    if not page.isascii() or not page.isdigit() or len(page) > 9:
        raise invalid_query("page", page, "A whole number is expected.")
    return query.get("job", ""), state, int(page)


def _newest(
    resources: dict[str, R], most: int, write: Callable[[R], dict[str, Any]]
) -> dict[str, Any]:
    shown = [write(resource) for resource in islice(reversed(resources.values()), most)]
    return {"total": len(resources), "shown": shown}


def _pool(pool: Pool) -> dict[str, Any]:
    nodes = pool.nodes.values()
    return {
        "id": pool.id,
        "state": pool.state,
        "allocation": pool.allocation,
        "autoscale": pool.formula is not None,
        "dedicated": [pool.count(dedicated=True), pool.dedicated],
        "spot": [pool.count(dedicated=False), pool.spot],
        "slots": pool.slots,
        "errors": [code for code, _ in pool.resize_errors],
        "states": Counter(node.state for node in nodes),
        "nodes": [_node(node) for node in islice(nodes, _NODES)],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "state": node.state,
        "dedicated": node.dedicated,
        "used": node.used,
        "run": node.total_run,
    }


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state,
        "pool": job.pool_id,
        "counts": job.counts.document(),
    }


def _tasks(account: Account, job_id: str, state: str, page: int) -> dict[str, Any]:
    """A page of the tasks that are looked for, the newest job's first."""
    jobs = [job for job in [account.jobs.get(job_id.lower())] if job] if job_id else None
    found: list[dict[Any, Task]] = [
        job.tasks if not state else getattr(job.standing, state)
        for job in (reversed(account.jobs.values()) if jobs is None else jobs)
    ]
    shown = [_task(task) for task in _slice(found, page * PAGE, PAGE)]
    total = sum(map(len, found))
    return {"job": job_id, "state": state, "page": page, "total": total, "shown": shown}


def _slice(found: Iterable[dict[Any, Task]], start: int, length: int) -> Iterator[Task]:
    """The last of each first, without a look at those before the start."""
    for tasks in found:
        if length and start < len(tasks):
            for task in islice(reversed(tasks.values()), start, start + length):
                length -= 1
                yield task
        start = max(0, start - len(tasks))


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "job": task.job.id,
        "state": task.state,
        "result": task.result,
        "exit": task.exit_code,
        "failure": task.failure.code if task.failure else None,
        "retries": task.retries,
        "node": task.place.node_id if task.place else None,
        "created": format_time(task.created),
        "started": _time(task.started),
        "ended": _time(task.ended),
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)
