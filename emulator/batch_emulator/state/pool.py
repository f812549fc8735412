"""A pool: nodes, how many are wanted, and who decides that."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from batch_emulator.clock import LOOKS
from batch_emulator.state.defaults import complete_pool
from batch_emulator.state.node import Node
from batch_emulator.state.resource import Resource, without_none
from batch_emulator.state.sizes import cores_of
from batch_emulator.state.usage import Usage
from batch_emulator.wire.iso8601 import format_duration, format_time

Allocation = Literal["steady", "resizing", "stopping"]
Deallocation = Literal["requeue", "terminate", "taskcompletion", "retaineddata"]


RESIZE_TIMEOUT = timedelta(minutes=15)
"""How long a resize may take unless it says otherwise: the service's default."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What autoscale formulas can look back at."""

    time: float
    """Service time, in seconds since the epoch."""
    values: dict[str, float]
    """By the names of the service-defined variables, without their `$`."""


@dataclass(frozen=True, slots=True)
class AutoscaleRun:
    """The outcome of an evaluation."""

    time: datetime
    results: str
    """`$name=value` pairs, separated by `;`."""
    error: tuple[str, ...] | None = None
    """Code and message, and where and why."""

    def document(self) -> dict[str, Any]:
        """The service's JSON."""
        document: dict[str, Any] = {"timestamp": format_time(self.time), "results": self.results}
        if self.error:
            code, message, *details = self.error
            values = [{"name": "Message", "value": detail} for detail in details]
            document["error"] = {"code": code, "message": message, "values": values}
        return document


@dataclass(frozen=True, slots=True)
class AllocationFault:
    """An order to let resizes fail that need more nodes."""

    code: str
    message: str
    times: int
    """Resizes that are yet to fail."""


@dataclass(slots=True, kw_only=True, eq=False)
class Pool(Resource):
    """A pool of the account."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("state", "state_since", "allocation", "allocation_since", "dedicated", "spot"),
        *("deallocation", "resize_timeout", "resize_errors", "formula", "interval"),
        *("autoscale_run", "allocation_faults"),
    )

    spec: dict[str, Any]
    """As the client sent and changed it, without its id, targets and autoscale settings."""
    state: Literal["active", "deleting"] = "active"
    state_since: datetime = field(init=False)
    allocation: Allocation = "steady"
    allocation_since: datetime = field(init=False)
    dedicated: int = 0
    """Dedicated nodes wanted."""
    spot: int = 0
    """Low-priority nodes wanted."""
    deallocation: Deallocation = "requeue"
    resize_timeout: timedelta = RESIZE_TIMEOUT
    resize_errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Codes and messages of the last resize."""
    allocation_faults: list[AllocationFault] = field(default_factory=list[AllocationFault])
    """Ordered failures, the next one first."""
    formula: str | None = None
    """The autoscale formula, while autoscale is enabled."""
    interval: timedelta = timedelta(minutes=15)
    autoscale_run: AutoscaleRun | None = None
    samples: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=LOOKS))
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    """By id in lower case."""
    usage: Usage | None = None
    """What it used so far."""
    resizing: asyncio.Task[None] | None = None
    scaling: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        """A new pool is in its states since it was made."""
        Resource.__post_init__(self)
        self.state_since = self.allocation_since = self.created

    def spec_json(self) -> bytes:
        """What the client sent, as JSON."""
        return json.dumps(self.spec).encode()

    @property
    def slots(self) -> int:
        """Task slots of each node."""
        return self.spec.get("taskSlotsPerNode", 1)

    @property
    def joins_nodes(self) -> bool:
        """Whether it can run multi-instance tasks: its nodes reach each other, and take one each.

        Elsewhere such tasks are never scheduled, says the service's page "Use multi-instance tasks
        to run Message Passing Interface (MPI) applications".
        """
        return self.spec.get("enableInterNodeCommunication", False) and self.slots == 1

    @property
    def cores(self) -> int:
        """Cores of each node, as far as the name of its size tells."""
        return cores_of(self.spec["vmSize"]) or 1

    @property
    def has_windows(self) -> bool:
        """Whether its nodes would have Windows, by their agent."""
        machine = self.spec.get("virtualMachineConfiguration", {})
        return "windows" in machine.get("nodeAgentSKUId", "").lower()

    @property
    def packs(self) -> bool:
        """Whether tasks fill one node before the next."""
        return self.spec.get("taskSchedulingPolicy", {}).get("nodeFillType") == "pack"

    @property
    def has_containers(self) -> bool:
        """Whether its tasks must have container settings."""
        return "containerConfiguration" in self.spec.get("virtualMachineConfiguration", {})

    def count(self, *, dedicated: bool) -> int:
        """Nodes that are there; those that leave still count, as at the service."""
        return sum(node.dedicated == dedicated for node in self.nodes.values())

    def free_numbers(self) -> Iterator[int]:
        """The numbers that none of its nodes has now, the lowest first."""
        taken = {node.number for node in self.nodes.values()}
        return (number for number in itertools.count() if number not in taken)

    def use(self, nodes: int, now: datetime) -> None:
        """Have so many machines more, or fewer, from now on."""
        if self.usage is not None:
            self.usage.vm_size = self.spec["vmSize"]
            self.usage.change(nodes * self.cores, now)

    def take_fault(self) -> AllocationFault | None:
        """The failure that the resize under way is to have."""
        if not self.allocation_faults:
            return None
        fault, *rest = self.allocation_faults
        left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
        self.allocation_faults = [*left, *rest]
        self.mark()
        return fault

    def allocate(self, allocation: Allocation, now: datetime) -> None:
        """Change the allocation's state."""
        if allocation != self.allocation:
            self.allocation, self.allocation_since = allocation, now
            self.touch(now)

    def url(self, base: str) -> str:
        """The pool's address."""
        return f"{base}/pools/{self.id}"

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON of a pool; its tags are Resource Manager's alone."""
        spec = {name: value for name, value in self.spec.items() if name != "tags"}
        return without_none(
            {
                "id": self.id,
                "url": self.url(base),
                "eTag": self.etag,
                "creationTime": format_time(self.created),
                "lastModified": format_time(self.modified),
                "state": self.state,
                "stateTransitionTime": format_time(self.state_since),
                "allocationState": self.allocation,
                "allocationStateTransitionTime": format_time(self.allocation_since),
                "taskSlotsPerNode": 1,
                "enableInterNodeCommunication": False,
                **complete_pool(spec),
                "resizeTimeout": format_duration(self.resize_timeout),
                "resizeErrors": self._errors(),
                "currentDedicatedNodes": self.count(dedicated=True),
                "currentLowPriorityNodes": self.count(dedicated=False),
                "targetDedicatedNodes": self.dedicated,
                "targetLowPriorityNodes": self.spot,
                **self._autoscale(),
            }
        )

    def _errors(self) -> list[dict[str, Any]] | None:
        return [{"code": c, "message": m, "values": []} for c, m in self.resize_errors] or None

    def _autoscale(self) -> dict[str, Any]:
        if self.formula is None:
            return {"enableAutoScale": False}
        return {
            "enableAutoScale": True,
            "autoScaleFormula": self.formula,
            "autoScaleEvaluationInterval": format_duration(self.interval),
            "autoScaleRun": self.autoscale_run.document() if self.autoscale_run else None,
        }
