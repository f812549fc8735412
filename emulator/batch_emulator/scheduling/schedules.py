"""A job schedule's life: it makes a job when one is due, one at a time, until it is over."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from batch_emulator.scheduling.auto_pools import release_schedule
from batch_emulator.scheduling.jobs import delete_job, terminate_job
from batch_emulator.scheduling.new_jobs import begin_job
from batch_emulator.scheduling.recurrence import later, recurrence
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.job_schedule import JobSchedule

_AGAIN = timedelta(minutes=1)
"""How soon to look whether the quota has room: no event tells of that."""


def start_schedule(service: Service, schedule: JobSchedule) -> None:
    """Let a new schedule make its jobs; the first one now, unless it is to wait."""
    schedule.next_run = recurrence(schedule.times).first(schedule.created)
    advance_schedule(service, schedule)


def disable_schedule(service: Service, schedule: JobSchedule) -> None:
    """Let a schedule make no more jobs; the one there is goes on."""
    schedule.enter("disabled", service.now())
    advance_schedule(service, schedule)


def enable_schedule(service: Service, schedule: JobSchedule) -> None:
    """Let a schedule make jobs again: also the one that fell due meanwhile, if it still may."""
    schedule.enter("active", service.now())
    advance_schedule(service, schedule)


def terminate_schedule(service: Service, schedule: JobSchedule, *, force: bool = False) -> None:
    """End a schedule and its job."""
    schedule.enter("terminating", service.now())
    job = schedule.unfinished
    if job and job.state != "deleting" and (force or job.state != "terminating"):
        terminate_job(service, job, "TerminateJobSchedule", force=force)
    advance_schedule(service, schedule)


def delete_schedule(service: Service, schedule: JobSchedule, *, force: bool = False) -> None:
    """Remove a schedule with all its jobs."""
    schedule.enter("deleting", service.now())
    for job in list(schedule.jobs.values()):
        if job.state != "deleting" or force:
            delete_job(service, job, force=force)
    advance_schedule(service, schedule)


def change_schedule(service: Service, schedule: JobSchedule, spec: dict[str, Any]) -> None:
    """Replace what the client sent: it holds for the jobs that are made from now on."""
    before, pool = schedule.times, schedule.auto_pool
    schedule.spec = spec
    schedule.touch(service.now())
    if pool is not None and pool != schedule.auto_pool:
        release_schedule(service, schedule, pool)
    if schedule.times != before:
        times = recurrence(schedule.times)
        last = schedule.last_run
        schedule.next_run = times.first(service.now()) if last is None else times.after(last)
    advance_schedule(service, schedule)


def watch_jobs(service: Service, schedule: JobSchedule) -> None:
    """Learn of the end of a schedule's jobs: again after a restart."""
    for job in schedule.jobs.values():
        job.then.append(partial(_follow, service, schedule, job))


def advance_schedule(service: Service, schedule: JobSchedule) -> None:
    """Do what is due on a schedule now, and wake up for what comes next.

    Called whenever something has changed that it may have waited for; once too often does no harm.
    """
    if schedule.timer is not None:
        schedule.timer.cancel()
        schedule.timer = None
    if schedule.state in ("active", "disabled"):
        _make_due(service, schedule)
        _wait(service, schedule)
    elif schedule.state == "terminating" and not schedule.unfinished:
        _complete(service, schedule)
    elif schedule.state == "deleting" and not schedule.jobs and not schedule.gone:
        _forget(service, schedule)


def _make_due(service: Service, schedule: JobSchedule) -> None:
    times, now = recurrence(schedule.times), service.now()
    due = times.current(schedule.next_run, now)
    if due != schedule.next_run:
        schedule.next_run = due
        schedule.mark()
    if schedule.unfinished:
        return
    if times.over(due, now):
        terminate_schedule(service, schedule)
    elif due is not None and due <= now and schedule.state == "active" and _has_room(service):
        _make(service, schedule, due, times.after(due))


def _has_room(service: Service) -> bool:
    return service.account.active_count() < service.active_jobs


def _make(
    service: Service, schedule: JobSchedule, due: datetime, following: datetime | None
) -> None:
    # All of the schedule changes before the job begins: an empty one may be over at once.
    schedule.last_run, schedule.next_run = due, following
    schedule.made += 1
    schedule.mark()
    job = Job(
        id=schedule.job_id(schedule.made),
        created=service.now(),
        ledger=service.ledger,
        spec=copy.deepcopy(schedule.job_spec),
        schedule_id=schedule.id,
    )
    schedule.jobs[job.id.lower()] = job
    job.then.append(partial(_follow, service, schedule, job))
    begin_job(service, job)


def _follow(service: Service, schedule: JobSchedule, job: Job) -> None:
    """A job of a schedule has ended, or is gone."""
    if job.gone:
        schedule.jobs.pop(job.id.lower(), None)
    advance_schedule(service, schedule)


def _wait(service: Service, schedule: JobSchedule) -> None:
    """Wake up at the next time that matters, if the schedule still waits for one."""
    if schedule.state not in ("active", "disabled") or schedule.timer is not None:
        return
    now = service.now()
    times = recurrence(schedule.times).events(schedule.next_run)
    if not schedule.unfinished and (again := later(now, _AGAIN)):
        overdue = schedule.next_run is not None and schedule.next_run <= now
        times += [again] if overdue and schedule.state == "active" else []
    coming = [time for time in times if time > now]
    if coming:
        seconds = (min(coming) - now).total_seconds()
        wake = partial(advance_schedule, service, schedule)
        schedule.timer = service.clock.call_later(seconds, wake)


def _complete(service: Service, schedule: JobSchedule) -> None:
    schedule.ended = service.now()
    schedule.next_run = None
    schedule.enter("completed", schedule.ended)
    release_schedule(service, schedule, schedule.auto_pool or {})


def _forget(service: Service, schedule: JobSchedule) -> None:
    release_schedule(service, schedule, schedule.auto_pool or {})
    schedule.gone = True
    schedule.mark()
    service.account.schedules.pop(schedule.id.lower(), None)
