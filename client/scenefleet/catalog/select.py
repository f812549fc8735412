"""Which of the scenes that came are kept; the same rules whatever a server did or left undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from scenefleet.catalog import cql2
from scenefleet.catalog.clouds import cloud_reason
from scenefleet.catalog.duplicates import acquisitions, scenes_of
from scenefleet.catalog.model import Dropped, Json, Scene
from scenefleet.catalog.read_item import instant, moment, read_time
from scenefleet.catalog.scenes import Scenes, Shelf, Ticket
from scenefleet.catalog.sound import blame, unusable
from scenefleet.catalog.strangers import Strangers, values_of
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe import Search

_WHOLE_TILE = 99.5
"""Per cent of a tile with data from which on no other item is looked for to fill it."""

Rule = Callable[[Scene], str | None]
"""Says why a scene is dropped, or None."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Scenes kept, sorted by datetime, collection and id; and the others, each with its reason."""

    kept: Scenes
    dropped: tuple[Dropped, ...]
    passed_over: Mapping[str, Scenes] = field(default_factory=dict[str, Scenes])
    """Scenes of the area and the dates that were dropped all the same, by `cloud`, `filter` or
    `limit`."""
    halves: Mapping[bytes, datetime] = field(default_factory=dict[bytes, datetime])
    """Acquisitions of kept scenes that do not fill their tile, and when they are of."""
    strangers: Strangers = field(default_factory=Strangers)
    """What items are that lie outside the collections, the area or the dates."""


def select(scenes: Iterable[Scene], query: Search, *, filtered: bool = True) -> Selection:
    """The scenes that the query asks for.

    Collection, area, dates and filter are asked of each item; then items of one acquisition become
    one scene, of which cloud cover is asked; `limit` counts the scenes that are left.

    Args:
        scenes: in the order they came.
        query: what the user asked for.
        filtered: whether `query.filter` is applied here too.

    Raises:
        CatalogError: if the filter cannot be applied.
    """
    sieve = _Sieve(query, filtered=filtered)
    found = acquisitions(sieve.passing(scenes), sieve.shelf)
    clear, cloudy, overcast = _by_cloud(found.groups, query.cloud_below, found.shelf)
    clear.sort(key=lambda group: group[0].order)
    end = query.limit or len(clear)
    beyond = [part for group in clear[end:] for part in group]
    cut = [Dropped(item.id, f"limit: beyond the first {end}") for item in beyond]
    over = {"cloud": cloudy, "filter": sieve.filtered_out, "limit": clear[end:]}
    return Selection(
        kept=scenes_of(found.shelf, clear[:end]),
        dropped=(*sieve.dropped, *found.dropped, *overcast, *cut),
        passed_over={kind: scenes_of(found.shelf, some) for kind, some in over.items()},
        halves=dict(filter(None, map(_half, clear))),
        strangers=sieve.strangers,
    )


Group = tuple[Ticket, ...]


def _by_cloud(
    groups: Iterable[Group], limit: float | None, shelf: Shelf
) -> tuple[list[Group], list[Group], list[Dropped]]:
    """The scenes below the limit, the others, and why each item of those is dropped."""
    if limit is None:
        return list(groups), [], []
    clear: list[Group] = []
    cloudy: list[Group] = []
    dropped: list[Dropped] = []
    for group in groups:
        reason = cloud_reason(group, limit, lambda ticket: shelf.scene(ticket.place))
        if reason is None:
            clear.append(group)
        else:
            cloudy.append(group)
            dropped += [Dropped(ticket.id, reason) for ticket in group]
    return clear, cloudy, dropped


def _half(group: Group) -> tuple[bytes, datetime] | None:
    """The acquisition of a scene that other items may fill; None for one that fills its tile."""
    first = group[0]
    whole = sum(ticket.share or 0.0 for ticket in group) >= _WHOLE_TILE
    return None if first.acquisition is None or whole else (first.acquisition, first.moment)


class _Sieve:
    """Lets the items pass that no rule drops, and keeps account of the others."""

    def __init__(self, query: Search, *, filtered: bool) -> None:
        self.shelf = Shelf()
        self.dropped: list[Dropped] = []
        self.filtered_out: list[Group] = []
        self.strangers = Strangers()
        self._rules = _rules(query)
        self._filter = query.filter if filtered else None
        self._asked = cql2.properties(self._filter)
        if self._filter is not None:
            cql2.matches(self._filter, {})  # one that is malformed is no item's fault

    def passing(self, scenes: Iterable[Scene]) -> Iterator[Scene]:
        for scene in scenes:
            try:
                with blame(scene.id):
                    reason = self._reason(scene)
            except CatalogError as error:
                self.dropped.append(unusable(scene.id, error))
                continue
            if reason:
                self.dropped.append(Dropped(scene.id, reason))
            else:
                yield scene

    def _reason(self, scene: Scene) -> str | None:
        reason = next((text for text in (rule(scene) for rule in self._rules) if text), None)
        if reason:
            self.strangers.add(reason.partition(": ")[0], scene)
            return reason
        if self._filter is None or cql2.matches(self._filter, scene.document):
            return None
        self.filtered_out.append((self.shelf.put(scene),))
        return f"filter: it does not match{values_of(self._asked, scene)}"


def interval(dates: str) -> tuple[datetime | None, datetime | None]:
    """First and last moment of an RFC 3339 interval; None is open.

    A time without a fraction stands for its whole second, as a day stands for all of it.
    """
    first, _, last = dates.partition("/")
    last = last or first
    start, end = _edge(first), _edge(last)
    if end and "." not in last:
        end += timedelta(seconds=1) - timedelta(microseconds=1)
    return start, end


def _edge(text: str) -> datetime | None:
    return None if text in ("", "..") else read_time(text)


def _rules(query: Search) -> list[Rule]:
    rules: list[Rule] = [_collection_rule(query.collections)]
    rules.append(_drawn if query.area is None else _area_rule(cast("Json", query.area)))
    if query.dates is not None:
        rules.append(_dates_rule(query.dates))
    return rules


def _drawn(scene: Scene) -> None:
    """Sees that the footprint can be drawn, which planning needs."""
    from scenefleet.catalog.globe import footprint

    footprint(scene)


def _collection_rule(collections: tuple[str, ...]) -> Rule:
    def rule(scene: Scene) -> str | None:
        if scene.collection in collections:
            return None
        return f"collection: it is of {scene.collection or 'no collection'!r}, not asked for"

    return rule


def _area_rule(area: Json) -> Rule:
    import shapely
    from shapely.geometry import shape

    from scenefleet.catalog.globe import footprint

    wanted: Any = shape(area)
    shapely.prepare(wanted)

    def rule(scene: Scene) -> str | None:
        return None if wanted.intersects(footprint(scene)) else "area: it lies outside"

    return rule


def _dates_rule(dates: str) -> Rule:
    start, end = interval(dates)

    def rule(scene: Scene) -> str | None:
        first = moment(scene.document)
        closing = scene.properties.get("end_datetime")
        whole = scene.properties.get("datetime") is None and isinstance(closing, str)
        last = instant(str(closing), scene.document) if whole else first
        first, last = min(first, last), max(first, last)
        outside = (end and first > end) or (start and last < start)
        return f"dates: it is of {scene.datetime}" if outside else None

    return rule
