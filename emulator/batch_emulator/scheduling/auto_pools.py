"""Auto pools: made for a job or a schedule's jobs, and gone when these are over.

Source: the docstrings of `BatchAutoPoolSpecification` and `BatchPoolLifetimeOption`.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from batch_emulator.scheduling.allocation import delete_pool
from batch_emulator.scheduling.pools import make_pool
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.job_schedule import JobSchedule
from batch_emulator.state.task import Failure
from batch_emulator.wire.errors import BatchError

_SCHEDULING_ERRORS = {
    "PoolQuotaReached": "AutoPoolCreationFailedWithQuotaReached",
    "InvalidApplicationPackageReferences": "InvalidApplicationPackageReferencesInAutoPool",
    "InvalidAutoScalingSettings": "InvalidAutoScaleFormulaInAutoPool",
}
"""What a job's `schedulingError` calls the reasons for which there is no pool."""


def provide_pool(service: Service, job: Job) -> Failure | None:
    """Give a new job its auto pool, if it asks for one; returns why it cannot have one."""
    wanted = job.spec["poolInfo"].get("autoPoolSpecification")
    if wanted is None:
        return None
    if retired := _retired(wanted["pool"]):
        return retired
    schedule = _schedule(service, job) if wanted["poolLifetimeOption"] == "jobschedule" else None
    shared = schedule.pool_id if schedule else None
    if shared is None or shared.lower() not in service.account.pools:
        try:
            shared = make_pool(service, _new_id(wanted), wanted["pool"]).id
        except BatchError as error:
            code = _SCHEDULING_ERRORS.get(error.code, "InvalidAutoPoolSettings")
            return Failure(code, error.sentence, tuple(error.details.items()))
    if schedule:
        schedule.pool_id = shared
        schedule.mark()
    job.auto_pool = shared
    job.mark()
    watch(service, job)
    return None


def _retired(pool: dict[str, Any]) -> Failure | None:
    """Why there can be no such pool any more; of certificates in the service's recorded words."""
    if certificates := pool.get("certificateReferences"):
        names = [
            f"{one['thumbprintAlgorithm']}-{one['thumbprint'].lower()}" for one in certificates
        ]
        missing = "The specified certificate does not exist."
        text = "One or more certificates specified for the pool are invalid"
        details = tuple((name, missing) for name in names)
        return Failure("InvalidCertificatesInAutoPool", text, details)
    if "cloudServiceConfiguration" in pool:
        return Failure("InvalidAutoPoolSettings", "Cloud services pools were retired")
    return None


def watch(service: Service, job: Job) -> None:
    """See that a job's auto pool goes with it."""
    if job.auto_pool is not None:
        job.then.append(partial(release_job, service, job))


def release_job(service: Service, job: Job) -> None:
    """A job needs its auto pool no more; one that is its schedule's stays."""
    wanted = job.spec["poolInfo"].get("autoPoolSpecification", {})
    schedule = _schedule(service, job)
    shared = schedule is not None and schedule.pool_id == job.auto_pool
    if job.auto_pool is not None and not shared and not wanted.get("keepAlive"):
        _delete(service, job.auto_pool)


def leave_pool(service: Service, job: Job) -> None:
    """A job leaves its auto pool, if it has one, for another pool."""
    if job.auto_pool is not None:
        release_job(service, job)
        job.auto_pool = None
        job.mark()


def release_schedule(service: Service, schedule: JobSchedule, wanted: dict[str, Any]) -> None:
    """A schedule, which wanted its auto pool like this, needs it no more.

    A job that is still on it takes it along.
    """
    pool_id, schedule.pool_id = schedule.pool_id, None
    schedule.mark()
    used = schedule.unfinished is not None and schedule.unfinished.auto_pool == pool_id
    if pool_id is not None and not used and not wanted.get("keepAlive"):
        _delete(service, pool_id)


def _schedule(service: Service, job: Job) -> JobSchedule | None:
    return service.account.schedules.get((job.schedule_id or "").lower())


def _delete(service: Service, pool_id: str) -> None:
    pool = service.account.pools.get(pool_id.lower())
    if pool is not None and pool.state == "active":
        delete_pool(service, pool)


def _new_id(wanted: dict[str, Any]) -> str:
    prefix = wanted.get("autoPoolIdPrefix")
    unique = str(uuid.uuid4()).upper()
    return f"{prefix}_{unique}" if prefix else unique
