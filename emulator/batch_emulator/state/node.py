"""A node: a virtual one, with slots and a folder of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from batch_emulator.state.defaults import complete_image, complete_start_task
from batch_emulator.state.endpoints import ADDRESS, ADDRESS_V6, has_ipv6, inbound_endpoints
from batch_emulator.state.journal import Journal
from batch_emulator.state.node_user import NodeUser
from batch_emulator.state.resource import Resource, without_none
from batch_emulator.state.start_task import StartTaskRun
from batch_emulator.state.task import Task
from batch_emulator.wire.iso8601 import format_time

if TYPE_CHECKING:
    from batch_emulator.clock import Timer
    from batch_emulator.state.pool import Pool

NodeState = Literal[
    "creating",
    "starting",
    "waitingforstarttask",
    "starttaskfailed",
    "idle",
    "running",
    "preempted",
    "offline",
    "unusable",
    "leavingpool",
    "unknown",
    "rebooting",
    "reimaging",
    "upgradingos",
    "deallocating",
    "deallocated",
]
Scheduling = Literal["enabled", "disabled"]
Drain = Literal["requeue", "terminate", "taskcompletion", "retaineddata"]
"""What becomes of the tasks of a node that is to do something else."""
_ADDRESSES = (1 << 24) - 4
_NO_MACHINE = ("preempted", "deallocated")
RECENT = 10
"""Tasks that a node remembers: the service's number."""


@dataclass(frozen=True, slots=True)
class NodeError:
    """What is wrong with a node: one of the service's `errors`."""

    code: str
    message: str

    def document(self) -> dict[str, Any]:
        """The service's JSON."""
        return {"code": self.code, "message": self.message, "errorDetails": []}


