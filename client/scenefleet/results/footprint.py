"""Footprints on a round earth, to draw: rings of GeoJSON geometries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, cast

from scenefleet.catalog.globe import span

Ring = tuple[tuple[float, float], ...]
"""Vertices as (longitude, latitude) in degrees; longitudes run on past 180 rather than jump."""


def rings(geometry: Mapping[str, Any] | None) -> list[Ring]:
    """All rings of a GeoJSON geometry's polygons, longitudes unwrapped.

    A geometry that is none, holds no polygon or is malformed has no rings: a report about a run
    must not fail over one bad footprint; who draws them counts what is left out.
    """
    try:
        return [_unwrap(ring) for polygon in _polygons(geometry or {}) for ring in polygon if ring]
    except (TypeError, ValueError, IndexError, KeyError):
        return []


def bounds(shapes: Iterable[Ring]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of some rings, west > east across the antimeridian; None of none."""
    kept = [ring for ring in shapes if ring]
    if not kept:
        return None
    west, east = span((min(p[0] for p in ring), max(p[0] for p in ring)) for ring in kept)
    latitudes = [point[1] for ring in kept for point in ring]
    return (_wrap(west), min(latitudes), _wrap(east), max(latitudes))


def place(ring: Ring, west: float) -> Ring:
    """The ring, moved by whole turns so that it starts at or east of a map's western edge."""
    turns = (min(point[0] for point in ring) - west + 1e-9) // 360.0
    return tuple((x - 360.0 * turns, y) for x, y in ring) if turns else ring


def _wrap(longitude: float) -> float:
    if -180.0 <= longitude <= 180.0:
        return longitude
    return (longitude + 180.0) % 360.0 - 180.0


def _polygons(geometry: Mapping[str, Any]) -> list[list[Any]]:
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        parts = cast("list[Mapping[str, Any]]", geometry["geometries"])
        return [polygon for part in parts for polygon in _polygons(part)]
    if kind == "Polygon":
        return [geometry["coordinates"]]
    return list(geometry["coordinates"]) if kind == "MultiPolygon" else []


def _unwrap(ring: Iterable[Any]) -> Ring:
    points = [(float(point[0]), float(point[1])) for point in ring]
    if not all(abs(x) <= 1e6 and abs(y) <= 90.0 for x, y in points):
        raise ValueError("a vertex that is nowhere on earth")
    turns, turn = [0], 0
    for (before, _), (after, _) in pairwise(points):
        turn += (after - before < -180.0) - (after - before > 180.0)
        turns.append(turn)
    return tuple((x + 360.0 * n, y) for (x, y), n in zip(points, turns, strict=True))
