"""The polygons of GeoJSON by feature: mended and told of, or refused by number and name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

Json = dict[str, Any]

_OTHER = ("Point", "MultiPoint", "LineString", "MultiLineString")
_DEGREES = re.compile(r".*(crs:?84h?|epsg\D.*?\b(4326|4979)|wgs[ _]?84)", re.IGNORECASE | re.DOTALL)
"""Names of CRS that are degrees of longitude and latitude on WGS 84."""
_NAMES = ("name", "title", "label", "id", "fid", "field")
"""Properties that name a feature for a person, in any case."""
_DEPTH = 10
"""Collections within collections."""
_SHOWN = 40
"""Characters of a value that a message repeats."""


class ProjectedError(ValueError):
    """Coordinates in another CRS than degrees of longitude and latitude."""


@dataclass(slots=True)
class Polygons:
    """The polygons of a GeoJSON document, and notes on them."""

    shapes: list[Any] = field(default_factory=list[Any])
    """Valid shapely polygons and multipolygons without heights; longitudes may go beyond 180."""
    notes: list[str] = field(default_factory=list[str])
    """What was mended or passed over, each with the feature's number and name."""
    passed_over: list[str] = field(default_factory=list[str])
    """Kinds of geometries that are no polygons."""


def gather(value: Any) -> Polygons:  # noqa: ANN401 - any JSON value
    """The polygons of a GeoJSON geometry, feature or feature collection.

    Raises:
        ProjectedError: if they are not in degrees.
        ValueError: if something in it is no GeoJSON, or a polygon has no area.
    """
    found = Polygons()
    for where, geometry in _geometries(value, "the geometry", 0, found):
        kind = geometry["type"]
        if kind in _OTHER:
            found.passed_over.append(kind)
            found.notes.append(f"{where} is a {kind}, which covers no area: passed over")
            continue
        coordinates = geometry.get("coordinates")
        whole = _list(coordinates, where)
        parts = [whole] if kind == "Polygon" else whole
        filled = [part for part in parts if part not in ([], [[]])]
        if not filled:
            found.notes.append(f"{where} is empty: passed over")
        for part in filled:
            found.shapes.append(_polygon(part, where, found))
    return found


def _geometries(
    value: Any,  # noqa: ANN401 - any JSON value
    where: str,
    depth: int,
    found: Polygons,
) -> Iterator[tuple[str, Json]]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no GeoJSON object, but {_shown(value)}")  # noqa: TRY004 - bad input, like the others
    geojson = cast("Json", value)
    kind = geojson.get("type")
    _check_crs(geojson)
    if depth > _DEPTH:
        raise ValueError(f"{where} holds collections within collections, {_DEPTH} deep")
    if kind == "FeatureCollection":
        for number, feature in enumerate(_list(geojson.get("features"), "`features`"), 1):
            yield from _geometries(feature, f"feature {number}", depth + 1, found)
    elif kind == "Feature":
        place = where if where.startswith("feature") else "the feature"
        named = place + _name(geojson)
        if geojson.get("geometry") is None:
            found.notes.append(f"{named} has no geometry: passed over")
        else:
            yield from _geometries(geojson["geometry"], named, depth + 1, found)
    elif kind == "GeometryCollection":
        for part in _list(geojson.get("geometries"), f"{where}: `geometries`"):
            yield from _geometries(part, where, depth + 1, found)
    elif kind in ("Polygon", "MultiPolygon", *_OTHER):
        yield where, geojson
    else:
        raise ValueError(
            f"{where} has the type {_shown(kind)}; an area is made of Polygon and MultiPolygon, by "
            "themselves or in a Feature, FeatureCollection or GeometryCollection"
        )


def _check_crs(geojson: Json) -> None:
    told = geojson.get("crs")
    if told is None:
        return
    members = _members(_members(told).get("properties"))
    code: Any = members.get("code")
    name: Any = (
        members.get("name") or members.get("href") or (f"EPSG:{code}" if code else str(told))
    )
    if not _DEGREES.fullmatch(str(name).strip()):
        raise ProjectedError(f"the GeoJSON names another CRS, {_shown(name)}")


