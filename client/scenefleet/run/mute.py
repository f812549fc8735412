"""Results for tasks that failed and could not keep one: the service's words, and their stderr."""

from __future__ import annotations

from collections.abc import Sequence

from scenefleet.errors import FleetError
from scenefleet.fleet import Fleet, TaskRecord
from scenefleet.run.model import Run
from scenefleet_task import spec
from scenefleet_task.redact import redact
from scenefleet_task.result import Result

_SHELL = {
    126: "the command could not be executed",
    127: "the command was not found: the node has no python3",
    137: "it was killed (SIGKILL), most often for want of memory",
    143: "it was ended (SIGTERM)",
}


def is_mute(record: TaskRecord, known: Sequence[Result]) -> bool:
    """Tells whether a failed task left no result of its own that tells of this failure."""
    return record.failure is not None or all(r.code != record.exit_code for r in known)


def read_stderr(fleet: Fleet | None, run: Run, record: TaskRecord) -> str | None:
    """Returns what a task wrote to stderr, redacted; None where its node has it no more."""
    if fleet is None or not run.jobs:
        return None
    try:
        data = fleet.read_file(run.jobs[-1], record.id, "stderr.txt")
    except FleetError:
        return None  # the result in the service's words is kept all the same
    return redact(data.decode(errors="replace")) if data else None


def result_of_service(
    record: TaskRecord, item: str, known: Sequence[Result], stderr: str | None
) -> Result | None:
    """Returns a result for a task that kept none itself; None where it did.

    Args:
        record: the service's view of the failed task.
        item: its scene.
        known: results of its attempts so far.
        stderr: what it wrote there, redacted.
    """
    attempt = record.changed.strftime("%Y%m%dT%H%M%SZ") + "-service"
    if not is_mute(record, known) or any(r.attempt == attempt for r in known):
        return None
    name = "service"
    if record.failure is None and record.exit_code in set(spec.Exit):
        name = spec.Exit(record.exit_code).name.lower()
    return Result(
        task=record.id,
        item=item,
        attempt=attempt,
        exit=name,
        code=record.exit_code or -1,
        message=record.failure or _words(record.exit_code, stderr),
        started=record.changed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=0.0,
        cpu_seconds=0.0,
        peak_memory_mb=0.0,
    )


def _words(code: int | None, stderr: str | None) -> str:
    if code is None:
        return "Azure Batch ended the task and gave no reason."
    lines = (stderr or "").strip().splitlines()
    why = _SHELL.get(code) or (lines[-1][:2000] if lines else "it said nothing")
    return f"It ended with exit code {code} and kept no result: {why}"
