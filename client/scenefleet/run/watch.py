"""A run followed until it ends: events from counts and changed tasks; nothing else is asked for."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from scenefleet.errors import SilentFleetError
from scenefleet.fleet import Fleet, JobStatus, TaskRecord
from scenefleet.plan import Plan
from scenefleet.run.attempts import last_result
from scenefleet.run.events import Event, Nodes, Progress, TaskChanged, Trouble
from scenefleet.run.finished import find_finished
from scenefleet.run.job_end import explain_end, explain_hold
from scenefleet.run.life import settle, stop
from scenefleet.run.model import Run, TaskState
from scenefleet.run.outage import Outage
from scenefleet.run.outcomes import is_cut_off
from scenefleet.run.record import load_recipe
from scenefleet.run.waiting import Waiting
from scenefleet.store import Store

_PATIENCE = 5
"""Looks at a job that is open and has nothing to do before its submission is thought cut off."""
_LONGEST = 15.0
"""Seconds between looks, however long nothing changes."""
_CUT_OFF = "its submission was cut off: the same `scenefleet run` sends the rest, or ends it"
_STAGES: dict[str, TaskState] = {
    "active": "waiting",
    "preparing": "running",
    "running": "running",
}


def watch(
    store: Store,
    fleet: Fleet,
    run: Run,
    plan: Plan,
    *,
    pause: Callable[[float], None] = time.sleep,
    interval: float = 1.0,
    give_up_minutes: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Event]:
    """Follows a run's latest job until it ends, then settles the run; the last event is `Ended`.

    Looks every `interval` seconds at first, and less often the longer nothing changes.

    Args:
        store: where the run is.
        fleet: the service that the run is on.
        run: a run with a job.
        plan: its plan.
        pause: waits for a number of seconds.
        interval: seconds between looks while something changes.
        give_up_minutes: minutes for which nodes may be paid for while none can work, before the
            job is ended; None for what the run's own recipe says.
        clock: seconds, rising.
    """
    if give_up_minutes is None:
        give_up_minutes = load_recipe(store, run).recipe.compute.give_up_minutes
    waiting = Waiting(give_up_minutes, clock())
    items = {document.id: document.source.id for document in plan.documents}
    view = _View(store, fleet, run, items)
    seen: Progress | None = None
    wait = interval
    outage = Outage(f"scenefleet watch {run.id} --store {shlex.quote(store.address)}")
    while True:
        try:
            status = fleet.job(run.jobs[-1])
            yield from view.changes(status)
            if status is None or status.ended:
                ended = settle(store, fleet, run, plan, view.records)
                yield from view.end(status)
                yield ended
                return
            if view.done_before is None:
                others = [d for d in plan.documents if d.id not in view.records]
                view.done_before = len(find_finished(store, others, deep=False))
            progress = view.progress(view.done_before)
            if progress != seen:
                seen, wait = progress, interval
                yield progress
            yield from view.troubles(status, progress)
            if waiting.is_due(clock()):
                yield from _look_at_nodes(store, fleet, run, waiting, clock())
            if outage.end():
                yield Trouble("Azure Batch answers again")
        except SilentFleetError as error:
            if run.backend == "local":  # its emulator ended with its client
                raise
            yield from map(Trouble, outage.note(error, clock()))
        pause(wait)
        wait = min(wait * 1.2, _LONGEST)


def _look_at_nodes(
    store: Store, fleet: Fleet, run: Run, waiting: Waiting, now: float
) -> Iterator[Nodes]:
    """Gives off what is new of the run's nodes, and ends the job when waiting is in vain."""
    if run.pool is None:
        return
    event = waiting.note(fleet.pool_health(run.pool), now)
    if event is not None:
        yield event
    reason = waiting.verdict(now)
    if reason is not None:
        stop(store, fleet, run, reason)
        waiting.stopped = True


@dataclass(slots=True)
class _View:
    """What is known of a job so far."""

    store: Store
    fleet: Fleet
    run: Run
    items: dict[str, str]
    """Scene by task id."""
    records: dict[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])
    done_before: int | None = None
    """Tasks that are done and that this job never had; None until it was looked at."""
    since: datetime | None = None
    idle: int = 0
    told: set[str] = field(default_factory=set[str])

    def changes(self, status: JobStatus | None) -> Iterator[TaskChanged]:
        """Tasks that entered another stage since the last look."""
        if status is None:
            return
        for record in self.fleet.changed_tasks(self.run.jobs[-1], self.since):
            self.since = max(self.since, record.changed) if self.since else record.changed
            if self.records.get(record.id) != record:
                self.records[record.id] = record
                yield self._changed(record)

    def progress(self, before: int) -> Progress:
        """How many tasks stand where; `before` of them are done outside this job."""
        counts = self.fleet.counts(self.run.jobs[-1])
        return Progress(counts.active, counts.running, before + counts.succeeded, counts.failed)

    def troubles(self, status: JobStatus, progress: Progress) -> Iterator[Trouble]:
        """What keeps the run from going on, each told once."""
        hold = explain_hold(self.run.jobs[-1], status)
        if hold is not None and hold not in self.told:
            self.told.add(hold)
            yield Trouble(hold)
        if progress.running:
            self.idle = 0
            return
        self.idle = 0 if progress.waiting else self.idle + 1
        if status.open and self.idle == _PATIENCE and _CUT_OFF not in self.told:
            self.told.add(_CUT_OFF)
            yield Trouble(_CUT_OFF)

    def end(self, status: JobStatus | None) -> Iterator[Trouble]:
        """Why the job ended early; nothing where it was gone before it was watched."""
        if status is not None or self.records:
            text = explain_end(self.run.jobs[-1], status)
            if text is not None:
                yield Trouble(text)

    def _changed(self, record: TaskRecord) -> TaskChanged:
        state = _STAGES.get(record.stage) or ("done" if record.succeeded else "failed")
        message = record.failure
        if state == "failed" and is_cut_off(None, record):
            ended = record.failure is None or record.failure.startswith("TaskEnded:")
            state, message = "waiting", None if ended else record.failure
        elif state == "failed" and message is None:
            result = last_result(self.store, self.run.id, record.id)
            message = f"{result.exit}: {result.message}" if result else None
        return TaskChanged(record.id, self.items.get(record.id, record.id), state, message)