def _polygon(rings: Any, where: str, found: Polygons) -> Any:  # noqa: ANN401 - shapely has no types
    import shapely as untyped

    shapely = cast("Any", untyped)
    closed = [_ring(ring, where, found) for ring in _list(rings, where) if ring]
    _check_degrees(closed[0], where, found)
    shape: Any = shapely.Polygon(closed[0], closed[1:])
    if shape.is_valid:
        if not shape.area:
            raise ValueError(f"{where} has no area")
        return shape
    reason = str(shapely.is_valid_reason(shape))
    # where a ring touches itself, what it goes round twice is a hole; where it crosses itself,
    # nothing says so, and the area must not become smaller
    if reason.startswith("Ring Self-intersection"):
        mended: Any = shapely.make_valid(shape, method="linework")
    else:
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    parts: Any = shapely.get_parts(shapely.get_parts(mended))
    kept = [part for part in parts if part.geom_type == "Polygon" and part.area]
    if not kept:
        raise ValueError(f"{where} is not valid ({reason}) and has no area")
    found.notes.append(f"{where} is not valid ({reason}): mended")
    return shapely.union_all(kept)


def _ring(ring: Any, where: str, found: Polygons) -> list[tuple[float, float]]:  # noqa: ANN401 - any JSON value
    points = [_position(position, where) for position in _list(ring, where)]
    if points[0] != points[-1]:
        points.append(points[0])
        found.notes.append(f"{where} has a ring that is not closed: closed")
    if len(set(points)) < 3:
        raise ValueError(
            f"{where}: its coordinates are malformed: a ring has {len(set(points))} different "
            "positions; it needs three or more"
        )
    return points


def _position(position: Any, where: str) -> tuple[float, float]:  # noqa: ANN401 - any JSON value
    """Longitude and latitude; heights and measures are dropped."""
    values = cast("list[Any]", position) if isinstance(position, list | tuple) else []
    numbers = [
        float(n) for n in values[:2] if isinstance(n, int | float) and not isinstance(n, bool)
    ]
    if len(numbers) < 2 or not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"{where}: its coordinates are malformed: {_shown(position)} is no position; write "
            "[longitude, latitude]"
        )
    return numbers[0], numbers[1]


def _check_degrees(shell: list[tuple[float, float]], where: str, found: Polygons) -> None:
    xs, ys = zip(*shell, strict=True)
    bounds = (min(xs), min(ys), max(xs), max(ys))
    west, south, east, north = bounds
    if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
        hint = (
            "longitude comes first: these look like latitude and longitude"
            if -90 <= west <= east <= 90 and -360 <= south <= north <= 360
            else "these look like metres of a projected CRS"
            if max(-west, -south, east, north) > 1000
            else "longitudes go from -180 to 180, latitudes from -90 to 90"
        )
        raise ProjectedError(
            f"{where} spans {bounds}, which is not degrees of longitude and latitude; {hint}"
        )
    if east - west > 360:
        raise ValueError(
            f"{where} spans {bounds}: a polygon that goes round the globe more than once"
        )
    steps = [abs(b - a) for a, b in pairwise(xs)]
    if any(180 < step < 360 for step in steps):
        found.notes.append(
            f"{where} goes {max(steps):.0f} degrees in one step, the long way round the globe; if "
            "it should cross the antimeridian, write longitudes beyond 180 (190 for -170)"
        )


def _list(value: Any, where: str) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: its coordinates are malformed: {_shown(value)} is no list")  # noqa: TRY004 - bad input, like the others
    return [*cast("list[Any]", value)]


def _members(value: Any) -> Json:  # noqa: ANN401 - any JSON value
    return cast("Json", value) if isinstance(value, dict) else {}


def _name(feature: Json) -> str:
    lower = {key.lower(): one for key, one in _members(feature.get("properties")).items()}
    for name in (*(lower.get(key) for key in _NAMES), feature.get("id")):
        if isinstance(name, str | int) and str(name).strip():
            return f" ({_shown(name)})"
    return ""


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
