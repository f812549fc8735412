"""Results for tasks that could not keep one: the service's words, and their stderr.

They are kept at once, when the failure is first seen: a node may be gone a minute later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scenefleet.errors import FleetError, NotAuthorisedError
from scenefleet.fleet import Fleet, TaskRecord
from scenefleet.run.attempts import read_task, write_attempt
from scenefleet.run.model import Run
from scenefleet.store import Store
from scenefleet_task import spec
from scenefleet_task.redact import redact
from scenefleet_task.result import Result, from_line

_ATTEMPT = re.compile(r"\d{8}T\d{6}Z-[a-z]{4}")
SERVICE = "-service"
"""Ends the name of an attempt of which only the service tells."""
_MEMORY = (
    "it was killed (SIGKILL), most often for want of memory: raise `resources.memory` in the "
    "recipe, so that fewer tasks share a node, or use larger nodes"
)
_SIGNALS = {
    134: "it was aborted (SIGABRT), a crash in native code: please report its log",
    135: "it crashed (SIGBUS), most often on a full disk or a failing one",
    137: _MEMORY,
    139: "it crashed (SIGSEGV), a crash in native code: please report its log",
    143: "it was ended from outside (SIGTERM): run again",
}
_SHELL = {
    126: "the command could not be executed",
    127: "the command was not found: the node has no python3",
    **_SIGNALS,
}
_BY_END = frozenset({int(spec.Exit.STOPPED), 137, 143})
"""Exit codes of tasks that the end of their job may have ended."""


def keep_result(
    store: Store, fleet: Fleet | None, run: Run, record: TaskRecord, item: str
) -> Result | None:
    """Returns the latest result of a failed task, kept in the service's words if it left none.

    Args:
        store: where the run is.
        fleet: the service that it is on; None where it cannot be asked.
        run: the run.
        record: the service's view of the task.
        item: its scene.
    """
    known = read_task(store, run.id, record.id)
    return add_result(store, fleet, run, record, item, known) or (known[-1] if known else None)


def add_result(
    store: Store,
    fleet: Fleet | None,
    run: Run,
    record: TaskRecord,
    item: str,
    known: Sequence[Result],
) -> Result | None:
    """Keeps a result for a task that left none itself, and its stderr; None where it did.

    Args:
        store: as in `keep_result`, as are `fleet`, `run`, `record` and `item`.
        fleet: see there.
        run: see there.
        record: see there.
        item: see there.
        known: results of its attempts so far.
    """
    if not is_mute(record, known):
        return None
    said = _read(fleet, run, record, "stderr.txt")
    result = _result_of_node(fleet, run, record) or result_of_service(record, item, known, said)
    if result is not None:
        write_attempt(store, run.id, result, said)
    return result


def is_lost(record: TaskRecord) -> bool:
    """Tells whether the node or the service cut a task off by a fault, of which the user reads."""
    return record.cut_off and not (record.failure or "TaskEnded:").startswith("TaskEnded:")


def may_be_ended(record: TaskRecord) -> bool:
    """Tells whether a failed task may have been ended by the end of its job alone."""
    return record.failure is None and (record.exit_code is None or record.exit_code in _BY_END)


def is_mute(record: TaskRecord, known: Sequence[Result]) -> bool:
    """Tells whether a failed task left no result of its own that tells of this failure."""
    if any(one.attempt == _attempt(record) for one in known):
        return False  # kept before
    return record.failure is not None or all(one.code != record.exit_code for one in known)


def _read(fleet: Fleet | None, run: Run, record: TaskRecord, name: str) -> str | None:
    """Returns a file of a task on its node, redacted; None where the node has it no more."""
    if fleet is None or not run.jobs:
        return None
    try:
        data = fleet.read_file(run.jobs[-1], record.id, name)
    except (FleetError, NotAuthorisedError):
        return None  # the result in the service's words is kept all the same
    return redact(data.decode(errors="replace")) if data else None


def _result_of_node(fleet: Fleet | None, run: Run, record: TaskRecord) -> Result | None:
    """Returns the result that the task printed last, where its store did not take it."""
    if record.failure is not None:
        return None
    lines = (_read(fleet, run, record, "stdout.txt") or "").strip().splitlines()
    try:
        result = from_line(lines[-1]) if lines else None
    except ValueError:
        return None
    if result is None or (result.task, result.code) != (record.id, record.exit_code):
        return None
    named = _ATTEMPT.fullmatch(result.attempt) is not None  # it becomes part of a path
    return result if named else None


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
    if not is_mute(record, known):
        return None
    name, code = "service", record.exit_code or -1
    if record.cut_off:
        name, code = spec.Exit.STOPPED.name.lower(), int(spec.Exit.STOPPED)
    elif record.failure is None and record.exit_code in set(spec.Exit):
        name = spec.Exit(record.exit_code).name.lower()
    return Result(
        task=record.id,
        item=item,
        attempt=_attempt(record),
        exit=name,
        code=code,
        message=record.failure or _words(record.exit_code, stderr),
        started=record.changed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=0.0,
        cpu_seconds=0.0,
        peak_memory_mb=0.0,
    )


def _attempt(record: TaskRecord) -> str:
    return record.changed.strftime("%Y%m%dT%H%M%SZ") + SERVICE


def _words(code: int | None, stderr: str | None) -> str:
    if code is None:
        return "Azure Batch ended the task and gave no reason."
    shell = 128 - code if code < 0 else code
    lines = (stderr or "").strip().splitlines()
    why = _SHELL.get(shell) or _last_words(lines)
    return f"It ended with exit code {code} and kept no result: {why}"


def _last_words(lines: Sequence[str]) -> str:
    """What the task said last, of which its own failure counts more than where it is not kept."""
    kept = [line for line in lines if "are not in the store" not in line] or lines
    return kept[-1][:2000] if kept else "it said nothing"
