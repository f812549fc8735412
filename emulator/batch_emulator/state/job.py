"""A job: its tasks, their queue, and counts that are always right."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from batch_emulator.clock import Timer
from batch_emulator.state.defaults import (
    UNLIMITED,
    complete_auto_pool,
    complete_constraints,
    complete_user,
)
from batch_emulator.state.dependencies import Dependencies
from batch_emulator.state.resource import Resource, without_none
from batch_emulator.state.standing import Standing
from batch_emulator.state.task import Failure, Task, TaskState
from batch_emulator.wire.iso8601 import format_time

if TYPE_CHECKING:
    from batch_emulator.node.attempt import Attempt
    from batch_emulator.state.node import Node
    from batch_emulator.state.visit import Visit

JobState = Literal[
    "active", "disabling", "disabled", "enabling", "terminating", "completed", "deleting"
]


@dataclass(slots=True)
class Counts:
    """Tasks, or slots of tasks, by state."""

    active: int = 0
    running: int = 0
    completed: int = 0
    succeeded: int = 0
    failed: int = 0

    def document(self) -> dict[str, int]:
        """The service's JSON."""
        return {
            "active": self.active,
            "running": self.running,
            "completed": self.completed,
            "succeeded": self.succeeded,
            "failed": self.failed,
        }

    def shift(self, task: Task, amount: int) -> None:
        """Count a task in its present state in, or out."""
        if task.state == "completed":
            self.completed += amount
            if task.result == "success":
                self.succeeded += amount
            else:
                self.failed += amount
        elif task.state == "active":
            self.active += amount
        else:
            self.running += amount


