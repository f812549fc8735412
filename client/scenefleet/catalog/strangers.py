"""Why a search keeps none of the items that came: what they are, beside what is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from scenefleet.catalog import cql2
from scenefleet.catalog.model import Scene, is_number
from scenefleet.catalog.read_item import moment
from scenefleet.inputs import cut
from scenefleet.recipe.part import near

if TYPE_CHECKING:
    from scenefleet.catalog.select import Selection
    from scenefleet.recipe import Search

_SHOWN = 3
"""Collections and values that a sentence repeats."""
_LONG = 60
"""Characters of a name or a value that a sentence repeats."""


@dataclass(slots=True)
class Strangers:
    """What is known of the items outside the collections, the area or the dates of a search."""

    collections: Counter[str] = field(default_factory=Counter[str])
    """How many items each of the collections that were not asked for has."""
    times: tuple[datetime, datetime] | None = None
    """The earliest and the latest time of those outside the dates."""
    bounds: tuple[float, float, float, float] | None = None
    """West, south, east and north in degrees of those outside the area."""

    def add(self, kind: str, scene: Scene) -> None:
        """Counts a scene that was dropped by `collection`, `area` or `dates`."""
        if kind == "collection":
            self.collections[scene.collection] += 1
        elif kind == "dates":
            time = moment(scene.document)
            first, last = self.times or (time, time)
            self.times = min(first, time), max(last, time)
        elif kind == "area":
            box = _bounds(scene)
            west, south, east, north = self.bounds or box
            self.bounds = (
                min(west, box[0]),
                min(south, box[1]),
                max(east, box[2]),
                max(north, box[3]),
            )


def why_none(selection: Selection, query: Search) -> list[str]:
    """Sentences on the items that were dropped, for a search that keeps none.

    Args:
        selection: without a scene that is kept.
        query: what was asked for.
    """
    met = selection.strangers
    told = [*_collections(met.collections, query)]
    if met.bounds is not None:
        told.append(
            "The items outside the area lie within "
            f"[{', '.join(f'{edge:.6g}' for edge in met.bounds)}] (west, south, east, north)."
        )
    if met.times is not None:
        first, last = (f"{time:%Y-%m-%d}" for time in met.times)
        span = first if first == last else f"{first} to {last}"
        told.append(f"The items outside the dates are of {span}.")
    told += _filter(selection.passed_over.get("filter", ()), query)
    return [*told, *_clouds(selection.passed_over.get("cloud", ()))]


def values_of(names: Iterable[str], scene: Scene) -> str:
    """Returns the item's values of the filter's properties, as the end of a sentence."""
    told: list[str] = []
    for name in names:
        value = cql2.value_of(name, scene.document)
        shown = cut(name, _LONG)
        told.append(f"it has no {shown}" if value is None else f"its {shown} is {_shown(value)}")
    return f" ({', '.join(told)})" if told else ""


def _bounds(scene: Scene) -> tuple[float, float, float, float]:
    corner = len(scene.bbox) // 2
    west, south, east, north = (scene.bbox[n] for n in (0, 1, corner, corner + 1))
    # over the antimeridian: no pair of numbers from west to east holds it but the whole turn
    return (west, south, east, north) if west <= east else (-180.0, south, 180.0, north)


def _collections(counts: Counter[str], query: Search) -> Iterator[str]:
    named = [(name, number) for name, number in counts.most_common() if name]
    if named:
        shown = [f"{cut(name, _LONG)} ({number})" for name, number in named[:_SHOWN]]
        more = [f"{len(named) - _SHOWN} others"] if len(named) > _SHOWN else []
        yield (
            f"The items are of {_and([*shown, *more])}, and `collections` asks for "
            f"{', '.join(query.collections)}: write `collections: [{cut(named[0][0], _LONG)}]` "
            "for those."
        )
    if lacking := counts[""]:
        subject = "1 item names" if lacking == 1 else f"{lacking} items name"
        yield (
            f"{subject} no collection; write the member `collection`, such as "
            f'"{query.collections[0]}", into each.'
        )


def _filter(scenes: Iterable[Scene], query: Search) -> Iterator[str]:
    """Properties of the filter that no item has, and the values of the others."""
    asked = cql2.properties(query.filter)
    values: dict[str, list[Any]] = {name: [] for name in asked}
    there: set[str] = set()
    any_item = False
    for scene in scenes:
        any_item = True
        there.update(scene.properties)
        for name, found in values.items():
            value = cql2.value_of(name, scene.document)
            if value is not None and value not in found and len(found) < 1000:
                found.append(value)
    if not any_item:
        return
    for name, found in values.items():
        if found:
            yield f"The filter asks for {cut(name, _LONG)}, which is {_values(found)} in the items."
            continue
        hint = near(name[:100], there)
        yield f"The filter asks for {cut(name, _LONG)}, a property that no item has" + (
            "." if hint == ";" else hint
        )


def _values(found: Sequence[Any]) -> str:
    if len(found) > _SHOWN and all(is_number(value) for value in found):
        return f"from {min(found):.10g} to {max(found):.10g}"
    shown = [_shown(value) for value in found[:_SHOWN]]
    more = len(found) - _SHOWN
    return f"{', '.join(shown)} or {more} others" if more > 0 else _and(shown, "or")


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return f"{value:.10g}" if is_number(value) else cut(repr(cast("object", value)), _LONG)


def _clouds(scenes: Iterable[Scene]) -> Iterator[str]:
    covers = [scene.cloud_cover for scene in scenes]
    told = [cover for cover in covers if cover is not None]
    if told:
        yield f"The clearest scene has a cloud cover of {min(told):.4g} per cent."
    elif covers:
        yield "None of them has eo:cloud_cover; without `cloud_below` they are kept."


def _and(parts: Sequence[str], word: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"
