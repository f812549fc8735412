"""Which of the scenes that came are kept; the same rules whatever a server did or left undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from scenefleet.catalog import cql2
from scenefleet.catalog.duplicates import acquisitions, scenes_of
from scenefleet.catalog.model import Dropped, Json, Scene, instant, moment, read_time
from scenefleet.catalog.scenes import Scenes

if TYPE_CHECKING:
    from scenefleet.recipe import Search

Rule = Callable[[Scene], str | None]
"""Says why a scene is dropped, or None."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Scenes kept, sorted by datetime, collection and id; and the others, each with its reason."""

    kept: Scenes
    dropped: tuple[Dropped, ...]


def select(scenes: Iterable[Scene], query: Search, *, filtered: bool = True) -> Selection:
    """The scenes that the query asks for.

    Args:
        scenes: in the order they came.
        query: what the user asked for.
        filtered: whether `query.filter` is applied here too.

    Raises:
        CatalogError: if the filter cannot be applied.
    """
    rules = _rules(query, filtered=filtered)
    dropped: list[Dropped] = []
    found = acquisitions(_passing(scenes, rules, dropped))
    unique = sorted(found.groups, key=lambda group: group[0].order)
    end = query.limit or len(unique)
    cut = [part for group in unique[end:] for part in group]
    beyond = [Dropped(item.id, f"limit: beyond the first {end}") for item in cut]
    kept = scenes_of(found.shelf, unique[:end])
    return Selection(kept, (*dropped, *found.dropped, *beyond))


def _passing(scenes: Iterable[Scene], rules: list[Rule], dropped: list[Dropped]) -> Iterator[Scene]:
    """The scenes that no rule drops; the others are told in `dropped`."""
    for scene in scenes:
        reason = next((text for text in (rule(scene) for rule in rules) if text), None)
        if reason:
            dropped.append(Dropped(scene.id, reason))
        else:
            yield scene


def summary(dropped: Iterable[Dropped], query: Search) -> str:
    """In one phrase how many were dropped for which reason, the most frequent first."""
    counts = Counter(entry.reason.partition(":")[0] for entry in dropped)
    words = {
        "cloud": f"cloud_below {query.cloud_below:g}" if query.cloud_below is not None else "cloud",
        "limit": f"limit {query.limit}",
    }
    return ", ".join(f"{n} dropped by {words.get(key, key)}" for key, n in counts.most_common())


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


def _rules(query: Search, *, filtered: bool) -> list[Rule]:
    rules: list[Rule] = [_collection_rule(query.collections)]
    if query.area is not None:
        rules.append(_area_rule(cast("Json", query.area)))
    if query.dates is not None:
        rules.append(_dates_rule(query.dates))
    if query.cloud_below is not None:
        rules.append(_cloud_rule(query.cloud_below))
    if query.filter is not None and filtered:
        rules.append(_filter_rule(query.filter))
    return rules


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
        outside = (end and first > end) or (start and last < start)
        return f"dates: it is of {scene.datetime}" if outside else None

    return rule


def _cloud_rule(limit: float) -> Rule:
    def rule(scene: Scene) -> str | None:
        cover = scene.cloud_cover
        if cover is None:
            return "no eo:cloud_cover: cloud_below cannot be checked without it"
        return None if cover < limit else f"cloud: {cover:g} per cent"

    return rule


def _filter_rule(expression: Json) -> Rule:
    def rule(scene: Scene) -> str | None:
        passed = cql2.matches(expression, scene.document)
        return None if passed else "filter: it does not match"

    return rule