@dataclass(slots=True, kw_only=True, eq=False)
class Job(Resource):
    """A job of the account."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("state", "state_since", "previous_state", "previous_since", "ended"),
        *("terminate_reason", "forgotten", "schedule_id", "auto_pool", "scheduling_error"),
    )

    spec: dict[str, Any]
    """As the client sent and changed it, without its id."""
    state: JobState = "active"
    state_since: datetime = field(init=False)
    previous_state: JobState | None = None
    previous_since: datetime | None = None
    ended: datetime | None = None
    terminate_reason: str | None = None
    schedule_id: str | None = None
    """The job schedule that it was made on."""
    auto_pool: str | None = None
    """The pool that was made for it."""
    scheduling_error: Failure | None = None
    """Why it could not start."""
    then: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """What to do once it has ended, and again once it is gone."""
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    """By id in lower case: ids differ by more than case."""
    order: list[Task] = field(default_factory=list[Task])
    """By sequence, deleted ones included until they are a half."""
    counts: Counts = field(default_factory=Counts)
    forgotten: list[str] = field(default_factory=list[str])
    """Ids of tasks that satisfied those that wait for them, and were deleted since."""
    slot_counts: Counts = field(default_factory=Counts)
    standing: Standing = field(default_factory=Standing)
    dependencies: Dependencies = field(default_factory=Dependencies)
    ready: int = 0
    """Tasks in the queue."""
    wanted: int = 0
    """Nodes that they want: a multi-instance task as many as it has instances."""
    attempts: set[Attempt] = field(default_factory=set["Attempt"])
    """Runs of its tasks that are under way."""
    folders: set[Path] = field(default_factory=set[Path])
    """Where its tasks left files: a folder a node."""
    visits: dict[str, Visit] = field(default_factory=dict[str, "Visit"])
    """What its preparation and release tasks did, by the node's id."""
    parked: list[tuple[int, Task]] = field(default_factory=list[tuple[int, Task]])
    """Tasks that the pool cannot run as it is: of more slots, or multi-instance ones."""
    _parked_for: tuple[object, ...] = ()
    """What counted of the pool then."""
    timer: Timer | None = None
    """Ends it when its time is up."""
    homes: dict[Path, Path] = field(default_factory=dict[Path, Path])
    """The folders of its tasks' folders, by the roots of nodes that it has run on."""
    _queue: list[tuple[int, Task]] = field(default_factory=list[tuple[int, Task]])

    def __post_init__(self) -> None:
        """A new job is in its state since it was made."""
        Resource.__post_init__(self)
        self.state_since = self.created

    def spec_json(self) -> bytes:
        """What the client sent, as JSON."""
        return json.dumps(self.spec).encode()

    @property
    def pool_id(self) -> str:
        """The pool it runs on, which need not exist."""
        return self.spec["poolInfo"].get("poolId") or self.auto_pool or ""

    @property
    def manager(self) -> dict[str, Any]:
        """Its job manager task, as the client sent it; empty for none."""
        return self.spec.get("jobManagerTask", {})

    def managed_by(self, task: Task) -> bool:
        """Whether a task is its job manager."""
        return bool(self.manager) and self.manager["id"].lower() == task.id.lower()

    def ends_with(self, task: Task) -> bool:
        """Whether it is over when a task is: the service's default for a job manager."""
        return self.managed_by(task) and self.manager.get("killJobOnCompletion", True)

    @property
    def preparation(self) -> dict[str, Any]:
        """Its preparation task, as the client sent it; empty for none."""
        return self.spec.get("jobPreparationTask", {})

    @property
    def preparation_id(self) -> str:
        """The id that no other task may have."""
        return self.preparation.get("id", _PREPARATION["id"])

    @property
    def release_id(self) -> str:
        """The same for its release task."""
        return self.spec.get("jobReleaseTask", {}).get("id", _RELEASE["id"])

    def refuses(self, node: Node) -> bool:
        """Whether its tasks must not run on a node, since it could not be prepared."""
        visit = self.visits.get(node.id)
        waits = self.preparation.get("waitForSuccess", True)
        return visit is not None and waits and visit.refuses(node)

    @property
    def priority(self) -> int:
        """From -1000 to 1000; higher goes first."""
        return self.spec.get("priority", 0)

    @property
    def max_retries(self) -> int:
        """Times its tasks may be tried again unless they say otherwise."""
        return self.spec.get("constraints", {}).get("maxTaskRetryCount", 0)

    @property
    def max_parallel(self) -> int | None:
        """Tasks that may run at once."""
        limit = self.spec.get("maxParallelTasks", -1)
        return None if limit == -1 else limit

    def add(self, task: Task) -> None:
        """Take in a new task."""
        self.tasks[task.id.lower()] = task
        self.order.append(task)
        self.counts.shift(task, 1)
        self.slot_counts.shift(task, task.slots)
        self.standing.enter(task)
        self.dependencies.add(task)
        if not task.waits_for:
            self.enqueue(task)

    def restore(self, tasks: list[Task]) -> None:
        """Take in tasks that were saved, in their order; those that wait queue again."""
        for done in (*self.forgotten, *(task.id for task in tasks if task.satisfies)):
            self.dependencies.satisfy(done)
        for task in tasks:
            self.tasks[task.id.lower()] = task
            self.order.append(task)
            self.counts.shift(task, 1)
            self.slot_counts.shift(task, task.slots)
            self.standing.enter(task)
            self.dependencies.add(task)  # a completed one may be reactivated
            if task.state == "active" and not task.waits_for:
                self.enqueue(task)

    def remove(self, task: Task) -> None:
        """Forget a task."""
        self.dequeue(task)
        self.dependencies.remove(task)
        del self.tasks[task.id.lower()]
        self.counts.shift(task, -1)
        self.slot_counts.shift(task, -task.slots)
        self.standing.leave(task)
        task.gone = True
        task.mark()
        if task.satisfies and self.spec.get("usesTaskDependencies"):
            self.forgotten.append(task.id)
            self.mark()
        if len(self.order) > 2 * len(self.tasks) + 100:
            self.order = [task for task in self.order if not task.gone]

    def move(self, task: Task, state: TaskState, now: datetime) -> None:
        """Change a task's state; a result has to be set through `finish`."""
        self.counts.shift(task, -1)
        self.slot_counts.shift(task, -task.slots)
        self.standing.leave(task)
        task.enter(state, now)
        self.counts.shift(task, 1)
        self.slot_counts.shift(task, task.slots)
        self.standing.enter(task)

    def enqueue(self, task: Task) -> None:
        """Let a task wait for a node; one that waited before keeps its place."""
        if not task.queued:
            task.queued = True
            self.ready += 1
            self.wanted += max(1, task.instances)
            heapq.heappush(self._queue, (task.sequence, task))

    def dequeue(self, task: Task) -> None:
        """Take a task out of the queue, if it is in it."""
        if task.queued:
            task.queued = False
            self.ready -= 1
            self.wanted -= max(1, task.instances)

    def park_first(self) -> None:
        """Let the task whose turn it is wait beside the queue, so that it holds up no others."""
        self.parked.append(heapq.heappop(self._queue))

    def unpark(self, pool: tuple[object, ...]) -> None:
        """Let the tasks beside the queue wait in it again, where its pool is another or new."""
        if pool == self._parked_for:
            return
        self._parked_for = pool
        parked, self.parked = self.parked, []
        for place in parked:
            heapq.heappush(self._queue, place)

    def first(self) -> Task | None:
        """The task whose turn it is."""
        while self._queue and not self._queue[0][1].queued:
            heapq.heappop(self._queue)
        return self._queue[0][1] if self._queue else None

    def enter(self, state: JobState, now: datetime) -> None:
        """Change state."""
        self.previous_state, self.previous_since = self.state, self.state_since
        self.state, self.state_since = state, now
        self.touch(now)

    def folder_on(self, root: Path) -> Path:
        """The folder of its own on a node: a schedule's jobs are together in the schedule's."""
        if self.schedule_id is None:
            return root.joinpath("workitems", self.id)
        return root.joinpath("workitems", self.schedule_id, self.id.rpartition(":")[2])

    def tasks_on(self, root: Path) -> Path:
        """The folder of its tasks' folders on a node."""
        own = self.folder_on(root)
        return own / "job-1" if self.schedule_id is None else own

    def settle_on(self, root: Path) -> Path:
        """The same, on a node that it leaves files on from now on."""
        self.folders.add(self.folder_on(root))
        home = self.homes[root] = self.tasks_on(root)
        return home

    def url(self, base: str) -> str:
        """The job's address."""
        return f"{base}/jobs/{self.id}"

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON of a job."""
        previous = self.previous_since
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
                "previousStateTransitionTime": format_time(previous) if previous else None,
                **complete_spec(self.spec),
                "executionInfo": self._execution(),
            }
        )

    def _execution(self) -> dict[str, Any]:
        error = self.scheduling_error
        return without_none(
            {
                "startTime": format_time(self.created),
                "endTime": format_time(self.ended) if self.ended else None,
                "poolId": self.pool_id or None,
                "schedulingError": error.document() if error else None,
                "terminateReason": self.terminate_reason,
            }
        )


def complete_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """What a client sent of a job, with the service's defaults for what it left out."""
    full = {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        **spec,
        "constraints": {**_UNLIMITED, **spec.get("constraints", {})},
    }
    if "autoPoolSpecification" in spec.get("poolInfo", {}):
        full["poolInfo"] = complete_auto_pool(spec["poolInfo"])
    if "jobManagerTask" in spec:
        task: dict[str, Any] = {**_MANAGER, **spec["jobManagerTask"]}
        limits = complete_constraints(task.get("constraints", {}))
        full["jobManagerTask"] = {**task, "constraints": limits}
        full["jobManagerTask"]["userIdentity"] = complete_user(task)
    if "jobPreparationTask" in spec:
        task = {**_PREPARATION, **spec["jobPreparationTask"]}
        limits = complete_constraints(task.get("constraints", {}))
        full["jobPreparationTask"] = {**task, "constraints": limits}
        full["jobPreparationTask"]["userIdentity"] = complete_user(task)
    if "jobReleaseTask" in spec:
        task = {**_RELEASE, **spec["jobReleaseTask"]}
        full["jobReleaseTask"] = {**task, "userIdentity": complete_user(task)}
    return full


_UNLIMITED = {"maxWallClockTime": UNLIMITED, "maxTaskRetryCount": 0}
_PREPARATION = {
    "id": "jobpreparation",
    "waitForSuccess": True,
    "rerunOnNodeRebootAfterSuccess": True,
}
_RELEASE = {"id": "jobrelease", "maxWallClockTime": "PT15M", "retentionTime": "P7D"}
_MANAGER = {
    "requiredSlots": 1,
    "killJobOnCompletion": True,
    "runExclusive": True,
    "allowLowPriorityNode": True,
}
