"""Which sources a task document reads, and how messages name them. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet_task.reach import Reach
from scenefleet_task.redact import address
from scenefleet_task.spec import Band, Mask, TaskDocument, sources

Key = tuple[str, int | None, str | None]
"""What tells one source from another: a file, and which of its bands."""

_OWN = Reach(origin="file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """Which source a message is about."""

    item: str
    asset: str
    href: str
    """Unsigned."""
    band: int | None = None
    """As a `spec.Band`'s; so are the next three."""
    band_name: str | None = None
    listed: int | None = None
    called: tuple[str, ...] = ()
    use: str = ""
    """The band that it is read for, such as `red`; empty for a mask."""
    collection: str = ""
    """The source item's, for what to write into a recipe."""
    reach: Reach = _OWN
    """Where it may lie; by itself, anywhere that a person's own list of files may name."""

    def __str__(self) -> str:
        """Item, asset, address, and the band where the document names one."""
        named = self.band or self.band_name
        band = f", band {named}" if named else ""
        return f"item {self.item}, asset {self.asset}, {address(self.href)}{band}"

    @property
    def key(self) -> Key:
        """The key, as `key_of` gives it."""
        return self.href, self.band, self.band_name

    @property
    def far(self) -> bool:
        """Whether it lies behind an address."""
        return self.href.lower().startswith(("http://", "https://"))

    @property
    def vrt(self) -> bool:
        """Tells whether it is a VRT of the user's own: a local one, named by a list of files."""
        local = not self.far and self.reach.origin == "file"
        return local and self.href.lower().endswith(".vrt")


def names_of(document: TaskDocument) -> list[Name]:
    """Every source of a document, each band of a file once."""
    names: dict[Key, Name] = {}
    for part in document.parts:
        for source in sources(part):
            name = Name(
                item=part.item,
                asset=source.asset,
                href=source.href,
                band=source.band,
                band_name=source.band_name,
                listed=source.listed,
                called=source.called,
                use=source.name if isinstance(source, Band) else "",
                collection=document.source.collection,
                reach=document.reach,
            )
            names.setdefault(name.key, name)
    return list(names.values())


def key_of(source: Band | Mask) -> Key:
    """The key that tells a band or mask of a document from its others."""
    return source.href, source.band, source.band_name
