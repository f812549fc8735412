"""The land that the demo's scenes look at: hills, a river, lakes, woods, a town, parcels of crops.

Everything is drawn once from a seed; what changes with the day of the year is in `season`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from scenefleet.demo.noise import Field, fractal, quantile_level

Labels = NDArray[np.int32]


class Cover(IntEnum):
    """What grows or stands on a pixel."""

    GRASS = 0
    WHEAT = 1
    RAPE = 2
    MAIZE = 3
    BEET = 4
    POTATO = 5
    DECIDUOUS = 6
    CONIFER = 7
    TOWN = 8
    ROAD = 9
    WATER = 10
    SUBURB = 11


CROPS = (Cover.GRASS, Cover.WHEAT, Cover.RAPE, Cover.MAIZE, Cover.BEET, Cover.POTATO)
_CROP_SHARES = (0.31, 0.22, 0.09, 0.18, 0.11, 0.09)


@dataclass(frozen=True, slots=True)
class Landscape:
    """Arrays of one shape (rows, columns), 10 m a pixel."""

    cover: NDArray[np.uint8]
    """Values of `Cover`."""
    parcel: Labels
    """Which parcel a pixel belongs to; indexes `shift` and `vigour`."""
    shift: Field
    """By parcel: days that its season is late."""
    vigour: Field
    """By parcel: how dense the crop is, around 1."""
    soil: Field
    """Brightness of bare soil, around 1."""
    texture: Field
    """Fine variation within parcels, crowns and roofs; mean 0, standard deviation 1."""
    slope_east: Field
    """Rise per metre towards the east; so is the next towards the north."""
    slope_north: Field

    def west(self, columns: int) -> Landscape:
        """Its first so many columns."""
        part = {
            name: getattr(self, name)[:, :columns]
            for name in ("cover", "parcel", "soil", "texture", "slope_east", "slope_north")
        }
        return replace(self, **part)


def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Landscape:
    """A landscape of `shape` (rows, columns)."""
    hills = fractal(rng, shape, slope=2.6, low=500)
    moisture = fractal(rng, shape, slope=2.2, low=250)
    texture = fractal(rng, shape, slope=0.9, low=8)
    river, valley = _river(shape, hills)
    parcel, edge = _parcels(rng, shape, moisture)
    crops, shift, vigour = _seasons(rng, int(parcel.max()) + 1)
    cover = crops[parcel].astype(np.uint8)
    cover[edge] = Cover.ROAD
    cover[valley & (moisture > 0.1) & ~edge] = Cover.GRASS
    _plant_woods(cover, hills, moisture, fractal(rng, shape, slope=1.9, low=120))
    _build_towns(rng, cover, (0.16 * moisture + 0.1 * hills + 0.1 * texture).astype("f4"))
    cover[_lakes(shape, moisture) | river] = Cover.WATER
    height = hills * 22 + texture * 0.4
    north, east = np.gradient(height, 10.0)
    soil = 1 + 0.16 * fractal(rng, shape, slope=1.6, low=90) + 0.05 * texture
    # rows count southwards, so the rise towards the north is the other way round
    fields = (np.asarray(part, np.float32) for part in (soil, texture, east, -north))
    return Landscape(cover, parcel, shift, vigour, *fields)


def _grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return rows, columns


def _river(shape: tuple[int, int], hills: Field) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A meandering river from west to east, and the valley it lies in."""
    rows, columns = _grid(shape)
    scale = shape[0] / 1098
    x = columns / scale
    middle = 640 + 120 * np.sin(x / 260 + 0.6) + 55 * np.sin(x / 97 + 2.1) + 16 * np.sin(x / 41)
    steepness = 120 / 260 * np.cos(x / 260 + 0.6) + 55 / 97 * np.cos(x / 97 + 2.1)
    distance = np.abs(rows / scale - middle + 6 * hills) / np.sqrt(1 + steepness**2)
    width = 8.5 + 2.5 * np.sin(x / 150)
    return distance < width, distance < 75


def _lakes(shape: tuple[int, int], moisture: Field) -> NDArray[np.bool_]:
    """Old gravel pits beside the river: ellipses with ragged shores."""
    rows, columns = _grid(shape)
    scale = shape[0] / 1098
    found = np.zeros(shape, bool)
    for row, column, tall, wide in ((760, 610, 34, 62), (500, 350, 22, 40), (690, 1580, 45, 70)):
        radius = np.hypot((rows / scale - row) / tall, (columns / scale - column) / wide)
        found |= radius + 0.12 * moisture < 1
    return found


