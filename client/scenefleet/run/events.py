"""What a run gives off while it is watched."""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet.fleet import PoolHealth
from scenefleet.run.model import Run, TaskOutcome, TaskState


@dataclass(frozen=True, slots=True)
class Submitted:
    """The tasks are with the service."""

    new: int
    there: int
    """Tasks that the service had from an earlier submission."""
    done: int
    """Tasks whose outputs are there already: not submitted."""
    failed: int = 0
    """Tasks that failed before: not submitted, since only `retry` sends them again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many tasks stand where; given off when it changes."""

    waiting: int
    running: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class TaskChanged:
    """A task started or ended."""

    task: str
    item: str
    state: TaskState
    message: str | None
    """Why it failed or was cut off: the exit's name, a colon, and the reason for a person."""
    again: bool = False
    """Whether another scene failed in the same way before."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that keeps tasks from running, in the service's words."""

    text: str


@dataclass(frozen=True, slots=True)
class Nodes:
    """The state of the nodes, where it is not as it should be, or has become so again."""

    health: PoolHealth
    minutes_left: float | None
    """Minutes until the run is ended unless a node can work; None while that does not threaten."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """A rule ends the run; what runs is ended, what is done stands."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run has ended; nothing comes after this."""

    run: Run
    outcomes: tuple[TaskOutcome, ...]


Event = Submitted | Progress | TaskChanged | Trouble | Nodes | Stopping | Ended
