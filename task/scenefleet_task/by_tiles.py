"""Lets rasters be read by their tiles for as long as a scene is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from scenefleet_task.access import Access
from scenefleet_task.ahead import AT_ONCE, reading
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import (
    Bytes,
    FetchError,
    FileBytes,
    HttpBytes,
    Patience,
    patience_of,
)
from scenefleet_task.layout import LITTLE_ENDIAN, Way
from scenefleet_task.log import log
from scenefleet_task.read import Name, Raster
from scenefleet_task.tile_rows import Need, TiledSource

_START = 16
"""Bytes that tell a TIFF's byte order, and that the server gives ranges."""


@contextmanager
def tiled(rasters: Sequence[Raster], access: Access) -> Generator[list[TiledSource]]:
    """What can be read by tiles, open for it, in the rasters' order.

    A raster whose bytes turn out to be unfit gets another `way`.

    Raises:
        TaskError: if a source does not answer.
    """
    fit = [raster for raster in rasters if raster.way.layout]
    opening = partial(_open, access=access, patience=patience_of(os.environ))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        coming = [pool.submit(opening, raster.name) for raster in fit]
    found = _all(coming)
    sources: list[TiledSource] = []
    for raster, opened in zip(fit, found, strict=True):
        layout = raster.way.layout
        if isinstance(opened, str):
            raster.way = Way(None, opened)
        elif layout:
            sources.append(TiledSource(raster.name, layout, opened))
    for raster in rasters:
        log.info("%s: %s, %s", raster.name, raster.way.told, raster.way.why)
    try:
        yield sources
    finally:
        for source in sources:
            source.bytes.close()


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


def _all(opened: Sequence[Future[Bytes | str]]) -> list[Bytes | str]:
    """What was opened; if one was not, the others are closed."""
    try:
        return [future.result() for future in opened]
    except TaskError:
        for future in opened:
            if not future.exception() and not isinstance(file := future.result(), str):
                file.close()
        raise


def _open(name: Name, access: Access, patience: Patience) -> Bytes | str:
    """The file, or why it cannot be read by ranges."""
    far = name.href.startswith(("http://", "https://"))
    try:
        file = HttpBytes(name.href, access, patience=patience) if far else FileBytes(name.href)
        start = file.start(_START)
    except OSError as error:  # what GDAL alone understands, such as /vsizip/
        return f"it cannot be opened as a plain file ({error.strerror or error})"
    except FetchError as error:
        said = f"{name}: {error.finding.text} (while opening it for its tiles)"
        raise TaskError(error.finding.exit, said) from None
    if start is None:
        return "its server gives no ranges"
    if not start.startswith(LITTLE_ENDIAN):
        file.close()
        return "its numbers have their high byte first"
    return file
