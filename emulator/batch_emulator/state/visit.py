"""A job on a node: how the node was prepared for it, and released from it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.resource import Resource, without_none
from batch_emulator.state.task import Failure, Place
from batch_emulator.wire.iso8601 import format_time

if TYPE_CHECKING:
    from batch_emulator.state.job import Job
    from batch_emulator.state.node import Node


@dataclass(slots=True)
class Run:
    """What became of a preparation or release task, all its tries."""

    place: Place
    started: datetime
    """When the last try began."""
    ended: datetime | None = None
    exit_code: int | None = None
    failure: Failure | None = None
    retries: int = 0
    last_retry: datetime | None = None
    container: ContainerInfo | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it has ended, and well."""
        return self.ended is not None and self.failure is None

    def document(self, base: str) -> dict[str, Any]:
        """What the service tells of preparation and release alike."""
        place = self.place.document(base)
        done = self.ended is not None
        return without_none(
            {
                "startTime": format_time(self.started),
                "endTime": format_time(self.ended) if self.ended else None,
                "state": "completed" if done else "running",
                "taskRootDirectory": place["taskRootDirectory"],
                "taskRootDirectoryUrl": place["taskRootDirectoryUrl"],
                "exitCode": self.exit_code,
                "containerInfo": self.container.document() if self.container else None,
                "failureInfo": self.failure.document() if self.failure else None,
                "result": ("failure" if self.failure else "success") if done else None,
            }
        )

    def retried(self, base: str) -> dict[str, Any]:
        """The same with its retries, which a release task does not have."""
        last = format_time(self.last_retry) if self.last_retry else None
        return without_none(
            {**self.document(base), "retryCount": self.retries, "lastRetryTime": last}
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Visit(Resource):
    """A job on a node; its id is the node's. It stays known after the node is gone."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("pool_id", "used", "booted", "imaged", "preparation", "release"),
    )

    job: Job
    pool_id: str
    used: bool = False
    """Whether tasks of the job have run there since the preparation."""
    booted: datetime | None = None
    """The boot of the node that the preparation was made in."""
    imaged: datetime | None = None
    """The image of the node that the preparation was made on."""
    preparation: Run | None = None
    release: Run | None = None
    work: asyncio.Task[None] | None = None
    """The one of them that is under way."""

    @property
    def parent(self) -> int:
        """Its job's sequence."""
        return self.job.sequence

    def spec_json(self) -> bytes:
        """Nothing: a client does not ask for it."""
        return b"{}"

    def fresh(self, node: Node) -> bool:
        """Whether the preparation is still on the node's disk."""
        return self.preparation is not None and self.imaged == node.imaged

    def refuses(self, node: Node) -> bool:
        """Whether the job's tasks must not run there: the preparation has failed for good."""
        run = self.preparation
        return run is not None and run.failure is not None and self.fresh(node)

    def document(self, base: str) -> dict[str, Any]:
        """The service's JSON."""
        preparation, release = self.preparation, self.release
        return without_none(
            {
                "poolId": self.pool_id,
                "nodeId": self.id,
                "nodeUrl": f"{base}/pools/{self.pool_id}/nodes/{self.id}",
                "jobPreparationTaskExecutionInfo": preparation and preparation.retried(base),
                "jobReleaseTaskExecutionInfo": release and release.document(base),
            }
        )
