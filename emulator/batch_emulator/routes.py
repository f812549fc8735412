"""Which request is which operation: all 72, those that are not there yet included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations import account, files, jobs, nodes, pools, tasks
from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError

Operation = Callable[[Service, Request], Awaitable[Response]]

_JOB = "/jobs/{jobId}"
_TASK = "/jobs/{jobId}/tasks/{taskId}"
_TASK_FILE = _TASK + "/files/{filePath:path}"
_POOL = "/pools/{poolId}"
_NODE = "/pools/{poolId}/nodes/{nodeId}"
_NODE_FILE = _NODE + "/files/{filePath:path}"
_SCHEDULE = "/jobschedules/{jobScheduleId}"


async def not_yet(service: Service, request: Request) -> Response:  # noqa: ARG001
    """Say that this emulator does not do an operation."""
    raise BatchError("NotImplemented", Operation=f"{request.method} {request.url.path}")


OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/jobs/{jobId}/addtaskcollection", tasks.create_task_collection),
    ("POST", "/jobs/{jobId}/tasks", tasks.create_task),
    ("GET", "/jobs/{jobId}/tasks", tasks.list_tasks),
    ("GET", "/jobs/{jobId}/taskcounts", jobs.count_tasks),
    ("GET", _TASK, tasks.get_task),
    ("PUT", _TASK, tasks.replace_task),
    ("DELETE", _TASK, tasks.delete_task),
    ("POST", _TASK + "/terminate", tasks.terminate_task),
    ("POST", _TASK + "/reactivate", tasks.reactivate_task),
    ("GET", _TASK + "/subtasksinfo", not_yet),
    ("GET", _TASK + "/files", files.list_task_files),
    ("GET", _TASK_FILE, files.get_task_file),
    ("HEAD", _TASK_FILE, files.get_task_file),
    ("DELETE", _TASK_FILE, files.delete_task_file),
    ("POST", "/jobs", jobs.create_job),
    ("GET", "/jobs", jobs.list_jobs),
    ("GET", _JOB, jobs.get_job),
    ("PATCH", _JOB, jobs.update_job),
    ("PUT", _JOB, jobs.replace_job),
    ("DELETE", _JOB, jobs.delete_job),
    ("POST", _JOB + "/disable", jobs.disable_job),
    ("POST", _JOB + "/enable", jobs.enable_job),
    ("POST", _JOB + "/terminate", jobs.terminate_job),
    ("GET", _JOB + "/jobpreparationandreleasetaskstatus", not_yet),
    ("POST", "/pools", pools.create_pool),
    ("GET", "/pools", pools.list_pools),
    ("GET", _POOL, pools.get_pool),
    ("HEAD", _POOL, pools.get_pool),
    ("PATCH", _POOL, pools.update_pool),
    ("DELETE", _POOL, pools.delete_pool),
    ("POST", _POOL + "/resize", pools.resize_pool),
    ("POST", _POOL + "/stopresize", pools.stop_pool_resize),
    ("POST", _POOL + "/enableautoscale", pools.enable_autoscale),
    ("POST", _POOL + "/disableautoscale", pools.disable_autoscale),
    ("POST", _POOL + "/evaluateautoscale", pools.evaluate_autoscale),
    ("POST", _POOL + "/updateproperties", pools.replace_pool_properties),
    ("POST", _POOL + "/removenodes", nodes.remove_nodes),
    ("GET", _POOL + "/nodes", nodes.list_nodes),
    ("GET", _NODE, nodes.get_node),
    ("GET", _NODE + "/files", files.list_node_files),
    ("GET", _NODE_FILE, files.get_node_file),
    ("HEAD", _NODE_FILE, files.get_node_file),
    ("DELETE", _NODE_FILE, files.delete_node_file),
    ("POST", _NODE + "/users", not_yet),
    ("PUT", _NODE + "/users/{userName}", not_yet),
    ("DELETE", _NODE + "/users/{userName}", not_yet),
    ("POST", _NODE + "/reboot", not_yet),
    ("POST", _NODE + "/start", not_yet),
    ("POST", _NODE + "/reimage", not_yet),
    ("POST", _NODE + "/deallocate", not_yet),
    ("POST", _NODE + "/disablescheduling", not_yet),
    ("POST", _NODE + "/enablescheduling", not_yet),
    ("GET", _NODE + "/remoteloginsettings", not_yet),
    ("POST", _NODE + "/uploadbatchservicelogs", not_yet),
    ("GET", _NODE + "/extensions", not_yet),
    ("GET", _NODE + "/extensions/{extensionName}", not_yet),
    ("GET", "/nodecounts", nodes.list_node_counts),
    ("GET", "/supportedimages", account.list_images),
    ("GET", "/poolusagemetrics", not_yet),
    ("GET", "/applications", account.list_nothing),
    ("GET", "/applications/{applicationId}", not_yet),
    ("POST", "/jobschedules", not_yet),
    ("GET", "/jobschedules", not_yet),
    ("GET", _SCHEDULE, not_yet),
    ("HEAD", _SCHEDULE, not_yet),
    ("PATCH", _SCHEDULE, not_yet),
    ("PUT", _SCHEDULE, not_yet),
    ("DELETE", _SCHEDULE, not_yet),
    ("GET", _SCHEDULE + "/jobs", not_yet),
    ("POST", _SCHEDULE + "/disable", not_yet),
    ("POST", _SCHEDULE + "/enable", not_yet),
    ("POST", _SCHEDULE + "/terminate", not_yet),
)
