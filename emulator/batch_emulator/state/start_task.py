"""What became of the pool's start task on a node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.resource import without_none
from batch_emulator.state.task import Failure
from batch_emulator.wire.iso8601 import format_time


@dataclass(slots=True)
class StartTaskRun:
    """The start task on a node, all its tries."""

    started: datetime
    """When the last try began, be it a retry or after a reboot."""
    ended: datetime | None = None
    exit_code: int | None = None
    retries: int = 0
    failure: Failure | None = None
    last_retry: datetime | None = None
    container: ContainerInfo | None = None

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
                "containerInfo": self.container.document() if self.container else None,
                "failureInfo": self.failure.document() if self.failure else None,
                "retryCount": self.retries,
                "lastRetryTime": format_time(self.last_retry) if self.last_retry else None,
                "result": ("failure" if self.failure else "success") if done else None,
            }
        )
