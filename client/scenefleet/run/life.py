"""The life of a run: started, settled, cancelled, retried, resumed.

Nothing here is remembered but in the store: a client may be killed anywhere, and the next one finds
by the outputs what is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scenefleet.errors import FleetError
from scenefleet.fleet import CANCELLED, Fleet, TaskRecord, choose_pool, stop_reason
from scenefleet.plan import Plan, document_ids, documents_of
from scenefleet.recipe import RecipeFile
from scenefleet.run import outcomes as folding
from scenefleet.run.attempts import failed_last, read_attempts, write_attempt
from scenefleet.run.code import build_code
from scenefleet.run.events import Ended, Submitted
from scenefleet.run.finished import find_finished
from scenefleet.run.model import Run, RunState, TaskOutcome
from scenefleet.run.mute import is_mute, read_stderr, result_of_service
from scenefleet.run.record import find, key, now, update
from scenefleet.settings import Settings
from scenefleet.store import Store, write_once
from scenefleet_task import spec

_SLACK_HOURS = 1.0
"""The nodes' permission outlives the job by so much, for the last log to be written."""


def remaining(
    store: Store, run_id: str, plan: Plan, *, failed: bool
) -> Sequence[spec.TaskDocument]:
    """The tasks that a submission would send, in the plan's order.

    Args:
        store: where outputs and results are.
        run_id: the run, which need not be recorded yet.
        plan: its plan.
        failed: whether tasks whose last attempt failed are sent again, as `retry` does.
    """
    finished = find_finished(store, plan.documents, deep=True)
    left = {task for task in document_ids(plan.documents) if task not in finished}
    if left and not failed:
        left -= set(failed_last(read_attempts(store, run_id), left))
    return documents_of(plan.documents, left)


def submit(
    store: Store,
    fleet: Fleet,
    run: Run,
    documents: Sequence[spec.TaskDocument],
    *,
    source: RecipeFile,
    settings: Settings,
    notice: Callable[[str], None] = lambda _: None,
) -> tuple[Run, Submitted]:
    """Sends tasks to the service; safe to repeat, whatever cut it off.

    A job of this run that is still active is added to; otherwise a new one is made, since the
    service never opens an ended job again. `notice` takes sentences for the user while the service
    makes the submission wait.
    """
    code = build_code()
    write_once(store, code.path, code.data)
    choice = choose_pool(source, settings)
    fleet.ensure_pool(choice)
    hours = source.recipe.compute.max_hours + _SLACK_HOURS
    scripts = sorted({document.script.file_name for document in documents if document.script})
    paths = {code.name: code.path, **{name: f"code/{name}" for name in scripts}}
    files = {name: store.node_file(path, hours) for name, path in paths.items()}
    access = store.node_access(hours)
    before = run
    job = _open_job(fleet, run, key(store, run.id))
    jobs = run.jobs if job in run.jobs else (*run.jobs, job)
    # recorded before it is made: a client that is killed in between leaves a name, not a stray job
    run = update(
        store,
        run,
        state=RunState.RUNNING,
        started=run.started or now(),
        ended=None,
        stopped=None,
        code=code.sha256,
        pool=choice.id,
        jobs=jobs,
        backend=source.recipe.compute.backend,
    )
    try:
        sent = fleet.submit(
            documents,
            job=job,
            run=run.id,
            choice=choice,
            source=source,
            files=files,
            code_name=code.name,
            access=access,
            notice=notice,
        )
    except FleetError:
        if fleet.job(job) is None:  # refused: nothing of this submission is there
            update(
                store,
                run,
                state=before.state,
                ended=before.ended,
                stopped=before.stopped,
                jobs=before.jobs,
            )
        raise
    return run, Submitted(sent.new, sent.there, run.tasks - len(documents))


def is_active(fleet: Fleet | None, run: Run) -> bool:
    """Whether the run's latest job has not ended, whatever the record says."""
    status = fleet.job(run.jobs[-1]) if fleet is not None and run.jobs else None
    return status is not None and not status.ended


def _open_job(fleet: Fleet, run: Run, prefix: str) -> str:
    """The latest job if tasks can be added to it, else the name of one that is not there."""
    if run.jobs:
        status = fleet.job(run.jobs[-1])
        if status is not None and status.state == "active":
            return run.jobs[-1]
    number = len(run.jobs) + 1
    while fleet.job(f"{prefix}-{number}") is not None:  # of a run whose record was deleted
        number += 1
    return f"{prefix}-{number}"


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
    stopped = stop_reason(status) if status is not None else run.stopped
    mute = {
        record.id
        for record in records.values()
        if record.succeeded is False and not record.cut_off and record.id not in finished
    }
    items = {document.id: document.source.id for document in documents_of(plan.documents, mute)}
    for record in records.values():
        if record.id in mute and not cancelled and stopped is None:
            known = attempts.setdefault(record.id, [])
            said = read_stderr(fleet, run, record) if is_mute(record, known) else None
            result = result_of_service(record, items.get(record.id, record.id), known, said)
            if result is not None:
                write_attempt(store, run.id, result, said)
                known.append(result)
    found = folding.fold(plan, finished, attempts, records)
    state = folding.verdict(found, cancelled=cancelled, stopped=stopped is not None)
    if state == RunState.DONE:
        stopped = None  # the last output came before the end of the job did
    recorded = find(store, run.id) or run
    if recorded.jobs != run.jobs:
        return Ended(recorded, tuple(found))  # another client has sent more: the run goes on there
    known = (recorded.state, recorded.ended is None, recorded.stopped)
    if known != (state, False, stopped):  # else it was settled before
        recorded = update(store, run, state=state, ended=now(), stopped=stopped)
    return Ended(recorded, tuple(found))


def look(store: Store, fleet: Fleet | None, run: Run, plan: Plan) -> tuple[TaskOutcome, ...]:
    """How far each task has come now, without waiting."""
    records: dict[str, TaskRecord] = {}
    if fleet is not None and run.jobs and fleet.job(run.jobs[-1]) is not None:
        records = {record.id: record for record in fleet.changed_tasks(run.jobs[-1], None)}
    finished = find_finished(store, plan.documents, deep=False)
    return tuple(folding.fold(plan, finished, read_attempts(store, run.id), records))


def cancel(store: Store, fleet: Fleet | None, run: Run) -> Run:
    """Ends the run's job; finished outputs stand. Safe to repeat."""
    active = is_active(fleet, run)
    if fleet is not None and active:
        fleet.cancel(run.jobs[-1])
    elif run.state in (RunState.DONE, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED):
        return run
    return update(store, run, state=RunState.CANCELLED, ended=now())


def stop(store: Store, fleet: Fleet, run: Run, reason: str) -> Run:
    """Ends the run's job by a rule and records why; finished outputs stand. Safe to repeat.

    The job carries the reason, so that `settle` finds it in whichever client is left.

    Args:
        store: where the run is.
        fleet: the service that the run is on.
        run: a run with a job.
        reason: a sentence for the user; it holds no secret.
    """
    fleet.stop(run.jobs[-1], reason)
    return update(store, run, stopped=reason)
