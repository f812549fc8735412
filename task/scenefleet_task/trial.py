"""One window of one task, computed here at once: what an author tries a recipe or script with.

It goes the same way as a task on a node, without supervisor, store and STAC item: rasters and
pictures go into a folder, and what came out is one JSON line.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.spec import Exit, TaskDocument

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
    document: TaskDocument, window: Window | None, folder: Path, script: Path | None
) -> dict[str, Any]:
    """Computes a window and writes `<file>.tif` and `<output>.png`; gives what came out.

    Args:
        document: the task.
        window: of the outputs; None takes `SIDE` pixels in the middle.
        folder: where files go; made where it is missing.
        script: the processing script, where the document names one.

    Raises:
        TaskError: as `scene.process`.
    """
    import rasterio

    from scenefleet_task.access import access_for
    from scenefleet_task.scene import process
    from scenefleet_task.thumbnail import write_picture

    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with cast("Any", rasterio).Env():
        rasters = process(
            document, access_for(document.access), folder, script=script, only=window or SIDE
        )
        outputs = [_output(made, folder, write_picture) for made in rasters.made]
    return {
        "task": document.id,
        "item": document.source.id,
        "seconds": round(time.monotonic() - started, 2),
        "shape": [rasters.grid.height, rasters.grid.width],
        "transform": list(rasters.grid.transform),
        "valid_percent": rasters.valid_percent,
        "reasons": {r.name.lower(): count for r, count in rasters.reasons.items() if count},
        "reason": str(rasters.reason),
        "outputs": outputs,
    }


def _output(made: Any, folder: Path, write_picture: Any) -> dict[str, Any]:  # noqa: ANN401
    picture = folder / f"{made.output.name}.png"
    write_picture(made.file, picture, made.output, made.band)
    return {
        "name": made.output.name,
        "file": str(made.file),
        "picture": str(picture),
        "scale": made.output.scale,
        "saturated": made.saturated,
        **made.statistics.to_stac(),
    }


def to_line(found: dict[str, Any]) -> str:
    """The outcome as one line of JSON."""
    return json.dumps(found, allow_nan=False)
