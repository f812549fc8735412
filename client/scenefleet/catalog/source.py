"""Where a catalogue is, what kind it is, and how long to wait for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from scenefleet.catalog.access import plain, shown
from scenefleet.catalog.flaws import kind_of
from scenefleet.catalog.item import is_url
from scenefleet.catalog.model import Json
from scenefleet.catalog.read_item import link_list
from scenefleet.catalog.waiting import CatalogRequest
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut, in_bytes, open_file, parse_json, read_file
from scenefleet.recipe.part import near
from scenefleet_task.reach import Origin
from scenefleet_task.redact import redact

if TYPE_CHECKING:
    from scenefleet.catalog.web import Reader

WELL_KNOWN = {
    "planetary-computer": "https://planetarycomputer.microsoft.com/api/stac/v1",
    "earth-search": "https://earth-search.aws.element84.com/v1",
}
Kind = Literal["api", "items", "item", "lines", "static"]
_LINES = (".jsonl", ".ndjson")
"""Names of files with an item a line end so: those are read a line at a time, however long."""
_MOST_FILE = 500_000_000
"""Bytes of a JSON document on disk: as Python values it takes ten times its size in memory."""
_MOST_LINE = 20_000_000
"""Bytes of one item in a file that has one a line."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Limits on pages, beyond which a catalogue counts as one without an end."""

    pages: int = 2_000
    """At a hundred items a page, twice what a plan of 100,000 scenes needs."""
    seconds: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a catalogue is waited for."""

    retries: int = 5
    """Further tries of a request that was throttled (429) or met a server's fault (5xx)."""
    backoff: float = 1.0
    """Seconds before the second retry; doubled for each one after."""
    timeout: tuple[float, float] = (10.0, 60.0)
    """Seconds to connect, and between two bytes."""
    answer_seconds: float = 60.0
    """Seconds that one request has in all: looking up the name, connecting, redirects, retries and
    what the server asks to wait before them, down to the last byte."""
    answer_bytes: int = 200_000_000
    """Bytes of one answer, unpacked; a page of 100 items has two million."""
    page: int = 100
    """Items a page: larger ones make servers fail (502 at 250, pystac-client issue 659)."""
    paging: Paging = Paging()
    tell: Callable[[CatalogRequest], None] | None = None
    """Receives each request as it begins, and each time that it is to be sent again; may be called
    by another thread."""


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue's document: its address or path, its kind and, unless well known, its content."""

    href: str
    kind: Kind
    document: Json
    origin: Origin = "file"
    """Where it came from; what it links to may name no more than that."""


def locate(catalog: str, base: Path) -> str:
    """The URL of a catalogue by its name or URL; else an absolute path, relative to `base`."""
    if catalog in WELL_KNOWN:
        return WELL_KNOWN[catalog]
    if is_url(catalog):
        return catalog
    return os.path.normpath(base.absolute() / Path(catalog).expanduser())


def read(href: str, reader: Reader, origin: Origin = "file") -> tuple[Json, Origin]:
    """The JSON object at a URL or in a local file, and where it came from.

    Args:
        href: of the document.
        reader: for the web.
        origin: of the document that names it; the user's own recipe is a file.

    Raises:
        CatalogError: if it cannot be read, is no JSON object, or may not be named from there.
    """
    if is_url(href):
        reader.origin = origin
        return reader.read_json(href), reader.origin
    if origin != "file" or not href.startswith("/"):
        raise CatalogError(
            f"The catalogue links to {cut(redact(href))!r}, which is no http(s):// address"
            + ("." if origin == "file" else "; a path of this machine is read from files only.")
        )
    with _readable(href):
        text = read_file(Path(href), _MOST_FILE)
    try:
        value = parse_json(text)
    except ValueError as error:
        raise CatalogError(f"{cut(href)} is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise CatalogError(f"{cut(href)} holds no STAC object, but {kind_of(value)}.")
    return cast("Json", value), "file"


@contextmanager
def _readable(href: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        known = ", ".join(WELL_KNOWN)
        hint = near(Path(href).name, [*WELL_KNOWN, *_beside(Path(href))])
        told = "." if hint == ";" else hint
        raise CatalogError(
            f"There is no file {cut(href)}{told} `catalog` is one of {known}, the URL of a STAC "
            "API, or a path of a file of items or a static catalogue, relative to the recipe."
        ) from None
    except OSError as error:
        hint = " Write it as a file with an item a line (.jsonl)." if _is_large(error) else ""
        raise CatalogError(f"{cut(href)} cannot be read: {error.strerror}.{hint}") from None


def _beside(path: Path) -> list[str]:
    """Names of files beside a path that may be catalogues."""
    try:
        return [one.name for one in path.parent.iterdir() if one.suffix in (".json", *_LINES)]
    except OSError:
        return []


def _is_large(error: OSError) -> bool:
    return error.errno == errno.EFBIG


def examine(href: str, reader: Reader) -> Source:
    """Reads the catalogue's document and tells its kind.

    Raises:
        CatalogError: if it cannot be read, or is nothing that can be searched.
    """
    if href.endswith(_LINES) and not is_url(href):
        return Source(href, "lines", {})
    reader.expect("its first document")
    document, origin = read(href, reader)
    return Source(href, _kind(href, document), document, origin)


def read_lines(href: str) -> Iterator[Any]:
    """The JSON values of a local file that has one a line; empty lines are passed over.

    Raises:
        CatalogError: if it cannot be read, or a line is no JSON.
    """
    with _readable(href), open_file(Path(href)) as file:
        for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE + 1), b""), 1):
            if len(line) > _MOST_LINE:
                raise CatalogError(
                    f"{cut(href)}, line {number}: it is longer than {in_bytes(_MOST_LINE)}, the "
                    "most that an item may have."
                )
            if not line.strip():
                continue
            try:
                value = parse_json(line)
            except ValueError as error:
                raise CatalogError(f"{cut(href)} is no JSON in line {number}: {error}.") from None
            yield value


def _kind(href: str, document: Json) -> Kind:
    kind = document.get("type")
    links = link_list(document.get("links"))
    searchable = any(link.get("rel") == "search" for link in links)
    if kind == "FeatureCollection":
        return "items"
    if kind == "Feature":
        return "item"
    if kind == "Catalog" or (kind is None and ("stac_version" in document or searchable)):
        if not is_url(href) and searchable:
            own = (str(link.get("href")) for link in links if link.get("rel") in ("self", "root"))
            address = next((plain(text) for text in own if is_url(text)), "")
            raise CatalogError(
                f"{href} is a saved landing page of a STAC API. Give the API's own address as "
                f"`catalog`{f' ({address})' if address else ''}."
            )
        return "api" if is_url(href) and (searchable or document.get("conformsTo")) else "static"
    if kind == "Collection":
        root = next((str(link.get("href")) for link in links if link.get("rel") == "root"), "")
        if is_url(href) and any(link.get("rel") == "items" for link in links):
            raise CatalogError(
                f"{plain(href)} is one collection of a STAC API. Give the API's own address as "
                f"`catalog`{f' ({plain(root)})' if is_url(root) else ''} and "
                f"`collections: [{cut(str(document.get('id')))}]`."
            )
        return "static"
    raise CatalogError(
        f"{shown(href)} is no STAC catalogue, collection or file of items: its type is "
        f"{cut(repr(kind))}."
    )
