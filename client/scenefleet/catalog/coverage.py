"""How much of the area that is wanted the scenes cover, by their footprints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from scenefleet.catalog.globe import footprint
from scenefleet.catalog.model import Json, Scene

WHOLE = 0.999
"""From this share on an area counts as covered: footprints are generalised at their edges."""
_AT_ONCE = 256  # a season over one tile is done after the first few


def covered(area: Json, scenes: Iterable[Scene]) -> float:
    """Share of an area, 0 to 1, that lies in the footprint of at least one scene.

    On a sphere, and exact there for edges that are straight in degrees, as GeoJSON's are.

    Args:
        area: GeoJSON polygons with longitudes from -180 to 180.
        scenes: those that count; so do their further parts.

    Raises:
        CatalogError: if a footprint is malformed.
    """
    return uncovered(area, scenes)[0]


def uncovered(area: Json, scenes: Iterable[Scene]) -> tuple[float, Any]:
    """The share of an area that is covered, as above, and what is left of it as a geometry.

    Raises:
        CatalogError: if a footprint is malformed.
    """
    import shapely
    from shapely.geometry import shape

    from scenefleet.recipe.area import polygons

    wanted: Any = shape(area)
    rest: Any = wanted
    prints: Iterator[Any] = (footprint(part) for scene in scenes for part in scene.parts)
    while some := list(islice(prints, _AT_ONCE)):
        joined: Any = shapely.union_all(polygons(some))
        rest = cast("Any", shapely.difference(rest, joined))
        if rest.is_empty:
            return 1.0, rest
    left = sum(_size(part) for part in polygons(rest))
    return 1 - left / sum(_size(part) for part in polygons(wanted)), rest


def lies_in(rest: Any, scene: Scene) -> bool:  # noqa: ANN401 - shapely has no types
    """Tells whether a scene holds ground of a geometry; edges that only touch hold none.

    Raises:
        CatalogError: if a footprint is malformed.
    """
    return any(rest.relate_pattern(footprint(part), "T********") for part in scene.parts)


def size_of(scene: Scene) -> float:
    """Size of an item's own footprint, in the unit of `_size`.

    Raises:
        CatalogError: if the footprint is malformed.
    """
    from scenefleet.recipe.area import polygons

    return sum(_size(part) for part in polygons(footprint(scene)))


def coverage_notes(share: float, *, cut: bool = False, rest: str = "") -> list[str]:
    """A sentence where scenes cover less than the whole area.

    Args:
        share: 0 to 1.
        cut: whether a limit left scenes out, so that others may lie in the rest.
        rest: what is known of the rest in place of that.
    """
    if share >= WHOLE:
        return []
    # rounded down, so that what is not whole never reads as whole
    told = f"{math.floor(share * 1000) / 10:.1f}%" if share >= 0.001 else "less than 0.1%"
    usual = "`limit` left others out" if cut else "nothing was found for the rest"
    return [f"The scenes cover {told} of the area; {rest or usual}."]


def _size(polygon: Any) -> float:  # noqa: ANN401 - shapely has no types
    """Size on the unit sphere, times 180 / pi: the integral of cos(latitude) in degrees."""
    return _ring_size(polygon.exterior) - sum(_ring_size(ring) for ring in polygon.interiors)


def _ring_size(ring: Any) -> float:  # noqa: ANN401 - shapely has no types
    """By Green's theorem the sum over edges of their width times their mean sine of latitude."""
    import numpy as np
    import shapely

    points = shapely.get_coordinates(ring)
    lon, lat = points[:, 0], np.radians(points[:, 1])
    middle, half = (lat[1:] + lat[:-1]) / 2, (lat[1:] - lat[:-1]) / 2
    # the mean of sin over an interval is sin(middle) * sin(half) / half; np.sinc takes half / pi
    return abs(float(np.sum(np.diff(lon) * np.sin(middle) * np.sinc(half / np.pi))))
