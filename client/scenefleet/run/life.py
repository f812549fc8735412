"""The life of a run: what is left of it, how it stands, how it ends.

Nothing here is remembered but in the store: a client may be killed anywhere, and the next one finds
by the outputs what is left to do.
"""

from __future__ import annotations

from collections.abc import Sequence

from scenefleet.fleet import CANCELLED, Fleet, JobStatus, TaskRecord, stop_reason
from scenefleet.plan import Plan, document_ids, documents_of
from scenefleet.run import outcomes as folding
from scenefleet.run.attempts import failed_last, read_attempts
from scenefleet.run.events import Ended
from scenefleet.run.finished import find_finished
from scenefleet.run.lost import explain_lost
from scenefleet.run.model import Run, RunState, TaskOutcome
from scenefleet.run.mute import add_result, is_lost, may_be_ended
from scenefleet.run.record import find, now, update
from scenefleet.run.submission import is_submitting
from scenefleet.store import Store
from scenefleet_task import spec


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


def is_active(fleet: Fleet | None, run: Run) -> bool:
    """Whether the run's latest job has not ended, or a client is about to make it.

    Args:
        fleet: the service that it is on; None where it is gone.
        run: as it is recorded now.
    """
    if fleet is None or not run.jobs:
        return False
    status = fleet.job(run.jobs[-1])
    return is_submitting(run) if status is None else not status.ended


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
    recorded = find(store, run.id) or run
    stopped = _stopped(status, recorded)
    mute = {
        record.id
        for record in records.values()
        if record.id not in finished
        and (is_lost(record) or (record.succeeded is False and not record.cut_off))
        and not ((cancelled or stopped is not None) and may_be_ended(record))
    }
    items = {document.id: document.source.id for document in documents_of(plan.documents, mute)}
    for task in mute:
        known = attempts.setdefault(task, [])
        result = add_result(store, fleet, run, records[task], items.get(task, task), known)
        if result is not None:
            known.append(result)
    lost = explain_lost(store, recorded, plan, finished, attempts)
    found = folding.fold(plan, finished, attempts, records, lost)
    if recorded.jobs == run.jobs and not any(one.state == "running" for one in found):
        now_it_is = folding.state_now(recorded.state, found)
        if now_it_is is RunState.OUTDATED:  # it ended well, and its record says so
            return Ended(recorded.model_copy(update={"state": now_it_is}), tuple(found))
    state = folding.verdict(found, cancelled=cancelled, stopped=stopped is not None)
    if state == RunState.DONE:
        stopped = None  # the last output came before the end of the job did
    recorded = find(store, run.id) or run
    if recorded.jobs != run.jobs or (status is None and fleet and is_submitting(recorded)):
        return Ended(recorded, tuple(found))  # another client sends more: the run goes on there
    known_end = (recorded.state, recorded.ended is None, recorded.stopped)
    if known_end != (state, False, stopped):  # else it was settled before
        recorded = update(store, run, state=state, ended=now(), stopped=stopped, submitting=None)
    return Ended(recorded, tuple(found))


def _stopped(status: JobStatus | None, run: Run) -> str | None:
    """Why a rule ended the job: the record has the whole sentence, of which a job may have less."""
    if status is None:
        return run.stopped
    reason = stop_reason(status)
    if reason is not None and run.stopped is not None and run.stopped.startswith(reason):
        return run.stopped
    return reason


def look(store: Store, fleet: Fleet | None, run: Run, plan: Plan) -> tuple[TaskOutcome, ...]:
    """How far each task has come now, without waiting."""
    records: dict[str, TaskRecord] = {}
    if fleet is not None and run.jobs and fleet.job(run.jobs[-1]) is not None:
        records = {record.id: record for record in fleet.changed_tasks(run.jobs[-1], None)}
    attempts = read_attempts(store, run.id)  # before the outputs, which are there before a result
    finished = find_finished(store, plan.documents, deep=False)
    lost = explain_lost(store, run, plan, finished, attempts)
    return tuple(folding.fold(plan, finished, attempts, records, lost))


def cancel(store: Store, fleet: Fleet | None, run: Run) -> Run:
    """Ends the run's job; finished outputs stand. Safe to repeat."""
    active = is_active(fleet, run)
    if fleet is not None and active:
        fleet.cancel(run.jobs[-1])  # one that is not there yet is not made: the record says so
    elif run.state in (RunState.DONE, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED):
        return run
    return update(store, run, state=RunState.CANCELLED, ended=now(), submitting=None)


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
