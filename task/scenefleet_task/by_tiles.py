"""Lets rasters be read by their tiles for as long as a scene is computed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from scenefleet_task.ahead import reading
from scenefleet_task.fetch import Bytes, FileBytes
from scenefleet_task.layout import LITTLE_ENDIAN, Way
from scenefleet_task.log import log
from scenefleet_task.read import Raster
from scenefleet_task.tile_rows import Need, TiledSource

_START = 16
"""Bytes that tell a TIFF's byte order."""


@contextmanager
def tiled(rasters: Sequence[Raster]) -> Generator[list[TiledSource]]:
    """What can be read by tiles, open for it, in the rasters' order.

    A raster whose bytes turn out to be unfit gets another `way`.
    """
    with ExitStack() as stack:
        sources: list[TiledSource] = []
        for raster in rasters:
            layout = raster.way.layout
            if layout:
                opened = _open(raster)
                if isinstance(opened, str):
                    raster.way = Way(None, opened)
                    continue
                stack.callback(opened.close)
                sources.append(TiledSource(raster.name, layout, opened))
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


def _open(raster: Raster) -> Bytes | str:
    """The file, or why it cannot be read by ranges."""
    if raster.head:
        return _fit(raster.head.bytes, raster.head.data)
    if raster.name.far:
        return "its server gives no ranges"
    try:
        file = FileBytes(raster.name.href)
        return _fit(file, file.start(_START))
    except OSError as error:  # what GDAL alone understands, such as /vsizip/
        return f"it cannot be opened as a plain file ({error.strerror or error})"


def _fit(file: Bytes, start: bytes) -> Bytes | str:
    if start.startswith(LITTLE_ENDIAN):
        return file
    file.close()
    return "its numbers have their high byte first"
