"""A job's tasks by state: whoever asks for a few of a hundred thousand need not look at all.

Each is a dictionary in the order in which tasks came in: the newest are at its end, from where it
can be read, and a task leaves it without a search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_emulator.state.task import Task


@dataclass(slots=True)
class Standing:
    """Tasks by their sequence, those that came into the state last at the end."""

    active: dict[int, Task] = field(default_factory=dict[int, "Task"])
    running: dict[int, Task] = field(default_factory=dict[int, "Task"])
    """Those that prepare too, as in the service's counts."""
    completed: dict[int, Task] = field(default_factory=dict[int, "Task"])
    failed: dict[int, Task] = field(default_factory=dict[int, "Task"])
    """Those of the completed that did not succeed."""

    def enter(self, task: Task) -> None:
        """A task is in its present state from now on."""
        self._of(task)[task.sequence] = task
        if task.state == "completed" and task.result != "success":
            self.failed[task.sequence] = task

    def leave(self, task: Task) -> None:
        """A task is about to leave its present state."""
        del self._of(task)[task.sequence]
        self.failed.pop(task.sequence, None)

    def _of(self, task: Task) -> dict[int, Task]:
        if task.state == "active":
            return self.active
        return self.completed if task.state == "completed" else self.running
