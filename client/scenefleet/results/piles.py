"""Which footprints lie on the same ground: a time series shows a tile many times over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

Box = tuple[float, float, float, float]
"""Least x, least y, greatest x, greatest y, in drawing units."""

SHARE = 0.6
"""So much of a box within another's means the same ground; neighbouring tiles share a tenth."""
CELL = 40.0
"""Drawing units: a grid over the sheet, so that a box meets only those near it."""


def pile_up(boxes: Sequence[Box]) -> list[list[int]]:
    """Groups boxes on the same ground: each pile is one large box and those mostly within it.

    Returns:
        Places in `boxes`, the pile's largest box first.
    """
    piles: list[list[int]] = []
    near: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for n in sorted(range(len(boxes)), key=lambda n: (-_area(boxes[n]), n)):
        # over half of it in a box means its middle is there too: one cell holds all candidates
        found = next(
            (p for p in near[_middle(boxes[n])] if _lies(boxes[n], boxes[piles[p][0]])), None
        )
        if found is not None:
            piles[found].append(n)
            continue
        for cell in _cells(boxes[n]):
            near[cell].append(len(piles))
        piles.append([n])
    return piles


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _lies(inner: Box, outer: Box) -> bool:
    wide = min(inner[2], outer[2]) - max(inner[0], outer[0])
    high = min(inner[3], outer[3]) - max(inner[1], outer[1])
    return wide >= 0 and high >= 0 and wide * high >= SHARE * _area(inner)


def _middle(box: Box) -> tuple[int, int]:
    return (int((box[0] + box[2]) / 2 // CELL), int((box[1] + box[3]) / 2 // CELL))


def _cells(box: Box) -> Iterator[tuple[int, int]]:
    for column in range(int(box[0] // CELL), int(box[2] // CELL) + 1):
        for row in range(int(box[1] // CELL), int(box[3] // CELL) + 1):
            yield (column, row)
