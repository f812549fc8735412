"""Lets rasters be read by their tiles for as long as a scene is computed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial

from scenefleet_task.ahead import reading
from scenefleet_task.layout import LITTLE_ENDIAN, Way
from scenefleet_task.log import log
from scenefleet_task.read import Raster
from scenefleet_task.tile_rows import Need, TiledSource


@contextmanager
def tiled(rasters: Sequence[Raster]) -> Generator[list[TiledSource]]:
    """The rasters that can be read by tiles, in their order.

    A raster whose bytes turn out to be unfit gets another `way`.
    """
    sources: list[TiledSource] = []
    for raster in rasters:
        layout = raster.way.layout
        if layout:
            against = _unfit(raster)
            if against:
                raster.way = Way(None, against)
                continue
            sources.append(TiledSource(raster.name, layout, raster.source.bytes))
    for raster in rasters:
        log.info("%s: %s, %s", raster.name, raster.way.told, raster.way.why)
    yield sources


@contextmanager
def read_ahead(
    rasters: Sequence[Raster],
    sources: Sequence[TiledSource],
    needs: Sequence[Sequence[Need | None]],
    most: int,
) -> Generator[Callable[[int], None]]:
    """Has `Raster.read` give tiles that are fetched ahead of use.

    Args:
        rasters: that are read by tiles.
        sources: of them, in their order.
        needs: by block, of each raster.
        most: bytes that may wait for their use.

    Yields:
        What is told of a block that is done, by its number.
    """
    with reading(sources, needs, most) as ahead:
        for number, (raster, source) in enumerate(zip(rasters, sources, strict=True)):
            raster.tiles = partial(ahead.read, number, source)
        try:
            yield ahead.done
        finally:
            for raster in rasters:
                raster.tiles = None


def _unfit(raster: Raster) -> str | None:
    """Why a raster's tiles cannot be read, as its bytes tell."""
    little = raster.source.start.startswith(LITTLE_ENDIAN)
    return None if little else "its numbers have their high byte first"
