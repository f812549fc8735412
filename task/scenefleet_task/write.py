"""Writes rasters strip by strip, and turns them into Cloud Optimized GeoTIFFs.

A COG's overviews come before its pixels, so it cannot be written in one go: strips go to an
uncompressed GeoTIFF in the working folder first, which GDAL's COG driver then copies. One thread
and fixed options make the bytes the same everywhere.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window as RasterioWindow

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.redact import redact
from scenefleet_task.spec import NODATA, Exit, Output, Reason, TaskDocument

_rasterio = cast("Any", rasterio)  # rasterio has no types
_copy = cast("Any", import_module("rasterio.shutil")).copy
_GdalError = cast("type[Exception]", import_module("rasterio._err").CPLE_BaseError)

TILE = 512
"""Pixels along a side of a tile, as in the sources that we read most."""
_SMALL_TILE = 256  # where TILE is just the raster's width: readers take such tiles for strips
LEVELS = {"int16": "1", "float32": "1", "uint8": "6"}
"""Of deflate. On an index with its predictor 6 saves nothing; on classes it is five times less."""
PREDICTORS = {"int16": "2", "float32": "3", "uint8": "NO"}
"""Differences of neighbours: of whole numbers, of floating-point numbers byte by byte."""
COLOURS = {
    Reason.VALID: (255, 255, 255),
    Reason.OUTSIDE: (224, 224, 224),
    Reason.NODATA: (0, 0, 0),
    Reason.SATURATED: (255, 0, 0),
    Reason.CLOUD: (160, 190, 215),
    Reason.SHADOW: (90, 75, 60),
    Reason.SNOW: (120, 235, 255),
    Reason.WATER: (30, 90, 200),
    Reason.NO_SIGNAL: (255, 0, 255),
    Reason.CLASS: (190, 150, 90),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What kind of raster is written."""

    name: str
    """Of the file, without suffix."""
    dtype: Literal["int16", "float32", "uint8"]
    nodata: float | None
    overviews: Literal["AVERAGE", "NEAREST"]
    """How overviews are made; AVERAGE leaves nodata pixels out, NEAREST invents no class."""
    bands: tuple[Output, ...] = ()
    """The outputs that are its bands, in order; none for `REASON`."""


def output_layers(document: TaskDocument) -> tuple[Layer, ...]:
    """The files of a document's outputs: one each, or one for all."""
    nodata = NODATA if document.dtype == "int16" else math.nan
    stacks = [document.outputs] if document.stacked else [(o,) for o in document.outputs]
    return tuple(
        Layer(
            name=document.product if document.stacked else bands[0].name,
            dtype=document.dtype,
            nodata=nodata,
            overviews="AVERAGE",
            bands=bands,
        )
        for bands in stacks
    )


REASON = Layer(name="reason", dtype="uint8", nodata=None, overviews="NEAREST")
"""Why pixels are invalid. It has no nodata value: 0 says that a pixel is valid."""


class Draft:
    """A raster under construction, in an uncompressed GeoTIFF."""

    def __init__(self, layer: Layer, grid: Grid, folder: Path) -> None:
        """Creates the draft.

        Raises:
            TaskError: if the working folder cannot hold it.
        """
        self.layer = layer
        self._tile = _SMALL_TILE if grid.width == TILE else TILE
        self._path = folder / f"{layer.name}.draft.tif"
        with writing(folder):
            self._dataset = _rasterio.open(
                self._path,
                "w",
                driver="GTiff",
                dtype=layer.dtype,
                nodata=layer.nodata,
                count=max(1, len(layer.bands)),
                width=grid.width,
                height=grid.height,
                crs=grid.crs,
                transform=Affine(*grid.transform),
                tiled=True,
                blockxsize=TILE,
                blockysize=TILE,
                interleave="band",
                bigtiff="IF_SAFER",
            )
            if layer is REASON:  # libtiff takes a colour table only before the first pixel
                colours = {reason.value: (*rgb, 255) for reason, rgb in COLOURS.items()}
                self._dataset.write_colormap(1, colours)

    def __enter__(self) -> Self:
        """The draft itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes and removes the draft."""
        self._dataset.close()
        self._path.unlink(missing_ok=True)

    def write(self, values: NDArray[Any], window: Window, band: int = 1) -> None:
        """Writes a band's strip; shape (height, width) of a window of the output's grid."""
        part = RasterioWindow(window.col, window.row, window.width, window.height)  # pyright: ignore[reportCallIssue]
        with writing(self._path.parent):
            self._dataset.write(values, band, window=part)

    def finish(self, target: Path, tags: list[dict[str, str]]) -> None:
        """Writes the COG, with tags on each of its bands."""
        with writing(target.parent):
            self._describe(tags)
            self._dataset.close()
            _copy(
                self._path,
                target,
                driver="COG",
                COMPRESS="DEFLATE",
                LEVEL=LEVELS[self.layer.dtype],
                PREDICTOR=PREDICTORS[self.layer.dtype],
                BLOCKSIZE=str(self._tile),
                OVERVIEW_RESAMPLING=self.layer.overviews,
                NUM_THREADS="1",
                BIGTIFF="IF_SAFER",
            )

    def _describe(self, tags: list[dict[str, str]]) -> None:
        outputs = self.layer.bands
        names = [output.name for output in outputs] or [self.layer.name]
        for number, (name, of_band) in enumerate(zip(names, tags, strict=True), 1):
            self._dataset.set_band_description(number, name)
            self._dataset.update_tags(number, **of_band)
        if self.layer.dtype == "int16":
            self._dataset.scales = tuple(output.scale for output in outputs)
            self._dataset.offsets = (0.0,) * len(outputs)


def reason_tags() -> dict[str, str]:
    """The names of the reasons, for who opens the raster without its STAC item."""
    return {f"REASON_{reason.value}": reason.name.lower() for reason in Reason}


def check_space(folder: Path, grid: Grid, layers: tuple[Layer, ...]) -> None:
    """Fails early where the working folder cannot hold the drafts and the COGs made of them.

    Raises:
        TaskError: `STORE_FULL`, with what is needed and what is there.
    """
    pixels = grid.width * grid.height
    size = sum(np.dtype(layer.dtype).itemsize * len(layer.bands) for layer in layers)
    # Drafts are uncompressed; a COG with its overviews, and GDAL's own draft of those, is less.
    needed = pixels * (size + 1) * 2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TaskError(
            Exit.STORE_FULL,
            f"the working folder has {free / 1e6:.0f} MB free, the task needs {needed / 1e6:.0f}. "
            "Use nodes with a larger disk, or fewer task slots a node.",
        )


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Turns what GDAL says of a failed write into a message about the working folder.

    Raises:
        TaskError: `STORE_FULL`: nothing but a full or limited disk stops a write there.
    """
    try:
        yield
    except (RasterioError, _GdalError, SystemError, OSError) as error:
        # rasterio lets GDAL's own errors, and a bare SystemError, through when a copy fails
        free = shutil.disk_usage(folder).free / 1e6
        said = redact(" ".join(str(error.__cause__ or error).split()))[:200]
        raise TaskError(
            Exit.STORE_FULL,
            f"the working folder could not be written ({free:.0f} MB free): {said}. "
            "Use nodes with a larger disk, or fewer task slots a node.",
        ) from None


def unique(values: NDArray[np.uint8]) -> dict[Reason, int]:
    """Pixels by reason."""
    counts = np.bincount(values.ravel(), minlength=len(Reason))
    return {reason: int(counts[reason]) for reason in Reason}
