"""One attempt at a task, as the supervisor and the computing process both know it.

Standard library only.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scenefleet_task.exits import MAY_PASS, Exit
from scenefleet_task.result import Output, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process cost."""

    cpu_seconds: float
    """User and system time of all processes."""
    peak_memory_mb: float
    """Of the computing process, the largest where there were several; of this one where there was
    none."""


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
    spent: float = 0.0
    """CPU seconds that earlier attempts of this supervisor took."""
    left: int = 0
    """Further attempts that there may be after this one."""

    @property
    def log_file(self) -> Path:
        """What the computing process said, written by the supervisor."""
        return self.scratch / "log.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a finished task found; empty for one that failed."""

    valid_percent: float | None = None
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    outputs: tuple[Output, ...] = ()


def usage() -> Usage:
    """Cost so far: of this process and its children that have ended."""
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Usage(
        cpu_seconds=round(sum(u.ru_utime + u.ru_stime for u in (own, children)), 3),
        peak_memory_mb=round((children.ru_maxrss or own.ru_maxrss) * 1024 / 1e6, 1),  # from KiB
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
        cpu_seconds=round(usage.cpu_seconds - attempt.spent, 3),
        peak_memory_mb=usage.peak_memory_mb,
        valid_percent=found.valid_percent,
        reasons=found.reasons,
        outputs=found.outputs,
        further=attempt.left > 0 and exit_ in MAY_PASS,
    )
