"""The rule that decides how a source is read: one test a line of it, with what a person is told."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from rasterio.shutil import copy as gdal_copy
from rasterio.transform import Affine

from scenefleet_task import tiff
from scenefleet_task.access import Unsigned
from scenefleet_task.by_tiles import tiled
from scenefleet_task.layout import Way, layout_of
from scenefleet_task.names import Name
from scenefleet_task.read import Raster, open_bands

SIDE = 100
TILED: dict[str, Any] = {
    "tiled": True,
    "blockxsize": 32,
    "blockysize": 48,
    "compress": "deflate",
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A tiled file of one band of uint16, but for what is asked for."""

    def made(dtype: str = "uint16", count: int = 1, name: str = "a.tif", **options: Any) -> Path:
        path = tmp_path / name
        shape = count, SIDE, options.get("width", SIDE)
        values = np.random.default_rng(1).integers(0, 99, shape).astype(dtype)
        with rasterio.open(
            path, "w", **{
                "driver": "GTiff", "dtype": dtype, "count": count, "width": SIDE, "height": SIDE,
                "crs": "EPSG:32631", "transform": Affine(10, 0, 6e5, 0, -10, 57e5),
                **TILED, **options,
            },
        ) as dataset:  # fmt: skip
            dataset.write(values)
        return path

    return made


def way_of(path: Path) -> Way:
    with rasterio.open(path) as dataset:
        return layout_of(dataset)


# --- what is read by tiles


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32"])
@pytest.mark.parametrize("compress", ["deflate", "zstd", "lzw"])
@pytest.mark.parametrize("differences", [False, True])
def test_tiles_of_common_numbers_and_codecs(
    write: Write, dtype: str, compress: str, differences: bool
) -> None:
    predictor = (3 if dtype == "float32" else 2) if differences else 1
    way = way_of(write(dtype, compress=compress, predictor=predictor))
    assert (way.name, way.why) == ("tiles", f"tiles of 48 x 32, {compress}")
    layout = way.layout
    assert layout is not None
    assert (layout.form.compression, layout.form.predictor) == (compress, predictor)
    assert (layout.shape, layout.dtype, layout.fill) == ((48, 32), np.dtype(dtype), 0)
    assert layout.offsets.shape == layout.sizes.shape == (3, 4)


def test_tiles_are_where_the_header_says(write: Write) -> None:
    path = write(compress="zstd", bigtiff="yes")
    layout = way_of(path).layout
    assert layout is not None
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        assert tuple(layout.offsets.reshape(-1)) == tif.pages[0].dataoffsets
        assert tuple(layout.sizes.reshape(-1)) == tif.pages[0].databytecounts


def test_bands_that_lie_one_after_another(write: Write) -> None:
    layout = way_of(write(count=3, interleave="band")).layout
    assert layout is not None
    assert layout.sizes.shape == (3, 4)


@pytest.mark.parametrize(
    ("dtype", "nodata", "fill"),
    [("uint16", None, 0), ("uint16", 65535, 65535), ("int16", -9999, -9999),
     ("float32", -3.5, -3.5), ("float32", math.nan, math.nan)],
)  # fmt: skip
def test_what_is_not_there_is_nodata(
    write: Write, dtype: str, nodata: float | None, fill: float
) -> None:
    layout = way_of(write(dtype, nodata=nodata)).layout
    assert layout is not None
    assert repr(layout.fill) == repr(float(fill))


def test_tiles_that_are_not_there_have_no_place(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=SIDE, height=SIDE, sparse_ok=True,
        crs="EPSG:32631", transform=Affine(10, 0, 6e5, 0, -10, 57e5), **TILED,
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 48, 32), np.uint8), window=((48, 96), (32, 64)))
    layout = way_of(path).layout
    assert layout is not None
    assert np.argwhere(layout.sizes).tolist() == [[1, 1]]
    assert np.argwhere(layout.offsets).tolist() == [[1, 1]]


# --- what goes through GDAL, and why


def through_gdal(path: Path, why: str) -> None:
    way = way_of(path)
    assert (way.layout, way.name, way.told) == (None, "gdal", "read through GDAL")
    assert way.why == why


def test_what_is_no_geotiff(write: Write, tmp_path: Path) -> None:
    gdal_copy(write(), tmp_path / "a.vrt", driver="VRT")
    through_gdal(tmp_path / "a.vrt", "it is no GeoTIFF but VRT")


@pytest.mark.parametrize("rows", [1, 16, 50])
def test_strips(write: Write, rows: int) -> None:
    path = write(tiled=False, blockxsize=0, blockysize=rows)
    through_gdal(path, f"it is not tiled (its blocks have {rows} x {SIDE} pixels)")


def test_one_tile_as_wide_as_the_raster(write: Write) -> None:
    """GDAL does not tell it from strips; one that is wider is a tile."""
    through_gdal(write(width=32, blockxsize=32), "it is not tiled (its blocks have 48 x 32 pixels)")
    assert way_of(write(blockxsize=112)).name == "tiles"


