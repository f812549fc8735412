"""How far each task of a run has come, folded from outputs, results and the service's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenefleet.fleet import TaskRecord
from scenefleet.plan import Plan
from scenefleet.run.finished import Finished
from scenefleet.run.model import RunState, TaskOutcome, TaskState
from scenefleet.run.mute import SERVICE, is_lost
from scenefleet.run.told import cut_percent, negative, outside_percent, radiometry
from scenefleet_task import spec
from scenefleet_task.result import Result


def fold(
    plan: Plan,
    finished: Mapping[str, Finished],
    attempts: Mapping[str, Sequence[Result]],
    records: Mapping[str, TaskRecord],
    lost: Mapping[str, str] | None = None,
) -> list[TaskOutcome]:
    """One outcome a task, in the plan's order.

    Args:
        plan: the tasks.
        finished: what is done, by task id: this wins over all else.
        attempts: results by task id, the latest last.
        records: the service's view by task id, where a job is known; empty where none is.
        lost: what became of outputs that were made and are not there any more, by task id.
    """
    return [
        _outcome(
            document,
            finished.get(document.id),
            attempts.get(document.id, ()),
            records.get(document.id),
            (lost or {}).get(document.id),
        )
        for document in plan.documents
    ]


def state_now(recorded: RunState, outcomes: Sequence[TaskOutcome]) -> RunState:
    """The state of a run as its outputs are now: one that was done may not be so any more."""
    if recorded is RunState.DONE and any(outcome.lost for outcome in outcomes):
        return RunState.OUTDATED
    return recorded


def verdict(outcomes: Sequence[TaskOutcome], *, cancelled: bool, stopped: bool = False) -> RunState:
    """The state of a run that no longer goes on.

    One with tasks that were never tried was cut off, which is a cancel that nobody asked for: as
    after a cancel, `run` goes on with them. One that a rule stopped is partial, or failed where
    nothing is done.
    """
    done = sum(outcome.state == "done" for outcome in outcomes)
    if done == len(outcomes):
        return RunState.DONE
    if stopped:
        return RunState.PARTIAL if done else RunState.FAILED
    if cancelled or any(outcome.state in ("waiting", "running") for outcome in outcomes):
        return RunState.CANCELLED
    return RunState.PARTIAL if done else RunState.FAILED


def is_cut_off(last: Result | None, record: TaskRecord | None) -> bool:
    """Tells whether a task was ended from outside, so that it neither succeeded nor failed.

    Args:
        last: the result of its latest attempt.
        record: the service's view of it; None where its job is not known.
    """
    if record is not None and (record.cut_off or record.failure is not None):
        return record.cut_off
    if record is not None:
        return record.exit_code == spec.Exit.STOPPED
    return last is not None and (last.code == spec.Exit.STOPPED or last.further)


def _outcome(
    document: spec.TaskDocument,
    finished: Finished | None,
    attempts: Sequence[Result],
    record: TaskRecord | None,
    lost: str | None,
) -> TaskOutcome:
    last = attempts[-1] if attempts else None
    state = _state(finished, last, record)
    if state in ("done", "running") or (record is not None and record.stage == "active"):
        lost = None  # it is there again, or will be
    failed = state == "failed"
    source = document.source
    cloud = source.properties.get("eo:cloud_cover")
    # of a finished task the item tells, which holds whichever attempt wrote it
    told: Mapping[str, Any] = finished.item["properties"] if finished else {}
    how, share = negative(finished.item) if finished else (None, None)
    return TaskOutcome(
        task=document.id,
        item=source.id,
        collection=source.collection,
        datetime=source.datetime,
        geometry=source.geometry,
        state=state,
        cloud_cover=float(cloud) if isinstance(cloud, int | float) else None,
        attempts=len(attempts),
        seconds=last.seconds if last else None,
        exit=last.exit if last and state in ("done", "failed") else None,
        message=lost or (_why(last, record) if failed else _why_lost(state, last, record)),
        lost=lost is not None,
        valid_percent=told.get("scenefleet:valid_percent"),
        reasons=told.get("scenefleet:reasons", {}),
        outputs=dict(finished.assets) if finished else {},
        item_path=finished.item_path if finished else None,
        radiometry=radiometry(finished.item) if finished else (),
        negative=how,
        negative_percent=share,
        outside_percent=outside_percent(finished.item) if finished else {},
        cut_percent=cut_percent(finished.item) if finished else {},
    )


def _why(last: Result | None, record: TaskRecord | None) -> str | None:
    if last is not None and last.code == 0:
        return "It ended well, and its outputs are not there any more: deleted, or overwritten."
    return last.message if last else record and record.failure


def _why_lost(state: TaskState, last: Result | None, record: TaskRecord | None) -> str | None:
    """Why a waiting task was cut off, where a fault of its node or the service did that."""
    if state != "waiting":
        return None
    if record is not None:
        return record.failure if is_lost(record) else None
    return last.message if last is not None and last.attempt.endswith(SERVICE) else None


def _state(finished: Finished | None, last: Result | None, record: TaskRecord | None) -> TaskState:
    if finished is not None:
        return "done"
    if record is not None and record.stage in ("preparing", "running"):
        return "running"
    if record is not None and record.stage == "active":
        return "waiting"
    if is_cut_off(last, record):
        return "waiting"
    if record is not None or (last is not None and last.code != 0):
        return "failed"
    return "waiting"
