"""What a node has to run, in plain values: made from a task, or from a pool's start task."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from batch_emulator.state.task import Failure

Phase = Literal["prepare", "run", "upload"]
"""Where work ended: before its command, by its command, or while its outputs were sent."""


@dataclass(frozen=True, slots=True)
class Work:
    """One try of a command."""

    command: str
    folder: Path
    """Holds `wd`, `stdout.txt` and `stderr.txt`."""
    environment: dict[str, str] = field(repr=False)
    limit: timedelta | None = None
    """How long the command may take."""
    resource_files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    output_files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    container: bool = False
    """Whether it asks for a container."""

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
