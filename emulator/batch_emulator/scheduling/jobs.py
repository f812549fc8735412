"""A job's life: it ends when told to, when its tasks have, or when its time is up."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Literal

from batch_emulator.node.attempt import Ending
from batch_emulator.scheduling.preparation import end_preparations, keep_prepared, release
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.wire.iso8601 import parse_duration

Disabling = Literal["requeue", "terminate", "wait"]

_FAR = timedelta(days=3650)
"""Limits beyond are no limits: clients send ten million days for "none"."""


def end_if_all_done(service: Service, job: Job) -> None:
    """Terminate a job whose tasks have all completed, where it asks for that; none is all."""
    wanted = job.spec.get("onAllTasksComplete") == "terminatejob"
    if wanted and job.state == "active" and job.counts.active + job.counts.running == 0:
        terminate_job(service, job, "AllTasksComplete")


def terminate_job(service: Service, job: Job, reason: str, *, force: bool = False) -> None:
    """End a job and its running tasks; tasks that wait stay as they are.

    With `force` it is over at once, even if nodes are not done with its tasks yet.
    """
    job.enter("terminating", service.now())
    job.terminate_reason = reason
    _end_attempts(job, "terminate")
    end_preparations(job)
    advance(service, job, force=force)


def delete_job(service: Service, job: Job, *, force: bool = False) -> None:
    """Remove a job, its tasks and their files; `force` as for `terminate_job`."""
    job.enter("deleting", service.now())
    _end_attempts(job, "delete")
    end_preparations(job)
    advance(service, job, force=force)


def disable_job(service: Service, job: Job, disabling: Disabling) -> None:
    """Let no more of a job's tasks start, and do with the running ones as told."""
    job.enter("disabling", service.now())
    if disabling != "wait":
        _end_attempts(job, disabling)
    advance(service, job)


def enable_job(service: Service, job: Job) -> None:
    """Let a job's tasks run again."""
    job.enter("active", service.now())
    service.wake(job.pool_id)
    end_if_all_done(service, job)


def advance(service: Service, job: Job, *, force: bool = False) -> None:
    """Go on from a state that waits for running tasks to end, once they have."""
    if job.gone or (job.counts.running and not force):
        return
    ending = job.state in ("terminating", "deleting")
    if ending and not job.ended and not (release(service, job) or force):
        return
    if job.state == "terminating":
        complete_job(service, job)
    elif job.state == "disabling":
        job.enter("disabled", service.now())
    elif job.state == "deleting":
        _forget(service, job)


def complete_job(service: Service, job: Job) -> None:
    """A job is over: nothing of it runs."""
    job.ended = service.now()
    job.enter("completed", job.ended)
    _stop_timer(job)
    keep_prepared(service, job)
    _tell(job)


def start_timer(service: Service, job: Job) -> None:
    """Hold a job to its `maxWallClockTime`, which counts from its creation."""
    _stop_timer(job)
    text = job.spec.get("constraints", {}).get("maxWallClockTime")
    limit = _FAR if text is None else parse_duration(text)
    if limit < _FAR:
        left = (job.created + limit - service.now()).total_seconds()
        job.timer = service.clock.call_later(left, partial(_expire, service, job))


def _expire(service: Service, job: Job) -> None:
    if job.state in ("active", "disabling", "disabled"):
        terminate_job(service, job, "MaxWallClockTimeExpiry")


def _stop_timer(job: Job) -> None:
    if job.timer is not None:
        job.timer.cancel()
        job.timer = None


def _end_attempts(job: Job, ending: Ending) -> None:
    # Only tasks with an attempt: a job may have a hundred thousand that wait.
    for attempt in list(job.attempts):
        attempt.end(ending)


def _forget(service: Service, job: Job) -> None:
    _stop_timer(job)
    job.gone = True
    job.mark()
    for visit in job.visits.values():
        if visit.work is not None:
            visit.work.cancel()
    service.account.jobs.pop(job.id.lower(), None)
    service.remove_folders(job.folders)
    _tell(job)


def _tell(job: Job) -> None:
    for act in list(job.then):
        act()
