"""Tells when tasks fail in one way again and again, so that going on is in vain. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nlargest

from scenefleet.run.model import TaskOutcome

_LONGEST = 600
"""Characters of a failure's message that a run's record repeats."""
_CHANGING = re.compile(r"\S*[\d/]\S*")
"""Words with a digit or a slash: numbers, dates, ids, addresses and paths."""
_SEVERAL = re.compile(r"#(?:[\s,;]+(?:and )?#)+")
_SHORTEST = 3
"""Characters of a name that is taken out wherever it stands as a word; a shorter one only where it
is set off, as in `a: ...`, since it may be a word of the message."""


def kind_of(exit_: str, message: str, names: Iterable[str]) -> str:
    """Returns what is the same in equal failures: the exit, and the message without its own names.

    Args:
        exit_: the name of the task's exit.
        message: why it failed.
        names: the scene's id and its files' names, which differ from scene to scene.
    """
    text = message
    for name in sorted(filter(None, names), key=len, reverse=True):
        end = r"(?!\w)" if len(name) >= _SHORTEST else r"(?=['\"`:),]|$)"
        text = re.sub(rf"(?<!\w){re.escape(name)}{end}", "#", text)
    text = _SEVERAL.sub("#", _CHANGING.sub("#", text))
    return f"{exit_}: {' '.join(text.split())}"


def group_failures(outcomes: Iterable[TaskOutcome]) -> list[tuple[TaskOutcome, int]]:
    """Returns one failed scene of each kind, with how many failed in that way; most first."""
    groups: dict[str, list[TaskOutcome]] = {}
    for outcome in outcomes:
        if outcome.state == "failed":
            kind = kind_of(outcome.exit or "failed", outcome.message or "", {outcome.item})
            groups.setdefault(kind, []).append(outcome)
    ranked = sorted(groups.values(), key=len, reverse=True)
    return [(group[0], len(group)) for group in ranked]


@dataclass(frozen=True, slots=True)
class _End:
    """How one task ended."""

    moment: datetime
    kind: str | None
    """None where it succeeded."""
    message: str


@dataclass(slots=True)
class Repetition:
    """How the tasks of one job ended so far.

    Tasks of the run's earlier jobs are not counted: somebody may have mended what was wrong.
    """

    stop_after: int | None
    """Failures of one kind in a row; 0 or None: it never stops."""
    _ends: dict[str, _End] = field(default_factory=dict[str, _End])
    _kinds: Counter[str] = field(default_factory=Counter[str])

    def succeed(self, task: str, moment: datetime) -> None:
        """Takes in a task that succeeded."""
        self._put(task, _End(moment, None, ""))

    def fail(self, task: str, moment: datetime, kind: str, message: str) -> bool:
        """Takes in a task that failed by itself; returns whether another did in the same way.

        Args:
            task: its id.
            moment: when it ended, by the service's clock.
            kind: as `kind_of` gives it.
            message: why it failed, for the user.
        """
        self._put(task, _End(moment, kind, message))
        self._kinds[kind] += 1
        return self._kinds[kind] > 1

    def forget(self, task: str) -> None:
        """Takes out a task that runs again, or that was cut off."""
        if (end := self._ends.pop(task, None)) is not None and end.kind is not None:
            self._kinds[end.kind] -= 1

    def verdict(self) -> str | None:
        """Returns why the run is to be stopped, or None where going on may help."""
        if not self.stop_after or max(self._kinds.values(), default=0) < self.stop_after:
            return None
        last = nlargest(
            self.stop_after, self._ends.items(), key=lambda pair: (pair[1].moment, pair[0])
        )
        kind = last[0][1].kind
        if kind is None or any(end.kind != kind for _, end in last):
            return None
        if 2 * self._kinds[kind] < len(self._ends):
            return None
        message = last[0][1].message[:_LONGEST]
        return (
            f"the last {self.stop_after} scenes failed in the same way (compute.stop_after), so "
            f"that the others would, too: {message}"
        )

    def _put(self, task: str, end: _End) -> None:
        self.forget(task)
        self._ends[task] = end
