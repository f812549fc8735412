"""Footprints on a round earth: whichever way an item crosses the antimeridian, one geometry."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, cast

from scenefleet.catalog.flaws import flaw
from scenefleet.catalog.model import Scene
from scenefleet.errors import CatalogError

Ring = list[tuple[float, float]]
"""Vertices as (longitude, latitude) in degrees."""

_FARTHEST = 720.0
"""Degrees of longitude: twice round the globe, for polygons that go on beyond 180."""
_NORTHERNMOST = 90.01
"""Degrees of latitude, with some room for rounding."""


def footprint(scene: Scene) -> Any:  # noqa: ANN401 - shapely has no types
    """The footprint of one item as a valid shapely geometry, longitudes from -180 to 180.

    Across the antimeridian catalogues write polygons split at 180 degrees (RFC 7946, 3.1.9),
    longitudes that go on beyond it, or a ring that jumps from 179 to -179. A ring with neighbours
    more than 180 degrees apart is taken as crossing, since no scene is that wide; one that goes
    round the earth holds a pole.

    Raises:
        CatalogError: if the geometry is malformed.
    """
    return outline(scene.geometry, scene.id)


def outline(geometry: Any, name: str) -> Any:  # noqa: ANN401 - GeoJSON; shapely has no types
    """The same of a bare GeoJSON geometry; `name` is the item's, for the message.

    Raises:
        CatalogError: if the geometry is malformed.
    """
    import shapely
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    try:
        drawn: Any = shape(geometry)
        _check_degrees(drawn)
        if _is_wide(drawn):
            drawn = _turned(drawn)
        # real footprints touch themselves now and then
        return drawn if drawn.is_valid else cast("Any", shapely.make_valid(drawn))
    except (ShapelyError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise CatalogError(f"Item {name!r} has a malformed footprint: {flaw(error)}") from error


def _check_degrees(drawn: Any) -> None:  # noqa: ANN401 - shapely has no types
    west, south, east, north = drawn.bounds
    # an empty geometry has no bounds, which compares as none
    if west < -_FARTHEST or east > _FARTHEST or south < -_NORTHERNMOST or north > _NORTHERNMOST:
        raise ValueError(
            f"it reaches from {west:g}, {south:g} to {east:g}, {north:g}, which are no degrees"
        )


def bounds(drawn: Any) -> list[float]:  # noqa: ANN401 - shapely has no types
    """West, south, east, north of an outline; west > east where it crosses the antimeridian.

    An empty outline has none.
    """
    if drawn.is_empty:
        return []
    from scenefleet.recipe.area import polygons

    west, south, east, north = drawn.bounds
    parts = polygons(drawn)
    if parts and _is_wide(drawn):
        west, east = span((part.bounds[0], part.bounds[2]) for part in parts)
    return [west, south, east, north]


def span(intervals: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """West and east of the narrowest stretch of longitudes that holds all intervals.

    Args:
        intervals: pairs of west and east in degrees; west > east crosses the antimeridian.

    Returns:
        West and east as given in the intervals; west > east where the stretch crosses the
        antimeridian, and (-180, 180) where it goes all the way round.
    """
    turns = sorted(
        (west % 360.0, east - west + (360.0 if east < west else 0.0), west, east)
        for west, east in intervals
    )
    if not turns:
        return (-180.0, 180.0)
    last = max(turns, key=lambda turn: turn[0] + turn[1])
    end, end_east = last[0] + last[1] - 360.0, last[3]
    widest, found = 0.0, (-180.0, 180.0)
    for start, width, west, east in turns:
        if start - end > widest:
            widest, found = start - end, (west, end_east)
        if start + width > end:
            end, end_east = start + width, east
    return found


def _is_wide(drawn: Any) -> bool:  # noqa: ANN401 - shapely has no types
    """Whether it goes beyond 180 degrees, or could hold a jump; an empty one does not."""
    west, _, east, _ = drawn.bounds
    return west < -180 or east > 180 or east - west > 180


def _turned(drawn: Any) -> Any:  # noqa: ANN401 - shapely has no types
    import shapely

    from scenefleet.recipe.area import polygons, split

    parts = polygons(drawn)
    if not parts:
        return drawn
    whole: list[Any] = [shapely.make_valid(_run_on(part)) for part in parts]
    return shapely.union_all(polygons([split(part) for part in whole]))


def _run_on(polygon: Any) -> Any:  # noqa: ANN401 - shapely has no types
    """The polygon with longitudes that run on past 180 degrees where they jumped."""
    from shapely.geometry import Polygon

    shell = _unwrap(polygon.exterior.coords)
    west = min(x for x, _ in shell)
    if west == max(x for x, _ in shell):  # from -180 to 180 in one step: no jump but the world
        return polygon
    holes = [_unwrap(ring.coords) for ring in polygon.interiors]
    turns = [(min(x for x, _ in hole) - west + 1e-9) // 360 for hole in holes]
    moved = [[(x - 360 * n, y) for x, y in hole] for n, hole in zip(turns, holes, strict=True)]
    return Polygon(_closed(shell), moved)


def _unwrap(points: Any) -> Ring:  # noqa: ANN401 - shapely has no types
    turns, turn = [0], 0
    for before, after in pairwise(points):
        turn += (after[0] - before[0] < -180) - (after[0] - before[0] > 180)
        turns.append(turn)
    return [(point[0] + 360 * n, point[1]) for point, n in zip(points, turns, strict=True)]


def _closed(ring: Ring) -> Ring:
    """A ring that ends a turn of the globe from where it began is closed around its pole."""
    first, last = ring[0][0], ring[-1][0]
    if abs(last - first) < 180:
        return ring
    pole = 90.0 if sum(y for _, y in ring) > 0 else -90.0
    return [*ring, (last, pole), (first, pole), ring[0]]
