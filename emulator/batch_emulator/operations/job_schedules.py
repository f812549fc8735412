"""Operations on job schedules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.checks import LONGEST, check_duration, check_id, require_active
from batch_emulator.operations.jobs import check_new_job
from batch_emulator.operations.listing import SCHEDULE_JOBS, SCHEDULES, question, selection
from batch_emulator.scheduling import schedules as life
from batch_emulator.service import Service
from batch_emulator.state.job_schedule import JobSchedule
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError, missing_property
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.query import truth
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply, reply_one

_SHAPE = "BatchJobSchedule"
_ENDED = {
    "completed": "JobScheduleCompleted",
    "terminating": "JobScheduleBeingTerminated",
    "deleting": "JobScheduleBeingDeleted",
}
_SHORTEST = timedelta(minutes=1)
_LIFETIMES = ("jobschedule", "job")


async def create_job_schedule(service: Service, request: Request) -> Response:
    """Create a job schedule; its first job comes with it, unless it is to wait."""
    body = await read_body(request, "BatchJobScheduleCreateOptions")
    schedule_id = body.pop("id")
    check_id("id", schedule_id)
    _check(service, body)
    if schedule_id.lower() in service.account.schedules:
        raise BatchError("JobScheduleExists")
    if schedule_id.lower() in service.account.jobs:
        raise BatchError("JobWithSameIdExists")
    if service.account.active_count() >= service.active_jobs:
        raise BatchError("ActiveJobAndScheduleQuotaReached")
    schedule = JobSchedule(id=schedule_id, created=service.now(), ledger=service.ledger, spec=body)
    service.account.schedules[schedule_id.lower()] = schedule
    life.start_schedule(service, schedule)
    return reply(201, resource=schedule, url=f"{own_url(request)}/{schedule_id}")


async def list_job_schedules(service: Service, request: Request) -> Response:
    """List job schedules."""
    asked = question(request, SCHEDULES, _SHAPE)
    base = base_url(request)
    schedules = list(service.account.schedules.values())
    return reply_page(request, schedules, asked, lambda schedule: schedule.document(base))


async def get_job_schedule(service: Service, request: Request) -> Response:
    """Get a job schedule; for HEAD, only whether it is there."""
    schedule = service.account.schedule(request.path_params["jobScheduleId"])
    check_conditions(request, schedule)
    document = choose(schedule.document(base_url(request)), selection(request, _SHAPE))
    return reply_one(request, "jobschedules", document, resource=schedule)


async def list_jobs(service: Service, request: Request) -> Response:
    """List the jobs of a schedule."""
    schedule = service.account.schedule(request.path_params["jobScheduleId"])
    asked = question(request, SCHEDULE_JOBS, "BatchJob")
    base = base_url(request)
    jobs = list(schedule.jobs.values())
    return reply_page(request, jobs, asked, lambda job: job.document(base))


async def update_job_schedule(service: Service, request: Request) -> Response:
    """Change what is given; the rest stays."""
    schedule = _changeable(service, request)
    body = await read_body(request, "BatchJobScheduleUpdateOptions")
    return _change(service, request, schedule, {**schedule.spec, **body})


async def replace_job_schedule(service: Service, request: Request) -> Response:
    """Replace all that can be changed: what is not given is removed."""
    schedule = _changeable(service, request)
    body = await read_body(request, _SHAPE)
    if "jobSpecification" not in body:
        raise missing_property("jobSpecification")
    changeable = ("schedule", "jobSpecification", "metadata")
    kept = {name: value for name, value in schedule.spec.items() if name not in changeable}
    given = {name: value for name, value in body.items() if name in changeable}
    return _change(service, request, schedule, {**kept, **given})


async def delete_job_schedule(service: Service, request: Request) -> Response:
    """Delete a job schedule with all its jobs."""
    schedule = service.account.schedule(request.path_params["jobScheduleId"])
    check_conditions(request, schedule)
    force = truth(request, "force")
    if schedule.state != "deleting" or force:
        life.delete_schedule(service, schedule, force=force)
    return reply(202)


async def disable_job_schedule(service: Service, request: Request) -> Response:
    """Let no more jobs be made."""
    schedule = _changeable(service, request)
    require_active({"disabled": "JobScheduleDisabled"}, schedule.state)
    life.disable_schedule(service, schedule)
    return reply(204, resource=schedule, url=own_url(request))


async def enable_job_schedule(service: Service, request: Request) -> Response:
    """Let jobs be made again."""
    schedule = _changeable(service, request)
    if schedule.state == "disabled":
        life.enable_schedule(service, schedule)
    return reply(204, resource=schedule, url=own_url(request))


async def terminate_job_schedule(service: Service, request: Request) -> Response:
    """End a job schedule and its job."""
    schedule = _changeable(service, request)
    life.terminate_schedule(service, schedule, force=truth(request, "force"))
    return reply(202, resource=schedule, url=own_url(request))


def _changeable(service: Service, request: Request) -> JobSchedule:
    """The schedule of a request that would change it."""
    schedule = service.account.schedule(request.path_params["jobScheduleId"])
    check_conditions(request, schedule)
    require_active(_ENDED, schedule.state)
    return schedule


def _change(
    service: Service, request: Request, schedule: JobSchedule, spec: dict[str, Any]
) -> Response:
    _check(service, spec)
    life.change_schedule(service, schedule, spec)
    return reply(200, resource=schedule, url=own_url(request))


def _check(service: Service, spec: dict[str, Any]) -> None:
    check_new_job(service, spec["jobSpecification"], lifetimes=_LIFETIMES)
    times = spec.get("schedule", {})
    for name in ("startWindow", "recurrenceInterval"):
        if name in times:
            check_duration(f"schedule.{name}", times[name], _SHORTEST, LONGEST)
