"""How large an output on a common grid will be, told from degrees and its CRS's unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from scenefleet.recipe.crs import unit_of
from scenefleet_task.spec import TargetGrid, TaskDocument

_DEGREE = 111_195
"""Metres, on the sphere whose surface is the ellipsoid's."""


def common_pixels(document: TaskDocument) -> float:
    """Pixels of one output: of the area's box, or of the scene's where nothing is clipped.

    Right to some per cent, as boxes turn a little on their way to another CRS; 0 for a document
    without a common grid.
    """
    grid = document.grid
    if grid is None:
        return 0.0
    metres = grid_metres(grid)
    boxes = [document.source.bbox] if document.clip is None else list(_boxes(document.clip))
    return max(1.0, sum(map(_square_metres, boxes)) / metres**2)


def grid_metres(grid: TargetGrid) -> float:
    """Returns metres along a pixel of a common grid, by the unit of its CRS."""
    return grid.resolution * unit_of(grid.crs).metres


def _boxes(geometry: dict[str, Any]) -> Iterator[tuple[float, ...]]:
    """The box of each polygon of an area."""
    areas: list[Any] = geometry["coordinates"]
    for rings in areas if geometry["type"] == "MultiPolygon" else [areas]:
        xs, ys = zip(*(point[:2] for point in rings[0]), strict=True)
        yield min(xs), min(ys), max(xs), max(ys)


def _square_metres(box: tuple[float, ...]) -> float:
    west, south, east, north = box
    width = (east - west) % 360 * _DEGREE * math.cos(math.radians((south + north) / 2))
    return width * (north - south) * _DEGREE
