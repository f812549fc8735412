"""What is known of the container that a task runs or ran in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batch_emulator.state.resource import without_none


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """A container: the service's `containerInfo`."""

    state: str
    """As the engine says it: created, running, exited."""
    id: str | None = None
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """The service's JSON."""
        return without_none(
            {"containerId": self.id, "state": self.state, "error": self.error or None}
        )
