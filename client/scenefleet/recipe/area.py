"""The area of a recipe: a bounding box, a GeoJSON file or GeoJSON in place, as one geometry."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scenefleet.inputs import cut, parse_json, read_file
from scenefleet.recipe import foreign
from scenefleet.recipe.features import Polygons, ProjectedError, gather
from scenefleet_task.redact import redact

MOST_BYTES = 200_000_000
"""Of an area's file."""
AS_READ = "as_read"
"""Member of a geometry in a recipe that scenefleet wrote: its polygons are valid and apart, and are
taken as they are. Uniting them again would begin each ring at another of its points."""
_NOTES = 5
"""Notes on single features that are given one by one."""


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
            f"{list(bounds)} is no box in degrees{_swapped(bounds)}; write [west, south, east, "
            "north], longitudes from -180 to 180, latitudes from -90 to 90, and south below north; "
            "across the antimeridian west is greater than east"
        )
    if west == east or (west, east) == (180, -180):
        raise ValueError(f"{list(bounds)} has no width: west equals east")
    # either name of the antimeridian will do for an edge, so that no half is without width
    west, east = (-180.0 if west == 180 else west), (180.0 if east == -180 else east)
    if west < east:
        return {"type": "Polygon", "coordinates": [_ring(west, south, east, north)]}
    halves = [[_ring(west, south, 180.0, north)], [_ring(-180.0, south, east, north)]]
    return {"type": "MultiPolygon", "coordinates": halves}


def box_notes(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """A note where a box crosses the antimeridian and is wider than half the globe.

    West and east were exchanged, most likely.
    """
    west, _, east, _ = bounds
    width = east - west + 360
    if west <= east or width <= 180:
        return ()
    return (
        f"this box crosses the antimeridian and is {width:.6g} degrees wide; west comes first, so "
        f"[{east:g}, ..., {west:g}, ...] is the one of {360 - width:.6g} degrees",
    )


def local(name: str, base: Path) -> Path:
    """The path of an area's file.

    Raises:
        ValueError: if it is an address, which is not read.
    """
    if "://" in name[:20]:
        raise ValueError(
            f"{cut(redact(name))!r} is an address, and an area is a file on this machine: download "
            "it first, then write its path"
        )
    return base / Path(name).expanduser()


@dataclass(frozen=True, slots=True)
class Area:
    """An area as a recipe gives it, read."""

    geometry: dict[str, Any]
    """A GeoJSON Polygon or MultiPolygon in degrees, valid, without heights."""
    notes: tuple[str, ...] = ()
    """What was mended or passed over, by feature."""


def read(path: Path) -> Area:
    """The polygons of a GeoJSON file, united.

    Raises:
        ValueError: if the file is not there, is no GeoJSON, or holds no polygon in degrees; says
            what it is instead, and what converts it.
    """
    if path.is_dir():
        raise ValueError(foreign.foreign_folder(path))
    try:
        data = read_file(path, MOST_BYTES)
    except OSError as error:
        raise ValueError(_unread(path, error)) from None
    if other := foreign.foreign(data, path):
        raise ValueError(other)
    value = _parse(data, path)
    if other := foreign.foreign_json(value, path):
        raise ValueError(other)
    try:
        return area_of(value)
    except ProjectedError as error:
        more = "" if "names another CRS" in str(error) else "-s_srs EPSG:CODE"
        hint = foreign.convert(path, more=more)
        raise ValueError(f"{str(path)!r}: {error}. This converts it:  {hint}") from None
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def _parse(data: bytes, path: Path) -> Any:  # noqa: ANN401 - any JSON value
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(foreign.not_utf8(path)) from None
    try:
        return parse_json(text)
    except ValueError as error:
        other = foreign.lines_of_json(text, path)
        raise ValueError(other or f"{str(path)!r} is no GeoJSON: {error}") from None


def _unread(path: Path, error: OSError) -> str:
    if foreign.is_wkt(path.name):
        return (
            "this is Well-Known Text; write `bbox: [west, south, east, north]`, GeoJSON in place, "
            "or the name of a GeoJSON file"
        )
    return f"{str(path)!r} cannot be read: {error.strerror}"


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
    """The geometry of `area_of`."""
    return area_of(value).geometry


def area_of(value: Any) -> Area:  # noqa: ANN401 - any JSON value
    """One polygon or multipolygon out of a GeoJSON geometry, feature or feature collection.

    Longitudes may go on beyond 180 or -180; the area is then split at the antimeridian. What
    overlaps is united; polygons that are not valid are mended.

    Raises:
        ProjectedError: if it is not in degrees.
        ValueError: says what is wrong with it, by feature.
    """
    import shapely
    from shapely.geometry import mapping

    if kept := _as_read(value):
        return Area(kept)
    found = gather(value)
    if not found.shapes:
        raise ValueError(_nothing(found))
    turned = [split(shape) for shape in found.shapes]
    joined: Any = shapely.union_all(turned) if len(turned) > 1 else turned[0]
    geometry = json.loads(json.dumps(mapping(joined)))
    return Area(geometry, _shortened(found.notes))


def _as_read(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON value
    """The geometry of a recipe that scenefleet wrote; None for any other, or one that was edited.

    What was edited so that it is no longer valid is read as an area that a person wrote.
    """
    from shapely.errors import ShapelyError
    from shapely.geometry import mapping, shape

    if not isinstance(value, dict) or cast("dict[str, Any]", value).get(AS_READ) is not True:
        return None
    try:
        drawn: Any = shape(cast("dict[str, Any]", value))
        west, south, east, north = drawn.bounds
    except (ShapelyError, AttributeError, LookupError, TypeError, ValueError):
        return None
    inside = -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    polygonal = drawn.geom_type in ("Polygon", "MultiPolygon")
    if not (polygonal and inside and drawn.is_valid and drawn.area) or drawn.has_z:
        return None
    return cast("dict[str, Any]", json.loads(json.dumps(mapping(drawn))))


def _nothing(found: Polygons) -> str:
    if found.passed_over:
        kinds = ", ".join(dict.fromkeys(found.passed_over))
        return (
            f"the GeoJSON holds no polygon but {kinds}; an area is made of polygons. Write a small "
            "`bbox: [west, south, east, north]` around a point, or draw a buffer around a line"
        )
    return "the GeoJSON holds no polygon; an area needs at least one" + "".join(
        f"; {note}" for note in found.notes[:3]
    )


def _shortened(notes: list[str]) -> tuple[str, ...]:
    if len(notes) <= _NOTES:
        return tuple(notes)
    return (*notes[:_NOTES], f"... and {len(notes) - _NOTES} more that were mended or passed over")


def _swapped(bounds: tuple[float, ...]) -> str:
    ys = (bounds[1], bounds[3])
    turned = max(map(abs, ys)) > 90 and max(map(abs, ys)) <= 180
    if turned and max(abs(bounds[0]), abs(bounds[2])) <= 90:
        return ": longitude comes first, and these look like latitude and longitude"
    return ""


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
