"""Sizes by a file's header are what GDAL says, and no file is an error."""

import os

import numpy as np
import pytest
import rasterio

from scenefleet.catalog.header import read_header


@pytest.mark.parametrize(
    "options",
    [
        {"driver": "GTiff"},
        {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256},
        {"driver": "GTiff", "BIGTIFF": "YES", "tiled": True},
        {"driver": "GTiff", "ENDIANNESS": "BIG"},
        {"driver": "COG"},
        {"driver": "JP2OpenJPEG", "CODEC": "JP2", "QUALITY": "100", "REVERSIBLE": "YES"},
        {"driver": "JP2OpenJPEG", "CODEC": "J2K"},
    ],
)
def test_a_header_is_what_gdal_says(tmp_path, options):
    path = tmp_path / "a.tif"
    numbers = np.random.default_rng(1).integers(0, 9000, (700, 900)).astype("uint16")
    profile = {"height": 700, "width": 900, "count": 1, "dtype": "uint16"}
    with rasterio.open(path, "w", **profile, **options) as file:
        file.write(numbers, 1)
    found = read_header(str(path))
    assert (found.rows, found.columns) == (700, 900)
    assert 0.5 * path.stat().st_size < found.stored <= path.stat().st_size


@pytest.mark.parametrize(
    "data",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\0\0", b"PK\x03\x04",
     b"II*\0\x08\0\0\0" + b"\xff" * 200, b"\0\0\0\x0cjP  \r\n"],
)  # fmt: skip
def test_what_has_no_header_is_none(tmp_path, data):
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    assert read_header(str(path)) is None


def test_no_file_and_a_fifo_are_none(tmp_path):
    assert read_header(str(tmp_path / "none")) is None
    assert read_header(str(tmp_path)) is None
    os.mkfifo(tmp_path / "fifo")
    assert read_header(str(tmp_path / "fifo")) is None


@pytest.mark.parametrize("codec", ["JP2", "J2K"])
def test_bands_of_jpeg_2000_come_together(tmp_path, codec):
    numbers = np.random.default_rng(1).integers(0, 9000, (3, 64, 64)).astype("uint16")
    for count in (1, 3):
        path = tmp_path / f"{count}.jp2"
        profile = {"driver": "JP2OpenJPEG", "height": 64, "width": 64, "dtype": "uint16"}
        with rasterio.open(path, "w", **profile, count=count, CODEC=codec) as file:
            file.write(numbers[:count])
        assert read_header(str(path)).together == (count > 1)


@pytest.mark.parametrize(("interleave", "share"), [("pixel", 1), ("band", 4)])
@pytest.mark.parametrize("more", [{}, {"tiled": True, "blockxsize": 256, "blockysize": 256}])
def test_bytes_of_bands_apart_are_one_bands(tmp_path, interleave, share, more):
    path = tmp_path / "a.tif"
    numbers = np.random.default_rng(1).integers(0, 9000, (4, 512, 512)).astype("uint16")
    profile = {"driver": "GTiff", "height": 512, "width": 512, "count": 4, "dtype": "uint16"}
    with rasterio.open(path, "w", **profile, interleave=interleave, **more) as file:
        file.write(numbers)
    assert read_header(str(path)).stored == numbers.nbytes // share
