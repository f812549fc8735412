"""Operations on tasks."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.faults.effects import add_or_fail
from batch_emulator.operations.checks import (
    check_constraints,
    check_id,
    check_range,
    check_work,
    require_active,
)
from batch_emulator.operations.identities import check_identity
from batch_emulator.operations.listing import TASKS, question, selection
from batch_emulator.operations.sources import check_auto_storage, check_sources
from batch_emulator.scheduling import tasks as life
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.task import Task
from batch_emulator.wire.body import Json, read_body
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.iso8601 import format_time
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply, reply_one

MOST = 100
"""Tasks in one call: the service's limit."""
_MOST_OF_IDS = 64_000
"""Characters of all ids that a task depends on."""
_CLOSED = {
    "completed": "JobCompleted",
    "terminating": "JobBeingTerminated",
    "deleting": "JobBeingDeleted",
}


async def create_task(service: Service, request: Request) -> Response:
    """Add a task to a job."""
    job = _open_job(service, request)
    body = await read_body(request, "BatchTaskCreateOptions")
    task = _add(service, job, body)
    return reply(201, resource=task, url=task.url(base_url(request)))


async def create_task_collection(service: Service, request: Request) -> Response:
    """Add up to 100 tasks to a job; each has its own result."""
    job = _open_job(service, request)
    body = await read_body(request, "BatchTaskGroup")
    if len(body["value"]) > MOST:
        raise invalid_property("value", len(body["value"]), f"At most {MOST} tasks in one call.")
    results = [
        add_or_fail(service, request, one["id"], partial(_try, service, job, one, request))
        for one in body["value"]
    ]
    metadata = f"{base_url(request)}/$metadata#taskaddresult"
    return reply(200, body={"odata.metadata": metadata, "value": results})


async def list_tasks(service: Service, request: Request) -> Response:
    """List a job's tasks."""
    job = service.account.job(request.path_params["jobId"])
    asked = question(request, TASKS, "BatchTask")
    base = base_url(request)
    return reply_page(request, job.order, asked, lambda task: task.document(base))


async def get_task(service: Service, request: Request) -> Response:
    """Get a task."""
    task = _task(service, request)
    check_conditions(request, task)
    document = choose(task.document(base_url(request)), selection(request, "BatchTask"))
    return reply_one(request, "tasks", document, resource=task, url=own_url(request))


async def replace_task(service: Service, request: Request) -> Response:
    """Replace a task's constraints; without any it gets the defaults."""
    task = _task(service, request)
    check_conditions(request, task)
    body = await read_body(request, "BatchTask")
    if task.state == "completed":
        raise BatchError("TaskCompleted")
    check_constraints(body.get("constraints", {}))
    task.respecify({**task.spec, "constraints": body.get("constraints", {})})
    task.touch(service.now())
    return reply(200, resource=task, url=own_url(request))


async def delete_task(service: Service, request: Request) -> Response:
    """Delete a task with its files; if it runs, it ends."""
    task = _task(service, request)
    check_conditions(request, task)
    life.delete_task(service, task)
    return reply(200)


async def terminate_task(service: Service, request: Request) -> Response:
    """End a task; it completes as failed."""
    task = _task(service, request)
    check_conditions(request, task)
    if task.state == "completed":
        raise BatchError("TaskCompleted")
    life.end_task(service, task)
    return reply(204, resource=task, url=own_url(request))


async def reactivate_task(service: Service, request: Request) -> Response:
    """Let a failed task run again, with its retries counted anew."""
    task = _task(service, request)
    check_conditions(request, task)
    require_active(_CLOSED, task.job.state)
    if task.state != "completed":
        raise BatchError("TaskNotCompleted")
    if task.result == "success":
        raise BatchError("TaskSucceeded")
    life.reactivate(service, task)
    return reply(204, resource=task, url=own_url(request))


async def list_subtasks(service: Service, request: Request) -> Response:
    """List the subtasks of a multi-instance task's last try; a plain task has none."""
    task = _task(service, request)
    select = selection(request, "BatchSubtask")
    base = base_url(request)
    members = [choose(one.document(base), select) for one in task.subtasks or ()]
    metadata = f"{base}/$metadata#subtasks"
    return reply(200, body={"odata.metadata": metadata, "value": members}, resource=task)