@dataclass(slots=True, kw_only=True, eq=False)
class Node(Resource):
    """A node of a pool."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("dedicated", "state", "state_since", "booted", "total_run", "total_succeeded"),
        *(
            "number",
            "start_task",
            "start_spec",
            "scheduling",
            "errors",
            "users",
            "drain",
            "imaged",
            "returns",
        ),
    )

    pool: Pool
    dedicated: bool
    root: Path
    """What `AZ_BATCH_NODE_ROOT_DIR` names."""
    number: int = 0
    """Its place among the pool's nodes: the first that was free when it came."""
    state: NodeState = "creating"
    state_since: datetime = field(init=False)
    booted: datetime | None = None
    running: set[Task] = field(default_factory=set[Task])
    used: int = 0
    """Slots taken."""
    exclusive: bool = False
    """Whether the task on it bears no other beside it."""
    total_run: int = 0
    total_succeeded: int = 0
    recent: deque[Task] = field(default_factory=lambda: deque[Task](maxlen=RECENT))
    start_task: StartTaskRun | None = None
    start_spec: str | None = None
    """The pool's start task as it was when the node booted, as JSON."""
    scheduling: Scheduling = "enabled"
    errors: list[NodeError] = field(default_factory=list[NodeError])
    users: list[NodeUser] = field(default_factory=list[NodeUser])
    drain: Drain = "requeue"
    """What becomes of its tasks, while it waits for them to do something else."""
    imaged: datetime | None = None
    """When its disk was last new: what ran there before has left nothing."""
    returns: datetime | None = None
    """When it comes back, after a fault that was ordered for a time."""
    timer: Timer | None = None
    """Brings it back then."""
    journal: Journal = field(init=False)
    life: asyncio.Task[None] | None = None
    """What brings it up, or takes it away."""
    packages: dict[str, str] = field(default_factory=dict[str, str])
    """Variables that tell tasks where the pool's application packages are."""
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever its last task has ended."""

    def __post_init__(self) -> None:
        """A new node is in its state since it was made."""
        Resource.__post_init__(self)
        self.state_since = self.created
        self.journal = Journal(self.root.with_name(f"{self.root.name}.logs"))

    @property
    def parent(self) -> int:
        """Its pool's sequence."""
        return self.pool.sequence

    def spec_json(self) -> bytes:
        """Nothing: a client asks for numbers of nodes only."""
        return b"{}"

    @property
    def address(self) -> str:
        """Its IP address: one of its own where the whole of 127/8 leads here, as on Linux."""
        if sys.platform != "linux":
            return ADDRESS
        number = self.sequence % _ADDRESSES + 2
        return f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"

    @property
    def free(self) -> int:
        """Slots that a task can take now."""
        return self.pool.slots - self.used if self.works and not self.exclusive else 0

    @property
    def works(self) -> bool:
        """Whether it is one for tasks."""
        return self.state in ("idle", "running") and self.scheduling == "enabled"

    @property
    def has_machine(self) -> bool:
        """Whether it has a machine, which costs something."""
        return self.state not in _NO_MACHINE

    def enter(self, state: NodeState, now: datetime) -> None:
        """Change state."""
        if state != self.state:
            had, has = self.has_machine, state not in _NO_MACHINE
            if had != has:
                self.pool.use(has - had, now)
            if {state, self.state} != {"idle", "running"}:
                self.journal.note(now, f"node {self.state} -> {state}")
            self.state, self.state_since = state, now
        self.mark()

    def rest(self, now: datetime) -> None:
        """Be in the state of a node that is up and has nothing else to do than tasks."""
        quiet: NodeState = "idle" if self.scheduling == "enabled" else "offline"
        self.enter("running" if self.running else quiet, now)

    def take(self, task: Task, now: datetime) -> None:
        """Give a task its slots."""
        self.running.add(task)
        self.used += task.slots
        self.exclusive = task.exclusive
        self.total_run += 1
        self.recent.append(task)
        self.emptied.clear()
        self.journal.note(now, f"job {task.job.id} task {task.id} begins, try {task.retries + 1}")
        self.enter("running", now)

    def release(self, task: Task, now: datetime) -> None:
        """Take a task's slots back."""
        if task in self.running:
            self.running.remove(task)
            self.used -= task.slots
            self.exclusive = False
            self.journal.note(now, f"job {task.job.id} task {task.id} has ended")
            if not self.running:
                self.emptied.set()
                if self.state == "running":
                    self.rest(now)

    def url(self, base: str) -> str:
        """The node's address."""
        return f"{self.pool.url(base)}/nodes/{self.id}"

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON of a node."""
        machine = self.pool.spec.get("virtualMachineConfiguration", {})
        image = machine.get("imageReference")
        start = json.loads(self.start_spec) if self.start_spec else None
        endpoints = inbound_endpoints(self.pool.spec, self.number)
        return without_none(
            {
                "id": self.id,
                "url": self.url(base),
                "state": self.state,
                "schedulingState": self.scheduling,
                "stateTransitionTime": format_time(self.state_since),
                "lastBootTime": format_time(self.booted) if self.booted else None,
                "allocationTime": format_time(self.created),
                "ipAddress": self.address,
                "ipv6Address": ADDRESS_V6 if has_ipv6(self.pool.spec) else None,
                "affinityId": f"TVM:{self.id}",
                "vmSize": self.pool.spec["vmSize"],
                "totalTasksRun": self.total_run,
                "totalTasksSucceeded": self.total_succeeded,
                "runningTasksCount": len(self.running),
                "runningTaskSlotsCount": self.used,
                "recentTasks": [_recent(task, self, base) for task in self.recent],
                "startTask": start and complete_start_task(start),
                "startTaskInfo": self.start_task.document() if self.start_task else None,
                "errors": [error.document() for error in self.errors] or None,
                "isDedicated": self.dedicated,
                "endpointConfiguration": {"inboundEndpoints": endpoints} if endpoints else None,
                "nodeAgentInfo": {
                    "version": "emulator",
                    "lastUpdateTime": format_time(self.created),
                },
                "virtualMachineInfo": {"imageReference": image and complete_image(image)},
            }
        )


def _recent(task: Task, node: Node, base: str) -> dict[str, Any]:
    return without_none(
        {
            "taskUrl": task.url(base),
            "jobId": task.job.id,
            "taskId": task.id,
            "subtaskId": task.subtask_on(node.id),
            "taskState": task.state,
            "executionInfo": task.execution(),
        }
    )
