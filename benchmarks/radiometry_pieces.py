"""How often the look at the pixels is right, unclear or wrong, on pieces of real scenes.

Every real scene of the shared data is cut into square pieces, and each piece is judged in both
forms: its numbers as reflectance x 10000, and with 1000 more. Landsat's reflectance stands beside
Sentinel-2's, as ground on which the limits were not chosen. Prints a Markdown table.

Run it by `make bench-radiometry`, or `python benchmarks/radiometry_pieces.py DATA`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from scenefleet_task import offset

SHIFT = 1000
SIDES = (None, 100, 70)
"""Pixels of a piece's side; None is the whole scene."""
SENTINEL_2 = {"exeter-2024": SHIFT, "nl-border-2019": 0, "monthly-2021": 0}
"""Folders, and what their numbers carry."""
LANDSAT = "landsat-2019"

Array = np.ndarray[Any, Any]
Scene = tuple[str, Array, Array, Array]
"""Folder; red and near infrared as reflectance x 10000; True where both have data."""


def read(path: Path) -> tuple[Array, Array]:
    """Numbers, and True where there is data."""
    with rasterio.open(path) as source:
        numbers = source.read(1)
        return numbers, numbers != source.nodata


def scenes(data: Path) -> Iterator[Scene]:
    for folder, carried in SENTINEL_2.items():
        for scene in sorted(path for path in (data / folder).iterdir() if path.is_dir()):
            (red, first), (nir, second) = (read(scene / f"{name}.tif") for name in ("B04", "B08"))
            if (first & second).any():
                yield folder, red.astype(int) - carried, nir.astype(int) - carried, first & second
    for scene in sorted(path for path in (data / LANDSAT).iterdir() if path.is_dir()):
        (red, first), (nir, second) = (read(scene / f"{name}.tif") for name in ("red", "nir08"))
        red, nir = (np.rint((band * 2.75e-05 - 0.2) * 1e4).astype(int) for band in (red, nir))
        yield LANDSAT, red, nir, (first & second)


def verdicts(scene: Scene, side: int | None) -> Iterator[str]:
    """`right`, `unclear` or `wrong` for each piece that has enough pixels, in both forms."""
    _, red, nir, there = scene
    step = side or max(red.shape)
    for row in range(0, red.shape[0], step):
        for col in range(0, red.shape[1], step):
            piece = (slice(row, row + step), slice(col, col + step))
            seen = there[piece]
            if np.count_nonzero(seen) < offset.LEAST:
                continue
            for truth, shift in (("removed", 0), ("carried", SHIFT)):
                # products hold no number below 1 but no-data
                bands = (np.maximum(band[piece][seen] + shift, 1) for band in (red, nir))
                verdict, _ = offset.judge(*bands, SHIFT)
                yield {truth: "right", "unclear": "unclear"}.get(verdict, "wrong")


def main() -> None:
    data = Path(sys.argv[1])
    print("| scenes of | piece | right | unclear | wrong |\n|---|---|---|---|---|")
    found = list(scenes(data))
    for folder in (*SENTINEL_2, LANDSAT):
        for side in SIDES:
            count = Counter(v for one in found if one[0] == folder for v in verdicts(one, side))
            piece = f"{side} x {side}" if side else "whole"
            told = " | ".join(str(count[word]) for word in ("right", "unclear", "wrong"))
            print(f"| {folder} | {piece} | {told} |")


if __name__ == "__main__":
    main()
