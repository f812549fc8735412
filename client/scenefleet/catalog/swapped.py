"""Longitude and latitude the wrong way round: a hint where nothing was found at a place.

Both ways may be places on Earth, so the area alone does not tell; that scenes lie at the other one
and none here does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.catalog.source import Patience
    from scenefleet.recipe.search import Search


def swap_hint(query: Search, *, base: Path, patience: Patience | None = None) -> str | None:
    """A sentence, where the same search with x and y of its area exchanged finds scenes.

    Args:
        query: a search that found nothing.
        base: folder that a relative path of a catalogue starts from.
        patience: how long to wait for a server; None for the usual.
    """
    from scenefleet.catalog.search import has_scenes

    turned = swapped(cast("dict[str, Any] | None", query.area))
    if turned is None:
        return None
    try:
        there = has_scenes(query.model_copy(update={"area": turned}), base=base, patience=patience)
    except CatalogError:
        return None  # the search itself was answered; this is a hint, and says nothing then
    if not there:
        return None
    return (
        "With longitude and latitude exchanged, the area has scenes: longitude comes first, in "
        "`bbox: [west, south, east, north]` and in GeoJSON."
    )


def scene_hint(area: dict[str, Any], footprint: dict[str, Any]) -> str | None:
    """A sentence, where an area misses a scene and would not with its x and y exchanged.

    Args:
        area: GeoJSON geometry in degrees.
        footprint: of the scene, likewise.
    """
    from shapely.geometry import shape

    scene: Any = shape(footprint)
    turned = swapped(area)
    if turned is None or scene.intersects(shape(area)) or not scene.intersects(shape(turned)):
        return None
    return (
        "With longitude and latitude exchanged it lies in the scene: longitude comes first, in "
        "W,S,E,N and in GeoJSON."
    )


def swapped(area: dict[str, Any] | None) -> dict[str, Any] | None:
    """The area with x and y exchanged; None where there is none, or that is no place on Earth."""
    if area is None:
        return None
    import shapely
    from shapely.geometry import mapping, shape

    drawn: Any = shape(area)
    west, _, east, _ = drawn.bounds
    if not -90 <= west <= east <= 90:
        return None
    turned: Any = shapely.transform(drawn, lambda points: points[:, ::-1])
    return mapping(turned)
