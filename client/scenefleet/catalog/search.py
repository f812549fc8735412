"""The search: from a recipe's `search` to the scenes it selects, whatever kind of catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from scenefleet.catalog import cql2
from scenefleet.catalog.coverage import WHOLE, coverage_notes, lies_in, uncovered
from scenefleet.catalog.duplicates import united
from scenefleet.catalog.halves import other_halves
from scenefleet.catalog.item import Base, absolute, is_url, tidy
from scenefleet.catalog.model import Dropped, Json, NoUsableItemError, Scene, SearchResult
from scenefleet.catalog.notes import duplicate_notes, rest_words, summary, unusable_notes
from scenefleet.catalog.pages import has_next
from scenefleet.catalog.read_item import link_list
from scenefleet.catalog.select import Selection, select
from scenefleet.catalog.sound import blame, name_of, unusable
from scenefleet.catalog.source import WELL_KNOWN, Patience, Source, examine, locate
from scenefleet.catalog.strangers import why_none
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.catalog.api import Answer, Api
    from scenefleet.catalog.web import Reader
    from scenefleet.recipe import Search


class _Batch:
    """Scenes as they come, before selection; counts them on their way."""

    def __init__(
        self,
        items: Iterable[tuple[Any, Base]],
        query: Search,
        *,
        pc: bool = False,
        served: bool = False,
    ) -> None:
        """Takes items with the documents that held them; an API serves items by their own links."""
        self._items = items
        self._keep = query.keep_query
        self._pc = pc
        self.served = served
        self.came = 0
        self.boxed = 0
        """How many of them lacked a box."""
        self.unusable: list[Dropped] = []

    def __iter__(self) -> Iterator[Scene]:
        for item, base in self._items:
            self.came += 1
            name = name_of(item, self.came)
            try:
                with blame(name):
                    own = _own_base(item, base) if self.served else base
                    one = tidy(item, own, pc=self._pc, keep=self._keep, filed=not self.served)
            except CatalogError as error:
                self.unusable.append(unusable(name, error))
                continue
            self.boxed += one.boxed
            yield one.scene


def search(query: Search, *, base: Path, patience: Patience | None = None) -> SearchResult:
    """The scenes that the query asks for, complete or not at all.

    Filters are checked here again, whatever the server did; nothing found is a result, not an
    error, and its notes say what filtered the scenes out.

    Args:
        query: once read, so that `area` is a geometry and `dates` an RFC 3339 interval.
        base: folder that a relative path of a catalogue starts from.
        patience: how long to wait for a server; None for the usual.

    Raises:
        CatalogError: if the catalogue cannot be read, answers wrongly, or not with all items; or
            if no item that came can be used. One among others is dropped.
    """
    from scenefleet.catalog.web import Reader

    reader = Reader(patience or Patience(), query.allow_private)
    href = locate(query.catalog, base)
    if query.catalog in WELL_KNOWN:
        return _search_api(href, query, reader)
    source = examine(href, reader)
    if source.kind == "api":
        return _search_api(href, query, reader)
    return _search_files(source, query, reader)


def is_server(query: Search, *, base: Path, patience: Patience | None = None) -> bool:
    """Whether the catalogue gives an archive page by page: a STAC API, or a list with a next page.

    A file of items and a static catalogue are none, wherever they lie.

    Args:
        query: as in `search`.
        base: as in `search`.
        patience: as in `search`.

    Raises:
        CatalogError: if the catalogue cannot be read.
    """
    from scenefleet.catalog.web import Reader

    href = locate(query.catalog, base)
    if query.catalog in WELL_KNOWN or not is_url(href):
        return query.catalog in WELL_KNOWN
    reader = Reader(patience or Patience(), query.allow_private)
    source = examine(href, reader)
    return source.kind == "api" or (source.kind == "items" and has_next(source.document))


def has_scenes(query: Search, *, base: Path, patience: Patience | None = None) -> bool:
    """Tells whether a query has any scene; of a server, one page of one item is read.

    Args:
        query: as in `search`.
        base: as in `search`.
        patience: as in `search`.

    Raises:
        CatalogError: if the catalogue cannot be read.
    """
    from scenefleet.catalog.api import Api
    from scenefleet.catalog.web import Reader

    reader = Reader(patience or Patience(), query.allow_private)
    href = locate(query.catalog, base)
    source = None if query.catalog in WELL_KNOWN else examine(href, reader)
    if source is None or source.kind == "api":
        api = Api(href, reader)
        return bool(select(_tidy_answer(api.first(query), href, query, reader), query).kept)
    return bool(_search_files(source, query, reader).items)


def _search_files(source: Source, query: Search, reader: Reader) -> SearchResult:
    from scenefleet.catalog.files import Files

    files = Files(source, reader)
    batch = _Batch(files, query)
    selection = select(batch, query)
    return _result(batch, selection, query, matched=None, notes=files.notes)


def _search_api(url: str, query: Search, reader: Reader) -> SearchResult:
    from scenefleet.catalog.api import Api
    from scenefleet.catalog.extent import extent_notes

    api = Api(url, reader)
    documents = [api.collection(name) for name in query.collections]
    notes = [*api.notes]
    notes += [note for found in documents if found for note in extent_notes(found, query)]
    filtering = api.filtering()
    here = query.filter is None or cql2.supported(query.filter)
    if query.filter is not None and not here:
        notes.append(_trust(filtering))
    answer = api.search(query, filtering)
    batch = _tidy_answer(answer, url, query, reader)
    selection = select(batch, query, filtered=here)
    notes += [*answer.notes, *_filter_notes(answer, selection, query)]
    if not selection.kept and here and _server_filters(query, filtering):
        again = _without_filter(api, query, url, reader)
        answer, batch, selection = again.answer, again.batch, again.selection
        notes += again.notes
    elif query.cloud_below is not None and filtering != "none" and selection.halves:
        found = other_halves(api, query, selection.halves, pc=_is_pc(url), trusted=not here)
        notes += found.notes
        if found.items:
            batch = _tidy_answer(answer, url, query, reader, found.items)
            selection = select(batch, query, filtered=here)
    hidden = _hidden(query, answer.filtering)
    return _result(batch, selection, query, matched=answer.matched, notes=notes, hidden=hidden)


def _hidden(query: Search, filtering: str) -> list[str]:
    """What the server filtered out by itself, so that nothing of it came."""
    if filtering == "none":
        return []
    cloud = ["cloud"] if query.cloud_below is not None else []
    return cloud + (["filter"] if filtering == "cql2-json" and query.filter is not None else [])


@dataclass(frozen=True, slots=True)
class _Again:
    answer: Answer
    batch: _Batch
    selection: Selection
    notes: tuple[str, ...]


def _without_filter(api: Api, query: Search, url: str, reader: Reader) -> _Again:
    """The same search filtered here, after one that the server filtered came back empty.

    Tells how many scenes the filter costs, and finds servers that answer nothing to a filter they
    do not understand.
    """
    answer = api.search(query, "none")
    batch = _tidy_answer(answer, url, query, reader)
    selection = select(batch, query)
    passed = len(selection.kept)
    note = f"The server found nothing for the filter, though {passed} scenes pass; filtered here."
    return _Again(answer, batch, selection, (note,) if passed else ())


def _server_filters(query: Search, filtering: str) -> bool:
    if filtering == "none":
        return False
    return query.cloud_below is not None or (filtering == "cql2-json" and query.filter is not None)


def _trust(filtering: str) -> str:
    """What to say where only the server can apply the filter.

    Raises:
        UnsupportedFilterError: if the server cannot either.
    """
    if filtering != "cql2-json":
        raise cql2.UnsupportedFilterError(
            "The catalogue takes no CQL2 JSON filter, and this one uses more than scenefleet "
            f"itself can apply ({', '.join(cql2.OPERATORS)} over properties). Take it out, or "
            "use another catalogue."
        )
    return "The filter uses operators that only the server knows: its word is taken for it."


def _filter_notes(answer: Answer, selection: Selection, query: Search) -> list[str]:
    """What the server left undone of what it was asked."""
    weighed = "of the acquisition"  # those are no server's to filter
    told = [entry.reason for entry in selection.dropped if weighed not in entry.reason]
    reasons = [reason.partition(": ")[0] for reason in told]
    late = sum(reason in ("cloud", "filter", "no eo:cloud_cover") for reason in reasons)
    notes: list[str] = []
    if late and _server_filters(query, answer.filtering):
        notes.append(f"The server ignored the filter for {late} scenes; filtered here.")
    elif late:
        notes.append(f"The server cannot filter; {late} scenes were filtered here.")
    beside = reasons.count("area") if answer.simplified else 0
    if answer.simplified:
        notes.append(
            "The area has too many vertices to be sent; the server was asked for a simpler outline "
            f"around it, and {beside} scenes beside the area were dropped here."
        )
    strangers = sum(reason in ("area", "dates", "collection") for reason in reasons) - beside
    if strangers:
        notes.append(
            f"The server gave {strangers} scenes outside the area, dates or collections; "
            "dropped here."
        )
    return notes


def _tidy_answer(
    answer: Answer, url: str, query: Search, reader: Reader, more: Iterable[Any] = ()
) -> _Batch:
    # all pages are there: the API is as good as the least trusted place that one came from
    base = Base(url, reader.origin)
    items = ((item, base) for item in chain(answer.items, more))
    return _Batch(items, query, pc=_is_pc(url), served=True)


def _is_pc(url: str) -> bool:
    return urlsplit(url).hostname == urlsplit(WELL_KNOWN["planetary-computer"]).hostname


def _own_base(item: Any, base: Base) -> Base:  # noqa: ANN401 - any JSON value
    return Base(_own_address(item, base.href), base.origin)


def _own_address(item: Any, url: str) -> str:  # noqa: ANN401 - any JSON value
    """Where the item's relative hrefs start: its self link, else the API's address."""
    links = cast("Json", item).get("links") if isinstance(item, dict) else None
    own = [link.get("href") for link in link_list(links) if link.get("rel") == "self"]
    there = absolute(own[0], url) if own and isinstance(own[0], str) else url
    return there if is_url(there) else url


def _result(
    batch: _Batch,
    selection: Selection,
    query: Search,
    *,
    matched: int | None,
    notes: list[str],
    hidden: Sequence[str] = (),
) -> SearchResult:
    dropped = (*batch.unusable, *selection.dropped)
    if batch.came and batch.came == len(batch.unusable):
        raise NoUsableItemError(" ".join(unusable_notes(dropped)), dropped)
    if batch.boxed:
        notes.append(f"{batch.boxed} items had no bbox; it was made from their geometry.")
    notes += unusable_notes(dropped)
    notes += duplicate_notes(dropped)
    parts = united(selection.kept)
    if parts:
        notes.append(f"Items that fill gaps of others of the same acquisition: {len(parts)}.")
    coverage, rest = (None, None) if query.area is None else _coverage(selection, query)
    if coverage is not None and selection.kept:
        over = {} if coverage >= WHOLE else _over(rest, selection)
        words = rest_words(over, query, unusable=len(batch.unusable), hidden=hidden)
        notes += coverage_notes(coverage, rest=words)
    if not selection.kept:
        notes.append(_nothing(batch, dropped, query))
        notes += why_none(selection, query)
    return SearchResult(
        items=selection.kept,
        matched=matched,
        dropped=dropped,
        united=parts,
        coverage=coverage,
        notes=tuple(dict.fromkeys(notes)),
    )


def _coverage(selection: Selection, query: Search) -> tuple[float, Any]:
    return uncovered(cast("Json", query.area), selection.kept)


def _over(rest: Any, selection: Selection) -> dict[str, list[str]]:  # noqa: ANN401 - shapely
    """Scenes that were dropped although they lie in the part that no other covers."""
    import shapely

    shapely.prepare(rest)
    return {
        kind: [scene.id for scene in scenes if lies_in(rest, scene)]
        for kind, scenes in selection.passed_over.items()
    }


def _nothing(batch: _Batch, dropped: tuple[Dropped, ...], query: Search) -> str:
    if batch.came:
        return f"No scene is left: {batch.came} came, {summary(dropped, query)}."
    if not batch.served:
        return "The catalogue has no item at all."
    return f"No scene of {', '.join(query.collections)} matches area and dates."
