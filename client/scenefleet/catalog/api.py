"""A search of a STAC API by pystac-client: what it was asked, and whether all of it came.

Loads pystac-client; import it inside functions only.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pystac_client import Client
from pystac_client.conformance import ConformanceClasses
from pystac_client.warnings import PystacClientWarning

from scenefleet.catalog import cql2
from scenefleet.catalog.access import plain
from scenefleet.catalog.model import Json
from scenefleet.catalog.outline import search_outline
from scenefleet.catalog.packed import Packed
from scenefleet.catalog.web import Reader, understood
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe.model import Search

_FEW = 10
"""Items that tell whether there are any."""
Filtering = Literal["cql2-json", "query", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All pages of one search."""

    items: Iterable[Any]
    """STAC item JSON, as served and in that order; each is read anew when it is asked for."""
    matched: int | None
    filtering: Filtering
    """How the server was asked to filter."""
    simplified: bool = False
    """Whether it was asked for an outline around the area, which has too many vertices itself."""


class Api:
    """An open STAC API."""

    def __init__(self, url: str, reader: Reader) -> None:
        """Reads the landing page.

        Raises:
            CatalogError: if there is none, or the API cannot be searched.
        """
        self.url = url
        self._page = reader.patience.page
        with _quiet(), understood(url):
            # `timeout` again: Client.open would put None in place of the reader's own
            self._client = Client.open(url, stac_io=reader, timeout=reader.timeout)
            searchable = self._client.conforms_to(ConformanceClasses.ITEM_SEARCH)
        if not searchable:
            raise CatalogError(
                f"{plain(url)} is a STAC API without item search, so it cannot be searched. "
                "Use another catalogue, or a file of its items."
            )

    def filtering(self) -> Filtering:
        """The best way to filter that the server says it has."""
        classes = self._client.get_conforms_to()
        if not self._posts():  # filters by GET are written differently by every server
            return "none"
        if self._client.conforms_to(ConformanceClasses.FILTER) and any(
            text.endswith("cql2-json") for text in classes
        ):
            return "cql2-json"
        return "query" if self._client.conforms_to(ConformanceClasses.QUERY) else "none"

    def collection(self, name: str) -> Json | None:
        """The collection's document, or None where the API serves no collections.

        Raises:
            CatalogError: if there is no such collection; names the nearest.
        """
        has = (ConformanceClasses.COLLECTIONS, ConformanceClasses.FEATURES)
        if not any(self._client.conforms_to(kind) for kind in has):
            return None
        with _quiet(), understood(self.url):
            found = self._client.get_collection(name)
            if found is not None:
                return found.to_dict(include_self_link=False, transform_hrefs=False)
            known = sorted(collection.id for collection in self._client.get_collections())
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        listed = f"did you mean {', '.join(near)}?" if near else f"it has {_some(known)}."
        raise CatalogError(f"{plain(self.url)} has no collection {name!r}; {listed}")

    def search(self, query: Search, filtering: Filtering) -> Answer:
        """All items that the server finds.

        Raises:
            CatalogError: if the server fails, or fewer items come than it says match.
        """
        cloud = query.cloud_below
        below = None if cloud is None else cql2.below("eo:cloud_cover", cloud)
        wanted = {
            "cql2-json": {"filter": cql2.both(below, query.filter), "filter_lang": "cql2-json"},
            "query": {"query": None if cloud is None else {"eo:cloud_cover": {"lt": cloud}}},
            "none": {},
        }[filtering]
        outline = search_outline(query.area, posts=self._posts())
        with _quiet(), understood(self.url):
            search = self._client.search(
                method="POST" if self._posts() else "GET",
                collections=list(query.collections),
                intersects=outline,
                datetime=query.dates,
                limit=self._page,
                **cast("dict[str, Any]", wanted),
            )
            items, matched = self._collect(search.pages_as_dicts())
        _check_complete(self.url, items, matched)
        simplified = outline is not query.area
        return Answer(items=items, matched=matched, filtering=filtering, simplified=simplified)

    def first(self, query: Search) -> Answer:
        """The first few items of area and dates, without any filter.

        Raises:
            CatalogError: if the server fails.
        """
        with _quiet(), understood(self.url):
            search = self._client.search(
                method="POST" if self._posts() else "GET",
                collections=list(query.collections),
                intersects=search_outline(query.area, posts=self._posts()),
                datetime=query.dates,
                limit=_FEW,
                max_items=_FEW,
            )
            items = [*search.items_as_dicts()]
        return Answer(items=items, matched=None, filtering="none")

    def _posts(self) -> bool:
        links = [link for link in self._client.links if link.rel == "search"]
        methods = {str(link.extra_fields.get("method") or "GET") for link in links}
        # servers of STAC API before 1.0 name no method and take both
        return "POST" in methods or not methods

    def _collect(self, pages: Iterator[Json]) -> tuple[_Items, int | None]:
        items = _Items()
        matched: int | None = None
        before: list[bytes] | None = None
        for page in pages:
            features = cast("list[Any]", page.get("features") or [])
            texts = [json.dumps(one, sort_keys=True).encode() for one in features]
            if texts == before:
                raise CatalogError(
                    f"{plain(self.url)} gave the same page twice: its paging is broken after "
                    f"{len(items)} items. Search fewer dates at once."
                )
            before = texts
            for text in texts:
                items.add(text)
            matched = _matched(page) if matched is None else matched
        return items, matched


class _Items:
    """Items of all pages, packed; how many differ is counted as they come."""

    def __init__(self) -> None:
        self._packed = Packed()
        self._seen: set[bytes] = set()

    def add(self, text: bytes) -> None:
        self._packed.add(text)
        self._seen.add(hashlib.sha256(text).digest())

    @property
    def different(self) -> int:
        return len(self._seen)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Any]:
        return map(json.loads, self._packed)


def _matched(page: Json) -> int | None:
    """`numberMatched` (STAC API 1.0), or `context.matched` (the context extension before it)."""
    value = page.get("numberMatched")
    if value is None:
        value = cast("Json", page.get("context") or {}).get("matched")
    return value if isinstance(value, int) else None


def _check_complete(url: str, items: _Items, matched: int | None) -> None:
    """An item met twice through shifting pages hides one that never came, so copies count once."""
    came = items.different
    if matched is not None and came < matched:
        raise CatalogError(
            f"{plain(url)} says {matched} items match, but only {came} came: the search is not "
            "complete. Try again, or search fewer dates or a smaller area at once."
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown or "none"


@contextmanager
def _quiet() -> Generator[None]:
    """Without pystac-client's warnings on standard error: this module checks conformance itself."""
    with warnings.catch_warnings():  # noqa: TID251 - no threads of ours here
        warnings.simplefilter("ignore", PystacClientWarning)
        yield
