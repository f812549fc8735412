"""Items out of files: an ItemCollection, an item a line, or a static catalogue that is walked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from scenefleet.catalog.access import shown
from scenefleet.catalog.haul import Items, Span, haul
from scenefleet.catalog.item import Base, absolute, is_url
from scenefleet.catalog.model import Json
from scenefleet.catalog.pages import (
    Asking,
    Meter,
    Page,
    as_page,
    features_of,
    follow,
    has_next,
    matched_of,
    server_words,
)
from scenefleet.catalog.read_item import link_list
from scenefleet.catalog.source import Source, read, read_lines
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut
from scenefleet_task.reach import Origin, least_trusted

if TYPE_CHECKING:
    from scenefleet.catalog.web import Reader

MAX_DOCUMENTS = 100_000
"""A walk that meets more is taken for a loop through ever new addresses."""
_LONGEST = 4096
"""Characters of a linked address or path: a longer one is taken for such a loop as well."""


@dataclass(slots=True)
class Files:
    """The items of a file or of a static catalogue, and what is to be said of their being all."""

    source: Source
    reader: Reader
    notes: list[str] = field(default_factory=list[str])

    def __iter__(self) -> Iterator[tuple[Any, Base]]:
        """Every item, with the document its hrefs start from.

        Hrefs of an ItemCollection start from its file; those of a walked item from the item's own.

        Raises:
            CatalogError: if a linked document cannot be read, may not be named where it is, or is
                none of a catalogue.
        """
        source = self.source
        base = Base(source.href, source.origin)
        if source.kind == "item":
            yield source.document, base
        elif source.kind == "items":
            yield from self._collection(source.document, base)
        elif source.kind == "lines":
            yield from ((item, base) for item in read_lines(source.href))
        else:
            yield from self._walk()

    def _collection(self, document: Json, base: Base) -> Iterator[tuple[Any, Base]]:
        """All items of an ItemCollection, which on the web may be the first page of several."""
        href = base.href
        if not is_url(href):
            features = features_of(document, href)
            self._note_page(document, len(features), href)
            yield from ((item, base) for item in features)
            return
        first = Asking(href, "GET", {})
        meter = Meter(self.reader.patience.paging, href)
        pages = chain([as_page(document, first, first)], self._pages(document, first, meter))
        items = Items()
        whole = Span(None, None)
        found = haul(pages, whole, items, shown(href), copies=True)
        if found.is_short:
            raise CatalogError(
                f"{shown(href)} says {found.matched} items match, but only {found.came} came: it "
                "is not complete. Search the API itself by its own address as `catalog`."
            )
        # all pages are there: they are as good as the least trusted place that one came from
        base = Base(href, least_trusted(base.origin, self.reader.origin))
        yield from ((item, base) for item in items)

    def _pages(self, document: Json, first: Asking, meter: Meter) -> Iterator[Page]:
        following = as_page(document, first, first).next
        return follow(self.reader, following, meter, first) if following else iter(())

    def _note_page(self, document: Json, count: int, href: str) -> None:
        """Says of a local file that is one page of a search that it is not the whole."""
        matched = matched_of(document)
        if has_next(document) or (matched is not None and matched > count):
            of = "" if matched is None else f" of {matched}"
            self.notes.append(
                f"{href} is one page of a search, with {count}{of} items; its other pages are not "
                "read. Search the API itself to have them."
            )

    def _walk(self) -> Iterator[tuple[Any, Base]]:
        """What came over the web names no more than the web may, whoever linked to it."""
        source = self.source
        waiting: list[tuple[str, Origin, Json | None]] = [
            (source.href, source.origin, source.document)
        ]
        seen = {source.href}
        came = 0
        while waiting:
            href, origin, document = waiting.pop()
            if document is None:
                self.reader.expect(f"document {len(seen)}", items=came)
                document, origin = self._linked(href, origin)
                document = _checked_child(document, href)
            for rel, target in _links(document, href):
                if target in seen:
                    continue
                seen.add(target)
                if len(seen) > MAX_DOCUMENTS:
                    raise CatalogError(
                        f"{shown(source.href)} links to more than {MAX_DOCUMENTS} documents; use a "
                        "STAC API for a catalogue this large."
                    )
                if rel == "child":  # read when it is its turn: they may be many
                    waiting.append((target, origin, None))
                    continue
                self.reader.expect(f"document {len(seen)}", items=came)
                linked, place = self._linked(target, origin)
                base = Base(target, place)
                if linked.get("type") == "FeatureCollection":
                    yield from self._collection(linked, base)
                else:
                    came += 1
                    yield _checked_item(linked, target), base

    def _linked(self, href: str, origin: Origin) -> tuple[Json, Origin]:
        """A linked document, and the least trusted place on the way to it."""
        document, place = read(href, self.reader, origin)
        return document, least_trusted(origin, place)


def _checked_child(document: Json, href: str) -> Json:
    """A catalogue or collection.

    Raises:
        CatalogError: if it is none: a message in its place hides what it links to.
    """
    known = document.get("type") in ("Catalog", "Collection") or "stac_version" in document
    if known and isinstance(document.get("links", []), list):
        return document
    raise CatalogError(
        f"{shown(href)} is no STAC catalogue or collection, though one links to it as that: the "
        f"catalogue is not complete{server_words(document)}."
    )


def _checked_item(document: Json, href: str) -> Json:
    """What may be an item, if perhaps a bad one.

    Raises:
        CatalogError: if it has nothing of an item: a message in its place hides the item.
    """
    if document.get("type") == "Feature" or not _ITEM.isdisjoint(document):
        return document
    raise CatalogError(
        f"{shown(href)} is no STAC item, though a catalogue links to it as that: the catalogue is "
        f"not complete{server_words(document)}."
    )


_ITEM = frozenset(("properties", "geometry", "assets"))


def _links(document: Json, href: str) -> Iterator[tuple[str, str]]:
    for link in link_list(document.get("links")):
        rel, target = link.get("rel"), link.get("href")
        if rel in ("child", "item", "items") and isinstance(target, str):
            there = absolute(target, href)
            if is_url(there):
                there = urldefrag(there).url
            if len(there) > _LONGEST:
                raise CatalogError(
                    f"{shown(cut(href))} links to an address of {len(there)} characters; at most "
                    f"{_LONGEST} are read."
                )
            yield str(rel), there
