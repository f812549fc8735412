"""What a task's exit means for its job and for those that depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from batch_emulator.node.work import Outcome
from batch_emulator.state.task import Task

JobAction = Literal["none", "disable", "terminate"]
DependencyAction = Literal["satisfy", "block"]


@dataclass(frozen=True, slots=True)
class ExitOptions:
    """What to do."""

    job: JobAction
    dependency: DependencyAction


def exit_options(task: Task, outcome: Outcome) -> ExitOptions:
    """The options that apply, with the service's defaults: success satisfies, all else blocks."""
    named = b'"exitConditions"' in task.body  # most tasks have none, and need not be read for it
    given = _given(task.spec.get("exitConditions", {}), outcome) if named else {}
    succeeded = outcome.failure is None
    return ExitOptions(
        job=given.get("jobAction", "none" if succeeded else "terminate"),
        dependency=given.get("dependencyAction", "satisfy" if succeeded else "block"),
    )


def _given(conditions: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """The most particular condition that is met; an exit code goes before an upload error."""
    code = outcome.exit_code
    if code is not None:
        for mapping in conditions.get("exitCodes", ()):
            if mapping["code"] == code:
                return mapping["exitOptions"]
        for mapping in conditions.get("exitCodeRanges", ()):
            if mapping["start"] <= code <= mapping["end"]:
                return mapping["exitOptions"]
    if outcome.failure is None:
        return {}
    special = {"prepare": "preProcessingError", "upload": "fileUploadError"}.get(outcome.phase, "")
    return conditions.get(special) or conditions.get("default") or {}
