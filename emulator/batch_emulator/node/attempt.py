"""One try of a task on a node, which can be ended from outside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from batch_emulator.state.node import Node
from batch_emulator.state.task import Task

Ending = Literal["terminate", "requeue", "delete"]
"""Why it is ended before its time: by a user or its job, for the queue, or with its task."""


@dataclass(slots=True, eq=False)
class Attempt:
    """A task on a node, now."""

    task: Task
    node: Node
    """For a multi-instance task the primary's."""
    others: tuple[Node, ...] = ()
    """The nodes of its subtasks."""
    ending: Ending | None = None
    work: asyncio.Task[None] | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes that it is on, the primary's first."""
        return (self.node, *self.others)

    def end(self, ending: Ending) -> None:
        """End it. The first reason stands, but for deletion."""
        if self.ending is None and self.work is not None:
            # Soon, not now: work cancelled before its first step never runs, so never settles.
            self.work.get_loop().call_soon(self.work.cancel)
        if self.ending is None or ending == "delete":
            self.ending = ending
