"""The life of a run: started, watched, cancelled, retried, resumed.

Nothing here is remembered but in the store: a client may be killed anywhere, and the next one finds
by the outputs what is left to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from datetime import datetime

from scenefleet.fleet import CANCELLED, Fleet, TaskRecord, choose_pool
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile
from scenefleet.run import outcomes as folding
from scenefleet.run.attempts import failed_last, read_attempts, write_attempt
from scenefleet.run.code import build_code
from scenefleet.run.events import Ended, Event, Progress, Submitted, TaskChanged, Trouble
from scenefleet.run.finished import find_finished
from scenefleet.run.model import Run, RunState, TaskOutcome, TaskState
from scenefleet.run.record import now, update
from scenefleet.settings import Settings
from scenefleet.store import Store
from scenefleet_task import spec
from scenefleet_task.result import Result

_SLACK_HOURS = 1.0
"""The nodes' permission outlives the job by so much, for the last log to be written."""
_STAGES: dict[str, TaskState] = {
    "active": "waiting",
    "preparing": "running",
    "running": "running",
}


def remaining(store: Store, run: Run, plan: Plan, *, failed: bool) -> list[spec.TaskDocument]:
    """The tasks that a submission would send, in the plan's order.

    Args:
        store: where outputs and results are.
        run: the run.
        plan: its plan.
        failed: whether tasks whose last attempt failed are sent again, as `retry` does.
    """
    finished = find_finished(store, plan.documents, deep=True)
    left = [document for document in plan.documents if document.id not in finished]
    if failed or not left:
        return left
    again = failed_last(read_attempts(store, run.id), (document.id for document in left))
    return [document for document in left if document.id not in again]


def submit(
    store: Store,
    fleet: Fleet,
    run: Run,
    documents: list[spec.TaskDocument],
    *,
    source: RecipeFile,
    settings: Settings,
) -> tuple[Run, Submitted]:
    """Sends tasks to the service; safe to repeat, whatever cut it off.

    A job of this run that is still active is added to; otherwise a new one is made, since the
    service never opens an ended job again.
    """
    code = build_code()
    store.write(code.path, code.data)
    choice = choose_pool(source, settings)
    fleet.ensure_pool(choice)
    job = _open_job(fleet, run)
    jobs = run.jobs if job in run.jobs else (*run.jobs, job)
    hours = source.recipe.compute.max_hours + _SLACK_HOURS
    # recorded before it is made: a client that is killed in between leaves a name, not a stray job
    run = update(
        store,
        run,
        state=RunState.RUNNING,
        started=run.started or now(),
        ended=None,
        code=code.sha256,
        pool=choice.id,
        jobs=jobs,
        backend=source.recipe.compute.backend,
    )
    sent = fleet.submit(
        documents,
        job=job,
        run=run.id,
        choice=choice,
        source=source,
        code=store.node_file(code.path, hours),
        code_name=code.name,
        access=store.node_access(hours),
    )
    return run, Submitted(sent.new, sent.there, run.tasks - len(documents))


def _open_job(fleet: Fleet, run: Run) -> str:
    if run.jobs:
        status = fleet.job(run.jobs[-1])
        if status is not None and status.state in ("active", "enabling", "disabled", "disabling"):
            return run.jobs[-1]
    return f"{run.id}-{len(run.jobs) + 1}"


def watch(
    store: Store,
    fleet: Fleet,
    run: Run,
    plan: Plan,
    *,
    pause: Callable[[float], None] = time.sleep,
    interval: float = 1.0,
) -> Generator[Event]:
    """Follows a run's latest job until it ends, then settles the run; the last event is `Ended`.

    Only counts and changed tasks are asked for, every `interval` seconds at first and less often
    (15 s at most) the longer nothing changes.
    """
    job = run.jobs[-1]
    items = {document.id: document.source.id for document in plan.documents}
    records: dict[str, TaskRecord] = {}
    since: datetime | None = None
    seen: Progress | None = None
    troubles: set[str] = set()
    wait = interval
    while True:
        status = fleet.job(job)
        for record in fleet.changed_tasks(job, since) if status else ():
            since = max(since, record.changed) if since else record.changed
            if records.get(record.id) != record:
                records[record.id] = record
                yield _changed(record, items)
        if status is None or status.ended:
            break
        progress = _progress(fleet, job, run, records)
        if progress != seen:
            seen, wait = progress, interval
            yield progress
        if run.pool and not progress.running:
            for text in fleet.pool_troubles(run.pool):
                if text not in troubles:
                    troubles.add(text)
                    yield Trouble(text)
        pause(wait)
        wait = min(wait * 1.2, 15.0)
    yield settle(store, fleet, run, plan, records)


