from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rasterio

from scenefleet_task.thumbnail import SIDE, colour, picture, png, shrunk


def decoded(data: bytes) -> np.ndarray:
    """Height, width, 4: by GDAL as the oracle."""
    with rasterio.MemoryFile(data) as memory, memory.open(driver="PNG") as dataset:
        return np.moveaxis(dataset.read(), 0, -1)


def test_png_is_what_was_drawn() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (37, 53, 4)).astype(np.uint8)
    assert (decoded(png(pixels)) == pixels).all()


def test_invalid_is_transparent_and_green_is_green() -> None:
    pixels = colour(np.array([[np.nan, 0.9, 0, -1]]))
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels[0, 1].tolist() == [5, 70, 20, 255]
    assert pixels[0, 3].tolist() == [20, 50, 110, 255]


def test_a_thumbnail_is_small_and_keeps_its_shape(kit: Any) -> None:
    values = np.full((700, 1400), 0.6, np.float32)
    values[:350] = np.nan
    pixels = decoded(picture(values, kit.NDVI))
    assert pixels.shape == (SIDE // 2, SIDE, 4)
    assert (pixels[:120, :, 3] == 0).all()
    assert (pixels[140:] == [80, 150, 50, 255]).all()


def test_a_shrunk_pixel_is_the_mean_of_its_valid_ones() -> None:
    values = np.random.default_rng(3).random((2 * SIDE, 3 * SIDE))
    values[values < 0.3] = np.nan
    values[:6, :9] = np.nan
    small = shrunk(values)
    assert small.shape == (round(2 * SIDE / 3), SIDE)
    assert np.isnan(small[0, 0])
    rows = np.arange(len(small)) * values.shape[0] // len(small)
    wanted = np.nanmean(values[rows[100] : rows[101], 3 * 50 : 3 * 51])
    assert small[100, 50] == pytest.approx(wanted)


def test_what_goes_beyond_an_index_is_stretched() -> None:
    pixels = colour(np.linspace(270, 320, 101)[np.newaxis])  # kelvin
    assert (pixels[0, :, 3] == 255).all()
    assert pixels[0, 0].tolist()[:3] == [200, 190, 180]
    assert pixels[0, -1].tolist()[:3] == [5, 70, 20]


def test_a_scaled_raster_is_drawn_by_its_values(kit: Any) -> None:
    stored = np.array([[9000, -10000, -32768]], np.int16)
    pixels = decoded(picture(stored, kit.NDVI))
    assert pixels[0, 0].tolist() == [5, 70, 20, 255]
    assert pixels[0, 2].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("formula", [None, "red"])
def test_what_is_no_index_is_stretched(kit: Any, formula: str | None) -> None:
    values = np.linspace(0.02, 0.06, 100, dtype=np.float32).reshape(10, 10)
    shown = decoded(picture(values, replace(kit.NDVI, formula=formula)))
    assert shown[0, 0].tolist() == [200, 190, 180, 255]
    assert shown[-1, -1].tolist() == [5, 70, 20, 255]
