"""How a file's tiles lie in it, and whether the task can read them itself: the visible rule.

GDAL has read the header; what it says is taken, so that there is one reading of headers. A source
is read **by its tiles** where all of `layout_of` holds, and **through GDAL** otherwise, with the
first reason that stands against it. Either way gives the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags

from scenefleet_task.codec import Compression, Form

LITTLE_ENDIAN = (b"II*\0", b"II+\0")
"""How a TIFF starts whose numbers have their low byte first; classic, and BigTIFF."""
_COMPRESSIONS: dict[str, Compression] = {"DEFLATE": "deflate", "ZSTD": "zstd", "LZW": "lzw"}
_DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32")
_MOST = 2048
"""Pixels along a side of a tile: larger ones would be whole images in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A file's tiles."""

    width: int
    """Pixels of the raster."""
    height: int
    tile_width: int
    tile_height: int
    dtype: np.dtype[Any]
    form: Form
    fill: float
    """What a tile holds that is not there (a sparse file's): nodata, or 0."""
    offsets: NDArray[np.int64]
    """Shape (tile rows, tile columns); 0 where a tile is not there."""
    sizes: NDArray[np.int64]
    """Bytes, likewise."""

    @property
    def shape(self) -> tuple[int, int]:
        """Of a tile."""
        return self.tile_height, self.tile_width


@dataclass(frozen=True, slots=True)
class Way:
    """How a source is read."""

    layout: Layout | None
    """None goes through GDAL."""
    why: str
    """For a person: what of the file, or of the task, decided."""

    @property
    def name(self) -> str:
        """`tiles` or `gdal`."""
        return "gdal" if self.layout is None else "tiles"

    @property
    def told(self) -> str:
        """For the log."""
        return "read through GDAL" if self.layout is None else "read by its tiles"


def layout_of(dataset: Any, band: int = 1) -> Way:  # noqa: ANN401 - a rasterio dataset
    """The tiles of a band of an open dataset, or why they are GDAL's to read."""
    structure = dataset.tags(ns="IMAGE_STRUCTURE")
    against = _against(dataset, structure, band)
    if against:
        return Way(None, against)
    compression = _COMPRESSIONS[structure["COMPRESSION"]]
    height, width = dataset.block_shapes[0]
    offsets, sizes = _places(
        dataset, band, -(-dataset.height // height), -(-dataset.width // width)
    )
    if (sizes < 0).any() or (offsets < 0).any():
        return Way(None, "its header does not tell where its tiles are")
    if sizes.max(initial=0) > 2 * height * width * np.dtype(dataset.dtypes[0]).itemsize + 4096:
        return Way(None, "its header tells of tiles larger than their pixels")
    layout = Layout(
        width=int(dataset.width),
        height=int(dataset.height),
        tile_width=int(width),
        tile_height=int(height),
        dtype=np.dtype(dataset.dtypes[0]),
        form=Form(compression, int(structure.get("PREDICTOR", 1))),  # pyright: ignore[reportArgumentType]
        fill=_fill(dataset, band, sizes),
        offsets=offsets,
        sizes=sizes,
    )
    return Way(layout, f"tiles of {height} x {width}, {compression}")


def _against(dataset: Any, structure: dict[str, str], band: int) -> str | None:  # noqa: ANN401, PLR0911
    """The first thing that tiles of this band cannot be read for, or None."""
    if dataset.driver != "GTiff":
        return f"it is no GeoTIFF but {dataset.driver}"
    height, width = dataset.block_shapes[0]
    if width == dataset.width or max(height, width) > _MOST:  # strips are as wide as the raster
        return f"it is not tiled (its blocks have {height} x {width} pixels)"
    if dataset.count > 1 and structure.get("INTERLEAVE") != "BAND":
        return f"its {dataset.count} bands are interleaved"
    if dataset.dtypes[0] not in _DTYPES or "NBITS" in dataset.tags(band, ns="IMAGE_STRUCTURE"):
        return f"its numbers are {dataset.dtypes[0]}, or of odd bits"
    if "COMPRESSION" not in structure:  # it may have its bits turned (FillOrder), and not tell
        return "its tiles are not compressed"
    if structure["COMPRESSION"] not in _COMPRESSIONS:
        return f"its compression is {structure['COMPRESSION']}"
    if MaskFlags.per_dataset in dataset.mask_flag_enums[band - 1]:
        return "it has a mask of its own"
    predictor = structure.get("PREDICTOR", "1")
    floats = dataset.dtypes[0] == "float32"
    if predictor not in {"1", "3" if floats else "2"}:
        return f"its predictor is {predictor}"
    nodata = dataset.nodata
    if nodata is not None and not math.isnan(nodata) and not _holds(dataset.dtypes[0], nodata):
        return f"its numbers cannot hold its nodata value {nodata:g}"
    return None


def _holds(dtype: str, number: float) -> bool:
    if dtype == "float32":
        return True
    limits = np.iinfo(dtype)
    return float(number).is_integer() and limits.min <= number <= limits.max


def _fill(dataset: Any, band: int, sizes: NDArray[np.int64]) -> float:  # noqa: ANN401
    """What GDAL makes of a tile that is not there; it costs no reading."""
    missing = np.argwhere(sizes == 0)
    if not missing.size:
        return 0.0 if dataset.nodata is None else float(dataset.nodata)
    # not just nodata: a header may name a number beyond the dtype, which is cut off
    row, col = (int(n) * side for n, side in zip(missing[0], dataset.block_shapes[0], strict=True))
    return float(dataset.read(band, window=((row, row + 1), (col, col + 1)))[0, 0])


def _places(
    dataset: Any,  # noqa: ANN401
    band: int,
    rows: int,
    cols: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    offsets = np.zeros((rows, cols), np.int64)
    sizes = np.zeros((rows, cols), np.int64)
    tag = dataset.get_tag_item
    for row in range(rows):
        for col in range(cols):
            size = tag(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=band)
            if size:  # a tile that is not there has none
                sizes[row, col] = int(size)
                offsets[row, col] = int(tag(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band))
    return offsets, sizes
