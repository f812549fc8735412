"""A job's beginning: its pool, its job manager, its limits."""

from __future__ import annotations

from batch_emulator.scheduling.auto_pools import provide_pool
from batch_emulator.scheduling.jobs import complete_job, end_if_all_done, start_timer
from batch_emulator.scheduling.tasks import add_task
from batch_emulator.service import Service
from batch_emulator.state.job import Job

_OF_MANAGERS = ("id", "killJobOnCompletion", "runExclusive", "allowLowPriorityNode")
"""What tells a job manager from other tasks."""


def begin_job(service: Service, job: Job) -> None:
    """Let a new job begin; where there can be no pool for it, that is its end."""
    _complete_manager(job)
    service.account.jobs[job.id.lower()] = job
    job.scheduling_error = provide_pool(service, job)
    if job.scheduling_error:
        complete_job(service, job)
        return
    if job.manager:
        spec = {name: value for name, value in job.manager.items() if name not in _OF_MANAGERS}
        add_task(service, job, job.manager["id"], spec)
    start_timer(service, job)
    end_if_all_done(service, job)


def _complete_manager(job: Job) -> None:
    """Write the retries that the job gives its manager into it: they stay when the job's change."""
    if job.manager:
        limits = {"maxTaskRetryCount": job.max_retries, **job.manager.get("constraints", {})}
        job.spec = {**job.spec, "jobManagerTask": {**job.manager, "constraints": limits}}
