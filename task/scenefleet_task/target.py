"""The grid that outputs of many scenes share, cut to the area or to one scene.

With an area, every scene's output has the same shape and transform, so that they stack as they
are. Pixel edges are counted in whole pixels from `align` and only then multiplied, so that they do
not drift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import rasterio.warp
from rasterio.errors import CRSError

from scenefleet_task.clip import densify, outline, polygons, project, unwrap
from scenefleet_task.complaints import GdalError, complaint_of
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Floats, Grid
from scenefleet_task.spec import MOST_PIXELS, Exit, TargetGrid

_warp = cast("Any", rasterio.warp)  # rasterio has no types
_CRS = cast("Any", rasterio).crs.CRS

MAX_SIDE = 200_000
"""Pixels."""
_STEPS = 32  # points a side of a scene: the edges between bend by a few metres at most
_SNAP = 1e-6  # pixels by which an edge may miss the grid and still lie on it
_LEAP = 100_000.0  # metres between neighbouring points of an outline: there the map is cut

Box = tuple[float, float, float, float]
"""west, south, east, north in a CRS; in degrees, east may lie beyond 180."""


def target_grid(wanted: TargetGrid, sources: Sequence[Grid], area: dict[str, Any] | None) -> Grid:
    """The common grid, cut to the area's box or else to the box of all sources; north is up.

    In a CRS of degrees, what lies across the antimeridian goes on beyond 180 degrees.

    Args:
        wanted: the grid without its limits.
        sources: at least one.
        area: GeoJSON geometry in degrees (EPSG:4326), or None.

    Raises:
        TaskError: `DOCUMENT` if the CRS is not known or does not fit the place, or the result
            would be too large; `NO_OVERLAP` if the sources do not touch the area's box.
    """
    crs = _crs(wanted.crs)
    extents = [extent for source in sources if (extent := _extent(source, crs, cut=area is None))]
    if area is None:
        if not extents:
            raise _misfit(crs, "the scene has no place in it")
        return _snapped(wanted, crs, _union(extents, crs))
    box = _union([_area_box(rings[0], crs) for rings in polygons(area)], crs)
    if not any(_touch(box, extent, crs) for extent in extents):
        raise TaskError(
            Exit.NO_OVERLAP,
            f"the area's box in {_text(crs)} ({_numbers(box)}) does not touch the scene's "
            f"({'; '.join(_numbers(extent) for extent in extents) or 'it has none there'})",
        )
    return _snapped(wanted, crs, box)


def _crs(text: str) -> Any:  # noqa: ANN401 - a rasterio CRS
    try:
        crs = _CRS.from_user_input(text)
    except CRSError as error:
        said = (
            f"document.grid.crs: {text[:80]!r} is not known to GDAL ({complaint_of(error)[:160]})"
        )
        raise TaskError(Exit.DOCUMENT, f"{said}; give a code such as EPSG:3035, or WKT2.") from None
    if not (crs.is_projected or crs.is_geographic):
        said = f"document.grid.crs: {text[:80]!r} is neither projected nor geographic"
        raise TaskError(Exit.DOCUMENT, f"{said}; give a code such as EPSG:3035, or WKT2.")
    return crs


def _extent(grid: Grid, crs: Any, *, cut: bool) -> Box | None:  # noqa: ANN401 - a rasterio CRS
    """A scene's box in the CRS, or None where it has none; `cut` refuses a map cut across it."""
    try:
        xs, ys = _warp.transform(grid.crs, crs, *outline(grid, _STEPS))
    except GdalError as error:
        raise _misfit(
            crs, f"there is no way to it from {_text(grid.crs)} ({complaint_of(error)})"
        ) from None
    points = np.array([xs, ys], np.float64)
    xs, ys = points[:, np.isfinite(points).all(0)]
    if not len(xs):
        return None
    if crs.is_geographic:
        xs = unwrap(xs)
        if abs(xs[-1] - xs[0]) > 180:  # there is a pole in it
            ys = np.append(ys, math.copysign(90, ys.mean()))
            xs = np.array([-180.0, 180.0])
    elif cut:
        _refuse_cut(xs, ys, crs)
    return _box(xs, ys)


