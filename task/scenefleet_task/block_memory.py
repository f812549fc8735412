"""Memory that GDAL takes while it reads one block of a source, and whether a task has as much.

A block is decoded whole, however small the window is: a TIFF of one strip, or of tiles as large as
images, takes as much as its pixels. JPEG 2000 is decoded by windows, whatever its tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scenefleet_task.budget import BASE, Budget
from scenefleet_task.failure import TaskError
from scenefleet_task.gdal_file import KEPT
from scenefleet_task.gdal_settings import gdal_cache
from scenefleet_task.read import Raster
from scenefleet_task.spec import Exit

_ALWAYS = 32_000_000
"""Bytes of blocks that no task refuses, however little memory it was given."""
_MANY = 4096
"""Blocks of a file above which none can be large."""


def memory_of_blocks(rasters: Sequence[Raster], budget: Budget) -> int:
    """Bytes that sources take which are read through GDAL, beside GDAL's own cache.

    Raises:
        TaskError: if a task of this memory cannot hold them.
    """
    through_gdal = {raster.file: raster for raster in rasters if raster.way.layout is None}
    held = {raster: _held(raster.dataset) for raster in through_gdal.values()}
    total = sum(held.values())
    free = budget.memory - BASE
    if total > max(free, _ALWAYS):
        raster = max(held, key=lambda r: held[r])
        height, width = raster.dataset.block_shapes[0]
        raise TaskError(
            Exit.SOURCE_UNREADABLE,
            f"{raster.name}: a block of it ({height} x {width} pixels) takes "
            f"{held[raster] / 1e6:.0f} MB while it is read, all sources together "
            f"{total / 1e6:.0f} MB, and a task of {budget.memory / 1e6:.0f} MB has "
            f"{max(0.0, free) / 1e6:.0f} MB for them. Give `resources.memory` "
            f"{(total + BASE) / 1e6 + 50:.0f}MB or more, or convert the file to small tiles "
            "(gdal_translate -of COG).",
        )
    kept = KEPT if any(raster.name.far for raster in held) else 0
    return kept + max(0, total - round(gdal_cache(budget.memory) * 1e6))


def _held(dataset: Any) -> int:  # noqa: ANN401 - a rasterio dataset
    """Bytes of one block: decoded, and as it lies in the file."""
    if dataset.driver != "GTiff":
        return 0
    height, width = dataset.block_shapes[0]
    interleaved = dataset.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL"
    bands = dataset.count if interleaved else 1
    decoded = height * width * np.dtype(dataset.dtypes[0]).itemsize * bands
    return decoded * (2 if bands > 1 else 1) + _largest(dataset, height, width, decoded)


def _largest(dataset: Any, height: int, width: int, decoded: int) -> int:  # noqa: ANN401
    """Bytes of the largest block in the file."""
    rows, cols = -(-dataset.height // height), -(-dataset.width // width)
    if rows * cols > _MANY:
        return decoded
    tag = dataset.get_tag_item
    sizes = (
        int(tag(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=1) or 0)
        for row in range(rows)
        for col in range(cols)
    )
    return max(sizes, default=0)
