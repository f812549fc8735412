"""Well-made rasters of every kind that the task reads, small, whose pixels say where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import rasterio.io
import rasterio.shutil
from rasterio.transform import Affine

HEIGHT, WIDTH = 200, 170
"""No multiple of a tile or a strip."""
CRS = "EPSG:32631"
TRANSFORM = Affine(10, 0, 600_000, 0, -10, 5_700_000)
TILED = {"tiled": True, "blockxsize": 64, "blockysize": 64}
STRIPS = {"blockysize": 23}


@dataclass(frozen=True, slots=True)
class Seed:
    """How a raster is written."""

    name: str
    driver: str = "GTiff"
    dtype: str = "uint16"
    nodata: float | None = None
    holes: bool = False
    """Whether some of its tiles hold nothing, and are left out of the file."""
    masked: bool = False
    """Whether it has a mask of its own."""
    options: Mapping[str, Any] = field(default_factory=dict)

    shape: tuple[int, int] = (HEIGHT, WIDTH)

    @property
    def tiff(self) -> bool:
        """Whether it is one."""
        return self.driver != "JP2OpenJPEG"


def _tiffs() -> list[Seed]:
    numbers = [
        Seed(f"{kind}-{compression}", options={**layout, "compress": compression})
        for kind, layout in (("tiles", TILED), ("strips", STRIPS))
        for compression in ("deflate", "zstd", "lzw", "packbits", "none")
    ]
    bytes_ = [
        Seed(f"{kind}-jpeg", dtype="uint8", options={**layout, "compress": "jpeg"})
        for kind, layout in (("tiles", TILED), ("strips", {"blockysize": 24}))
    ]
    bits = [
        Seed(f"strips-{fax}", dtype="uint8", options={**STRIPS, "compress": fax, "nbits": 1})
        for fax in ("ccittrle", "ccittfax3", "ccittfax4")
    ]
    return [*numbers, *bytes_, *bits]


SEEDS: dict[str, Seed] = {
    seed.name: seed
    for seed in (
        *(
            Seed(f"cog-{name}", "COG", options={"blocksize": 128, "compress": name, **more})
            for name, more in (
                ("deflate", {"predictor": "YES"}),
                ("zstd", {"predictor": "YES"}),
                ("lzw", {}),
                ("none", {}),
            )
        ),
        *_tiffs(),
        Seed("tiles-float", dtype="float32", nodata=-9999.0,
             options={**TILED, "compress": "deflate", "predictor": 3}),
        Seed("tiles-bytes", dtype="uint8", nodata=0, options={**TILED, "compress": "deflate"}),
        Seed("tiles-signed", dtype="int16", nodata=-9999,
             options={**TILED, "compress": "zstd", "predictor": 2}),
        Seed("tiles-high-byte-first",
             options={**TILED, "compress": "deflate", "endianness": "big"}),
        Seed("strips-high-byte-first",
             options={**STRIPS, "compress": "lzw", "endianness": "big"}),
        Seed("tiles-bigtiff", options={**TILED, "compress": "deflate", "bigtiff": "yes"}),
        Seed("strips-bigtiff-high-byte-first",
             options={**STRIPS, "bigtiff": "yes", "endianness": "big"}),
        Seed("tiles-sparse", nodata=0, holes=True,
             options={**TILED, "compress": "deflate", "sparse_ok": True}),
        Seed("strips-sparse", nodata=0, holes=True,
             options={**STRIPS, "compress": "packbits", "sparse_ok": True}),
        Seed("tiles-masked", masked=True, options={**TILED, "compress": "deflate"}),
        Seed("jp2", "JP2OpenJPEG",
             options={"quality": 100, "reversible": True, "blockxsize": 64, "blockysize": 64}),
        Seed("jp2-whole", "JP2OpenJPEG", options={"quality": 100, "reversible": True}),
    )
}  # fmt: skip
"""By name."""


LARGE = Seed("large", shape=(1500, 1440), options={**TILED, "blockxsize": 256, "blockysize": 256})
"""So large that its overviews are looked at; it has none of its own."""


def seed_of(name: str) -> Seed:
    """The seed of a name."""
    return LARGE if name == LARGE.name else SEEDS[name]


def values_of(seed: Seed) -> np.ndarray:
    """What is written, in the seed's shape: every neighbourhood is its own, and compresses."""
    height, width = seed.shape
    place = np.arange(height * width).reshape(height, width)
    rows, cols = np.indices(seed.shape)
    if "nbits" in seed.options:
        values = ((rows * 7 + cols * cols // 9) // 5) % 2
    elif seed.dtype == "uint8":
        values = 1 + (rows * 3 + cols * 2 + place // 997) % 250
    else:
        values = 1000 + (place * 31) % 1013 + rows * 17 % 8192
    values = values.astype(seed.dtype)
    if seed.dtype == "float32":
        values = values / np.float32(8)
    if seed.holes:
        values[64:128, 64:128] = 0
        values[:23] = 0
        values[184:] = 0
    return values


@cache
def made(name: str) -> bytes:
    """The file of a seed."""
    seed = seed_of(name)
    if not seed.tiff:
        return _jpeg_2000(seed)
    with rasterio.io.MemoryFile() as memory:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), memory.open(
            driver=seed.driver, dtype=seed.dtype, count=1, crs=CRS,
            height=seed.shape[0], width=seed.shape[1],
            transform=TRANSFORM, nodata=seed.nodata, **seed.options,
        ) as dataset:  # fmt: skip
            if seed.holes:
                _write_without_holes(dataset, values_of(seed))
            else:
                dataset.write(values_of(seed), 1)
            if seed.masked:
                rows, cols = np.indices(seed.shape)
                dataset.write_mask((rows + cols) % 7 > 1)
        return bytes(memory.getbuffer())


def _jpeg_2000(seed: Seed) -> bytes:
    """GDAL writes such a file only as a copy of another, which has the CRS."""
    with rasterio.io.MemoryFile(made("tiles-deflate")) as source, source.open() as dataset:
        assert dataset.dtypes[0] == seed.dtype
        with rasterio.io.MemoryFile(ext=".jp2") as memory:
            rasterio.shutil.copy(dataset, memory.name, driver=seed.driver, **seed.options)
            return bytes(memory.getbuffer())


def _write_without_holes(dataset: Any, values: np.ndarray) -> None:
    for _, window in dataset.block_windows(1):
        part = values[window.toslices()]
        if part.any():
            dataset.write(part, 1, window=window)
