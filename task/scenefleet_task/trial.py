"""One window of one task, computed here at once: what an author tries a recipe or script with.

It goes the same way as a task on a node, without supervisor, store and STAC item: rasters and
pictures go into a folder, and what came out is one JSON line.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scenefleet_task.budget import Budget
from scenefleet_task.drivers import keep_few
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.spec import Exit, TaskDocument

if TYPE_CHECKING:
    from scenefleet_task.scene import Made

SIDE = 512
"""Pixels along a side of the window that is tried where none is named: the middle of the scene."""


def parse_window(text: str) -> Window:
    """`row,column,height,width` in pixels of the outputs.

    Raises:
        TaskError: if it is something else.
    """
    try:
        row, col, height, width = (int(part) for part in text.split(","))
    except ValueError:
        row = col = height = width = -1
    if min(row, col) < 0 or min(height, width) < 1:
        raise TaskError(
            Exit.DOCUMENT,
            f"{text!r} is no window; write row,column,height,width in pixels, such as 0,0,512,512",
        )
    return Window(row, col, height, width)


def attempt(
    document: TaskDocument,
    window: Window | None,
    folder: Path,
    script: Path | None,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Computes a window and writes `<file>.tif` and `<output>.png`; gives what came out.

    Args:
        document: the task.
        window: of the outputs; None takes `SIDE` pixels in the middle.
        folder: where files go; made where it is missing.
        script: the processing script, where the document names one.
        budget: memory and threads.

    Raises:
        TaskError: as `scene.process`.
    """
    from scenefleet_task.names import names_of

    names = names_of(document)
    keep_few(os.environ, vrt=any(name.vrt for name in names))

    import rasterio

    from scenefleet_task.access import access_for
    from scenefleet_task.put_folder import FolderTarget
    from scenefleet_task.read import opened
    from scenefleet_task.scene import process

    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    target = FolderTarget(folder)
    access = access_for(document.access)
    with cast("Any", rasterio).Env(), opened(names, access) as sources:
        rasters = process(
            document,
            sources,
            folder,
            lambda name: target.begin(name, folder),
            script=script,
            only=window or SIDE,
            budget=budget,
        )
    return {
        "task": document.id,
        "item": document.source.id,
        "seconds": round(time.monotonic() - started, 2),
        "shape": [rasters.grid.height, rasters.grid.width],
        "transform": list(rasters.grid.transform),
        "valid_percent": rasters.valid_percent,
        "reasons": {r.name.lower(): count for r, count in rasters.reasons.items() if count},
        "read": [
            {"item": name.item, "asset": name.asset, "way": way.name, "why": way.why}
            for name, way in rasters.read
        ],
        "reason": str(folder / "reason.tif"),
        "outputs": [_output(made, folder) for made in rasters.made],
    }


def _output(made: Made, folder: Path) -> dict[str, Any]:
    from scenefleet_task.thumbnail import picture

    drawn = folder / f"{made.output.name}.png"
    drawn.write_bytes(picture(made.small, made.output))
    return {
        "name": made.output.name,
        "file": str(folder / f"{made.file}.tif"),
        "picture": str(drawn),
        "scale": made.output.scale,
        "saturated": made.saturated,
        **made.statistics.to_stac(),
    }


def to_line(found: dict[str, Any]) -> str:
    """The outcome as one line of JSON."""
    return json.dumps(found, allow_nan=False)