def _parcels(
    rng: np.random.Generator, shape: tuple[int, int], warp: Field
) -> tuple[Labels, NDArray[np.bool_]]:
    """Parcels as strips of blocks of land; and the roads between the blocks.

    Blocks are the cells of a jittered grid (nearest centre), each cut into strips of its own
    direction and width, as land was once divided.
    """
    rows, columns = _grid(shape)
    rows, columns = rows + 7 * warp, columns + 7 * np.roll(warp, 311, axis=1)
    cell = 78.0
    count = (int(shape[0] / cell) + 6, int(shape[1] / cell) + 6)
    jitter = rng.uniform(-0.42, 0.42, (2, *count))
    near, block, second = _nearest(rows / cell + 2, columns / cell + 2, jitter)
    total = count[0] * count[1]
    angle = rng.normal(0.5, 0.35, total) + rng.integers(0, 2, total) * np.pi / 2
    width = rng.uniform(11, 30, total)
    along = rows * np.cos(angle).astype("f4")[block] + columns * np.sin(angle).astype("f4")[block]
    strip = np.floor(along / width.astype("f4")[block]).astype(np.int32)
    across = columns * np.cos(angle).astype("f4")[block] - rows * np.sin(angle).astype("f4")[block]
    half = np.floor(across / 55 + 0.5 * (strip % 2)).astype(np.int32)
    mixed = (block.astype(np.int64) * 7919 + strip * 104729 + half * 1299709) % 16381
    return mixed.astype(np.int32), (second - near) < 0.014


def _nearest(
    rows: Field, columns: Field, jitter: NDArray[np.float64]
) -> tuple[Field, Labels, Field]:
    """Distance to the nearest centre of a jittered grid, which one, and to the second nearest."""
    base_row, base_column = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
    _, high, wide = jitter.shape
    near = np.full(rows.shape, np.inf, np.float32)
    second = near.copy()
    which = np.zeros(rows.shape, np.int32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            r, c = (base_row + down).clip(0, high - 1), (base_column + right).clip(0, wide - 1)
            offset = jitter.astype("f4")[:, r, c]
            distance = np.hypot(rows - r - 0.5 - offset[0], columns - c - 0.5 - offset[1])
            closer = distance < near
            second = np.where(closer, near, np.minimum(second, distance))
            near = np.where(closer, distance, near)
            which = np.where(closer, r * wide + c, which)
    return near, which, second


def _seasons(rng: np.random.Generator, parcels: int) -> tuple[NDArray[np.uint8], Field, Field]:
    crops = rng.choice(np.array(CROPS, np.uint8), parcels, p=_CROP_SHARES)
    shift = rng.normal(0, 6, parcels).astype(np.float32)
    vigour = np.clip(rng.normal(1, 0.09, parcels), 0.7, 1.15).astype(np.float32)
    return crops, shift, vigour


def _plant_woods(cover: NDArray[np.uint8], hills: Field, moisture: Field, patches: Field) -> None:
    wood = (patches + 0.9 * hills).astype(np.float32)
    covered = wood > quantile_level(wood, 0.2)
    cover[covered & (moisture > -0.25)] = Cover.DECIDUOUS
    cover[covered & (moisture <= -0.25)] = Cover.CONIFER


def _build_towns(rng: np.random.Generator, cover: NDArray[np.uint8], uneven: Field) -> None:
    """A town and villages: built up at random, ever less so away from their centres."""
    rows, columns = _grid(cover.shape)  # pyright: ignore[reportArgumentType] - always two axes
    scale = cover.shape[0] / 1098
    for row, column, radius in ((330, 800, 105), (880, 240, 42), (150, 1500, 38), (930, 1260, 50)):
        distance = np.hypot(rows / scale - row, columns / scale - column) / radius
        ragged = distance + np.roll(uneven, (row, column), (0, 1))
        streets = _streets(rows, columns, rng.uniform(0, 1.5))
        cover[ragged < 1] = Cover.SUBURB
        cover[ragged < 0.45] = Cover.TOWN
        cover[streets & (ragged < 0.95)] = Cover.ROAD


def _streets(rows: Field, columns: Field, angle: float) -> NDArray[np.bool_]:
    along = rows * np.cos(angle) + columns * np.sin(angle)
    across = columns * np.cos(angle) - rows * np.sin(angle)
    bend = 4 * np.sin(across / 37)
    return ((along + bend) % 17 < 1.3) | ((across + 0.6 * bend) % 23 < 1.3)
