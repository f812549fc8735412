"""A subtask: the part of a multi-instance task that runs on a node beside the primary's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from batch_emulator.state.resource import without_none
from batch_emulator.state.task import Failure, Place
from batch_emulator.wire.iso8601 import format_time

SubtaskState = Literal["preparing", "running", "completed"]


@dataclass(slots=True)
class Subtask:
    """One of them, in the last try of its task."""

    id: int
    """From 1: the primary is 0."""
    place: Place
    state: SubtaskState
    state_since: datetime
    previous_state: SubtaskState | None = None
    previous_since: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    """The coordination command's."""
    failure: Failure | None = None

    def enter(self, state: SubtaskState, now: datetime) -> None:
        """Change state."""
        self.previous_state, self.previous_since = self.state, self.state_since
        self.state, self.state_since = state, now

    def begin(self, now: datetime) -> None:
        """It starts on its node."""
        if self.state != "running":
            self.enter("running", now)
        self.started = now

    def end(self, now: datetime, exit_code: int | None, failure: Failure | None) -> None:
        """It is over; the first end stands."""
        if self.state != "completed":
            self.enter("completed", now)
            self.ended, self.exit_code, self.failure = now, exit_code, failure

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON."""
        done = self.state == "completed"
        return without_none(
            {
                "id": self.id,
                "nodeInfo": self.place.document(base),
                "startTime": _time(self.started),
                "endTime": _time(self.ended),
                "exitCode": self.exit_code,
                "failureInfo": self.failure.document() if self.failure else None,
                "state": self.state,
                "stateTransitionTime": format_time(self.state_since),
                "previousState": self.previous_state,
                "previousStateTransitionTime": _time(self.previous_since),
                "result": ("failure" if self.failure else "success") if done else None,
            }
        )


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)
