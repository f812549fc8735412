"""Operations on jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.checks import check_duration, check_id, check_range, require_active
from batch_emulator.operations.listing import JOBS, question, selection
from batch_emulator.scheduling import jobs as life
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply

_NOT_YET = ("jobManagerTask", "jobPreparationTask", "jobReleaseTask")
"""What this emulator does not do yet, and says so rather than ignore it."""
_ENDED = {
    "completed": "JobCompleted",
    "terminating": "JobBeingTerminated",
    "deleting": "JobBeingDeleted",
}
_SHORTEST = timedelta(0)
_LONGEST = timedelta(days=10675200)


async def create_job(service: Service, request: Request) -> Response:
    """Create a job. Its pool need not exist yet."""
    body = await read_body(request, "BatchJobCreateOptions")
    job_id = body.pop("id")
    check_id("id", job_id)
    _check_new(body)
    _check_job(body)
    if job_id.lower() in service.account.jobs:
        raise BatchError("JobExists")
    active = sum(
        job.state not in ("completed", "deleting") for job in service.account.jobs.values()
    )
    if active >= service.options.active_jobs:
        raise BatchError("ActiveJobAndScheduleQuotaReached")
    job = Job(id=job_id, created=service.now(), ledger=service.ledger, spec=body)
    service.account.jobs[job_id.lower()] = job
    life.start_timer(service, job)
    life.end_if_all_done(service, job)
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
    return reply(200, body=choose(document, selection(request, "BatchJob")), resource=job)


async def delete_job(service: Service, request: Request) -> Response:
    """Delete a job with its tasks and their files."""
    job = service.account.job(request.path_params["jobId"])
    check_conditions(request, job)
    if job.state != "deleting":
        life.delete_job(service, job)
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
    require_active({"disabled": "JobDisabled", "disabling": "JobDisabled"}, job.state)
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
    life.terminate_job(service, job, body.get("terminateReason", "UserTerminate"))
    return reply(202, resource=job, url=own_url(request))


async def count_tasks(service: Service, request: Request) -> Response:
    """Count a job's tasks by state: the counts are kept, not computed."""
    job = service.account.job(request.path_params["jobId"])
    counts = {
        "taskCounts": job.counts.document(),
        "taskSlotCounts": job.slot_counts.document(),
    }
    return reply(200, body=counts, resource=job)


def _changeable(service: Service, request: Request) -> Job:
    """The job of a request that would change it."""
    job = service.account.job(request.path_params["jobId"])
    check_conditions(request, job)
    require_active(_ENDED, job.state)
    return job


def _apply(service: Service, job: Job, spec: dict[str, Any]) -> None:
    _check_job(spec)
    if spec["poolInfo"] != job.spec["poolInfo"] and job.state != "disabled":
        raise invalid_property("poolInfo", spec["poolInfo"], "The job has to be disabled first.")
    job.spec = spec
    job.touch(service.now())
    life.start_timer(service, job)
    service.wake(job.pool_id)
    life.end_if_all_done(service, job)


def _check_new(body: dict[str, Any]) -> None:
    for name in (name for name in _NOT_YET if name in body):
        raise BatchError("NotImplemented", PropertyName=name)
    if "autoPoolSpecification" in body["poolInfo"]:
        raise BatchError("NotImplemented", PropertyName="poolInfo.autoPoolSpecification")


def _check_job(spec: dict[str, Any]) -> None:
    if not spec["poolInfo"].get("poolId"):
        raise missing_property("poolInfo.poolId")
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
