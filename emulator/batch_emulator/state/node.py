"""A node: a virtual one, with slots and a folder of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from batch_emulator.state.resource import Resource, without_none
from batch_emulator.state.task import Failure, Task
from batch_emulator.wire.iso8601 import format_time

if TYPE_CHECKING:
    from batch_emulator.state.pool import Pool

NodeState = Literal[
    "creating",
    "starting",
    "waitingforstarttask",
    "starttaskfailed",
    "idle",
    "running",
    "leavingpool",
    "unusable",
]
RECENT = 10
"""Tasks that a node remembers: the service's number."""


@dataclass(slots=True)
class StartTaskRun:
    """What became of the pool's start task on a node."""

    started: datetime
    ended: datetime | None = None
    exit_code: int | None = None
    retries: int = 0
    failure: Failure | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it ran and ended well."""
        return self.ended is not None and self.failure is None

    def document(self) -> dict[str, Any]:
        """The service's `startTaskInfo`."""
        done = self.ended is not None
        return without_none(
            {
                "state": "completed" if done else "running",
                "startTime": format_time(self.started),
                "endTime": format_time(self.ended) if self.ended else None,
                "exitCode": self.exit_code,
                "failureInfo": self.failure.document() if self.failure else None,
                "retryCount": self.retries,
                "result": ("failure" if self.failure else "success") if done else None,
            }
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Node(Resource):
    """A node of a pool."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("dedicated", "state", "state_since", "booted", "total_run", "total_succeeded"),
        "start_task",
    )

    pool: Pool
    dedicated: bool
    root: Path
    """What `AZ_BATCH_NODE_ROOT_DIR` names."""
    state: NodeState = "creating"
    state_since: datetime = field(init=False)
    booted: datetime | None = None
    running: set[Task] = field(default_factory=set[Task])
    used: int = 0
    """Slots taken."""
    total_run: int = 0
    total_succeeded: int = 0
    recent: deque[Task] = field(default_factory=lambda: deque[Task](maxlen=RECENT))
    start_task: StartTaskRun | None = None
    life: asyncio.Task[None] | None = None
    """What brings it up, or takes it away."""
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever its last task has ended."""

    def __post_init__(self) -> None:
        """A new node is in its state since it was made."""
        Resource.__post_init__(self)
        self.state_since = self.created

    @property
    def parent(self) -> int:
        """Its pool's sequence."""
        return self.pool.sequence

    def spec_json(self) -> bytes:
        """Nothing: a client asks for numbers of nodes only."""
        return b"{}"

    @property
    def free(self) -> int:
        """Slots that a task can take now."""
        return self.pool.slots - self.used if self.state in ("idle", "running") else 0

    def enter(self, state: NodeState, now: datetime) -> None:
        """Change state."""
        if state != self.state:
            self.state, self.state_since = state, now
        self.mark()

    def take(self, task: Task, now: datetime) -> None:
        """Give a task its slots."""
        self.running.add(task)
        self.used += task.slots
        self.total_run += 1
        self.recent.append(task)
        self.emptied.clear()
        self.enter("running", now)

    def release(self, task: Task, now: datetime) -> None:
        """Take a task's slots back."""
        if task in self.running:
            self.running.remove(task)
            self.used -= task.slots
            if not self.running:
                self.emptied.set()
                if self.state == "running":
                    self.enter("idle", now)

    def url(self, base: str) -> str:
        """The node's address."""
        return f"{self.pool.url(base)}/nodes/{self.id}"

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON of a node."""
        machine = self.pool.spec.get("virtualMachineConfiguration", {})
        start_task = self.pool.spec.get("startTask")
        return without_none(
            {
                "id": self.id,
                "url": self.url(base),
                "state": self.state,
                "schedulingState": "enabled",
                "stateTransitionTime": format_time(self.state_since),
                "lastBootTime": format_time(self.booted) if self.booted else None,
                "allocationTime": format_time(self.created),
                "ipAddress": "127.0.0.1",
                "affinityId": f"TVM:{self.id}",
                "vmSize": self.pool.spec["vmSize"],
                "totalTasksRun": self.total_run,
                "totalTasksSucceeded": self.total_succeeded,
                "runningTasksCount": len(self.running),
                "runningTaskSlotsCount": self.used,
                "recentTasks": [_recent(task, base) for task in self.recent],
                "startTask": start_task,
                "startTaskInfo": self.start_task.document() if self.start_task else None,
                "isDedicated": self.dedicated,
                "nodeAgentInfo": {
                    "version": "emulator",
                    "lastUpdateTime": format_time(self.created),
                },
                "virtualMachineInfo": {"imageReference": machine.get("imageReference")},
            }
        )


def _recent(task: Task, base: str) -> dict[str, Any]:
    return {
        "taskUrl": task.url(base),
        "jobId": task.job.id,
        "taskId": task.id,
        "taskState": task.state,
        "executionInfo": task.execution(),
    }
