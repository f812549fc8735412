"""The files that a task writes: kind, nodata, overviews, colours, and the room they need."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid
from scenefleet_task.spec import NO_SCENE, NODATA, Exit, Output, Reason, TaskDocument

TILE = 512
"""Pixels along a side of a tile, as in the sources that we read most."""
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
    Reason.NEGATIVE: (95, 45, 130),
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


REASON = Layer(name="reason", dtype="uint8", nodata=NO_SCENE, overviews="NEAREST")
"""Why pixels are invalid. Its nodata is a number that no pixel of a scene has."""


def reason_tags() -> dict[str, str]:
    """The names of the reasons, for readers who open the raster without its STAC item."""
    names = {f"REASON_{reason.value}": reason.name.lower() for reason in Reason}
    return {**names, f"REASON_{NO_SCENE}": "no scene here"}


def check_space(folder: Path, grid: Grid, layers: tuple[Layer, ...]) -> None:
    """Fails early where the working folder cannot hold what is made, were nothing compressible.

    Raises:
        TaskError: `STORE_FULL`, with what is needed and what is there.
    """
    pixels = grid.width * grid.height
    size = sum(np.dtype(layer.dtype).itemsize * len(layer.bands) for layer in layers)
    needed = pixels * (size + 1) * 4 / 3  # overviews are a third
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TaskError(
            Exit.STORE_FULL,
            f"the working folder has {free / 1e6:.0f} MB free, the task needs {needed / 1e6:.0f}. "
            "Use nodes with a larger disk, or fewer task slots a node.",
        )
