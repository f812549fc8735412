"""Azure Batch: pools, jobs, tasks. The only room that imports `azure.batch`."""

from scenefleet.fleet.fleet import CANCELLED, Fleet, PoolChoice, choose_pool, join_fleet, open_fleet
from scenefleet.fleet.progress import Counts, JobStatus, TaskRecord

__all__ = [
    "CANCELLED",
    "Counts",
    "Fleet",
    "JobStatus",
    "PoolChoice",
    "TaskRecord",
    "choose_pool",
    "join_fleet",
    "open_fleet",
]
