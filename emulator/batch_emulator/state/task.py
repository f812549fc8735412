"""A task: what was asked for, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.defaults import complete_constraints, complete_user
from batch_emulator.state.resource import Resource, without_none
from batch_emulator.wire.iso8601 import format_time, parse_duration

if TYPE_CHECKING:
    from batch_emulator.node.attempt import Attempt
    from batch_emulator.state.job import Job
    from batch_emulator.state.subtask import Subtask

TaskState = Literal["active", "preparing", "running", "completed"]
Result = Literal["success", "failure"]
Category = Literal["usererror", "servererror"]

_STARTED = ("running", "completed")
_ANYWHERE = {"affinityId": ""}
RETENTION = timedelta(days=7)
"""How long a completed task's files stay unless it says otherwise: the service's default."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed: the service's `failureInfo`."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    category: Category = "usererror"

    def document(self) -> dict[str, Any]:
        """The service's JSON."""
        details = [{"name": name, "value": value} for name, value in self.details]
        return {
            "category": self.category,
            "code": self.code,
            "message": self.message,
            "details": details,
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task runs or ran; it stays known after the node is gone."""

    pool_id: str
    node_id: str
    folder: Path
    """The task's folder, which holds `wd`, `stdout.txt` and `stderr.txt`."""

    def document(self, base: str) -> dict[str, Any]:
        """The service's `nodeInfo`."""
        url = f"{base}/pools/{self.pool_id}/nodes/{self.node_id}"
        root = "/".join(self.folder.parts[-4:])
        return {
            "affinityId": f"TVM:{self.node_id}",
            "nodeUrl": url,
            "poolId": self.pool_id,
            "nodeId": self.node_id,
            "taskRootDirectory": root,
            "taskRootDirectoryUrl": f"{url}/files/{root}",
        }


@dataclass(slots=True, kw_only=True, eq=False)
class Task(Resource):
    """A task of a job."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("state", "state_since", "previous_state", "previous_since", "started", "ended"),
        *("exit_code", "result", "failure", "retries", "last_retry", "retry_due", "requeues"),
        *("last_requeue", "container", "place", "satisfies", "subtasks"),
    )

    job: Job
    body: bytes
    """What the client sent, without its id, as JSON: a hundred thousand of them fit in memory."""
    unsaved: bool = True
    """Whether `body` is yet to be saved."""
    satisfies: bool = False
    """Whether tasks that depend on it need wait for it no more."""
    slots: int = field(init=False)
    """Slots of a node that it takes."""
    state: TaskState = "active"
    state_since: datetime = field(init=False)
    previous_state: TaskState | None = None
    previous_since: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    result: Result | None = None
    failure: Failure | None = None
    retries: int = 0
    last_retry: datetime | None = None
    retry_due: bool = False
    """Whether it is to be tried again for its own failure, not for its node's."""
    requeues: int = 0
    last_requeue: datetime | None = None
    container: ContainerInfo | None = None
    """The container of its last try, if it asks for one."""
    place: Place | None = None
    instances: int = field(init=False)
    """Nodes that it takes as a multi-instance task; 0 for a plain one."""
    affinity: str = field(init=False)
    """The id of the node that it would like; nothing for any."""
    subtasks: list[Subtask] | None = None
    """Those of its last try, beside the primary."""
    attempt: Attempt | None = None
    """The run that is under way."""
    waits_for: int = 0
    """Tasks it depends on that are not satisfied yet."""
    queued: bool = False
    """Whether it stands in its job's queue."""

    def __post_init__(self) -> None:
        """A new task is in its state since it was made."""
        Resource.__post_init__(self)
        self.state_since = self.created
        spec = self.spec
        self.slots = spec.get("requiredSlots", 1)
        settings = spec.get("multiInstanceSettings")
        self.instances = settings.get("numberOfInstances", 1) if settings else 0
        self.affinity = spec.get("affinityInfo", _ANYWHERE)["affinityId"].removeprefix("TVM:")

    @property
    def spec(self) -> dict[str, Any]:
        """What the client sent, without its id: read anew each time, so keep it while in use."""
        return json.loads(self.body)

    def respecify(self, spec: dict[str, Any]) -> None:
        """Replace what the client sent."""
        self.body, self.unsaved = encode(spec), True
        self.mark()

    @property
    def parent(self) -> int:
        """Its job's sequence."""
        return self.job.sequence

    def spec_json(self) -> bytes | None:
        """What the client sent, if it is new."""
        return self.body if self.unsaved else None

    def note_saved(self) -> None:
        """Its body need not be saved again."""
        self.unsaved = False

    @property
    def max_retries(self) -> int:
        """Times it may be tried again; -1 is without end."""
        own = self.spec.get("constraints", {}).get("maxTaskRetryCount")
        return self.job.max_retries if own is None else own

    @property
    def retention(self) -> timedelta:
        """How long its files stay after it completed."""
        if b'"retentionTime"' not in self.body:  # most have none, and need not be read for it
            return RETENTION
        text = self.spec.get("constraints", {}).get("retentionTime")
        return RETENTION if text is None else parse_duration(text)

    @property
    def folders(self) -> set[Path]:
        """Its folder, and those of its subtasks."""
        places = [self.place, *(subtask.place for subtask in self.subtasks or ())]
        return {place.folder for place in places if place}

    def subtask_on(self, node_id: str) -> int | None:
        """Which of its instances ran on a node; None for a plain task."""
        if not self.instances:
            return None
        return next((s.id for s in self.subtasks or () if s.place.node_id == node_id), 0)

    @property
    def exclusive(self) -> bool:
        """Whether no other task may be on its node: for a job manager the default."""
        return self.job.managed_by(self) and self.job.manager.get("runExclusive", True)

    def enter(self, state: TaskState, now: datetime) -> None:
        """Change state. The job's counts are the caller's business: use `Job.move`."""
        self.previous_state, self.previous_since = self.state, self.state_since
        self.state, self.state_since = state, now
        self.mark()

    def note_container(self, info: ContainerInfo) -> None:
        """Something has become of its container."""
        self.container = info
        self.mark()

    def url(self, base: str) -> str:
        """The task's address."""
        return f"{self.job.url(base)}/tasks/{self.id}"

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON of a task."""
        spec = self.spec
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
                **spec,
                "userIdentity": complete_user(spec),
                "requiredSlots": self.slots,
                "constraints": self._constraints(spec),
                "executionInfo": self.execution(),
                "nodeInfo": self.place.document(base) if self.place else None,
            }
        )

    def _constraints(self, spec: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = spec.get("constraints", {})
        return complete_constraints(given, self.job.max_retries)

    def execution(self) -> dict[str, Any]:
        """The service's `executionInfo`: results only once completed."""
        container = self.container.document() if self.container else None
        return without_none(
            {
                "startTime": _time(self.started) if self.state in _STARTED else None,
                "endTime": _time(self.ended),
                "exitCode": self.exit_code,
                "containerInfo": container,
                "result": self.result,
                "failureInfo": self.failure.document() if self.failure else None,
                "retryCount": self.retries,
                "lastRetryTime": _time(self.last_retry),
                "requeueCount": self.requeues,
                "lastRequeueTime": _time(self.last_requeue),
            }
        )

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        """A property for filters, without building the whole document for the usual ones."""
        quick = _QUICK.get(path)
        return quick(self) if quick else Resource.peek(self, path)


_QUICK: dict[str, Callable[[Task], Any]] = {
    "id": lambda task: task.id,
    "state": lambda task: task.state,
    "stateTransitionTime": lambda task: task.state_since,
    "creationTime": lambda task: task.created,
    "lastModified": lambda task: task.modified,
    "executionInfo/exitCode": lambda task: task.exit_code,
    "executionInfo/result": lambda task: task.result,
    "executionInfo/retryCount": lambda task: task.retries,
    "executionInfo/startTime": lambda task: task.started,
    "executionInfo/endTime": lambda task: task.ended,
}


def encode(spec: dict[str, Any]) -> bytes:
    """What a client sent, as short JSON."""
    return json.dumps(spec, separators=(",", ":")).encode()


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)
