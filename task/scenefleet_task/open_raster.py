"""Opens a source as a raster, by an allow-list of drivers, whatever its content claims to be.

The first bytes decide on the one driver that is tried: GeoTIFF, or JPEG 2000. A document of a
collection whose files are HDF or netCDF would add its driver to `_DRIVERS`; none does today.
"""

from __future__ import annotations

from typing import Any, cast

from rasterio.errors import RasterioError

from scenefleet_task.complaints import heard, lost_in_header
from scenefleet_task.gdal_file import GdalFile
from scenefleet_task.probe import JP2, TIFF, judge
from scenefleet_task.tile_table import contradiction

_DRIVERS = {"GTiff": TIFF, "JP2OpenJPEG": JP2}
"""The driver of files that begin so."""
_OPTIONS = {"GTiff": {"NUM_THREADS": "1"}}
_ELSEWHERE = {"OVERVIEWS": "its overviews", "GEOLOCATION": "its place"}
"""Domains of a header by which GDAL has other files opened, whatever their kind."""


class NoRasterError(RasterioError):
    """A file that is not read as a raster; its text goes on after the file's name."""


def driver_of(start: bytes) -> str:
    """The driver that opens a file which begins with these bytes.

    Raises:
        NoRasterError: if none does.
    """
    for driver, magics in _DRIVERS.items():
        if start.startswith(magics):
            return driver
    raise NoRasterError(judge(start, None, "", 0).text)


class RasterFile(GdalFile):
    """A source that GDAL opens by the driver of its kind."""

    def opened(self) -> Any:  # noqa: ANN401 - a rasterio dataset
        """Opens a raster whose whole header could be read.

        GDAL passes over a tag that it cannot read, and a nodata value that is missed makes wrong
        numbers without a word.

        Raises:
            NoRasterError: of a file that is not read, with what stands against it.
            RasterioError: as rasterio does, or with what GDAL passed over.
        """
        driver = driver_of(self.start)
        with heard() as said:
            dataset = self.dataset(driver, **_OPTIONS.get(driver, {}))
        try:
            self._check(dataset, lost_in_header(said))
        except BaseException:
            dataset.close()
            raise
        return dataset

    def _check(self, dataset: Any, lost: list[str]) -> None:  # noqa: ANN401 - a rasterio dataset
        if lost:
            raise RasterioError("; ".join(dict.fromkeys(lost)))
        for domain, what in _ELSEWHERE.items():
            if cast("dict[str, str]", dataset.tags(ns=domain)):
                raise NoRasterError(f"its header names other files for {what}; it is not read.")
        wrong = contradiction(self.read, self.size) if dataset.driver == "GTiff" else None
        if wrong:
            raise NoRasterError(f"its directory is corrupt: {wrong}.")
