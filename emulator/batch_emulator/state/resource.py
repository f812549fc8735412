"""What every resource has: an id, a place in lists, a version."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, cast

from batch_emulator.state.ledger import Ledger


class _Sequences:
    """Counts resources, over restarts too."""

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        """The next one."""
        self.last += 1
        return self.last


SEQUENCES = _Sequences()
_versions = itertools.count(0x8DD000000000000 + time.time_ns() // 1000)
"""Begins with the time, so that a restart gives none again."""


def next_etag() -> str:
    """A version's tag that was never given before; the service's have no quotes either."""
    return f"0x{next(_versions):X}"


@dataclass(slots=True, kw_only=True, eq=False)
class Resource:
    """The part that pools, nodes, jobs and tasks share."""

    SAVED: ClassVar[tuple[str, ...]] = ("id", "created", "modified", "etag")
    """The attributes that outlast the emulator, besides what the client sent."""

    id: str
    created: datetime
    ledger: Ledger = field(repr=False)
    modified: datetime = field(init=False)
    sequence: int = field(default_factory=SEQUENCES.next)
    """Grows with every new resource: the order of lists."""
    etag: str = field(default_factory=next_etag)
    gone: bool = False
    """Deleted: lists that still hold it pass over it."""

    def __post_init__(self) -> None:
        """A new resource was last changed when it was made."""
        self.modified = self.created
        self.mark()

    def mark(self) -> None:
        """Have it saved, for it has changed."""
        self.ledger.add(self)

    def touch(self, now: datetime) -> None:
        """Make a new version."""
        self.modified = now
        self.etag = next_etag()
        self.mark()

    @property
    def parent(self) -> int:
        """The sequence of the resource it is part of and goes with; 0 for none."""
        return 0

    def spec_json(self) -> bytes | None:
        """What the client sent, as JSON; None where that is saved already."""
        raise NotImplementedError

    def note_saved(self) -> None:
        """It has been saved as it is now."""

    def document(self, base: str) -> dict[str, Any]:
        """The resource as the service's JSON; `base` begins its addresses."""
        raise NotImplementedError

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        """A property by its path, for filters; None where it is absent."""
        value: Any = self.document("")
        for name in path.split("/"):
            value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        return value


def without_none(document: dict[str, Any]) -> dict[str, Any]:
    """A document without members that are None: the service leaves them out."""
    return {name: value for name, value in document.items() if value is not None}
