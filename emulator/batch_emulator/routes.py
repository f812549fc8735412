"""Which request is which operation: the service's 72, and those of older versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations import (
    account,
    applications,
    files,
    job_schedules,
    jobs,
    node_actions,
    node_extensions,
    node_logs,
    node_users,
    nodes,
    older,
    pools,
    preparation,
    tasks,
    usage,
)
from batch_emulator.service import Service

Operation = Callable[[Service, Request], Awaitable[Response]]

_JOB = "/jobs/{jobId}"
_TASK = "/jobs/{jobId}/tasks/{taskId}"
_TASK_FILE = _TASK + "/files/{filePath:path}"
_POOL = "/pools/{poolId}"
_NODE = "/pools/{poolId}/nodes/{nodeId}"
_NODE_FILE = _NODE + "/files/{filePath:path}"
_SCHEDULE = "/jobschedules/{jobScheduleId}"
_CERTIFICATE = "/certificates(thumbprintAlgorithm={thumbprintAlgorithm},thumbprint={thumbprint})"


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
    ("GET", _TASK + "/subtasksinfo", tasks.list_subtasks),
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
    ("GET", _JOB + "/jobpreparationandreleasetaskstatus", preparation.list_status),
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
    ("POST", _NODE + "/users", node_users.create_user),
    ("PUT", _NODE + "/users/{userName}", node_users.replace_user),
    ("DELETE", _NODE + "/users/{userName}", node_users.delete_user),
    ("POST", _NODE + "/reboot", node_actions.reboot_node),
    ("POST", _NODE + "/start", node_actions.start_node),
    ("POST", _NODE + "/reimage", node_actions.reimage_node),
    ("POST", _NODE + "/deallocate", node_actions.deallocate_node),
    ("POST", _NODE + "/disablescheduling", node_actions.disable_scheduling),
    ("POST", _NODE + "/enablescheduling", node_actions.enable_scheduling),
    ("GET", _NODE + "/remoteloginsettings", node_users.get_login_settings),
    ("POST", _NODE + "/uploadbatchservicelogs", node_logs.upload_logs),
    ("GET", _NODE + "/extensions", node_extensions.list_extensions),
    ("GET", _NODE + "/extensions/{extensionName}", node_extensions.get_extension),
    ("GET", "/nodecounts", nodes.list_node_counts),
    ("GET", "/supportedimages", account.list_images),
    ("GET", "/poolusagemetrics", usage.list_metrics),
    ("GET", "/applications", applications.list_all),
    ("GET", "/applications/{applicationId}", applications.get_application),
    ("POST", "/jobschedules", job_schedules.create_job_schedule),
    ("GET", "/jobschedules", job_schedules.list_job_schedules),
    ("GET", _SCHEDULE, job_schedules.get_job_schedule),
    ("HEAD", _SCHEDULE, job_schedules.get_job_schedule),
    ("PATCH", _SCHEDULE, job_schedules.update_job_schedule),
    ("PUT", _SCHEDULE, job_schedules.replace_job_schedule),
    ("DELETE", _SCHEDULE, job_schedules.delete_job_schedule),
    ("GET", _SCHEDULE + "/jobs", job_schedules.list_jobs),
    ("POST", _SCHEDULE + "/disable", job_schedules.disable_job_schedule),
    ("POST", _SCHEDULE + "/enable", job_schedules.enable_job_schedule),
    ("POST", _SCHEDULE + "/terminate", job_schedules.terminate_job_schedule),
)
"""Those of the newest api-version."""
OLDER_OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/certificates", older.add_certificate),
    ("GET", "/certificates", older.list_certificates),
    ("GET", _CERTIFICATE, older.find_certificate),
    ("DELETE", _CERTIFICATE, older.find_certificate),
    ("POST", _CERTIFICATE + "/canceldelete", older.find_certificate),
    ("GET", _NODE + "/rdp", older.get_remote_desktop),
    ("GET", "/nodeagentskus", account.list_node_agents),
    ("POST", "/pools/{poolId}/upgradeos", older.upgrade_system),
)
"""Those that only older api-versions have."""
