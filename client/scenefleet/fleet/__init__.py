"""Azure Batch: pools, jobs, tasks. The only room that imports `azure.batch`."""

from scenefleet.fleet.azure_checks import check_addresses, check_azure, missing_settings
from scenefleet.fleet.choice import PoolChoice, choose_pool
from scenefleet.fleet.fleet import (
    CANCELLED,
    Fleet,
    join_fleet,
    open_fleet,
    read_pool,
    stop_reason,
)
from scenefleet.fleet.lease import claim, is_held
from scenefleet.fleet.nodes import PoolHealth
from scenefleet.fleet.progress import Counts, JobStatus, TaskRecord
from scenefleet.fleet.script_needs import script_notes
from scenefleet.fleet.weighing import Weighed, ask_account

__all__ = [
    "CANCELLED",
    "Counts",
    "Fleet",
    "JobStatus",
    "PoolChoice",
    "PoolHealth",
    "TaskRecord",
    "Weighed",
    "ask_account",
    "check_addresses",
    "check_azure",
    "choose_pool",
    "claim",
    "is_held",
    "join_fleet",
    "missing_settings",
    "open_fleet",
    "read_pool",
    "script_notes",
    "stop_reason",
]
