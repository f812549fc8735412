"""How much memory a task may take, and what it makes of it: blocks, threads, bytes ahead of use.

`resources.memory` of a recipe is a promise to the node, which runs as many tasks at once as fit.
What a block costs is known from the sources' and outputs' kinds; the rest is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet_task.gdal_settings import gdal_cache

MEMORY = 500_000_000
"""Bytes, where nothing else is said."""
BASE = 130e6
"""Bytes of the process without pixels: Python, numpy, rasterio, GDAL, transport, and slack."""
_AHEAD_SHARE = 0.5
"""Of what is left, for bytes that were fetched and are not used yet."""
_TWICE = 2
"""A range is held twice for a moment, as the pieces that came and as one."""
_MOST_AHEAD = 64e6
_LEAST_AHEAD = 4e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the computing process may use."""

    memory: int = MEMORY
    """Bytes."""
    threads: int = 1

    def less(self, memory: int) -> Budget:
        """What is left when so many bytes are spent otherwise."""
        return Budget(memory=self.memory - memory, threads=self.threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What memory is spent on."""

    tiles: int
    """Tiles of the outputs in a block, side by side."""
    threads: int
    ahead: int
    """Bytes that may be fetched before they are used."""


def shares(
    budget: Budget, *, tiles: int, block: float, whole: float, cached: bool, ahead: bool
) -> Shares:
    """Divides memory.

    Args:
        budget: what there is.
        tiles: of a row of the outputs, side by side: blocks are that wide at most.
        block: bytes that one thread needs for one tile of the outputs and all it is made of.
        whole: bytes that are needed whatever the blocks, such as of overviews under way.
        cached: whether a source is read through GDAL, which keeps blocks of its own.
        ahead: whether sources are fetched ahead of use.
    """
    free = budget.memory - BASE - whole
    if cached:
        free -= gdal_cache(budget.memory) * 1e6
    kept = 0.0
    if ahead:  # no more than leaves room for a block, where there is any
        most = min(_MOST_AHEAD, _AHEAD_SHARE * free / _TWICE, (free - block) / _TWICE)
        kept = max(_LEAST_AHEAD, most)
    fit = max(1, int((free - _TWICE * kept) / block))  # tiles at once, in all threads
    threads = min(budget.threads, fit)
    return Shares(tiles=min(tiles, max(1, fit // threads)), threads=threads, ahead=int(kept))
