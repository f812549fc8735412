"""Sizes of a scene's rasters, and how much of them a task reads. Pure.

Told by the header of a local file, which the caller reads; by `proj:shape`; by footprint and ground
sample distance; else guessed. Bytes of a pixel are as the item tells its type. Bands of one file
are taken to be interleaved by pixels, as most archives have them, unless a header tells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from scenefleet.catalog import Scene
from scenefleet.catalog.bands import rank
from scenefleet.catalog.globe import footprint
from scenefleet.catalog.header import Header
from scenefleet.recipe.area import polygons

Origin = Literal["header", "proj:shape", "footprint", "guess"]
Headers = Callable[[str], Header | None]
"""The header of a file by its path; None where it has none that can be read."""

WORDS: dict[Origin, str] = {
    "header": "by the file's header",
    "proj:shape": "by proj:shape",
    "footprint": "by footprint and gsd",
    "guess": "guessed by the footprint at 10 m",
}
_RADIUS = 6_371_007.2
"""Metres: of the sphere with the ellipsoid's surface."""
_GUESS = 10.0
"""Metres of a pixel where nothing tells."""
_TILE = 512
"""Pixels along a tile's side where no header tells: what archives use most."""
_MANY = 500
"""Fields of a clip that are looked at one by one."""


@dataclass(frozen=True, slots=True)
class Size:
    """A raster and what is read of it."""

    pixels: float
    """Of the whole raster."""
    read: float
    """Pixels in the tiles that the task asks for."""
    metres: float
    """Along a pixel's side."""
    stored: float | None
    """Bytes of all its tiles, where a header tells."""
    filled: float
    """Share of the raster that the footprint covers: the rest is stored in next to nothing."""
    weight: float
    """Bytes of a pixel as it is read, of the two that a band of 16 bits has."""
    together: bool
    """Whether whoever reads one band of the file reads them all: they count once."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground of a scene, and what a clip keeps of it; square metres, and boxes in metres."""

    whole: float
    kept: float
    box: float
    """Of the box around what is kept: the outputs' extent."""
    fields: tuple[tuple[float, float], ...]
    """Width and height of the box around each part that is kept; empty where nothing is clipped."""


def ground_of(scene: Scene, clip: dict[str, Any] | None) -> Ground:
    """The ground of a scene, by its footprint, and of the part in a clip's area."""
    import shapely as untyped
    from shapely.geometry import shape

    shapely = cast("Any", untyped)
    drawn: Any = shapely.union_all([footprint(one) for one in scene.parts])
    whole = square_metres(drawn)
    if clip is None:
        return Ground(whole, whole, whole, ())
    kept: Any = shapely.intersection(drawn, cast("Any", shape(clip)))
    boxes = tuple(_box(part.bounds) for part in polygons(kept)[:_MANY])
    width, height = _box(kept.bounds) if not kept.is_empty else (0.0, 0.0)
    fields = boxes if 0 < len(boxes) < _MANY else ((width, height),)
    return Ground(whole, square_metres(kept), width * height, fields)


def size_of(scene: Scene, key: str, ground: Ground, headers: Headers) -> Size:
    """The size of one asset of a scene.

    Args:
        scene: the item.
        key: the asset's key.
        ground: as `ground_of` gives it.
        headers: gives headers of local files.
    """
    asset = scene.assets[key]
    header = None if "://" in asset.href else headers(asset.href)
    told = rank(key, asset)[1]
    metres = told if 0 < told < math.inf else None
    if header or asset.shape:
        rows, columns = (header.rows, header.columns) if header else asset.shape or (1, 1)
        pixels, origin = float(rows) * columns, cast("Origin", "header" if header else "proj:shape")
        step = (
            _of_transform(asset.transform) or metres or math.sqrt(ground.whole / pixels) or _GUESS
        )
    else:
        step, origin = metres or _GUESS, cast("Origin", "footprint" if metres else "guess")
        pixels = max(1.0, ground.whole / step**2)
    return Size(
        pixels=pixels,
        read=_read(pixels, step, header.tile if header else _TILE, ground),
        metres=step,
        stored=float(header.stored) if header and header.stored else None,
        filled=min(1.0, ground.whole / (pixels * step**2)) if ground.whole else 1.0,
        weight=_bytes(asset.data_type) / 2 * max(1, len(asset.listed)),
        together=header.together if header else bool(asset.listed),
        origin=origin,
    )


def square_metres(drawn: Any) -> float:  # noqa: ANN401 - shapely has no types
    """The surface of a shapely geometry in degrees, on the sphere."""
    import shapely

    def equal_area(points: Any) -> Any:  # noqa: ANN401 - an array
        import numpy as np

        turned = np.radians(points)
        turned[:, 1] = np.sin(turned[:, 1])
        return turned * _RADIUS

    return float(cast("Any", shapely).transform(drawn, equal_area).area)


def _read(pixels: float, step: float, tile: int, ground: Ground) -> float:
    """Pixels in the tiles that a clip touches; a box touches one more each way than it fills."""
    if not ground.fields:
        return pixels
    side = min(float(tile), math.sqrt(pixels))
    tiles = sum(
        (width / step / side + 1) * (height / step / side + 1) for width, height in ground.fields
    )
    return min(pixels, tiles * side**2)


def _bytes(data_type: str | None) -> float:
    """Bytes of a number of the type that an item tells; of 16 bits where it tells none."""
    bits = re.search(r"(8|16|32|64)$", data_type or "")
    return int(bits[1]) / 8 if bits else 2.0


def _of_transform(transform: tuple[float, ...] | None) -> float | None:
    """Metres of a pixel; None where it is told in degrees, or not at all."""
    if not transform or len(transform) < 6:
        return None
    step = math.hypot(transform[0], transform[3])
    return step if math.isfinite(step) and step >= 0.1 else None


def _box(bounds: tuple[float, ...]) -> tuple[float, float]:
    west, south, east, north = bounds
    degree = math.radians(1) * _RADIUS
    return (east - west) * degree * math.cos(math.radians((south + north) / 2)), (
        north - south
    ) * degree
