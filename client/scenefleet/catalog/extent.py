"""What a collection says it covers, beside what is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from scenefleet.catalog.model import Json
from scenefleet.catalog.read_item import instant
from scenefleet.catalog.select import interval

if TYPE_CHECKING:
    from scenefleet.recipe.model import Search


def extent_notes(collection: Json, query: Search) -> list[str]:
    """A sentence for each of area and dates that lies wholly outside the collection's extent."""
    extent = cast("Json", collection.get("extent") or {})
    name = str(collection.get("id"))
    notes: list[str] = []
    if query.area is not None and not _covers(extent, cast("Json", query.area)):
        boxes = cast("Json", extent["spatial"])["bbox"]
        notes.append(f"The area lies outside {name}, which covers {boxes[0]} (degrees).")
    if query.dates is not None and not _spans(extent, query.dates, collection):
        first, last = cast("Json", extent["temporal"])["interval"][0]
        notes.append(f"The dates lie outside {name}, which has {first or '..'} to {last or 'now'}.")
    return notes


def _covers(extent: Json, area: Json) -> bool:
    """Whether the area meets one of the boxes; the first one is the whole, which will do."""
    from shapely.geometry import box, shape

    boxes = cast("list[list[float]]", cast("Json", extent.get("spatial") or {}).get("bbox") or [])
    if not boxes:
        return True
    wanted: Any = shape(area)
    return any(wanted.intersects(part) for bounds in boxes for part in _halves(bounds, box))


def _halves(bounds: list[float], box: Any) -> list[Any]:  # noqa: ANN401 - shapely has no types
    west, south, east, north = bounds if len(bounds) == 4 else (*bounds[:2], *bounds[3:5])
    if west <= east:
        return [box(west, south, east, north)]
    return [box(west, south, 180, north), box(-180, south, east, north)]


def _spans(extent: Json, dates: str, collection: Json) -> bool:
    temporal = cast("Json", extent.get("temporal") or {})
    start, end = interval(dates)
    intervals = cast("list[list[str | None]]", temporal.get("interval") or [])
    return not intervals or any(
        _meets(start, end, *(instant(text, collection) if text else None for text in pair))
        for pair in intervals
    )


def _meets(
    start: datetime | None, end: datetime | None, first: datetime | None, last: datetime | None
) -> bool:
    return not ((end and first and end < first) or (start and last and start > last))
