"""Which sources a task document reads, and how messages name them. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet_task.reach import Reach
from scenefleet_task.redact import address
from scenefleet_task.spec import TaskDocument, sources

_OWN = Reach(origin="file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """Which source a message is about."""

    item: str
    asset: str
    href: str
    """Unsigned."""
    reach: Reach = _OWN
    """Where it may lie; by itself, anywhere that a person's own list of files may name."""

    def __str__(self) -> str:
        """Item, asset and address."""
        return f"item {self.item}, asset {self.asset}, {address(self.href)}"

    @property
    def far(self) -> bool:
        """Whether it lies behind an address."""
        return self.href.lower().startswith(("http://", "https://"))

    @property
    def vrt(self) -> bool:
        """Whether it is a VRT of the user's own: a local one, named by a list of files."""
        local = not self.far and self.reach.origin == "file"
        return local and self.href.lower().endswith(".vrt")


def names_of(document: TaskDocument) -> list[Name]:
    """Every source of a document, each address once."""
    names: dict[str, Name] = {}
    for part in document.parts:
        for source in sources(part):
            name = Name(item=part.item, asset=source.asset, href=source.href, reach=document.reach)
            names.setdefault(source.href, name)
    return list(names.values())
