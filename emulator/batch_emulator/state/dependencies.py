"""Which tasks of a job wait for which: by id, and by ranges of whole-number ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_emulator.state.task import Task


@dataclass(frozen=True, slots=True, eq=False)
class _Range:
    start: int
    end: int
    waiting: Task


@dataclass(slots=True)
class Dependencies:
    """A job's dependencies. Parents may be added after those that wait for them."""

    _satisfied: set[str] = field(default_factory=set[str])
    _numbers: set[int] = field(default_factory=set[int])
    _by_id: dict[str, list[Task]] = field(default_factory=dict[str, "list[Task]"])
    _ranges: list[_Range] = field(default_factory=list[_Range])

    def add(self, task: Task) -> None:
        """Note what a new task waits for, and count it in `task.waits_for`."""
        wanted = task.spec.get("dependsOn", {})
        for parent in {identifier.lower() for identifier in wanted.get("taskIds", ())}:
            if parent not in self._satisfied:
                self._by_id.setdefault(parent, []).append(task)
                task.waits_for += 1
        for span in wanted.get("taskIdRanges", ()):
            # one that ends before it begins holds no task
            missing = span["end"] - span["start"] + 1 - self._count(span["start"], span["end"])
            if missing > 0:
                self._ranges.append(_Range(span["start"], span["end"], task))
                task.waits_for += missing

    def satisfy(self, parent_id: str) -> list[Task]:
        """A parent is done with: who waits for nothing any more?"""
        key = parent_id.lower()
        if key in self._satisfied:
            return []
        self._satisfied.add(key)
        waiting = self._by_id.pop(key, [])
        number = int(key) if key.isascii() and key.isdigit() else None
        if number is not None and number not in self._numbers:
            # 4, 04 and 004 are all the task 4 of a range: the first of them does for it
            self._numbers.add(number)
            waiting = waiting + [r.waiting for r in self._ranges if r.start <= number <= r.end]
        for task in waiting:
            task.waits_for -= 1
        free = [task for task in dict.fromkeys(waiting) if task.waits_for == 0]
        if free:
            self._ranges = [r for r in self._ranges if r.waiting.waits_for]
        return [task for task in free if not task.gone]

    def remove(self, task: Task) -> None:
        """A task waits no more: it is gone."""
        if not task.waits_for:
            return
        wanted = task.spec["dependsOn"]
        for parent in {identifier.lower() for identifier in wanted.get("taskIds", ())}:
            others = [one for one in self._by_id.get(parent, ()) if one is not task]
            if others:
                self._by_id[parent] = others
            else:
                self._by_id.pop(parent, None)
        self._ranges = [r for r in self._ranges if r.waiting is not task]

    def _count(self, start: int, end: int) -> int:
        """Satisfied ids in a range, by the shorter way."""
        if end - start < len(self._numbers):
            return sum(number in self._numbers for number in range(start, end + 1))
        return sum(start <= number <= end for number in self._numbers)
