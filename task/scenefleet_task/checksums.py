"""Checks blocks that carry a checksum which GDAL does not look at.

libtiff stops at a block's last pixel, before the checksum at the end of its deflate stream, so that
a byte turned over gives other pixels without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import imagecodecs
import numpy as np

_codecs = cast("Any", imagecodecs)  # it has no types


class Checksums:
    """Which blocks of a raster are sound."""

    def __init__(self, dataset: Any) -> None:  # noqa: ANN401 - a rasterio dataset
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        self._has = dataset.driver == "GTiff" and structure.get("COMPRESSION") == "DEFLATE"
        height, width = dataset.block_shapes[0]
        bands = dataset.count if structure.get("INTERLEAVE") == "PIXEL" else 1
        self._numbers = height * width * bands
        self._dtype = str(dataset.dtypes[0])
        self._sound: set[int] = set()

    def wrong(
        self, ranges: Iterable[tuple[int, int]], read: Callable[[int, int], bytes]
    ) -> str | None:
        """Says which of some blocks is not what its checksum says; each is looked at once.

        Args:
            ranges: start and size of blocks in the file.
            read: gives bytes of the file.
        """
        if not self._has:
            return None
        whole = self._numbers * np.dtype(self._dtype).itemsize
        for start, size in ranges:
            if start not in self._sound:
                try:
                    _codecs.deflate_decode(read(start, size), out=whole)
                except Exception:  # noqa: BLE001 - the codec's own class
                    return (
                        f"the tile or strip at byte {start} is corrupt: deflate says that its data "
                        "are broken"
                    )
                self._sound.add(start)
        return None
