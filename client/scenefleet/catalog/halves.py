"""Other parts of acquisitions that a server filtered out by their clouds.

A server weighs clouds by item. Where a tile came in two items (see `duplicates`) it may give the
clear one only; the cloudy one is as much a part of the scene, and counts for its cloud cover. So
scenes that may have another part are looked for again, without the limit, at their own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from scenefleet.catalog.duplicates import acquisition_of
from scenefleet.catalog.haul import Span
from scenefleet.catalog.item import tidy
from scenefleet.catalog.model import Json, is_number
from scenefleet.catalog.sound import blame, name_of
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.catalog.api import Api
    from scenefleet.recipe.model import Search

MOST = 2_000
"""Scenes with a part missing for which the server is asked again; beyond, a note says so."""
_FEW = 10
"""So many narrow searches at most, else a single one over all of the time."""
_ACQUISITION = timedelta(minutes=20)
"""Items of one acquisition lie nearer in time: a datatake takes a quarter of an hour at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """The other parts of acquisitions that were found."""

    items: list[Any]
    """STAC item JSON, as served."""
    notes: tuple[str, ...] = ()


def other_halves(
    api: Api, query: Search, halves: Mapping[bytes, datetime], *, pc: bool, trusted: bool
) -> Found:
    """Items of some acquisitions that the server did not give for their clouds.

    Args:
        api: the server.
        query: what was searched.
        halves: acquisitions, and when they are of.
        pc: whether it is Planetary Computer.
        trusted: whether the query's filter is one that only the server can apply; then nothing
            is asked without it.

    Raises:
        CatalogError: if the server fails, or does not give all.
    """
    from scenefleet.catalog.api import dates_of

    if trusted or len(halves) > MOST:
        return Found([], (_missing_note(len(halves)),))
    spans = _times(halves.values(), dates_of(query))
    items = chain.from_iterable(api.search(query, "none", span).items for span in spans)
    wanted = [item for item in items if _acquisition(item, api.url, pc=pc) in halves]
    # all of them came again, of which those below the limit are there already
    limit = query.cloud_below or 0.0
    return Found([item for item in wanted if not _is_clear(item, limit)])


def _acquisition(item: Any, url: str, *, pc: bool) -> bytes | None:  # noqa: ANN401
    try:
        with blame(name_of(item, 0)):
            return acquisition_of(tidy(item, url, pc=pc).scene)
    except CatalogError:  # what cannot be used is a part of nothing
        return None


def _is_clear(item: Json, limit: float) -> bool:
    cover = item["properties"].get("eo:cloud_cover")
    return is_number(cover) and cover < limit


def _times(moments: Iterable[datetime], within: Span) -> list[Span]:
    """When to look for other parts of scenes, within the search's own dates."""
    spans: list[Span] = []
    for moment in sorted(moments):
        start = within.clamp(moment - _ACQUISITION)
        end = within.clamp(moment + _ACQUISITION)
        if spans and spans[-1].end and spans[-1].end >= start:
            spans[-1] = Span(spans[-1].start, end)
        else:
            spans.append(Span(start, end))
    return spans if len(spans) <= _FEW else [Span(spans[0].start, spans[-1].end)]


def _missing_note(number: int) -> str:
    return (
        f"{number} scenes may have a cloudier part that the server's filter left out, for which it "
        "was not asked again. Search fewer dates at once to have those parts."
    )
