"""What GDAL itself makes of a file, through rasterio: the truth where nothing better is known."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

DRIVERS = ("GTiff", "JP2OpenJPEG")
MOST = 4_000_000
"""Pixels of an image that are compared."""
BENIGN = ("tags are not sorted in ascending order",)
"""Complaints that well-made files of some writers cause too."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What GDAL said while it read a file."""

    error: bool
    """An error; otherwise a warning."""
    opening: bool
    """While it was opened; otherwise while pixels were read."""
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What GDAL reads."""

    complaints: tuple[Complaint, ...]
    pixels: Pixels | None
    """None where it cannot be read."""
    huge: bool = False
    """Whether it says that it is too large to be read here."""

    @property
    def silent(self) -> bool:
        """Whether nothing tells that something is wrong with the file."""
        return not self.complaints


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """An image."""

    values: np.ndarray
    """Shape (height, width)."""
    valid: np.ndarray
    """True where there is data, likewise."""
    transform: tuple[float, ...]
    crs: str

    def lies_as(self, other: Pixels) -> bool:
        """Whether both have the same pixels on the ground."""
        same = (self.values.shape, self.crs) == (other.values.shape, other.crs)
        return same and np.allclose(self.transform, other.transform, rtol=0, atol=1e-6)

    def differs(self, other: Pixels) -> str | None:
        """The first thing that differs, or None."""
        if self.values.shape != other.values.shape:
            return f"shape {self.values.shape}, not {other.values.shape}"
        if not np.allclose(self.transform, other.transform, rtol=0, atol=1e-6):
            return f"transform {self.transform}, not {other.transform}"
        if self.crs != other.crs:
            return f"CRS {self.crs[:40]}, not {other.crs[:40]}"
        wrong = self.valid != other.valid
        if wrong.any():
            row, col = np.argwhere(wrong)[0]
            return f"{wrong.sum()} pixels differ in being valid, the first at {row}, {col}"
        wrong = self.valid & (self.values.astype(np.float32) != other.values.astype(np.float32))
        if wrong.any():
            row, col = np.argwhere(wrong)[0]
            here, there = self.values[row, col], other.values[row, col]
            return f"{wrong.sum()} pixels differ, the first at {row}, {col}: {here}, not {there}"
        return None


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.heard: list[Complaint] = []
        self.opening = True

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        error = "signalled an error" in text or record.levelno >= logging.ERROR
        if error or record.levelno >= logging.WARNING:
            self.note(text, error=error)

    def note(self, text: str, *, error: bool) -> None:
        if not any(words in text for words in BENIGN):
            self.heard.append(Complaint(error, self.opening, " ".join(text.split())[:200]))


@contextmanager
def _listening() -> Generator[_Listener]:
    logger = logging.getLogger("rasterio")
    listener, before = _Listener(), logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    try:
        yield listener
    finally:
        logger.removeHandler(listener)
        logger.setLevel(before)


def reading_of(path: Path) -> Reading:
    """Opens and reads a file, and notes all that GDAL says meanwhile."""
    with _listening() as listener, rasterio.Env(GDAL_NUM_THREADS="1"):
        try:
            with DatasetReader(str(path), driver=list(DRIVERS)) as dataset:
                listener.opening = False
                if dataset.width * dataset.height > MOST:
                    return Reading(tuple(listener.heard), None, huge=True)
                pixels = _pixels(dataset)
                for said in _checksums(dataset, path):
                    listener.note(said, error=True)
        except (RasterioError, ValueError, MemoryError, TypeError) as error:
            listener.note(f"{type(error).__name__}: {error}", error=True)
            return Reading(tuple(listener.heard), None)
    return Reading(tuple(listener.heard), pixels)


def _pixels(dataset: Any) -> Pixels:
    values = dataset.read(1)
    valid = dataset.read_masks(1) != 0
    if values.dtype.kind == "f":
        valid &= np.isfinite(values)
    crs = dataset.crs.to_wkt() if dataset.crs else ""
    return Pixels(values, valid, tuple(dataset.transform)[:6], crs)


def _checksums(dataset: Any, path: Path) -> Generator[str]:
    """What zlib says of deflate's own checksums: GDAL does not look at all of them.

    Of a strip whose bytes give more numbers than it has room for, GDAL 3.10 fills what is left with
    whatever its memory held, and says nothing.
    """
    if dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION") != "DEFLATE":
        return
    data = path.read_bytes() if path.exists() else b""
    for (row, col), _ in dataset.block_windows(1):
        place, size = (
            int(dataset.get_tag_item(f"BLOCK_{kind}_{col}_{row}", "TIFF", bidx=1) or 0)
            for kind in ("OFFSET", "SIZE")
        )
        stream = zlib.decompressobj()
        try:
            if place and size and data:
                stream.decompress(data[place : place + size])
        except zlib.error as error:
            yield f"zlib of block {row}, {col}: {error}"


def output_of(values: Path, reasons: Path) -> Pixels:
    """What a task wrote."""
    with rasterio.open(values) as dataset, rasterio.open(reasons) as why:
        return Pixels(
            dataset.read(1), why.read(1) == 0, tuple(dataset.transform)[:6], dataset.crs.to_wkt()
        )
