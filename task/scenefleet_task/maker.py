"""What makes outputs of bands: formulas, or a user's script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import compute, mask
from scenefleet_task.evaluate import Program
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid
from scenefleet_task.script import Runner, Scene
from scenefleet_task.spec import Exit, Negative, Output, Reason, TaskDocument

PIXELS = 65_536
"""Of arithmetic at a time, in whole rows: float32 temporaries stay in the processor's cache."""

Bands = dict[str, tuple[NDArray[Any], float, float]]
"""By name: numbers, and the scale and offset that make them values."""
Found = Mapping[str, compute.Values]
"""By output."""
Rows = tuple[slice, Found]
"""Some rows of a strip, and what was made of them."""
Here = tuple[slice, slice]
"""Where a strip lies in what was read for it."""


class Maker(Protocol):
    """Makes outputs of bands: formulas or a script."""

    overlap: int
    alone: bool
    """Whether it must have the process's first thread, and whole rows of the outputs."""

    def make(
        self, document: TaskDocument, part: Grid, bands: Bands, reasons: mask.Reasons, here: Here
    ) -> Iterator[Rows]:
        """Outputs of a strip, by rows of it; good until the next rows are asked for.

        `bands` and `reasons`, which are not settled, are of a window whose grid is `part`; the
        strip lies `here` in it.
        """
        ...


def maker_of(document: TaskDocument, script: Path | None) -> Maker:
    """What makes a document's outputs.

    Raises:
        TaskError: if the document wants a script, and none is there or it cannot be loaded.
    """
    names = tuple(output.name for output in document.outputs if output.formula is None)
    if not document.script:
        return _Formulas(document.outputs)
    if script is None:
        raise TaskError(Exit.DOCUMENT, "the task wants a script, and none came with it")
    return _Scripted(Runner(script, document.script, names), document.script.overlap)


def below_zero(negative: Negative, bands: Bands) -> NDArray[np.bool_] | None:
    """True where a band's reflectance is at or below zero; None where it is nowhere."""
    found = None
    for name in negative.bands:
        here = compute.not_positive(*bands[name])
        if here is not None:
            found = here if found is None else found | here
    return found


def _clip(bands: Mapping[str, compute.Float32], negative: Negative) -> None:
    """Takes reflectance below zero as 0, in place, where the document wants it; NaN stays."""
    if negative.how == "clip":
        for name in negative.bands:
            np.maximum(bands[name], 0, out=bands[name])


class _Formulas:
    """Formulas, a few rows at a time."""

    overlap = 0
    alone = False

    def __init__(self, outputs: tuple[Output, ...]) -> None:
        self._program = Program({output.name: output.formula or "" for output in outputs})

    def make(
        self, document: TaskDocument, part: Grid, bands: Bands, reasons: mask.Reasons, here: Here
    ) -> Iterator[Rows]:
        del part, here  # without an overlap, the strip is all that was read
        height, width = reasons.shape
        count = min(height, max(1, PIXELS // width))
        room = {name: np.empty((count, width), np.float32) for name in bands}
        for row in range(0, height, count):
            rows = slice(row, min(row + count, height))
            lifted = {
                name: compute.lift(numbers[rows], scale, offset, room[name][: rows.stop - row])
                for name, (numbers, scale, offset) in bands.items()
            }
            _clip(lifted, document.negative)
            yield rows, self._program.run(lifted, spend=True)


class _Scripted:
    """A user's script, a strip at a time; it is timed by a signal, which only one thread gets."""

    alone = True

    def __init__(self, runner: Runner, overlap: int) -> None:
        self._runner, self.overlap = runner, overlap

    def make(
        self, document: TaskDocument, part: Grid, bands: Bands, reasons: mask.Reasons, here: Here
    ) -> Iterator[Rows]:
        lifted = {name: compute.lift(n, s, o) for name, (n, s, o) in bands.items()}
        _clip(lifted, document.negative)
        missing = reasons == Reason.NODATA.value
        for band in lifted.values():
            band[missing] = np.nan
        settled = reasons.copy()
        free = mask.settle(settled)
        code = part.crs.to_epsg()
        source = document.source
        found = self._runner.run(
            Scene(
                bands=lifted,
                valid=free,
                reasons=settled,
                transform=part.transform,
                crs=f"EPSG:{code}" if code else str(part.crs.to_wkt()),
                datetime=source.datetime,
                properties=dict(source.properties),
            )
        )
        whole = slice(0, here[0].stop - here[0].start)
        values = {
            name: compute.Values(v[here], undefined[here], v.min(), v.max())
            for name, (v, undefined) in found.items()
        }
        yield whole, values
