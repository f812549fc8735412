"""Draws a run's events on standard error: a bar in a terminal, lines of text elsewhere."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable

from scenefleet.cli.bar import Bar, can_draw
from scenefleet.cli.pulse import Pulse
from scenefleet.cli.show import count, say, without_scene
from scenefleet.run import (
    Ended,
    Event,
    Nodes,
    Progress,
    Stopping,
    Submitted,
    TaskChanged,
    Trouble,
    describe,
)
from scenefleet.run.repetition import kind_of


def follow(events: Iterable[Event], *, total: int, told: list[str] | None = None) -> Ended:
    """Draws events until the last one, which it returns.

    Args:
        events: of one run.
        total: tasks of the run.
        told: takes the kinds of failures that were written in full, as `kind_of` names them.
    """
    told = [] if told is None else told
    if can_draw(sys.stderr, os.environ):
        return _with_bar(events, total, told)
    with Pulse(total) as pulse:
        for event in events:
            if isinstance(event, Ended):
                return event
            if isinstance(event, Progress):
                pulse.update(event)
            else:
                _speak(event, pulse.say, told)
    raise AssertionError("a run's events end with Ended")


def _speak(event: Event, write: Callable[[str], None], told: list[str]) -> None:
    if isinstance(event, Submitted):
        skipped = f"; {event.done} done already" if event.done else ""
        skipped += f"; {event.failed} failed before (`retry` sends them)" if event.failed else ""
        again = f"; {event.there} were there already" if event.there else ""
        write(f"submitted {count(event.new, 'task')}{again}{skipped}")
    elif isinstance(event, Trouble):
        write(f"held up: {event.text}")
    elif isinstance(event, Stopping):
        write(f"stopping: {event.reason}")
        write("  what runs is ended, what is done stands, and the rest waits for another `run`")
    elif isinstance(event, Nodes):
        for line in describe(event.health, event.minutes_left):
            write(line)
    elif isinstance(event, TaskChanged) and event.state == "failed":
        write(f"failed: {event.item}{_why(event)}")
        if event.message and not event.again:
            told.append(kind_of("", event.message, {event.item}))
    elif isinstance(event, TaskChanged) and event.state == "waiting" and event.message:
        write(f"cut off: {event.item}: {event.message}")


def _why(event: TaskChanged) -> str:
    """Why a scene failed: in full for the first of its kind, since others would say the same."""
    if not event.message:
        return ""
    return (
        f": {event.message.partition(':')[0]}, as before"
        if event.again
        else f": {without_scene(event.message, event.item)}"
    )


def _with_bar(events: Iterable[Event], total: int, told: list[str]) -> Ended:
    with Bar(total) as bar:
        for event in events:
            if isinstance(event, Ended):
                bar.update(_last(event))
                return event
            if isinstance(event, Progress):
                bar.update(event)
            else:
                _speak(event, say, told)  # above the bar
    raise AssertionError("a run's events end with Ended")


def _last(event: Ended) -> Progress:
    """How far the run has come in the end."""
    states = Counter(outcome.state for outcome in event.outcomes)
    return Progress(states["waiting"], states["running"], states["done"], states["failed"])
