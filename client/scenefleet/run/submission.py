"""Sends a run's tasks to the service, in a way that other clients can follow.

Before the job is there, the record alone tells that somebody is at it: it names what the submission
waits for, and is written anew every minute, so that one that waits is told from one that was
killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from scenefleet.errors import CancelledError, FleetError, NotAuthorisedError
from scenefleet.fleet import Fleet, choose_pool
from scenefleet.plan import document_ids
from scenefleet.recipe import RecipeFile
from scenefleet.run.attempts import failed_last, read_attempts
from scenefleet.run.code import build_code
from scenefleet.run.events import Submitted
from scenefleet.run.model import Rules, Run, RunState
from scenefleet.run.record import find, key, now, update
from scenefleet.settings import Settings
from scenefleet.store import Store, write_once
from scenefleet_task import spec

_SLACK_HOURS = 1.0
"""The nodes' permission outlives the job by so much, for the last log to be written."""
_ALIVE = timedelta(minutes=5)
"""A submission whose record is older has ended without a word: it is written every minute."""
_SENDING = "its tasks are being sent to Azure Batch"


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

    Raises:
        FleetError: if the service refuses, or stays busy or silent.
        CancelledError: if another client cancelled the run meanwhile.
    """
    code = build_code()
    write_once(store, code.path, code.data)
    choice = choose_pool(source, settings)
    fleet.ensure_pool(choice)
    compute = source.recipe.compute
    hours = compute.max_hours + _SLACK_HOURS
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
        submitting=_SENDING,
        rules=Rules(give_up_minutes=compute.give_up_minutes, stop_after=compute.stop_after),
        code=code.sha256,
        pool=choice.id,
        jobs=jobs,
        backend=compute.backend,
    )

    def tell(text: str) -> None:
        _check(store, run)
        update(store, run, submitting=text)
        notice(text)

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
            notice=tell,
        )
        _check(store, run)
    except CancelledError:
        fleet.cancel(job)
        raise
    except (FleetError, NotAuthorisedError, KeyboardInterrupt):
        if _is_missing(fleet, job):  # nothing of this submission is there
            changes = {"state": before.state, "ended": before.ended, "jobs": before.jobs}
            update(store, run, stopped=before.stopped, submitting=None, **changes)
        else:
            update(store, run, submitting=None)
        raise
    run = update(store, run, submitting=None)
    others = run.tasks - len(documents)
    failed = _failed(store, run, documents) if others else 0
    return run, Submitted(sent.new, sent.there, others - failed, failed)


def is_submitting(run: Run, moment: datetime | None = None) -> bool:
    """Tells whether a client is sending the run's tasks, or waits until it may.

    Args:
        run: as it is recorded now.
        moment: the time; by default that of this machine.
    """
    if run.submitting is None or run.state is not RunState.RUNNING:
        return False
    written = datetime.fromisoformat(run.updated)
    return (moment or datetime.now(UTC)) - written < _ALIVE


def _check(store: Store, run: Run) -> None:
    """Ends a submission that another client has cancelled.

    Raises:
        CancelledError: if it was.
    """
    recorded = find(store, run.id)
    if recorded is not None and recorded.state is RunState.CANCELLED:
        raise CancelledError(
            f"{run.id} was cancelled by another command while its tasks were sent; finished scenes "
            "stand, and the same `scenefleet run` goes on"
        )


def _is_missing(fleet: Fleet, job: str) -> bool:
    """Whether the service has no job of that id; False where it does not say."""
    try:
        return fleet.impatient.job(job) is None
    except (FleetError, NotAuthorisedError):
        return False


def _failed(store: Store, run: Run, documents: Sequence[spec.TaskDocument]) -> int:
    """How many tasks are not sent because they failed before."""
    attempts = read_attempts(store, run.id)
    others = set(attempts) - set(document_ids(documents))
    return len(failed_last(attempts, others))


def _open_job(fleet: Fleet, run: Run, prefix: str) -> str:
    """The latest job if tasks can be added to it, else the name of one that is not there."""
    if run.jobs:
        status = fleet.job(run.jobs[-1])
        if status is not None and status.state == "active":
            return run.jobs[-1]
        if status is None and run.submitting is not None:
            return run.jobs[-1]  # never made, or another client is just about to: it has one name
    number = len(run.jobs) + 1
    while fleet.job(f"{prefix}-{number}") is not None:  # of a run whose record was deleted
        number += 1
    return f"{prefix}-{number}"
