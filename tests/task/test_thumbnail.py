import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from scenefleet_task.spec import NODATA
from scenefleet_task.thumbnail import SIDE, colour, png, write_thumbnail


def decoded(data: bytes) -> np.ndarray:
    """Height, width, 4: by GDAL as the oracle, which misses a georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.MemoryFile(data) as memory, memory.open(driver="PNG") as dataset:
            return np.moveaxis(dataset.read(), 0, -1)


def test_png_is_what_was_drawn() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (37, 53, 4)).astype(np.uint8)
    assert (decoded(png(pixels)) == pixels).all()


def test_invalid_is_transparent_and_green_is_green() -> None:
    pixels = colour(np.array([[NODATA, 9000, 0, -10000]], np.int16))
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels[0, 1].tolist() == [5, 70, 20, 255]
    assert pixels[0, 3].tolist() == [20, 50, 110, 255]


def test_a_thumbnail_is_small_and_keeps_its_shape(kit: Any, tmp_path: Path) -> None:
    values = np.full((700, 1400), 6000, np.int16)
    values[:350] = NODATA
    raster = kit.write(tmp_path / "ndvi.tif", values, nodata=NODATA, tile=512)
    write_thumbnail(raster, tmp_path / "thumbnail.png")
    data = (tmp_path / "thumbnail.png").read_bytes()
    pixels = decoded(data)
    assert pixels.shape == (SIDE // 2, SIDE, 4)
    assert (pixels[:120, :, 3] == 0).all()
    assert (pixels[140:] == [80, 150, 50, 255]).all()
