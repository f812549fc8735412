"""Items out of files: an ItemCollection, an item a line, or a static catalogue that is walked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urldefrag

from scenefleet.catalog.access import shown
from scenefleet.catalog.item import Base, absolute, is_url
from scenefleet.catalog.model import Json
from scenefleet.catalog.source import Source, links_of, read, read_lines
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut
from scenefleet_task.reach import Origin, least_trusted

if TYPE_CHECKING:
    from scenefleet.catalog.web import Reader

MAX_DOCUMENTS = 100_000
"""A walk that meets more is taken for a loop through ever new addresses."""
_LONGEST = 4096
"""Characters of a linked address or path: a longer one is taken for such a loop as well."""


def items(source: Source, reader: Reader) -> Iterator[tuple[Any, Base]]:
    """Every item of the file or static catalogue, with the document its hrefs start from.

    Hrefs of an ItemCollection start from its file; those of a walked item from the item's own.

    Raises:
        CatalogError: if a linked document cannot be read, or may not be named where it is.
    """
    base = Base(source.href, source.origin)
    if source.kind == "item":
        yield source.document, base
    elif source.kind == "items":
        yield from ((item, base) for item in _features(source.document, source.href))
    elif source.kind == "lines":
        yield from ((item, base) for item in read_lines(source.href))
    else:
        yield from _walk(source, reader)


def _features(document: Json, href: str) -> list[Any]:
    features = document.get("features")
    if not isinstance(features, list):
        raise CatalogError(
            f"{shown(href)} is a FeatureCollection whose `features` is no list of items, but "
            f"{type(features).__name__}."
        )
    return cast("list[Any]", features)


def _walk(source: Source, reader: Reader) -> Iterator[tuple[Any, Base]]:
    """What came over the web names no more than the web may, whoever linked to it from a file."""
    waiting: list[tuple[str, Origin, Json | None]] = [(source.href, source.origin, source.document)]
    seen = {source.href}
    while waiting:
        href, origin, document = waiting.pop()
        if document is None:
            document, origin = _linked(href, origin, reader)
        for rel, target in _links(document, href):
            if target in seen:
                continue
            seen.add(target)
            if len(seen) > MAX_DOCUMENTS:
                raise CatalogError(
                    f"{shown(source.href)} links to more than {MAX_DOCUMENTS} documents; use a "
                    "STAC API for a catalogue this large."
                )
            if rel == "child":
                waiting.append((target, origin, None))  # read when it is its turn: they may be many
                continue
            linked, place = _linked(target, origin, reader)
            base = Base(target, place)
            if linked.get("type") == "FeatureCollection":
                yield from ((item, base) for item in _features(linked, target))
            else:
                yield linked, base


def _linked(href: str, origin: Origin, reader: Reader) -> tuple[Json, Origin]:
    """A linked document, and the least trusted place on the way to it."""
    document, place = read(href, reader, origin)
    return document, least_trusted(origin, place)


def _links(document: Json, href: str) -> Iterator[tuple[str, str]]:
    for link in links_of(document):
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
