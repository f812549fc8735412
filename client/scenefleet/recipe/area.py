"""The area of a recipe: a bounding box, a GeoJSON file or GeoJSON in place, as one geometry."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

from scenefleet.inputs import parse_json, read_file

_POLYGONS = ("Polygon", "MultiPolygon")
MOST_BYTES = 200_000_000
"""Of an area's file."""
_WGS84 = ("crs84", "epsg::4326", "epsg:4326")


def box(bounds: tuple[float, ...]) -> dict[str, Any]:
    """The bounding box `west, south, east, north` in degrees as a GeoJSON polygon.

    A west greater than east crosses the antimeridian and gives two polygons (RFC 7946, 5.2).

    Raises:
        ValueError: if the four numbers are no box on Earth.
    """
    if len(bounds) != 4:
        raise ValueError(
            f"{list(bounds)} has {len(bounds)} numbers; write [west, south, east, north]"
        )
    west, south, east, north = bounds
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90):
        raise ValueError(
            f"{list(bounds)} is no box in degrees; write [west, south, east, north], longitudes "
            "from -180 to 180, latitudes from -90 to 90, and south below north; across the "
            "antimeridian west is greater than east"
        )
    if west == east or (west, east) == (180, -180):
        raise ValueError(f"{list(bounds)} has no width: west equals east")
    # either name of the antimeridian will do for an edge, so that no half is without width
    west, east = (-180.0 if west == 180 else west), (180.0 if east == -180 else east)
    if west < east:
        return {"type": "Polygon", "coordinates": [_ring(west, south, east, north)]}
    halves = [[_ring(west, south, 180.0, north)], [_ring(-180.0, south, east, north)]]
    return {"type": "MultiPolygon", "coordinates": halves}


def read(path: Path) -> dict[str, Any]:
    """The polygons of a GeoJSON file, united.

    Raises:
        ValueError: if the file is not there, is no GeoJSON, or holds no polygon in degrees.
    """
    try:
        value = parse_json(read_file(path, MOST_BYTES))
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is no GeoJSON: {error}") from None
    return unite(value)


def split(shape: Any) -> Any:  # noqa: ANN401 - shapely has no types
    """A shapely geometry with longitudes from -180 to 180: what goes beyond is cut off and turned.

    Polygons on both sides of the antimeridian are what GeoJSON asks for (RFC 7946, 3.1.9). One
    that lies within is given back as it is.
    """
    import shapely
    from shapely.affinity import translate

    west, _, east, _ = shape.bounds
    if not (west < -180 or east > 180):
        return shape
    pieces: list[Any] = []
    for turn in range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360)):
        strip = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        piece = cast("Any", shapely.intersection(shape, strip))
        pieces.append(translate(piece, -360 * turn))
    return shapely.union_all(polygons(pieces))


def polygons(shapes: Any) -> list[Any]:  # noqa: ANN401 - shapely has no types
    """All polygons in one or many shapely geometries; lines and points, as cuts leave, are none."""
    import shapely

    parts: Any = shapely.get_parts(shapely.get_parts(shapes))  # a collection may hold multipolygons
    return [part for part in parts if part.geom_type == "Polygon"]


def unite(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """One polygon or multipolygon out of a GeoJSON geometry, feature or feature collection.

    Longitudes may go on beyond 180 or -180; the area is then split at the antimeridian.

    Raises:
        ValueError: says what is wrong with it.
    """
    import shapely
    from shapely.geometry import mapping, shape

    geometries = _geometries(value)
    if not geometries:
        raise ValueError("the GeoJSON holds no polygon; an area needs at least one")
    try:
        shapes: list[Any] = [shape(geometry) for geometry in geometries]
    except Exception as error:  # noqa: BLE001 - shapely raises many kinds for malformed input
        raise ValueError(f"the GeoJSON's coordinates are malformed: {error}") from None
    for geometry in shapes:
        if geometry.is_empty:
            raise ValueError("the GeoJSON holds an empty polygon")
        if not geometry.is_valid:
            raise ValueError(f"the polygon is not valid: {shapely.is_valid_reason(geometry)}")
        _check_degrees(geometry)
    turned = [split(geometry) for geometry in shapes]
    joined: Any = shapely.union_all(turned) if len(turned) > 1 else turned[0]
    return json.loads(json.dumps(mapping(joined)))


def _check_degrees(shape: Any) -> None:  # noqa: ANN401 - shapely has no types
    for part in polygons(shape):
        west, south, east, north = part.bounds
        if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
            raise ValueError(
                f"the area spans {shape.bounds}, which is not degrees of longitude and latitude; "
                "GeoJSON is in EPSG:4326, so reproject the file first"
            )
        if east - west > 360:
            raise ValueError(
                f"the area spans {shape.bounds}: a polygon that goes round the globe more than once"
            )


def _geometries(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict):
        raise ValueError("this is no GeoJSON object")  # noqa: TRY004 - bad input, like the others
    geojson = cast("dict[str, Any]", value)
    kind = geojson.get("type")
    crs = str(geojson.get("crs") or "EPSG:4326").lower()
    if not any(name in crs for name in _WGS84):
        raise ValueError("the GeoJSON names another CRS; reproject it to EPSG:4326 first")
    if kind == "FeatureCollection":
        return [g for feature in geojson.get("features", []) for g in _geometries(feature)]
    if kind == "Feature":
        return _geometries(geojson["geometry"]) if geojson.get("geometry") else []
    if kind == "GeometryCollection":
        return [g for part in geojson.get("geometries", []) for g in _geometries(part)]
    if kind not in _POLYGONS:
        raise ValueError(f"the GeoJSON holds a {kind!r}; an area is made of {', '.join(_POLYGONS)}")
    return [geojson]


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
