"""Opens a source as a raster, by an allow-list of drivers, whatever its content claims to be.

The first bytes decide on the one driver that is tried: GeoTIFF, or JPEG 2000. A document of a
collection whose files are HDF or netCDF would add its driver to `_DRIVERS`; none does today.
"""

from __future__ import annotations

from typing import Any, cast

from rasterio.errors import RasterioError

from scenefleet_task.complaints import heard, lost_in_header
from scenefleet_task.gdal_file import GdalFile
from scenefleet_task.probe import JP2, TIFF, kind_of

_DRIVERS = {"GTiff": TIFF, "JP2OpenJPEG": JP2}
"""The driver of files that begin so."""
_OPTIONS = {"GTiff": {"NUM_THREADS": "1"}}


class NoRasterError(RasterioError):
    """A file that is not read as a raster."""


def driver_of(start: bytes) -> str:
    """The driver that opens a file which begins with these bytes.

    Raises:
        NoRasterError: if none does.
    """
    for driver, magics in _DRIVERS.items():
        if start.startswith(magics):
            return driver
    raise NoRasterError(f"it is {kind_of(start)}" if start else "it is empty")


def open_raster(file: GdalFile, start: bytes) -> Any:  # noqa: ANN401 - a rasterio dataset
    """Opens a raster whose whole header could be read.

    GDAL passes over a tag that it cannot read, and a nodata value that is missed makes wrong
    numbers without a word.

    Raises:
        RasterioError: as rasterio does, or with what GDAL passed over.
    """
    driver = driver_of(start)
    with heard() as said:
        dataset = file.dataset(driver, **_OPTIONS.get(driver, {}))
    lost = lost_in_header(said)
    if not lost and _overviews_elsewhere(dataset):
        lost = ["it names another file for its overviews, which is not read"]
    if lost:
        dataset.close()
        raise NoRasterError("; ".join(dict.fromkeys(lost)))
    return dataset


def _overviews_elsewhere(dataset: Any) -> bool:  # noqa: ANN401 - a rasterio dataset
    """Whether the header has GDAL open another file as soon as overviews are asked for."""
    return bool(cast("dict[str, str]", dataset.tags(ns="OVERVIEWS")))
