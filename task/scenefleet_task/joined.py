"""A file for GDAL of which the beginning is at hand, and the rest is GDAL's to read."""

from __future__ import annotations

from html import escape
from typing import Any, cast

import rasterio.io

_MemoryFile = cast("Any", rasterio.io).MemoryFile


class Joined:
    """A `/vsisparse/` of two regions; GDAL opens the second only where it is read."""

    def __init__(self, data: bytes, size: int, rest: str) -> None:
        """Holds the beginning in GDAL's memory.

        Args:
            data: the beginning.
            size: of the whole file.
            rest: GDAL's path of the whole file.
        """
        self._head = _MemoryFile(data, filename="head")
        regions = _region(self._head.name, 0, len(data))
        if size > len(data):
            regions += _region(rest, len(data), size - len(data))
        xml = f"<VSISparseFile><Length>{size}</Length>{regions}</VSISparseFile>"
        self._regions = _MemoryFile(
            xml.encode(), filename="joined.tif"
        )  # an .xml would be read as the georeference
        self.path = f"/vsisparse/{self._regions.name}"

    def close(self) -> None:
        """Gives the memory back; what was opened of it is to be closed before."""
        self._regions.close()
        self._head.close()


def _region(name: str, start: int, size: int) -> str:
    return (
        f"<SubfileRegion><Filename>{escape(name)}</Filename>"
        f"<DestinationOffset>{start}</DestinationOffset><SourceOffset>{start}</SourceOffset>"
        f"<RegionLength>{size}</RegionLength></SubfileRegion>"
    )