def _area_box(ring: Sequence[tuple[float, float]], crs: Any) -> Box:  # noqa: ANN401 - a rasterio CRS
    try:
        xs, ys = project(crs, *densify(list(ring)))
    except GdalError as error:
        raise _misfit(crs, f"there is no way to it from degrees ({complaint_of(error)})") from None
    if not (np.isfinite(xs) & np.isfinite(ys)).all():
        raise _misfit(crs, "parts of the area have no place in it")
    if not crs.is_geographic:
        _refuse_cut(xs, ys, crs)
    return _box(xs, ys)


def _refuse_cut(xs: Floats, ys: Floats, crs: Any) -> None:  # noqa: ANN401 - a rasterio CRS
    steps = np.hypot(np.diff(xs), np.diff(ys))
    if len(steps) and steps.max() > max(
        _LEAP / crs.linear_units_factor[1], 20 * float(np.median(steps))
    ):
        raise _misfit(crs, "its map is cut across the place, as many are at 180 degrees")


def _box(xs: Floats, ys: Floats) -> Box:
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _union(boxes: Sequence[Box], crs: Any) -> Box:  # noqa: ANN401 - a rasterio CRS
    if crs.is_geographic:
        boxes = _gathered(boxes)
    wests, souths, easts, norths = zip(*boxes, strict=True)
    west, east = min(wests), max(easts)
    if crs.is_geographic and east - west > 360:
        west, east = -180.0, 180.0
    return west, min(souths), east, max(norths)


def _gathered(boxes: Sequence[Box]) -> list[Box]:
    """Boxes in degrees turned next to each other, the widest gap between them left out."""
    turned: list[Box] = []
    for west, south, east, north in boxes:
        turn = 0.0 if west >= -180 and east <= 180 else 360 * math.floor((west + 180) / 360)
        turned.append((west - turn, south, east - turn, north))
    turned.sort()
    first, widest = 0, turned[0][0] + 360 - max(box[2] for box in turned)
    for n in range(1, len(turned)):
        gap = turned[n][0] - max(box[2] for box in turned[:n])
        if gap > widest:
            first, widest = n, gap
    return turned[first:] + [(w + 360, s, e + 360, n) for w, s, e, n in turned[:first]]


def _touch(one: Box, other: Box, crs: Any) -> bool:  # noqa: ANN401 - a rasterio CRS
    turns = (-360.0, 0.0, 360.0) if crs.is_geographic else (0.0,)
    return (
        one[1] < other[3]
        and other[1] < one[3]
        and any(one[0] < other[2] + turn and other[0] + turn < one[2] for turn in turns)
    )


def _snapped(wanted: TargetGrid, crs: Any, box: Box) -> Grid:  # noqa: ANN401 - a rasterio CRS
    size, (x, y) = wanted.resolution, wanted.align
    if not (math.isfinite(size) and size > 0):
        raise TaskError(Exit.DOCUMENT, f"document.grid.resolution: {size}; it must be above 0")
    sides = (box[2] - box[0]) / size, (box[3] - box[1]) / size
    if max(sides) > MAX_SIDE or sides[0] * sides[1] > MOST_PIXELS:
        raise TaskError(
            Exit.DOCUMENT,
            f"document.grid: {sides[0]:.0f} x {sides[1]:.0f} pixels of {size:g} are too many "
            f"(at most {MAX_SIDE} a side and {MOST_PIXELS:.0e} in all); choose a coarser "
            f"resolution, in units of {_text(crs)}, or a smaller area",
        )
    west, bottom = (math.floor((low - at) / size + _SNAP) for low, at in ((box[0], x), (box[1], y)))
    east, top = (math.ceil((high - at) / size - _SNAP) for high, at in ((box[2], x), (box[3], y)))
    return Grid(
        crs,
        (size, 0.0, x + west * size, 0.0, -size, y + top * size),
        max(1, east - west),
        max(1, top - bottom),
    )


def _misfit(crs: Any, why: str) -> TaskError:  # noqa: ANN401 - a rasterio CRS
    said = f"document.grid.crs: {_text(crs)} does not fit: {why}; choose one made for the place."
    return TaskError(Exit.DOCUMENT, said)


def _numbers(box: Box) -> str:
    return ", ".join(f"{value:.10g}" for value in box)


def _text(crs: Any) -> str:  # noqa: ANN401 - a rasterio CRS
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())[:80]
