"""The outline of an area as a search sends it: simplified outwards where it is too long.

It is never smaller than the area, so that no scene is missed; scenes that touch the outline and not
the area are dropped here, by the exact area.
"""

from __future__ import annotations

from typing import Any, cast

from scenefleet.recipe.area import polygons

_POSTED = 400
"""Vertices in a request's body, about 15 kB: servers refuse bodies of some megabytes, and take long
over each vertex long before."""
_IN_ADDRESS = 40
"""Vertices in an address, which servers cut at 2 to 8 kB."""
_FIRST = 0.001
"""Degrees by which an outline may first move, about 100 m; doubled until it is short enough."""
_LAST = 8.0


def search_outline(area: Any, *, posts: bool) -> Any:  # noqa: ANN401 - GeoJSON, or None
    """The area as it is, or an outline of few vertices that holds all of it.

    Args:
        area: a GeoJSON polygon or multipolygon in degrees, or None.
        posts: whether it goes in a request's body; in an address there is less room.
    """
    if area is None:
        return None
    import shapely as untyped
    from shapely.geometry import mapping, shape

    shapely, whole = cast("Any", untyped), cast("Any", shape(area))
    most = _POSTED if posts else _IN_ADDRESS
    if shapely.get_num_coordinates(whole) <= most:
        return area
    for outer in _outwards(shapely, whole):
        if shapely.get_num_coordinates(outer) <= most and outer.covers(whole):
            return mapping(outer)
    return mapping(shapely.box(*whole.bounds))


def _outwards(shapely: Any, whole: Any) -> Any:  # noqa: ANN401 - shapely has no types
    """Outlines that hold the area, ever coarser."""
    globe = shapely.box(-180, -90, 180, 90)
    distance = _FIRST
    while distance <= _LAST:
        # corners of a mitred buffer lie outside the round one, so simplifying by less stays outside
        wider = shapely.buffer(whole, distance, join_style="mitre", mitre_limit=2)
        simple = shapely.simplify(wider, distance * 0.7)
        yield shapely.union_all(polygons(shapely.intersection(shapely.make_valid(simple), globe)))
        distance *= 2
    yield shapely.convex_hull(whole)