def test_tiles_as_large_as_images(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=2100, height=40, sparse_ok=True,
        crs="EPSG:32631", transform=Affine(10, 0, 6e5, 0, -10, 57e5), tiled=True,
        blockxsize=2064, blockysize=16,
    ):  # fmt: skip
        pass
    through_gdal(path, "it is not tiled (its blocks have 16 x 2064 pixels)")


def test_interleaved_bands(write: Write) -> None:
    through_gdal(write(count=3, interleave="pixel"), "its 3 bands are interleaved")


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int8"])
def test_numbers_of_other_kinds(write: Write, dtype: str) -> None:
    through_gdal(write(dtype), f"its numbers are {dtype}, or of odd bits")


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 1), ("uint16", 12), ("float32", 16)])
def test_numbers_of_odd_bits(write: Write, dtype: str, bits: int) -> None:
    through_gdal(write(dtype, nbits=bits), f"its numbers are {dtype}, or of odd bits")


@pytest.mark.parametrize("compress", ["packbits", "lzma", "lerc"])
def test_other_codecs(write: Write, compress: str) -> None:
    through_gdal(write(compress=compress), f"its compression is {compress.upper()}")


def test_a_mask_of_its_own(write: Write) -> None:
    path = write()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.ones((SIDE, SIDE), bool))
    through_gdal(path, "it has a mask of its own")


def test_an_alpha_band_is_a_mask(write: Write) -> None:
    path = write("uint8", count=2, interleave="band", alpha="yes", photometric="minisblack")
    through_gdal(path, "it has a mask of its own")


def test_a_predictor_that_differs_bits_of_reals(write: Write) -> None:
    through_gdal(write("float32", compress="deflate", predictor=2), "its predictor is 2")


def test_nodata_that_the_numbers_cannot_hold(write: Write) -> None:
    """GDAL compares as reals, and rounds it where a tile is not there."""
    through_gdal(write("uint8", nodata=0.5), "its numbers cannot hold its nodata value 0.5")


@pytest.mark.parametrize(
    ("dtype", "said", "fill"),
    [("uint16", "-9999", 0), ("uint16", "70000", 65535), ("uint16", "nan", 0),
     ("int16", "-32768", -32768), ("float32", "1e300", math.inf), ("float32", "0.1", None)],
)  # fmt: skip
def test_an_odd_nodata_value_fills_as_gdal_fills(
    tmp_path: Path, dtype: str, said: str, fill: float | None
) -> None:
    """Numbers beyond the dtype, which rasterio does not take for nodata, in a sparse file."""
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype=dtype, count=1, width=SIDE, height=SIDE, sparse_ok=True,
        crs="EPSG:32631", transform=Affine(10, 0, 6e5, 0, -10, 57e5), nodata=1, **TILED,
    ):  # fmt: skip
        pass
    tags = tiff.first_tags(path.read_bytes())
    text = said.encode() + b"\0"
    level = tiff.Level(SIDE, SIDE, np.zeros(12, np.int64))
    path.write_bytes(tiff.head({**tags, 42113: tiff.Tag(2, len(text), text)}, [level]))
    way = way_of(path)
    assert way.layout is not None
    with rasterio.open(path) as dataset:
        wanted = dataset.read(1)
    assert (wanted == np.array(way.layout.fill, dtype)).all()
    assert fill is None or way.layout.fill == fill


def test_a_header_that_tells_of_huge_tiles(write: Write) -> None:
    """A tile is held in memory before it is decoded."""
    path = write(compress="deflate")
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[0].tags[325].valueoffset
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, place + 4, 2_000_000_000)
    path.write_bytes(data)
    through_gdal(path, "its header tells of tiles larger than their pixels")


def opened(path: Path) -> Raster:
    return open_bands([Name(item="i", asset="a", href=str(path))], Unsigned())[0]


def test_numbers_with_their_high_byte_first(write: Write) -> None:
    """Only the file's first bytes tell; rasterio does not."""
    for endian, name in (("big", "gdal"), ("little", "tiles")):
        raster = opened(write(endianness=endian))
        assert raster.way.why == "only the look at its pixels reads it, and no output"
        raster.look_at_tiles()
        with tiled([raster]) as sources:
            assert raster.way.name == name
            assert len(sources) == (name == "tiles")
        raster.close()
        assert (raster.way.why == "its numbers have their high byte first") == (name == "gdal")


def test_bytes_with_their_low_bit_first(tmp_path: Path) -> None:
    """TIFF's FillOrder 2: GDAL turns the bits of every byte, so tiles must be GDAL's to read."""
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=40, height=32, sparse_ok=True,
        crs="EPSG:32631", transform=Affine(10, 0, 6e5, 0, -10, 57e5), tiled=True, blockxsize=32,
        blockysize=32,
    ):  # fmt: skip
        pass
    tags = {**tiff.first_tags(path.read_bytes()), 266: tiff.Tag(3, 1, b"\2\0")}
    level = tiff.Level(40, 32, np.array([1024, 0]))
    path.write_bytes(tiff.head(tags, [level]) + tiff.wrapped(b"\1" * 1024))
    raster = opened(path)
    raster.look_at_tiles()
    with tiled([raster]):
        name = raster.way.name
    raster.close()
    with rasterio.open(path) as dataset:
        assert dataset.read(1)[0, 0] == 0x80
    assert name == "gdal"