def settle(
    store: Store, fleet: Fleet | None, run: Run, plan: Plan, records: dict[str, TaskRecord]
) -> Ended:
    """Folds what became of every task, and gives the run its final state.

    A task that failed without a result of its own (its node refused it, it ran out of time) gets
    one in the service's words, so that the reason is kept when the job is gone.
    """
    attempts = read_attempts(store, run.id)
    finished = find_finished(store, plan.documents, deep=False)
    status = fleet.job(run.jobs[-1]) if fleet and run.jobs else None
    cancelled = bool(status and status.reason == CANCELLED)
    for record in records.values():
        if record.succeeded is False and record.id not in finished and not cancelled:
            result = _of_service(record, plan)
            known = attempts.setdefault(record.id, [])
            if result is not None and all(r.attempt != result.attempt for r in known):
                write_attempt(store, run.id, result)
                known.append(result)
    found = folding.fold(plan, finished, attempts, records)
    state = folding.verdict(found, cancelled=cancelled)
    if (run.state, run.ended is None) != (state, False):  # else it was settled before
        run = update(store, run, state=state, ended=now())
    return Ended(run, tuple(found))


def look(store: Store, fleet: Fleet | None, run: Run, plan: Plan) -> tuple[TaskOutcome, ...]:
    """How far each task has come now, without waiting."""
    records: dict[str, TaskRecord] = {}
    if fleet is not None and run.jobs and fleet.job(run.jobs[-1]) is not None:
        records = {record.id: record for record in fleet.changed_tasks(run.jobs[-1], None)}
    finished = find_finished(store, plan.documents, deep=False)
    return tuple(folding.fold(plan, finished, read_attempts(store, run.id), records))


def cancel(store: Store, fleet: Fleet | None, run: Run) -> Run:
    """Ends the run's job; finished outputs stand. Safe to repeat."""
    if run.state in (RunState.DONE, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED):
        return run
    if fleet is not None and run.jobs:
        fleet.cancel(run.jobs[-1])
    return update(store, run, state=RunState.CANCELLED, ended=now())


def _progress(fleet: Fleet, job: str, run: Run, records: dict[str, TaskRecord]) -> Progress:
    counts = fleet.counts(job)
    in_job = counts.active + counts.running + counts.succeeded + counts.failed
    before = run.tasks - max(in_job, len(records))
    return Progress(counts.active, counts.running, before + counts.succeeded, counts.failed)


def _changed(record: TaskRecord, items: dict[str, str]) -> TaskChanged:
    state = _STAGES.get(record.stage) or ("done" if record.succeeded else "failed")
    return TaskChanged(record.id, items.get(record.id, record.id), state, record.failure)


def _of_service(record: TaskRecord, plan: Plan) -> Result | None:
    """A result in the service's words, for a task that failed and could not say why itself."""
    if record.failure is None and record.exit_code is not None:
        return None
    item = next((d.source.id for d in plan.documents if d.id == record.id), record.id)
    moment = record.changed.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Result(
        task=record.id,
        item=item,
        attempt=record.changed.strftime("%Y%m%dT%H%M%SZ") + "-service",
        exit="service",
        code=record.exit_code or -1,
        message=record.failure or "Azure Batch ended the task and gave no reason.",
        started=moment,
        seconds=0.0,
        cpu_seconds=0.0,
        peak_memory_mb=0.0,
    )
