"""An area in degrees as pixels of a grid: which window it needs, and what of it lies outside.

GeoJSON's edges are straight in degrees (RFC 7946, 3.1.1) and bend in a projection, so edges are
cut to about a kilometre before they are projected. Before that, rings are cut to the scene's
surroundings, so that a continent's outline is never pushed through one UTM zone; and they are
tried a turn of the globe to either side, so that the antimeridian needs no special case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import rasterio.features
import rasterio.warp
from numpy.typing import NDArray
from rasterio.transform import Affine

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Floats, Grid, Window
from scenefleet_task.spec import Exit

_features = cast("Any", rasterio.features)  # rasterio has no types
_warp = cast("Any", rasterio.warp)

STEP = 0.01
"""Degrees between points of a densified edge: an edge of 0.01 bends by less than a centimetre."""
_MARGIN = 0.2  # degrees kept around the scene: cuts made there must stay outside of it
_DEGREES = "EPSG:4326"

Ring = list[tuple[float, float]]
Box = tuple[float, float, float, float]


class Clip:
    """An area, projected to a grid; pixels whose centres lie in it are inside."""

    def __init__(self, geometry: dict[str, Any], grid: Grid) -> None:
        """Projects the area.

        Raises:
            TaskError: `NO_OVERLAP` if it does not touch the grid, `DOCUMENT` if it is no area.
        """
        self._grid = grid
        self._polygons = _project(polygons(geometry), grid)
        self.window = _window(self._polygons, grid)
        """The smallest window of the grid that holds every inside pixel."""

    def outside(self, window: Window) -> NDArray[np.bool_]:
        """True for pixels outside the area: shape (height, width) of a window of the grid."""
        part = self._grid.crop(window)
        return _features.geometry_mask(
            [{"type": "Polygon", "coordinates": rings} for rings in self._polygons],
            out_shape=(part.height, part.width),
            transform=Affine(*part.transform),
        )

    def touched(self, side: int) -> NDArray[np.bool_]:
        """By cell of `side` x `side` pixels of the clip's window, whether the area touches it."""
        part = self._grid.crop(self.window)
        shape = -(-part.height // side), -(-part.width // side)
        a, b, c, d, e, f = part.transform
        return ~_features.geometry_mask(
            [{"type": "Polygon", "coordinates": rings} for rings in self._polygons],
            out_shape=shape,
            transform=Affine(a * side, b * side, c, d * side, e * side, f),
            all_touched=True,
        )


def footprint(grid: Grid) -> tuple[dict[str, Any], tuple[float, ...]]:
    """The grid's outline as GeoJSON, and its bbox (west, south, east, north), in degrees.

    Across the antimeridian the outline is cut in two there (RFC 7946, 3.1.9), and the bbox's west
    is greater than its east (5.2). Around a pole it goes around the globe and by the pole.
    """
    edge_xs, edge_ys = outline(grid, 8)
    px, py = _warp.transform(grid.crs, _DEGREES, edge_xs, edge_ys)
    points = np.array([px, py], np.float64)
    xs, ys = np.round(points[:, np.isfinite(points).all(0)], 7) + 0.0  # without -0.0
    xs = unwrap(xs)
    xs -= 360 * np.floor((xs.min() + 180) / 360)  # begins west of 180
    around = abs(xs[-1] - xs[0]) > 180
    if around:  # the way round does not close: there is a pole in it
        pole = math.copysign(90, ys.mean())
        xs, ys = np.append(xs, [xs[-1], xs[0], xs[0]]), np.append(ys, [pole, pole, ys[0]])
        bbox = (-180.0, ys.min(), 180.0, ys.max())
    else:
        east = xs.max() - 360 if xs.max() > 180 else xs.max()
        bbox = (xs.min(), ys.min(), east, ys.max())
    ring = [(round(float(x), 7), round(float(y), 7)) for x, y in zip(xs, ys, strict=True)]
    whole = {"type": "Polygon", "coordinates": [[list(point) for point in ring]]}
    geometry = whole if around or xs.max() <= 180 else _split(ring)
    return geometry, tuple(round(float(v), 7) for v in bbox)


def _split(ring: Ring) -> dict[str, Any]:
    """A closed ring that goes on beyond 180 degrees, as GeoJSON cut there."""
    west = _cut(ring[:-1], (-180.0, -90.0, 180.0, 90.0))
    east = _cut(ring[:-1], (180.0, -90.0, 540.0, 90.0))
    halves = (([*west, west[0]], 0.0), ([*east, east[0]], 360.0))
    parts = [[[[round(x - turn, 7), round(y, 7)] for x, y in half]] for half, turn in halves]
    return {"type": "MultiPolygon", "coordinates": parts}


def outline(grid: Grid, steps: int) -> tuple[Floats, Floats]:
    """Points (x, y) on the grid's edge in its CRS, `steps` a side; the last is the first."""
    along = np.arange(steps) / steps
    zero = np.zeros(steps)
    cols = np.concatenate([zero, along, zero + 1, 1 - along, [0]]) * grid.width
    rows = np.concatenate([along, zero + 1, 1 - along, zero, [0]]) * grid.height
    a, b, c, d, e, f = grid.transform
    return a * cols + b * rows + c, d * cols + e * rows + f


def unwrap(longitudes: Floats) -> Floats:
    """Longitudes of a line without a leap at the antimeridian: they go on beyond 180 degrees."""
    return longitudes - 360 * np.cumsum(np.round(np.diff(longitudes, prepend=longitudes[:1]) / 360))


def densify(ring: Ring) -> tuple[list[float], list[float]]:
    """Points (x, y) of a ring and on its edges, at most `STEP` apart; not closed."""
    xs: list[float] = []
    ys: list[float] = []
    for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
        count = max(1, math.ceil(math.dist(start, end) / STEP))
        shares = np.arange(count) / count
        xs.extend(start[0] + shares * (end[0] - start[0]))
        ys.extend(start[1] + shares * (end[1] - start[1]))
    return xs, ys


def project(crs: Any, xs: Sequence[float], ys: Sequence[float]) -> tuple[Floats, Floats]:  # noqa: ANN401 - a rasterio CRS
    """Degrees to a CRS; in one of degrees, longitudes stay as many turns around as they were."""
    px, py = (np.asarray(values, np.float64) for values in _warp.transform(_DEGREES, crs, xs, ys))
    if crs.is_geographic:
        px = px + 360 * np.round((np.asarray(xs) - px) / 360)
    return px, py


def polygons(geometry: dict[str, Any]) -> list[list[Ring]]:
    """The rings of every polygon of a GeoJSON geometry, the outer one first.

    Raises:
        TaskError: `DOCUMENT` if it is no area.
    """
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Polygon":
        return [_rings(coordinates)]
    if kind == "MultiPolygon" and isinstance(coordinates, list):
        return [_rings(rings) for rings in cast("list[Any]", coordinates)]
    if kind == "GeometryCollection":
        return [p for part in geometry.get("geometries", []) for p in polygons(part)]
    raise TaskError(
        Exit.DOCUMENT, f"document.clip: {kind!r} is no area; allowed are Polygon and MultiPolygon"
    )


def _rings(coordinates: Any) -> list[Ring]:  # noqa: ANN401 - any JSON value
    try:
        return [[(float(point[0]), float(point[1])) for point in ring] for ring in coordinates]
    except (TypeError, ValueError, IndexError):
        raise TaskError(
            Exit.DOCUMENT, "document.clip: its coordinates are no list of rings of points"
        ) from None


def _project(area: Sequence[list[Ring]], grid: Grid) -> list[list[Ring]]:
    box = _surroundings(grid)
    projected: list[list[Ring]] = []
    for rings in area:
        for turn in (-360.0, 0.0, 360.0):
            turned = [[(x + turn, y) for x, y in ring] for ring in rings]
            kept = [cut for ring in turned if len(cut := _cut(ring, box)) > 2]
            if kept:
                projected.append([_project_ring(ring, grid) for ring in kept])
    return projected


def _surroundings(grid: Grid) -> Box:
    """The scene's box in degrees with a margin; its east may lie beyond 180."""
    a, b, c, d, e, f = grid.transform
    corners = [(col, row) for col in (0, grid.width) for row in (0, grid.height)]
    xs = [a * col + b * row + c for col, row in corners]
    ys = [d * col + e * row + f for col, row in corners]
    west, south, east, north = _warp.transform_bounds(
        grid.crs, _DEGREES, min(xs), min(ys), max(xs), max(ys), densify_pts=21
    )
    east += 360 if east < west else 0
    if grid.crs.is_geographic:  # as many turns around as the grid's own longitudes
        turn = 360 * round(((min(xs) + max(xs)) - (west + east)) / 720)
        west, east = west + turn, east + turn
    return west - _MARGIN, south - _MARGIN, east + _MARGIN, north + _MARGIN


def _cut(ring: Ring, box: Box) -> Ring:
    """The ring within a box, by Sutherland and Hodgman: cut at one side after another."""
    for axis, limit, keep_above in ((0, box[0], 1), (1, box[1], 1), (0, box[2], 0), (1, box[3], 0)):
        inside = [(point[axis] >= limit) == bool(keep_above) for point in ring]
        cut: Ring = []
        for n, point in enumerate(ring):
            before = ring[n - 1]
            if inside[n] != inside[n - 1]:
                share = (limit - before[axis]) / (point[axis] - before[axis])
                cut.append(
                    (
                        before[0] + share * (point[0] - before[0]),
                        before[1] + share * (point[1] - before[1]),
                    )
                )
            if inside[n]:
                cut.append(point)
        ring = cut
    return ring


def _project_ring(ring: Ring, grid: Grid) -> Ring:
    xs, ys = project(grid.crs, *densify(ring))
    known = np.isfinite(xs) & np.isfinite(ys)
    points = list(zip(xs[known].tolist(), ys[known].tolist(), strict=True))
    return [*points, points[0]] if points else []


def _window(area: list[list[Ring]], grid: Grid) -> Window:
    points = np.array([point for rings in area for ring in rings for point in ring])
    if not len(points):
        raise _no_overlap(grid)
    cols, rows = grid.locate(points[:, 0], points[:, 1])
    left, right = max(0, math.floor(cols.min())), min(grid.width, math.ceil(cols.max()))
    top, bottom = max(0, math.floor(rows.min())), min(grid.height, math.ceil(rows.max()))
    if left >= right or top >= bottom:
        raise _no_overlap(grid)
    return Window(top, left, bottom - top, right - left)


def _no_overlap(grid: Grid) -> TaskError:
    _, bbox = footprint(grid)
    return TaskError(
        Exit.NO_OVERLAP,
        "the area to clip to does not touch the scene's pixels, which span "
        f"{', '.join(f'{degree:.4f}' for degree in bbox)} (west, south, east, north)",
    )
