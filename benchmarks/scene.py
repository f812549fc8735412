"""Makes a full-size scene that costs what a real Sentinel-2 scene costs: B04, B08 and SCL as COGs.

Real bands of 10980 x 10980 pixels compress 1.48 times by deflate with predictor 2 (median of whole
L2A bands; see shared/facts). What decides this is the difference between neighbours, so `NOISE` was
tuned until the drawn bands do the same: every run checks the tiles' bytes and prints the ratio.
Land, clouds and their shadows come from smooth random fields, and SCL is made of the same fields as
the bands: coherent areas with ragged edges. `GRAIN` was tuned until a share of 0.12 of its
neighbours differ, as in the real SCL of Exeter in shared/data (0.12 to 0.16).

Run it by `python benchmarks/scene.py FOLDER [--size N]`; what is there already is kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.windows import Window

VERSION = 1
"""Goes up when other pixels are drawn: a folder of another version is drawn again."""
SIZE, TILE = 10980, 512
RATIO, TOLERANCE = 1.48, 0.02
NOISE = {"B04": 34, "B08": 29}
"""Standard deviation of a pixel by itself, in digital numbers."""
GRAIN = 0.46
"""Of greenness: how ragged SCL's areas are."""
OFFSET = 1000
"""What baseline 04.00 and later add to each number."""
WEST, NORTH = 600_000, 5_700_000
"""Of the scene, in EPSG:32631."""
THRESHOLD = 0.9
"""Of the cloud field, in standard deviations: a sixth of the scene is under cloud."""
SHADOW = 90
"""Pixels from a cloud to its shadow, in both directions."""

Array = np.ndarray[Any, np.dtype[Any]]


