"""Operations on jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.checks import check_duration, check_id, check_range, require_active
from batch_emulator.operations.job_checks import (
    changed_pool_info,
    check_manager,
    check_pool_info,
)
from batch_emulator.operations.listing import JOBS, question, selection
from batch_emulator.operations.networks import check_subnet
from batch_emulator.operations.older import counts_as_told
from batch_emulator.operations.preparation import check_preparation
from batch_emulator.scheduling import jobs as life
from batch_emulator.scheduling.auto_pools import leave_pool
from batch_emulator.scheduling.new_jobs import begin_job
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.query import truth
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply, reply_one

_ENDED = {
    "completed": "JobCompleted",
    "terminating": "JobBeingTerminated",
    "deleting": "JobBeingDeleted",
}
_MODE = "onAllTasksComplete"
_SHORTEST = timedelta(0)
_LONGEST = timedelta(days=10675200)


async def create_job(service: Service, request: Request) -> Response:
    """Create a job. Its pool need not exist yet."""
    body = await read_body(request, "BatchJobCreateOptions")
    job_id = body.pop("id")
    check_id("id", job_id)
    check_new_job(service, body, lifetimes=("job",))
    if job_id.lower() in service.account.jobs:
        raise BatchError("JobExists")
    if job_id.lower() in service.account.schedules:
        raise BatchError("JobScheduleWithSameIdExists")
    if service.account.active_count() >= service.active_jobs:
        raise BatchError("ActiveJobAndScheduleQuotaReached")
    job = Job(id=job_id, created=service.now(), ledger=service.ledger, spec=body)
    begin_job(service, job)
    return reply(201, resource=job, url=f"{own_url(request)}/{job_id}")


async def list_jobs(service: Service, request: Request) -> Response:
    """List jobs."""
    asked = question(request, JOBS, "BatchJob")
    base = base_url(request)
    jobs = list(service.account.jobs.values())
    return reply_page(request, jobs, asked, lambda job: job.document(base))


async def get_job(service: Service, request: Request) -> Response:
    """Get a job."""
    job = service.account.job(request.path_params["jobId"])
    check_conditions(request, job)
    document = job.document(base_url(request))
    chosen = choose(document, selection(request, "BatchJob"))
    return reply_one(request, "jobs", chosen, resource=job)


async def delete_job(service: Service, request: Request) -> Response:
    """Delete a job with its tasks and their files."""
    job = service.account.job(request.path_params["jobId"])
    check_conditions(request, job)
    force = truth(request, "force")
    if job.state != "deleting" or force:
        life.delete_job(service, job, force=force)
    return reply(202)


async def update_job(service: Service, request: Request) -> Response:
    """Change what is given; the rest stays."""
    job = _changeable(service, request)
    body = await read_body(request, "BatchJobUpdateOptions")
    _apply(service, job, {**job.spec, **body})
    return reply(200, resource=job, url=own_url(request))


async def replace_job(service: Service, request: Request) -> Response:
    """Replace all that can be changed: what is not given gets its default."""
    job = _changeable(service, request)
    body = await read_body(request, "BatchJob")
    if "poolInfo" not in body:
        raise missing_property("poolInfo")
    changeable = ("priority", "maxParallelTasks", "allowTaskPreemption", "constraints")
    changeable += ("poolInfo", "onAllTasksComplete", "metadata")
    kept = {k: v for k, v in job.spec.items() if k not in changeable}
    _apply(service, job, {**kept, **{k: v for k, v in body.items() if k in changeable}})
    return reply(200, resource=job, url=own_url(request))


async def disable_job(service: Service, request: Request) -> Response:
    """Let no more tasks start."""
    job = _changeable(service, request)
    body = await read_body(request, "BatchJobDisableOptions")
    if "disableTasks" not in body:
        raise missing_property("disableTasks")
    life.disable_job(service, job, body["disableTasks"])
    return reply(202, resource=job, url=own_url(request))


async def enable_job(service: Service, request: Request) -> Response:
    """Let tasks start again."""
    job = _changeable(service, request)
    if job.state != "active":
        life.enable_job(service, job)
    return reply(202, resource=job, url=own_url(request))


async def terminate_job(service: Service, request: Request) -> Response:
    """End a job and its running tasks."""
    job = service.account.job(request.path_params["jobId"])
    check_conditions(request, job)
    body = await read_body(request, "BatchJobTerminateOptions", optional=True)
    require_active(_ENDED, job.state)
    reason = body.get("terminateReason", "UserTerminate")
    life.terminate_job(service, job, reason, force=truth(request, "force"))
    return reply(202, resource=job, url=own_url(request))


async def count_tasks(service: Service, request: Request) -> Response:
    """Count a job's tasks by state: the counts are kept, not computed."""
    job = service.account.job(request.path_params["jobId"])
    counts = {
        "taskCounts": job.counts.document(),
        "taskSlotCounts": job.slot_counts.document(),
    }
    return reply_one(request, *counts_as_told(request, counts))


def _changeable(service: Service, request: Request) -> Job:
    """The job of a request that would change it."""
    job = service.account.job(request.path_params["jobId"])
    check_conditions(request, job)
    require_active(_ENDED, job.state)
    return job


def _apply(service: Service, job: Job, spec: dict[str, Any]) -> None:
    spec = {**spec, "poolInfo": changed_pool_info(job, spec["poolInfo"])}
    _check_job(spec)
    mode = spec.get(_MODE, "noaction")
    if mode == "noaction" and job.spec.get(_MODE, mode) != mode:
        raise invalid_property(_MODE, mode, "A job that ends with its tasks goes on doing so.")
    if "poolId" in spec["poolInfo"]:
        leave_pool(service, job)
    job.spec = spec
    job.touch(service.now())
    life.start_timer(service, job)
    service.wake(job.pool_id)
    life.end_if_all_done(service, job)


def check_new_job(service: Service, spec: dict[str, Any], *, lifetimes: tuple[str, ...]) -> None:
    """Check a job that is to be made, now or on a schedule.

    Args:
        service: the service.
        spec: the job, without an id.
        lifetimes: the `poolLifetimeOption`s that an auto pool may have.

    Raises:
        BatchError: if it cannot be.
    """
    check_pool_info(spec["poolInfo"], lifetimes)
    check_manager(service, spec)
    check_preparation(service, spec)
    check_subnet(spec)
    _check_job(spec)


def _check_job(spec: dict[str, Any]) -> None:
    check_range("priority", spec.get("priority", 0), -1000, 1000)
    parallel = spec.get("maxParallelTasks", -1)
    if parallel != -1:
        check_range("maxParallelTasks", parallel, 1, 2**31 - 1)
    constraints = spec.get("constraints", {})
    check_range(
        "constraints.maxTaskRetryCount", constraints.get("maxTaskRetryCount", 0), -1, 2**31 - 1
    )
    if "maxWallClockTime" in constraints:
        text = constraints["maxWallClockTime"]
        check_duration("constraints.maxWallClockTime", text, _SHORTEST, _LONGEST)
