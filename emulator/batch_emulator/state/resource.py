"""What every resource has: an id, a place in lists, a version."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, cast

_sequences = count(1)
_versions = count(0x8DD000000000001)


def next_etag() -> str:
    """A version's tag that was never given before."""
    return f'"0x{next(_versions):X}"'


@dataclass(slots=True, kw_only=True, eq=False)
class Resource:
    """The part that pools, nodes, jobs and tasks share."""

    id: str
    created: datetime
    modified: datetime = field(init=False)
    sequence: int = field(default_factory=lambda: next(_sequences))
    """Grows with every new resource: the order of lists."""
    etag: str = field(default_factory=next_etag)
    gone: bool = False
    """Deleted: lists that still hold it pass over it."""

    def __post_init__(self) -> None:
        """A new resource was last changed when it was made."""
        self.modified = self.created

    def touch(self, now: datetime) -> None:
        """Make a new version."""
        self.modified = now
        self.etag = next_etag()

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
