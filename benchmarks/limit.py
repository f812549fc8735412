"""The physical limit of one scene: the codecs alone on the same tiles, in reused buffers.

Decodes all full-resolution tiles of B04, B08 and SCL by libdeflate and undoes the predictor in
place (imagecodecs), and encodes all tiles of the results, overviews included: int16 with predictor
2 by zstd or libdeflate, at the task's levels, and the reason band by the same codec. These are the
codecs that the task uses. Nothing else is timed: tiles are read and arrays are there before the
clock starts, and it counts this process's CPU. One thread.

    python benchmarks/limit.py prepare RESULTS TARGET    # rasters that the task made, as arrays
    python benchmarks/limit.py deflate|zstd SCENE TARGET # prints JSON

The last line printed is JSON: seconds of each part, their sum as `cpu_seconds`, and beside it
`reason`: what the reason band costs by itself, its counts, its overviews and SHA-256 of its bytes
included.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import rasterio
import scene

Array = np.ndarray[Any, np.dtype[Any]]
TILE = scene.TILE


def prepare(results: Path, target: Path) -> None:
    """Writes all tiles that the task encoded, full resolution and overviews, as arrays."""
    for name in ("NDVI", "reason"):
        (file,) = results.rglob(f"{name}.tif")
        with rasterio.open(file) as source:
            levels, nodata = len(source.overviews(1)), source.nodata
        tiles: list[Array] = []
        for level in range(-1, levels):
            options = {} if level < 0 else {"overview_level": level}
            with rasterio.open(file, **options) as source:
                tiles += _cut(source.read(1), nodata)
        np.save(target.with_name(f"{target.name}-{name}.npy"), np.stack(tiles))


def _cut(pixels: Array, nodata: float | None) -> Iterator[Array]:
    """Whole tiles; what lies beyond the raster repeats its edge, and empty ones are left sparse."""
    below, beside = (-n % TILE for n in pixels.shape)
    wide = np.pad(pixels, ((0, below), (0, beside)), mode="edge")
    for row in range(0, wide.shape[0], TILE):
        for col in range(0, wide.shape[1], TILE):
            tile = wide[row : row + TILE, col : col + TILE]
            if nodata is None or (tile != nodata).any():
                yield tile


def read_tiles(path: Path) -> list[bytes]:
    """The bytes of each tile at full resolution."""
    data = path.read_bytes()
    return [data[offset : offset + size] for _, _, offset, size in scene.tiles(path)]


def decode(tiles: list[bytes], dtype: str) -> None:
    """All of them into one buffer."""
    out = np.empty((TILE, TILE), dtype)
    flat = memoryview(out.reshape(-1)).cast("B")
    for data in tiles:
        imagecodecs.deflate_decode(data, out=flat)
        if dtype != "uint8":
            imagecodecs.delta_decode(out, axis=1, out=out)


def encode(tiles: Array, codec: str) -> int:
    """Bytes of all of them."""
    scratch = np.empty((TILE, TILE), tiles.dtype)
    held = 0
    for tile in tiles:
        if tiles.dtype != np.uint8:
            imagecodecs.delta_encode(tile, axis=1, out=scratch)
            tile = scratch  # noqa: PLW2901 - the tile as it is stored
        if codec == "zstd":
            held += len(_zstd(tile))
        else:
            held += len(_deflate(tile))
    return held


def timed(do: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    do()
    return time.process_time() - start


def limit(codec: str, folder: Path, prepared: Path) -> dict[str, float]:
    """Seconds by part."""
    found: dict[str, float] = {}
    for name, dtype in (("B04", "uint16"), ("B08", "uint16"), ("SCL", "uint8")):
        tiles = read_tiles(folder / f"{name}.tif")
        found[f"decode_{name}"] = timed(lambda tiles=tiles, dtype=dtype: decode(tiles, dtype))
    for name in ("NDVI", "reason"):
        arrays = np.load(prepared.with_name(f"{prepared.name}-{name}.npy"))
        found[f"encode_{name}"] = timed(lambda arrays=arrays: encode(arrays, codec))
    total = sum(found.values())
    return {**found, "cpu_seconds": total, "reason": timed(lambda: make_reason(arrays, codec))}


def make_reason(tiles: Array, codec: str) -> None:
    """What the reason band adds to a scene whose mask is read anyway; `tiles` are its own."""
    digest = hashlib.sha256()
    scratch = np.empty((TILE // 2, TILE // 2), np.uint8)
    for tile in tiles:
        np.bincount(tile.reshape(-1), minlength=16)
        scratch[:] = tile[::2, ::2]
        digest.update(_deflate(tile) if codec != "zstd" else _zstd(tile))


def _deflate(tile: Array) -> bytes:
    """At the task's levels."""
    return imagecodecs.deflate_encode(tile, level=6 if tile.dtype == np.uint8 else 1)


def _zstd(tile: Array) -> bytes:
    return imagecodecs.zstd_encode(tile, level=1)


def main() -> None:
    what, source, prepared = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what == "prepare":
        prepare(source, prepared)
    else:
        print(json.dumps(limit(what, source, prepared)))


if __name__ == "__main__":
    main()
