"""A job schedule: what its jobs are like, when the next is due, and those there are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from batch_emulator.clock import Timer
from batch_emulator.state.job import Job, complete_spec
from batch_emulator.state.resource import Resource, without_none
from batch_emulator.wire.iso8601 import format_time

ScheduleState = Literal["active", "completed", "disabled", "terminating", "deleting"]


@dataclass(slots=True, kw_only=True, eq=False)
class JobSchedule(Resource):
    """A job schedule of the account."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("state", "state_since", "previous_state", "previous_since", "ended"),
        *("next_run", "last_run", "made", "pool_id"),
    )

    spec: dict[str, Any]
    """As the client sent and changed it, without its id."""
    state: ScheduleState = "active"
    state_since: datetime = field(init=False)
    previous_state: ScheduleState | None = None
    previous_since: datetime | None = None
    ended: datetime | None = None
    next_run: datetime | None = None
    """When the next job is due; in the past while something keeps it from being made."""
    last_run: datetime | None = None
    """When the last job was due."""
    made: int = 0
    """Jobs made so far."""
    pool_id: str | None = None
    """The auto pool that lasts as long as the schedule, once there is one."""
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    """By id in lower case."""
    timer: Timer | None = None
    """Wakes it at the next time that matters."""

    def __post_init__(self) -> None:
        """A new schedule is in its state since it was made."""
        Resource.__post_init__(self)
        self.state_since = self.created

    def spec_json(self) -> bytes:
        """What the client sent, as JSON."""
        return json.dumps(self.spec).encode()

    @property
    def times(self) -> dict[str, Any]:
        """When its jobs are to be made: the service's `schedule`."""
        return self.spec.get("schedule", {})

    @property
    def job_spec(self) -> dict[str, Any]:
        """What its jobs are like."""
        return self.spec["jobSpecification"]

    @property
    def auto_pool(self) -> dict[str, Any] | None:
        """What the auto pools of its jobs are like, if they have any."""
        return self.job_spec["poolInfo"].get("autoPoolSpecification")

    @property
    def unfinished(self) -> Job | None:
        """Its job that has not ended: it can be the last one only."""
        last = self.jobs.get(self.job_id(self.made).lower())
        return None if last is None or last.state == "completed" else last

    def job_id(self, number: int) -> str:
        """The id of its job of a number."""
        return f"{self.id}:job-{number}"

    def enter(self, state: ScheduleState, now: datetime) -> None:
        """Change state."""
        self.previous_state, self.previous_since = self.state, self.state_since
        self.state, self.state_since = state, now
        self.touch(now)

    def url(self, base: str) -> str:
        """The schedule's address."""
        return f"{base}/jobschedules/{self.id}"

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON of a job schedule."""
        return without_none(
            {
                "id": self.id,
                "url": self.url(base),
                "eTag": self.etag,
                "creationTime": format_time(self.created),
                "lastModified": format_time(self.modified),
                "state": self.state,
                "stateTransitionTime": format_time(self.state_since),
                "previousState": self.previous_state,
                "previousStateTransitionTime": _time(self.previous_since),
                **self.spec,
                "jobSpecification": complete_spec(self.job_spec),
                "executionInfo": self._execution(base),
            }
        )

    def _execution(self, base: str) -> dict[str, Any]:
        recent = self.job_id(self.made)
        job = {"id": recent, "url": f"{base}/jobs/{recent}"}
        return without_none(
            {
                "nextRunTime": _time(self.next_run),
                "recentJob": job if self.made else None,
                "endTime": _time(self.ended),
            }
        )


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)
