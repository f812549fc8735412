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

from scenefleet_task.access import Access
from scenefleet_task.budget import Budget
from scenefleet_task.drivers import keep_few
from scenefleet_task.failure import TaskError
from scenefleet_task.order import Box, Trial
from scenefleet_task.spec import Exit, TaskDocument

if TYPE_CHECKING:
    from scenefleet_task.choice import Wish
    from scenefleet_task.scene import Made


def parse_window(text: str) -> Box:
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
    return row, col, height, width


def attempt(
    document: TaskDocument,
    trial: Trial,
    *,
    access: Access,
    script: Path | None = None,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Computes a window and writes `<file>.tif` and `<output>.png`; gives what came out.

    Args:
        document: the task.
        trial: the window, or where it is to lie, and where files go.
        access: signs addresses.
        script: the processing script, where the document names one.
        budget: memory and threads.

    Raises:
        TaskError: as `scene.process`.
    """
    from scenefleet_task.names import names_of

    names = names_of(document)
    keep_few(os.environ, vrt=any(name.vrt for name in names))

    import rasterio

    from scenefleet_task.put_folder import FolderTarget
    from scenefleet_task.read import opened
    from scenefleet_task.scene import process

    folder = trial.folder
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    target = FolderTarget(folder)
    with cast("Any", rasterio).Env(), opened(names, access) as sources:
        rasters = process(
            document,
            sources,
            folder,
            lambda name: target.begin(name, folder),
            script=script,
            only=_wish(trial),
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


def _wish(trial: Trial) -> Wish:
    from scenefleet_task.choice import Wish
    from scenefleet_task.grid import Window

    return Wish(
        window=Window(*trial.window) if trial.window else None,
        near=json.loads(trial.near.read_bytes()) if trial.near else None,
        whole=trial.whole,
    )


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
