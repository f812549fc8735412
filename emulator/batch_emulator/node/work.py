"""What a node has to run, in plain values: made from a task, or from a pool's start task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.task import Failure

Phase = Literal["prepare", "run", "upload"]
"""Where work ended: before its command, by its command, or while its outputs were sent."""


@dataclass(frozen=True, slots=True)
class Container:
    """The container that a task asks for."""

    settings: dict[str, Any]
    """Its `containerSettings`."""
    root: Path
    """The node's."""
    registries: list[dict[str, Any]]
    """The pool's `containerRegistries`."""
    note: Callable[[ContainerInfo], None]
    """Is told of the container whenever something has become of it."""


@dataclass(frozen=True, slots=True)
class Work:
    """One try of a command."""

    command: str
    folder: Path
    """Holds `wd`, `stdout.txt` and `stderr.txt`."""
    environment: dict[str, str] = field(repr=False)
    limit: timedelta | None = None
    """How long it may take: from the time its files are fetched to the end of its command."""
    spent: timedelta = timedelta(0)
    """Of that, what is gone already."""
    resource_files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    output_files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    container: Container | None = None
    """The container that it asks for."""
    fault: Failure | None = None
    """Why its node cannot begin with it, such as container settings that do not fit."""
    packages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """References to application packages that the node has to have."""
    applications: Path | None = None
    """Where the node has its application packages."""
    common_files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Resource files that go to `folder` rather than to `directory`."""
    appends: bool = False
    """Whether its output goes on in files that are there."""
    background: set[int] | None = None
    """Takes the process group where the command ends well and leaves others at work."""

    @property
    def left(self) -> float | None:
        """Seconds of its limit that are left; None for no limit."""
        if self.limit is None:
            return None
        return max(0.0, (self.limit - self.spent).total_seconds())

    @property
    def directory(self) -> Path:
        """Where the command runs."""
        return self.folder / "wd"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended."""

    phase: Phase
    exit_code: int | None = None
    failure: Failure | None = None
    retryable: bool = False
    """Only exit codes other than 0 are tried again."""


class WorkError(Exception):
    """Why work could not be done; carries what the service would say."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
