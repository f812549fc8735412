"""What a client that watches knows of a job so far, and what of it is new."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from scenefleet.fleet import Fleet, JobStatus, TaskRecord
from scenefleet.plan import Plan, documents_of
from scenefleet.run.events import Progress, TaskChanged, Trouble
from scenefleet.run.job_end import explain_end, explain_hold
from scenefleet.run.model import Run, TaskState
from scenefleet.run.mute import is_lost, keep_result, may_be_ended
from scenefleet.run.outcomes import is_cut_off
from scenefleet.run.record import find
from scenefleet.run.repetition import Repetition, kind_of
from scenefleet.run.submission import is_submitting
from scenefleet.store import Store
from scenefleet_task import spec
from scenefleet_task.result import Result

_PATIENCE = 5
"""Looks at a job that is open and has nothing to do before its submission is thought cut off."""
_READERS = 8
"""Failed tasks whose results are read at once."""
_TELL_SECONDS = 60.0
"""Between lines on a submission of another client that waits."""
_CUT_OFF = "its submission was cut off: the same `scenefleet run` sends the rest, or ends it"
_STAGES: dict[str, TaskState] = {
    "active": "waiting",
    "preparing": "running",
    "running": "running",
}


@dataclass(slots=True)
class View:
    """The tasks of a job as they were last seen."""

    store: Store
    fleet: Fleet
    run: Run
    plan: Plan
    repetition: Repetition
    records: dict[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])
    done_before: int | None = None
    """Tasks that are done and that this job never had; None until it was looked at."""
    worked: datetime | None = None
    """When the job was made, or a node last began or ended a task of it; by the service's clock."""
    _items: dict[str, str] = field(default_factory=dict[str, str])
    """Scene by task id."""
    _since: datetime | None = None
    _idle: int = 0
    _told: set[str] = field(default_factory=set[str])
    _held: float | None = None
    """When a waiting submission was last told of."""

    def __post_init__(self) -> None:
        """Names the scenes."""
        self._items = {document.id: document.source.id for document in self.plan.documents}

    def changes(self, status: JobStatus | None) -> Iterator[TaskChanged]:
        """Tasks that entered another stage since the last look, in the order of time."""
        if status is None:
            return
        if status.created is not None and self.worked is None:
            self.worked = status.created
        new: list[TaskRecord] = []
        for record in self.fleet.changed_tasks(self.run.jobs[-1], self._since):
            self._since = max(self._since, record.changed) if self._since else record.changed
            if record.node is not None:
                self.worked = max(self.worked or record.changed, record.changed)
            if self.records.get(record.id) != record:
                new.append(record)
        new.sort(key=lambda record: (record.changed, record.id))
        results = self._results(new, status)
        for record in new:
            self.records[record.id] = record  # after its result is kept: a look may break off
            yield self._changed(record, results.get(record.id))

    def progress(self, before: int) -> Progress:
        """How many tasks stand where; `before` of them are done outside this job."""
        counts = self.fleet.counts(self.run.jobs[-1])
        return Progress(counts.active, counts.running, before + counts.succeeded, counts.failed)

    def hold(self, why: str | None, now: float) -> Iterator[Trouble]:
        """What the submission of another client waits for, once a minute."""
        if why is not None and (self._held is None or now - self._held >= _TELL_SECONDS):
            self._held = now
            yield Trouble(f"another command submits this run: {why}")

    def troubles(self, status: JobStatus, progress: Progress) -> Iterator[Trouble]:
        """What keeps the run from going on, each told once."""
        hold = explain_hold(self.run.jobs[-1], status)
        if hold is not None and hold not in self._told:
            self._told.add(hold)
            yield Trouble(hold)
        if progress.running:
            self._idle = 0
            return
        self._idle = 0 if progress.waiting else self._idle + 1
        if status.open and self._idle >= _PATIENCE and _CUT_OFF not in self._told:
            recorded = find(self.store, self.run.id)
            if recorded is not None and is_submitting(recorded):
                return
            self._told.add(_CUT_OFF)
            yield Trouble(_CUT_OFF)

    def end(self, status: JobStatus | None) -> Iterator[Trouble]:
        """Why the job ended early; nothing where it was gone before it was watched."""
        if status is not None or self.records:
            text = explain_end(self.run.jobs[-1], status)
            if text is not None:
                yield Trouble(text)

    def _results(self, records: list[TaskRecord], status: JobStatus) -> dict[str, Result | None]:
        """The results of tasks that failed, each kept while its node is there."""
        ending = status.state == "terminating" or status.ended
        chosen = [
            record
            for record in records
            if is_lost(record)
            or (
                record.succeeded is False
                and not is_cut_off(None, record)
                and not (ending and may_be_ended(record))
            )
        ]
        if not chosen:
            return {}
        with ThreadPoolExecutor(_READERS, thread_name_prefix="results") as pool:
            results = pool.map(self._result, chosen)
            return {record.id: result for record, result in zip(chosen, results, strict=True)}

    def _result(self, record: TaskRecord) -> Result | None:
        item = self._items.get(record.id, record.id)
        return keep_result(self.store, self.fleet, self.run, record, item)

    def _changed(self, record: TaskRecord, result: Result | None) -> TaskChanged:
        item = self._items.get(record.id, record.id)
        state = _STAGES.get(record.stage) or ("done" if record.succeeded else "failed")
        message = record.failure
        if state == "failed" and is_cut_off(None, record):
            state, message = "waiting", record.failure if is_lost(record) else None
        if state == "failed":
            exit_ = result.exit if result else "failed"
            why = (result.message if result else message) or "no reason given"
            message = f"{exit_}: {why}" if result else message
            kind = kind_of(exit_, why, self._names(record.id))
            again = self.repetition.fail(record.id, record.changed, kind, f"{exit_}: {why}")
            return TaskChanged(record.id, item, state, message, again=again)
        if state == "done":
            self.repetition.succeed(record.id, record.changed)
        else:
            self.repetition.forget(record.id)
        return TaskChanged(record.id, item, state, message)

    def _names(self, task: str) -> set[str]:
        """What a message of a scene may hold that no other scene's does."""
        return {name for one in documents_of(self.plan.documents, {task}) for name in _names(one)}


def _names(document: spec.TaskDocument) -> Iterator[str]:
    """The scene's id, its folder and items, and its files' names, with and without their ends."""
    yield from (document.id, document.source.id, document.folder)
    for part in document.parts:
        yield part.item
        for source in spec.sources(part):
            file = PurePosixPath(urlsplit(source.href).path)
            yield from (file.name, file.stem)
