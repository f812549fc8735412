"""A run's life: create, start, watch, cancel, retry, resume."""

from scenefleet.run.events import Ended, Event, Nodes, Progress, Submitted, TaskChanged, Trouble
from scenefleet.run.life import cancel, is_active, look, remaining, settle, stop, submit
from scenefleet.run.model import OffsetFound, PartRead, Run, RunState, TaskOutcome
from scenefleet.run.record import create, find, key, list_runs, load, load_plan, load_recipe, update
from scenefleet.run.rivals import alone
from scenefleet.run.standing import Standing, find_standing
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
    "Submitted",
    "Superseded",
    "TaskChanged",
    "TaskOutcome",
    "Trouble",
    "alone",
    "cancel",
    "create",
    "describe",
    "find",
    "find_standing",
    "find_superseded",
    "is_active",
    "key",
    "list_runs",
    "load",
    "load_plan",
    "load_recipe",
    "look",
    "remaining",
    "settle",
    "stop",
    "submit",
    "update",
    "watch",
]
