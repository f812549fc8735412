"""A search of a STAC API by pystac-client: what it was asked, and whether all of it came.

Loads pystac-client; import it inside functions only.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pystac import Link
from pystac_client import Client
from pystac_client.conformance import ConformanceClasses
from pystac_client.warnings import PystacClientWarning

from scenefleet.catalog import cql2
from scenefleet.catalog.access import plain
from scenefleet.catalog.complete import gather
from scenefleet.catalog.haul import Span
from scenefleet.catalog.model import Json
from scenefleet.catalog.outline import search_outline
from scenefleet.catalog.pages import Asking, Meter, Page, follow
from scenefleet.catalog.select import interval
from scenefleet.catalog.web import Reader, understood
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe.model import Search

_FEW = 10
"""Items that tell whether there are any."""
Filtering = Literal["cql2-json", "query", "none"]


@dataclass(frozen=True, slots=True)
class Answer:
    """All pages of one search."""

    items: Iterable[Any]
    """STAC item JSON, as served and in that order; each is read anew when it is asked for."""
    matched: int | None
    filtering: Filtering
    """How the server was asked to filter."""
    notes: tuple[str, ...] = ()
    """Notes for the user on whether the answer is complete."""
    simplified: bool = False
    """True if the search used a simpler outline, because the area has too many vertices."""


class Api:
    """An open STAC API."""

    def __init__(self, url: str, reader: Reader) -> None:
        """Reads the landing page.

        Raises:
            CatalogError: if there is none, or the API cannot be searched.
        """
        self.url = url
        self._reader = reader
        self._page = reader.patience.page
        self._meter = Meter(reader.patience.paging, url)
        reader.expect("its landing page")
        with _quiet(), understood(url):
            # `timeout` again: Client.open would put None in place of the reader's own
            self._client = Client.open(url, stac_io=reader, timeout=reader.timeout)
            self.notes = self._complete_conformance()
            searchable = self._client.conforms_to(ConformanceClasses.ITEM_SEARCH)
        if not searchable:
            raise CatalogError(
                f"{plain(url)} is a STAC API without item search, so it cannot be searched. "
                "Use another catalogue, or a file of its items."
            )

    def _complete_conformance(self) -> tuple[str, ...]:
        """Takes a landing page that does not say what it conforms to by its search link."""
        told = cast("Any", self._client.extra_fields).get("conformsTo")
        classes = cast("list[Any]", told) if isinstance(told, list) else []
        known = [text for text in classes if isinstance(text, str)]
        self._client.set_conforms_to(known)
        if known or self._search_link() is None:
            return ()
        self._client.add_conforms_to(ConformanceClasses.ITEM_SEARCH.name)
        return (
            "The catalogue does not say what it can do (its landing page has no conformsTo); it is "
            "searched by its search link, without a filter and without a look at its collections.",
        )

    def _search_link(self) -> Link | None:
        """The link to search by; servers leave out its media type, which pystac-client insists on.

        One to a page for people (`text/html`) is none.
        """
        links = [link for link in self._client.links if link.rel == "search"]
        bare = (link for link in links if not link.media_type)
        return self._client.get_search_link() or next(bare, None)

    def _search_url(self, otherwise: str | None) -> str:
        """Returns the search address: the landing page's link, or else pystac-client's choice."""
        link = self._search_link()
        return str(link.absolute_href if link else otherwise)

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
            self._reader.expect(f"collection {name}")
            found = self._client.get_collection(name)
            if found is not None:
                return found.to_dict(include_self_link=False, transform_hrefs=False)
            self._reader.expect("its collections")
            known = sorted(collection.id for collection in self._client.get_collections())
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        listed = f"did you mean {', '.join(near)}?" if near else f"it has {_some(known)}."
        raise CatalogError(f"{plain(self.url)} has no collection {name!r}; {listed}")

    def search(self, query: Search, filtering: Filtering, within: Span | None = None) -> Answer:
        """All items that the server finds.

        Args:
            query: what is searched.
            filtering: how the server is asked to filter.
            within: the dates, in place of the query's.

        Raises:
            CatalogError: if the server fails, or not all came (see `complete`).
        """
        cloud = query.cloud_below
        below = None if cloud is None else cql2.below("eo:cloud_cover", cloud)
        wanted = {
            "cql2-json": {"filter": cql2.both(below, query.filter), "filter_lang": "cql2-json"},
            "query": {"query": None if cloud is None else {"eo:cloud_cover": {"lt": cloud}}},
            "none": {},
        }[filtering]
        outline = search_outline(query.area, posts=self._posts())
        given: dict[str, Any] = {
            "method": "POST" if self._posts() else "GET",
            "collections": list(query.collections),
            "intersects": outline,
            **cast("dict[str, Any]", wanted),
        }
        whole = within or dates_of(query)

        def ask(span: Span, limit: int, name: str | None) -> Iterator[Page]:
            ids = None if name is None else [name]
            search = self._client.search(datetime=span.text, limit=limit, ids=ids, **given)
            method, parameters = str(search.method), search.get_parameters()
            url = self._search_url(search.url)
            return follow(self._reader, Asking(url, method, parameters), self._meter)

        with _quiet(), understood(self.url):
            found = gather(ask, whole, limit=self._page, url=self.url)
        return Answer(
            items=found.items,
            matched=found.matched,
            filtering=filtering,
            notes=found.notes,
            simplified=outline is not query.area,
        )

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
                datetime=dates_of(query).text,
                limit=_FEW,
                max_items=_FEW,
            )
            url = self._search_url(search.url)
            asking = Asking(url, str(search.method), search.get_parameters())
            page = next(iter(follow(self._reader, asking, self._meter)))
        return Answer(items=page.features[:_FEW], matched=None, filtering="none")

    def _posts(self) -> bool:
        links = [link for link in self._client.links if link.rel == "search"]
        methods = {str(link.extra_fields.get("method") or "GET") for link in links}
        # servers of STAC API before 1.0 name no method and take both
        return "POST" in methods or not methods


def dates_of(query: Search) -> Span:
    """The dates of a search."""
    return Span(*interval(query.dates)) if query.dates else Span(None, None)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown or "none"


@contextmanager
def _quiet() -> Generator[None]:
    """Without pystac-client's warnings on standard error: this module checks conformance itself."""
    with warnings.catch_warnings():  # noqa: TID251 - no threads of ours here
        warnings.simplefilter("ignore", PystacClientWarning)
        yield
