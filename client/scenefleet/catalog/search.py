"""The search: from a recipe's `search` to the scenes it selects, whatever kind of catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from scenefleet.catalog import cql2
from scenefleet.catalog.coverage import coverage_notes, covered
from scenefleet.catalog.duplicates import united
from scenefleet.catalog.item import absolute, tidy
from scenefleet.catalog.model import Json, Scene, SearchResult
from scenefleet.catalog.select import Selection, select, summary
from scenefleet.catalog.source import WELL_KNOWN, Patience, Source, examine, locate

if TYPE_CHECKING:
    from scenefleet.catalog.api import Answer, Api
    from scenefleet.catalog.web import Reader
    from scenefleet.recipe import Search


class _Batch:
    """Scenes as they come, before selection; counts them on their way."""

    def __init__(self, items: Iterable[tuple[Any, str]], *, pc: bool) -> None:
        self._items = items
        self._pc = pc
        self.came = 0
        self.boxed = 0
        """How many of them lacked a box."""

    def __iter__(self) -> Iterator[Scene]:
        for item, base in self._items:
            one = tidy(item, base, pc=self._pc)
            self.came += 1
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
        CatalogError: if the catalogue cannot be read, answers wrongly, or gives fewer items than
            it says match; also for items that cannot be used.
    """
    from scenefleet.catalog.web import Reader

    reader = Reader(patience or Patience())
    href = locate(query.catalog, base)
    if query.catalog in WELL_KNOWN:
        return _search_api(href, query, reader)
    source = examine(href, reader)
    if source.kind == "api":
        return _search_api(href, query, reader)
    return _search_files(source, query, reader)


def has_scenes(query: Search, *, base: Path, patience: Patience | None = None) -> bool:
    """Whether the query has a scene at all; of a server's answer one page of one item is read.

    Args:
        query: as in `search`.
        base: as in `search`.
        patience: as in `search`.

    Raises:
        CatalogError: if the catalogue cannot be read.
    """
    from scenefleet.catalog.api import Api
    from scenefleet.catalog.web import Reader

    reader = Reader(patience or Patience())
    href = locate(query.catalog, base)
    source = None if query.catalog in WELL_KNOWN else examine(href, reader)
    if source is None or source.kind == "api":
        api = Api(href, reader)
        return bool(select(_tidy_answer(api.first(query), href), query).kept)
    return bool(_search_files(source, query, reader).items)


def _search_files(source: Source, query: Search, reader: Reader) -> SearchResult:
    from scenefleet.catalog.files import items

    batch = _Batch(items(source, reader), pc=False)
    selection = select(batch, query)
    return _result(batch, selection, query, matched=None, notes=[])


def _search_api(url: str, query: Search, reader: Reader) -> SearchResult:
    from scenefleet.catalog.api import Api
    from scenefleet.catalog.extent import extent_notes

    api = Api(url, reader)
    documents = [api.collection(name) for name in query.collections]
    notes = [note for found in documents if found for note in extent_notes(found, query)]
    filtering = api.filtering()
    here = query.filter is None or cql2.supported(query.filter)
    if query.filter is not None and not here:
        notes.append(_trust(filtering))
    answer = api.search(query, filtering)
    batch = _tidy_answer(answer, url)
    selection = select(batch, query, filtered=here)
    notes += _filter_notes(answer, selection, query)
    if not selection.kept and here and _server_filters(query, filtering):
        again = _without_filter(api, query, url)
        answer, batch, selection = again.answer, again.batch, again.selection
        notes += again.notes
    return _result(batch, selection, query, matched=answer.matched, notes=notes)


@dataclass(frozen=True, slots=True)
class _Again:
    answer: Answer
    batch: _Batch
    selection: Selection
    notes: tuple[str, ...]


def _without_filter(api: Api, query: Search, url: str) -> _Again:
    """The same search filtered here, after one that the server filtered came back empty.

    Tells how many scenes the filter costs, and finds servers that answer nothing to a filter they
    do not understand.
    """
    answer = api.search(query, "none")
    batch = _tidy_answer(answer, url)
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
    reasons = [entry.reason.partition(":")[0] for entry in selection.dropped]
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


def _tidy_answer(answer: Answer, url: str) -> _Batch:
    pc = urlsplit(url).hostname == urlsplit(WELL_KNOWN["planetary-computer"]).hostname
    return _Batch(((item, _own_address(item, url)) for item in answer.items), pc=pc)


def _own_address(item: Any, url: str) -> str:  # noqa: ANN401 - any JSON value
    """Where the item's relative hrefs start: its self link, else the API's address."""
    links = cast("list[Json]", item.get("links") or []) if isinstance(item, dict) else []  # pyright: ignore[reportUnknownMemberType]
    own = next((str(link.get("href")) for link in links if link.get("rel") == "self"), url)
    return absolute(own, url)


def _result(
    batch: _Batch, selection: Selection, query: Search, *, matched: int | None, notes: list[str]
) -> SearchResult:
    if batch.boxed:
        notes.append(f"{batch.boxed} items had no bbox; it was made from their geometry.")
    differing = sum("came twice with different" in entry.reason for entry in selection.dropped)
    if differing:
        notes.append(f"{differing} items came twice with different metadata; the newer is kept.")
    parts = united(selection.kept)
    if parts:
        notes.append(f"Items that fill gaps of others of the same acquisition: {len(parts)}.")
    coverage = _coverage(selection, query)
    if coverage is not None and selection.kept:
        notes += coverage_notes(coverage, cut=_was_cut(selection))
    if not selection.kept:
        notes.append(_nothing(batch, selection, query))
    return SearchResult(
        items=selection.kept,
        matched=matched,
        dropped=selection.dropped,
        united=parts,
        coverage=coverage,
        notes=tuple(dict.fromkeys(notes)),
    )


def _coverage(selection: Selection, query: Search) -> float | None:
    return None if query.area is None else covered(cast("Json", query.area), selection.kept)


def _was_cut(selection: Selection) -> bool:
    return any(entry.reason.startswith("limit:") for entry in selection.dropped)


def _nothing(batch: _Batch, selection: Selection, query: Search) -> str:
    names = ", ".join(query.collections)
    if not batch.came:
        return f"No scene of {names} matches area and dates."
    return f"No scene is left: {batch.came} came, {summary(selection.dropped, query)}."
