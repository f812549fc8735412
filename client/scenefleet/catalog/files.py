"""Items out of files: an ItemCollection, an item a line, or a static catalogue that is walked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from scenefleet.catalog.access import shown
from scenefleet.catalog.item import absolute
from scenefleet.catalog.model import Json
from scenefleet.catalog.source import Source, read, read_lines
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.catalog.web import Reader

MAX_DOCUMENTS = 100_000
"""A walk that meets more is taken for a loop through ever new addresses."""


def items(source: Source, reader: Reader) -> Iterator[tuple[Any, str]]:
    """Every item of the file or static catalogue, with the document its hrefs start from.

    Hrefs of an ItemCollection start from its file; those of a walked item from the item's own.

    Raises:
        CatalogError: if a linked document cannot be read.
    """
    if source.kind == "item":
        yield source.document, source.href
    elif source.kind == "items":
        for item in cast("list[Any]", source.document.get("features") or []):
            yield item, source.href
    elif source.kind == "lines":
        yield from ((item, source.href) for item in read_lines(source.href))
    else:
        yield from _walk(source, reader)


def _walk(source: Source, reader: Reader) -> Iterator[tuple[Any, str]]:
    waiting = [(source.href, source.document)]
    seen = {source.href}
    while waiting:
        href, document = waiting.pop()
        for rel, target in _links(document, href):
            if target in seen:
                continue
            seen.add(target)
            if len(seen) > MAX_DOCUMENTS:
                raise CatalogError(
                    f"{shown(source.href)} links to more than {MAX_DOCUMENTS} documents; use a "
                    "STAC API for a catalogue this large."
                )
            linked = read(target, reader)
            if rel == "child":
                waiting.append((target, linked))
            elif linked.get("type") == "FeatureCollection":
                for item in cast("list[Any]", linked.get("features") or []):
                    yield item, target
            else:
                yield linked, target


def _links(document: Json, href: str) -> Iterator[tuple[str, str]]:
    for link in cast("list[Json]", document.get("links") or []):
        rel, target = link.get("rel"), link.get("href")
        if rel in ("child", "item", "items") and isinstance(target, str):
            yield str(rel), absolute(target, href)
