"""A run's life: create, start, watch, cancel, retry, resume."""

from scenefleet.run.events import (
    Ended,
    Event,
    Nodes,
    Progress,
    Stopping,
    Submitted,
    TaskChanged,
    Trouble,
)
from scenefleet.run.life import cancel, is_active, look, remaining, settle, stop
from scenefleet.run.model import OffsetFound, PartRead, Run, RunState, TaskOutcome
from scenefleet.run.outcomes import state_now
from scenefleet.run.record import (
    create,
    describe_product,
    find,
    key,
    list_runs,
    load,
    load_plan,
    load_recipe,
    update,
)
from scenefleet.run.repetition import group_failures
from scenefleet.run.rivals import alone
from scenefleet.run.standing import Standing, find_standing
from scenefleet.run.submission import is_submitting, submit
from scenefleet.run.superseded import Superseded, find_superseded
from scenefleet.run.waiting import describe
from scenefleet.run.watch import watch

__all__ = [
    "Ended",
    "Event",
    "Nodes",
    "OffsetFound",
    "PartRead",
    "Progress",
    "Run",
    "RunState",
    "Standing",
    "Stopping",
    "Submitted",
    "Superseded",
    "TaskChanged",
    "TaskOutcome",
    "Trouble",
    "alone",
    "cancel",
    "create",
    "describe",
    "describe_product",
    "find",
    "find_standing",
    "find_superseded",
    "group_failures",
    "is_active",
    "is_submitting",
    "key",
    "list_runs",
    "load",
    "load_plan",
    "load_recipe",
    "look",
    "remaining",
    "settle",
    "state_now",
    "stop",
    "submit",
    "update",
    "watch",
]
