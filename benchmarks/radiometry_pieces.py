"""Measures the false rates of the look at the pixels: how often it is right, unclear or wrong.

Every ground is judged in both forms: its numbers as reflectance x 10000, and with 1000 more.

- **pieces** of all real scenes of the shared data, at random places: Sentinel-2's, and Landsat's
  reflectance. The limits were chosen with this imagery in view: it is no independent test.
- **bright**: of those pieces, the tenth that has the least dark ground, and the tenth that is
  covered most by cloud (red above 2500).
- **haze**: the pieces under an even haze that adds 200 to 800 and dims the rest.
- **made up**: ground that looks like the other form: desert, snow, dry grass, half-green crops,
  towns, thin cloud over plants, edges and shadows of numbers below 1000, lakes that were corrected
  until they reflect less than nothing.

`wrong` is a verdict that is not true, `overruled` one of these that would refuse an item whose
metadata are true. Prints a Markdown table; ends with 1 where any verdict is wrong.

Run it by `make bench-radiometry`, or `python benchmarks/radiometry_pieces.py DATA`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from scenefleet_task import offset

SHIFT = 1000
SIDES = (256, 224, 160, 128)
"""Pixels of a piece's side."""
HAZES = (200, 400, 600, 700, 800)
GAINS = (0.8, 0.9, 0.97)
SENTINEL_2 = {"exeter-2024": SHIFT, "nl-border-2019": 0, "monthly-2021": 0}
"""Folders, and what their numbers carry."""
LANDSAT = "landsat-2019"

Array = np.ndarray[Any, Any]
Dice = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Red and near infrared of pixels with data, as reflectance x 10000; shape (pixels,)."""

    kind: str
    red: Array
    nir: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A real scene: reflectance x 10000, shape (height, width); True where both have data."""

    folder: str
    red: Array
    nir: Array
    there: Array

    def piece(self, kind: str, rows: slice, cols: slice) -> Ground:
        """The pixels of a piece that have data."""
        seen = self.there[rows, cols]
        return Ground(kind=kind, red=self.red[rows, cols][seen], nir=self.nir[rows, cols][seen])


def scenes(data: Path) -> Iterator[Scene]:
    """All scenes of the shared data that have red and near infrared."""
    for folder in (*SENTINEL_2, LANDSAT):
        for path in sorted(path for path in (data / folder).iterdir() if path.is_dir()):
            names = ("red", "nir08") if folder == LANDSAT else ("B04", "B08")
            (red, first), (nir, second) = (_read(path / f"{name}.tif") for name in names)
            if folder == LANDSAT:
                red, nir = (np.rint((band * 2.75e-05 - 0.2) * 1e4) for band in (red, nir))
            carried = SENTINEL_2.get(folder, 0)
            if (first & second).any():
                red, nir = (band.astype(np.int64) - carried for band in (red, nir))
                yield Scene(folder=folder, red=red, nir=nir, there=first & second)


def _read(path: Path) -> tuple[Array, Array]:
    """Numbers, and True where there is data."""
    with rasterio.open(path) as source:
        numbers = source.read(1)
        return numbers, numbers != source.nodata


def pieces(scene: Scene, many: int, dice: Dice) -> Iterator[Ground]:
    """The whole scene, and `many` pieces of each size at random places."""
    height, width = scene.red.shape
    yield scene.piece(f"{scene.folder}, whole", slice(0, height), slice(0, width))
    for side in (side for side in SIDES if side < min(height, width)):
        for _ in range(many):
            row, col = dice.integers(0, height - side), dice.integers(0, width - side)
            kind = f"{scene.folder}, {side} x {side}"
            yield scene.piece(kind, slice(row, row + side), slice(col, col + side))


