"""A plan: the tasks of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from scenefleet_task.spec import TaskDocument


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scene that matches the search but cannot be computed."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of a run, oldest scene first: a pure function of items and recipe."""

    name: str
    """The recipe's name, which is the product's too."""
    documents: tuple[TaskDocument, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def id(self) -> str:
        """`<name>-<10 hexadecimal digits>`: the same tasks give the same id, anywhere."""
        ids = "\n".join(sorted(document.id for document in self.documents))
        return f"{self.name}-{hashlib.sha256(ids.encode()).hexdigest()[:10]}"