class Field:
    """A smooth random field: several sizes of cells, interpolated; mean 0, deviation near 1."""

    def __init__(self, seed: int, cells: dict[int, float]) -> None:
        """`cells` is the weight of each size of cell, in pixels of 10 m."""
        rng = np.random.default_rng(seed)
        total = sum(weight**2 for weight in cells.values()) ** 0.5 * 0.68
        reach = SIZE + 2 * SHADOW
        self._grids = {
            cell: (rng.standard_normal((reach // cell + 3,) * 2) * weight / total).astype("f4")
            for cell, weight in cells.items()
        }

    def at(self, rows: Array, cols: Array) -> Array:
        """Values at rows x columns, in pixels of 10 m from the upper left; none below -SHADOW."""
        sums = np.zeros((len(rows), len(cols)), "f4")
        for cell, grid in self._grids.items():
            first, _ = _spread(rows, cell)
            row_weights, low, high = _weights(rows, cell)
            column, share = _spread(cols, cell)
            part = grid[low:high]
            across = part[:, column] * (1 - share) + part[:, column + 1] * share
            assert first.min() == low
            sums += row_weights @ across
        return sums


def _spread(places: Array, cell: int) -> tuple[Array, Array]:
    """The cell before each place, and the share of the next one."""
    whole = (places + SHADOW) / cell
    before = np.floor(whole).astype(int)
    share = (whole - before).astype("f4")
    return before, share * share * (3 - 2 * share)


def _weights(places: Array, cell: int) -> tuple[Array, int, int]:
    """A matrix that interpolates, and which cells it takes."""
    before, share = _spread(places, cell)
    low, high = int(before.min()), int(before.max()) + 2
    weights = np.zeros((len(places), high - low), "f4")
    lines = np.arange(len(places))
    weights[lines, before - low] = 1 - share
    weights[lines, before - low + 1] = share
    return weights, low, high


@dataclass(frozen=True, slots=True)
class Ground:
    """What the bands and SCL are made of."""

    green: Field
    cloud: Field
    wet: Field
    grain: Field
    """What the classifier sees and the fields above do not have: ragged edges."""

    def look(self, rows: Array, cols: Array) -> tuple[Array, Array, Array, Array]:
        """Greenness (0 to 1), cloud and its shadow (0 to 1), wetness (above 0 is water)."""
        green = 1 / (1 + np.exp(-2.5 * self.green.at(rows, cols)))
        cloud = np.clip((self.cloud.at(rows, cols) - THRESHOLD) * 2, 0, 1)
        shade = np.clip((self.cloud.at(rows - SHADOW, cols - SHADOW) - THRESHOLD) * 2, 0, 1)
        return green, cloud, shade, self.wet.at(rows, cols) - 2


def ground() -> Ground:
    """The same at every call."""
    return Ground(
        green=Field(1, {3: 0.1, 12: 0.4, 40: 1, 150: 1, 900: 0.7}),
        cloud=Field(2, {12: 0.15, 60: 0.4, 400: 1, 2500: 1}),
        wet=Field(3, {20: 0.15, 120: 0.5, 1200: 1}),
        grain=Field(4, {5: 1, 16: 1}),
    )


def draw_band(name: str, of: Ground, size: int) -> Iterator[Array]:
    """A band's rows, `TILE` at a time, from the top; uint16."""
    rng = np.random.default_rng(ord(name[-1]))
    cols = np.arange(size)
    for row in range(0, size, TILE):
        rows = np.arange(row, min(row + TILE, size))
        green, cloud, shade, wet = of.look(rows, cols)
        land = 2000 - 1650 * green if name == "B04" else 1700 + 2300 * green
        land = np.where(wet > 0, 350, land) * (1 - 0.6 * shade * (cloud == 0))
        land = land + cloud * (4500 - 0.5 * land)
        land += rng.standard_normal(land.shape, "f4") * NOISE[name]
        yield (np.clip(np.rint(land), 1, 20_000) + OFFSET).astype("uint16")


def draw_classes(of: Ground, size: int) -> Iterator[Array]:
    """SCL's rows, `TILE` at a time, from the top; uint8, 20 m."""
    cols = np.arange(size) * 2 + 0.5
    for row in range(0, size, TILE):
        rows = np.arange(row, min(row + TILE, size)) * 2 + 0.5
        green, cloud, shade, wet = of.look(rows, cols)
        green += GRAIN * of.grain.at(rows, cols)
        said = [cloud > 0.5, cloud > 0.1, shade > 0.1, wet > 0, green > 0.5, green > 0.47]
        yield np.select(said, [9, 8, 3, 6, 4, 7], 5).astype("uint8")


def write(path: Path, parts: Iterator[Array], size: int, resolution: int) -> None:
    """Writes rows as a COG with overviews, as real ones are made."""
    draft = path.with_suffix(".draft.tif")
    dtype = "uint8" if resolution == 20 else "uint16"
    transform = rasterio.Affine(resolution, 0, WEST, 0, -resolution, NORTH)
    with rasterio.open(
        draft, "w", driver="GTiff", dtype=dtype, count=1, width=size, height=size,
        crs="EPSG:32631", transform=transform, tiled=True, blockxsize=TILE, blockysize=TILE,
    ) as target:  # fmt: skip
        row = 0
        for part in parts:
            target.write(part, 1, window=Window(0, row, size, len(part)))
            row += len(part)
    copy(
        draft, path, driver="COG", COMPRESS="DEFLATE", NUM_THREADS="ALL_CPUS",
        PREDICTOR="NO" if dtype == "uint8" else "2", BLOCKSIZE=str(TILE),
        OVERVIEW_RESAMPLING="NEAREST" if dtype == "uint8" else "AVERAGE",
    )  # fmt: skip
    draft.unlink()


def tiles(path: Path) -> list[tuple[int, int, int, int]]:
    """Row, column, offset and size in bytes of each tile at full resolution."""
    with rasterio.open(path) as source:
        high, wide = source.block_shapes[0]
        return [
            (row, col, *_place(source, row, col))
            for row in range(-(-source.height // high))
            for col in range(-(-source.width // wide))
        ]


def _place(source: rasterio.DatasetReader, row: int, col: int) -> tuple[int, int]:
    tags = (f"BLOCK_{what}_{col}_{row}" for what in ("OFFSET", "SIZE"))
    offset, size = (int(source.get_tag_item(tag, "TIFF", bidx=1)) for tag in tags)
    return offset, size


def describe(folder: Path, size: int) -> dict[str, Any]:
    """What the scene is like, counted from the files."""
    with rasterio.open(folder / "SCL.tif") as source:
        classes = source.read(1)
    held = {
        name: sum(tile[3] for tile in tiles(folder / f"{name}.tif")) for name in (*NOISE, "SCL")
    }
    counts = np.bincount(classes.ravel(), minlength=12) / classes.size
    return {
        "version": VERSION,
        "size": size,
        "compression_ratio": {name: round(2 * size**2 / held[name], 3) for name in NOISE},
        "scl_bytes_a_pixel": round(held["SCL"] / classes.size, 3),
        "scl_neighbours_that_differ": round(float((classes[:, 1:] != classes[:, :-1]).mean()), 3),
        "scl_shares": {str(n): round(float(share), 3) for n, share in enumerate(counts) if share},
        "bytes": {name: (folder / f"{name}.tif").stat().st_size for name in held},
    }


def make(folder: Path, size: int = SIZE) -> dict[str, Any]:
    """Makes the scene unless it is there; what it is like.

    Raises:
        ValueError: if a full-size band compresses more or less than real ones do.
    """
    about = folder / "scene.json"
    if about.exists():
        known = json.loads(about.read_text())
        if (known["version"], known["size"]) == (VERSION, size):
            return known
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    of = ground()
    for name in NOISE:
        write(folder / f"{name}.tif", draw_band(name, of, size), size, 10)
    write(folder / "SCL.tif", draw_classes(of, size // 2), size // 2, 20)
    known = describe(folder, size)
    for name, ratio in known["compression_ratio"].items():
        if size == SIZE and abs(ratio - RATIO) > TOLERANCE:
            raise ValueError(f"{name} compresses {ratio} times, not {RATIO}: tune NOISE")
    about.write_text(json.dumps(known, indent=1) + "\n")
    return known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=SIZE, help="pixels along a side, even")
    arguments = parser.parse_args()
    print(json.dumps(make(arguments.folder, arguments.size)))


if __name__ == "__main__":
    main()