def brightest(grounds: Iterable[Ground]) -> Iterator[Ground]:
    """The tenth with the least dark ground, and the tenth with the most cloud."""
    known = [ground for ground in grounds if ground.red.size >= offset.LEAST]
    tenth = -(-len(known) // 10)

    def darkest(ground: Ground) -> float:
        return -float(np.percentile(np.minimum(ground.red, ground.nir), 1))

    def clear(ground: Ground) -> float:
        return -float(np.mean(ground.red > 2500))

    for kind, key in (("the brightest pieces", darkest), ("the cloudiest pieces", clear)):
        for ground in sorted(known, key=key)[:tenth]:
            yield Ground(kind=kind, red=ground.red, nir=ground.nir)


def hazy(grounds: Iterable[Ground]) -> Iterator[Ground]:
    """Each ground under every even haze."""
    for ground in grounds:
        for haze in HAZES:
            for gain in GAINS:
                red, nir = (np.rint(band * gain) + haze for band in (ground.red, ground.nir))
                yield Ground(kind=f"pieces under a haze of +{haze}", red=red, nir=nir)


def _mixed(dice: Dice, low: float, high: float) -> tuple[Array, Array]:
    """Rows of plants on bright soil, which cover from `low` to `high` of each pixel."""
    cover = dice.uniform(low, high, PIXELS)
    red = cover * dice.normal(350, 60, PIXELS) + (1 - cover) * dice.normal(2400, 250, PIXELS)
    nir = cover * dice.normal(5000, 400, PIXELS) + (1 - cover) * dice.normal(3100, 250, PIXELS)
    return red, nir


def _desert(dice: Dice) -> tuple[Array, Array]:
    red = dice.normal(dice.uniform(1800, 4000), 250, PIXELS)
    return red, red * dice.uniform(1.05, 1.3) + dice.normal(300, 80, PIXELS)


def _snow(dice: Dice) -> tuple[Array, Array]:
    red = dice.uniform(5000, 9800, PIXELS)
    return red, red * dice.uniform(0.75, 0.95)


def _grass(dice: Dice) -> tuple[Array, Array]:
    red = dice.uniform(dice.uniform(900, 1100), 1700, PIXELS)
    return red, red + dice.uniform(900, dice.uniform(1600, 3600), PIXELS)


def _town(dice: Dice) -> tuple[Array, Array]:
    red = 900 + dice.gamma(2, 400, PIXELS)
    return red, red * dice.uniform(0.9, 1.2) + dice.normal(200, 100, PIXELS)


def _thin_cloud(dice: Dice) -> tuple[Array, Array]:
    thin = dice.uniform(dice.uniform(0.12, 0.3), 0.6, PIXELS)
    red, nir = dice.normal(350, 60, PIXELS), dice.normal(4800, 500, PIXELS)
    return red * (1 - thin) + 6000 * thin, nir * (1 - thin) + 6000 * thin


def _edge(dice: Dice) -> tuple[Array, Array]:
    """A quarter of numbers that tell nothing, -999 to -950 where the offset is in."""
    return _with(dice, -SHIFT + 1, -SHIFT + offset.BLIND, 0.25)


def _shadow(dice: Dice) -> tuple[Array, Array]:
    """Shadows that were corrected too far: a twelfth of the ground reflects less than nothing."""
    return _with(dice, -600, -150, 0.08)


def _with(dice: Dice, low: int, high: int, share: float) -> tuple[Array, Array]:
    dark = dice.random(PIXELS) < share
    red, nir = _grass(dice)
    depth = dice.integers(low, high + 1, PIXELS)
    return np.where(dark, depth, red), np.where(dark, depth, nir)


def _lake(dice: Dice) -> tuple[Array, Array]:
    return dice.normal(450, 90, PIXELS), dice.normal(150, 50, PIXELS)


def _dark_lake(dice: Dice, share: float) -> tuple[Array, Array]:
    """A lake that reflects -1 to -3% of near infrared, and dry grass beside it."""
    lake = dice.random(PIXELS) < share
    red, nir = _grass(dice)
    dark = dice.normal(dice.uniform(-300, -100), dice.uniform(20, 60), PIXELS)
    return np.where(lake, dice.normal(60, 60, PIXELS), red), np.where(lake, dark, nir)


def _forest(dice: Dice) -> tuple[Array, Array]:
    return dice.normal(330, 60, PIXELS), dice.normal(4600, 500, PIXELS)


PIXELS = 200 * 200
MADE_UP: dict[str, Callable[[Dice], tuple[Array, Array]]] = {
    "forest and lush crops": _forest,
    "a lake": _lake,
    "desert": _desert,
    "snow": _snow,
    "dry grass and stubble": _grass,
    "half-green crops on bright soil": lambda dice: _mixed(dice, 0.2, dice.uniform(0.5, 0.75)),
    "a town": _town,
    "thin cloud over plants": _thin_cloud,
    "dry grass, 25% of it an edge of 1 to 50": _edge,
    "dry grass, 8% of it shadow far below 0": _shadow,
    "a lake that was corrected too far": lambda dice: _dark_lake(dice, 1.0),
    "dry grass, 30% of it such a lake": lambda dice: _dark_lake(dice, 0.3),
}


def made_up(many: int, dice: Dice) -> Iterator[Ground]:
    """`many` grounds of each kind."""
    for kind, make in MADE_UP.items():
        for _ in range(many):
            red, nir = (np.rint(band) for band in make(dice))
            yield Ground(kind=f"made up: {kind}", red=red, nir=nir)


def verdicts(ground: Ground) -> Iterator[str]:
    """`right`, `unclear`, `wrong` or `overruled` of a ground in both forms."""
    for truth, shift in (("removed", 0), ("carried", SHIFT)):
        # products hold no number below 1 but no-data
        red, nir = (np.maximum(band + shift, 1) for band in (ground.red, ground.nir))
        verdict, sight = offset.judge(red, nir, SHIFT)
        if verdict in (truth, "unclear"):
            yield "unclear" if verdict == "unclear" else "right"
        else:
            yield "overruled" if offset.sure(verdict, sight, SHIFT) else "wrong"


def measure(data: Path, many: int, seed: int) -> dict[str, Counter[str]]:
    """Verdicts by kind of ground.

    Args:
        data: the shared data's folder.
        many: pieces of each size and scene; a tenth as many made-up grounds of each kind.
        seed: of all that is left to chance.
    """
    dice = np.random.default_rng(seed)
    cut = [piece for scene in scenes(data) for piece in pieces(scene, many, dice)]
    few = [piece for n, piece in enumerate(cut) if n % 4 == 0 or "whole" in piece.kind]
    found: dict[str, Counter[str]] = {}
    for grounds in (cut, brightest(cut), hazy(few), made_up(max(3, many // 2), dice)):
        for ground in grounds:
            found.setdefault(ground.kind, Counter()).update(verdicts(ground))
    return found


def table(found: dict[str, Counter[str]]) -> str:
    """Markdown: a row a kind."""
    rows = ["| ground | judged | right | unclear | wrong |", "|---|---|---|---|---|"]
    for kind, count in found.items():
        wrong = count["wrong"] + count["overruled"]
        total = sum(count.values())
        rows.append(f"| {kind} | {total} | {count['right']} | {count['unclear']} | {wrong} |")
    return "\n".join(rows)


def main() -> None:
    """Prints the table; exit 1 where a verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the shared data's folder")
    parser.add_argument("--many", type=int, default=150, help="pieces of each size and scene")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    found = measure(arguments.data, arguments.many, arguments.seed)
    print(table(found))
    if any(count["wrong"] or count["overruled"] for count in found.values()):
        sys.exit("A verdict is wrong.")


if __name__ == "__main__":
    main()
