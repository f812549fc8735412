"""Azure Batch: pools, jobs, tasks. The only room that imports `azure.batch`."""

from scenefleet.fleet.fleet import (
    CANCELLED,
    Fleet,
    PoolChoice,
    check_azure,
    choose_pool,
    is_going_on,
    join_fleet,
    open_fleet,
)
from scenefleet.fleet.progress import Counts, JobStatus, TaskRecord

__all__ = [
    "CANCELLED",
    "Counts",
    "Fleet",
    "JobStatus",
    "PoolChoice",
    "TaskRecord",
    "check_azure",
    "choose_pool",
    "is_going_on",
    "join_fleet",
    "open_fleet",
]
