"""One attempt at a task, as the supervisor and the computing process both know it.

Standard library only.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scenefleet_task.result import Output, Result
from scenefleet_task.spec import Exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process cost."""

    cpu_seconds: float
    peak_memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Who tries what, since when, and where its files lie meanwhile."""

    task: str
    item: str
    name: str
    """UTC start, `YYYYMMDDTHHMMSSZ`, and four letters."""
    started: float
    """Seconds since the epoch."""
    scratch: Path
    """A folder of this attempt in the working folder; the supervisor removes it."""

    @property
    def result_file(self) -> Path:
        """Where the computing process leaves its result for the supervisor."""
        return self.scratch / "result.json"

    @property
    def log_file(self) -> Path:
        """What the computing process said, written by the supervisor."""
        return self.scratch / "log.txt"

    @property
    def kept_mark(self) -> Path:
        """There once the computing process has put log and result into the store."""
        return self.scratch / "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a finished task found; empty for one that failed."""

    valid_percent: float | None = None
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    outputs: tuple[Output, ...] = ()


def usage_of(who: int) -> Usage:
    """Cost so far: of `resource.RUSAGE_SELF` or `resource.RUSAGE_CHILDREN`."""
    used = resource.getrusage(who)
    return Usage(
        cpu_seconds=round(used.ru_utime + used.ru_stime, 3),
        peak_memory_mb=round(used.ru_maxrss * 1024 / 1e6, 1),  # Linux counts in KiB
    )


def conclude(
    attempt: Attempt, exit_: Exit, message: str, usage: Usage, findings: Findings | None = None
) -> Result:
    """The attempt's result, ended now."""
    found = findings or Findings()
    return Result(
        task=attempt.task,
        item=attempt.item,
        attempt=attempt.name,
        exit=exit_.name.lower(),
        code=exit_.value,
        message=message,
        started=datetime.fromtimestamp(attempt.started, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - attempt.started, 3),
        cpu_seconds=usage.cpu_seconds,
        peak_memory_mb=usage.peak_memory_mb,
        valid_percent=found.valid_percent,
        reasons=found.reasons,
        outputs=found.outputs,
    )