def _task(service: Service, request: Request) -> Task:
    return service.account.task(request.path_params["jobId"], request.path_params["taskId"])


def _open_job(service: Service, request: Request) -> Job:
    """The job of a request that would add to it."""
    job = service.account.job(request.path_params["jobId"])
    require_active(_CLOSED, job.state)
    return job


def _try(service: Service, job: Job, body: Json, request: Request) -> Json:
    """Adds one of several tasks, and tells how that went."""
    task_id = body["id"]
    try:
        task = _add(service, job, body)
    except BatchError as error:
        return {
            "status": "clienterror",
            "taskId": task_id,
            "error": error.body(request.scope["exchange"].id, service.now()),
        }
    return {
        "status": "success",
        "taskId": task.id,
        "eTag": task.etag,
        "lastModified": format_time(task.modified),
        "location": task.url(base_url(request)),
    }


def _add(service: Service, job: Job, body: Json) -> Task:
    task_id = body.pop("id")
    check_id("id", task_id)
    if task_id.lower() in job.tasks:
        raise BatchError("TaskExists")
    if job.preparation and task_id.lower() == job.preparation_id.lower():
        raise BatchError("TaskIdSameAsJobPreparationTask")
    if "jobReleaseTask" in job.spec and task_id.lower() == job.release_id.lower():
        raise BatchError("TaskIdSameAsJobReleaseTask")
    _check_task(service, job, body)
    return life.add_task(service, job, task_id, body)


def _check_task(service: Service, job: Job, body: Json) -> None:
    check_work(body)
    check_constraints(body.get("constraints", {}))
    check_sources(service, body)
    check_identity(body)
    if "multiInstanceSettings" in body:
        _check_instances(service, body)
    if "dependsOn" in body:
        _check_dependencies(job, body["dependsOn"])
    _check_exit_conditions(job, body.get("exitConditions", {}))
    # More than the pool has is for the service no error either: it just never runs.
    check_range("requiredSlots", body.get("requiredSlots", 1), 1, 2**31 - 1)


def _check_instances(service: Service, body: Json) -> None:
    settings = body["multiInstanceSettings"]
    path = "multiInstanceSettings"
    check_range(f"{path}.numberOfInstances", settings.get("numberOfInstances", 1), 1, 2**31 - 1)
    check_range("requiredSlots", body.get("requiredSlots", 1), 1, 1)
    coordination = {
        "commandLine": settings["coordinationCommandLine"],
        "resourceFiles": settings.get("commonResourceFiles", []),
    }
    check_work(coordination, f"{path}.")
    check_auto_storage(service, coordination["resourceFiles"], f"{path}.commonResourceFiles")


def _check_dependencies(job: Job, wanted: dict[str, Any]) -> None:
    if not job.spec.get("usesTaskDependencies"):
        raise BatchError("TaskDependenciesNotSpecifiedOnJob")
    if sum(map(len, wanted.get("taskIds", ()))) > _MOST_OF_IDS:
        raise BatchError("TaskDependencyListTooLong", MaxLimit=_MOST_OF_IDS)


def _check_exit_conditions(job: Job, conditions: dict[str, Any]) -> None:
    """Job actions want a job that performs them, as the service has it."""
    single = ("preProcessingError", "fileUploadError", "default")
    options = [conditions[name] for name in single if name in conditions]
    for mapping in (*conditions.get("exitCodes", ()), *conditions.get("exitCodeRanges", ())):
        if "exitOptions" not in mapping:
            raise missing_property("exitConditions.exitOptions")
        options.append(mapping["exitOptions"])
    performs = job.spec.get("onTaskFailure") == "performexitoptionsjobaction"
    for given in options:
        if "jobAction" in given and not performs:
            reason = "The job's onTaskFailure is noaction."
            raise invalid_property("exitConditions.jobAction", given["jobAction"], reason)
