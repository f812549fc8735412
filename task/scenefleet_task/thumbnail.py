"""A small picture of an output, written as PNG by hand: GDAL's driver would want a georeference."""

from __future__ import annotations

import struct
import zlib
from typing import Any, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from scenefleet_task.spec import NODATA, Output

_codecs = cast("Any", imagecodecs)  # it has no types

SIDE = 512
"""Pixels of the longer side at most."""
RAMP = (
    (-1.0, (20, 50, 110)),  # water
    (-0.1, (110, 130, 150)),
    (0.0, (200, 190, 180)),  # bare and built
    (0.2, (225, 210, 150)),
    (0.4, (170, 195, 90)),
    (0.6, (80, 150, 50)),
    (0.9, (5, 70, 20)),  # dense green
)
"""Index value and colour (red, green, blue), linear in between."""
_LAND = 0.9


def picture(stored: NDArray[Any], output: Output) -> bytes:
    """A PNG of an output; invalid pixels are transparent.

    An index within -1 and 1 has the colours of `RAMP`; what goes beyond, a plain band, and what a
    script made are spread over the ramp's land colours, from the 2nd to the 98th percentile.

    Args:
        stored: shape (height, width), int16 with `NODATA` or float32 with NaN, as the raster has
            it, perhaps in fewer pixels.
        output: what it is.
    """
    index = output.formula is not None and not output.formula.isidentifier()
    whole = stored.dtype == np.int16
    values = stored.astype(np.float64)
    if whole:
        values[stored == NODATA] = np.nan
        values *= output.scale
    return png(colour(shrunk(values), stretch=not index))


def shrunk(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """In at most `SIDE` pixels a side: each is the mean of the valid ones that fall to it."""
    shrink = max(1.0, max(values.shape) / SIDE)
    if shrink == 1:
        return values
    height, width = (max(1, round(n / shrink)) for n in values.shape)
    rows = np.arange(height) * values.shape[0] // height
    cols = np.arange(width) * values.shape[1] // width
    known = np.isfinite(values)

    def sums(of: NDArray[Any]) -> NDArray[np.float64]:
        return np.add.reduceat(np.add.reduceat(of.astype(np.float64), rows, 0), cols, 1)

    counts = sums(known)
    totals = sums(np.where(known, values, 0.0))
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def colour(values: NDArray[np.float64], *, stretch: bool = False) -> NDArray[np.uint8]:
    """Red, green, blue, alpha of values, NaN where invalid: shape (height, width, 4)."""
    known = np.isfinite(values)
    if known.any() and (stretch or np.abs(values[known]).max() > 1):
        low, high = np.percentile(values[known], (2, 98))
        values = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * _LAND
    stops = [stop for stop, _ in RAMP]
    alpha = np.where(known, 255.0, 0.0)
    shown = np.where(known, values, 0.0)
    bands = [np.interp(shown, stops, [rgb[band] for _, rgb in RAMP]) for band in range(3)]
    bands = [np.where(known, band, 0.0) for band in bands]
    return np.rint(np.stack([*bands, alpha], axis=-1)).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of red, green, blue, alpha: shape (height, width, 4).

    https://www.w3.org/TR/png-3/: signature, header, one data chunk (filter 0 on every row), end.
    """
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", _codecs.deflate_encode(rows, level=6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
