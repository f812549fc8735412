"""A run followed until it ends: events from counts and changed tasks; nothing else is asked for."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from scenefleet.errors import SilentFleetError
from scenefleet.fleet import Fleet
from scenefleet.plan import Plan
from scenefleet.run.events import Event, Nodes, Progress, Stopping, Trouble
from scenefleet.run.finished import find_finished
from scenefleet.run.life import settle, stop
from scenefleet.run.model import Rules, Run
from scenefleet.run.outage import Outage
from scenefleet.run.record import find, load_recipe
from scenefleet.run.repetition import Repetition
from scenefleet.run.submission import is_submitting
from scenefleet.run.view import View
from scenefleet.run.waiting import Waiting
from scenefleet.store import Store

_LONGEST = 15.0
"""Seconds between looks, however long nothing changes."""
_LONGEST_ASKED = 60.0
"""Seconds between looks where a busy service asks for more."""


def watch(
    store: Store,
    fleet: Fleet,
    run: Run,
    plan: Plan,
    *,
    pause: Callable[[float], None] = time.sleep,
    interval: float = 1.0,
    give_up_minutes: float | None = None,
    stop_after: int | None = None,
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
            job is ended; None for what the submission was told.
        stop_after: failures of one kind in a row, after which the job is ended; 0 for never, None
            for what the submission was told.
        clock: seconds, rising.
    """
    rules = _rules(store, run)
    minutes = rules.give_up_minutes if give_up_minutes is None else give_up_minutes
    repetition = Repetition(rules.stop_after if stop_after is None else stop_after)
    looking = fleet.impatient  # an outage is told of here, and the next look asks again
    view = View(store, looking, run, plan, repetition)
    watcher = _Watcher(store, looking, run, plan, view, Waiting(minutes, clock()), clock)
    outage = Outage(f"scenefleet watch {run.id} --store {shlex.quote(store.address)}")
    wait = interval
    while True:
        asked, seen = 0.0, watcher.seen
        try:
            yield from watcher.look()
            if watcher.ended:
                return
            if outage.end():
                yield Trouble("Azure Batch answers again")
        except SilentFleetError as error:
            if run.backend == "local":  # its emulator ended with its client
                raise
            watcher.waiting.lose()
            asked = min(error.retry_after or 0.0, _LONGEST_ASKED)
            yield from map(Trouble, outage.note(error, clock()))
        if watcher.seen != seen:
            wait = interval
        pause(max(wait, asked))
        wait = min(wait * 1.2, _LONGEST)


@dataclass(slots=True)
class _Watcher:
    """Looks at a run's latest job and its nodes, and ends it where a rule says so."""

    store: Store
    fleet: Fleet
    run: Run
    plan: Plan
    view: View
    waiting: Waiting
    clock: Callable[[], float]
    seen: Progress | None = None
    ended: bool = False

    def look(self) -> Iterator[Event]:
        """Gives off what is new since the last look; sets `ended` with the run's last event."""
        status = self.fleet.job(self.run.jobs[-1])
        if status is None:
            recorded = find(self.store, self.run.id)
            if recorded is not None and is_submitting(recorded):
                yield from self.view.hold(recorded.submitting, self.clock())
                return
        yield from self.view.changes(status)
        if status is None or status.ended:
            ended = settle(self.store, self.fleet, self.run, self.plan, self.view.records)
            yield from self.view.end(status)
            self.ended = True
            yield ended
            return
        progress = self._progress()
        if progress != self.seen:
            self.seen = progress
            yield progress
        yield from self.view.troubles(status, progress)
        reason = self.view.repetition.verdict()
        more = status.open or progress.waiting + progress.running > 0
        ending = self.waiting.stopped or status.state == "terminating"
        if reason is not None and more and not ending:
            yield from self._stop(reason)
        if self.waiting.is_due(self.clock()):
            yield from self._look_at_nodes()

    def _progress(self) -> Progress:
        view = self.view
        if view.done_before is None:
            others = [d for d in self.plan.documents if d.id not in view.records]
            view.done_before = len(find_finished(self.store, others, deep=False))
        return view.progress(view.done_before)

    def _look_at_nodes(self) -> Iterator[Nodes | Stopping]:
        """Gives off what is new of the run's nodes, and ends the job when waiting is in vain."""
        if self.run.pool is None:
            return
        health = self.fleet.pool_health(self.run.pool)
        event = self.waiting.note(health, self.clock(), after=self.view.worked)
        if event is not None:
            yield event
        reason = self.waiting.verdict(self.clock())
        if reason is not None:
            yield from self._stop(reason)

    def _stop(self, reason: str) -> Iterator[Stopping]:
        """Ends the job. Tasks that run are cut off: the next submission sends them again."""
        stop(self.store, self.fleet, self.run, reason)
        self.waiting.stopped = True
        yield Stopping(reason)


def _rules(store: Store, run: Run) -> Rules:
    """When to end the run early: as its submission was told, else as its recipe says."""
    if run.rules is not None:
        return run.rules
    compute = load_recipe(store, run).recipe.compute
    return Rules(give_up_minutes=compute.give_up_minutes, stop_after=compute.stop_after)
