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
from scenefleet_task.spec import Exit, Output, Reason, TaskDocument

PIXELS = 65_536
"""Of arithmetic at a time, in whole rows: float32 temporaries stay in the processor's cache."""

Bands = dict[str, tuple[NDArray[Any], float, float]]
"""By name: numbers, and the scale and offset that make them values."""
Found = Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""By output: values, and True where there is none; shape (height, width) each."""
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
        """Outputs of a strip, by rows of it.

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


class _Formulas:
    """Formulas, a few rows at a time."""

    overlap = 0
    alone = False

    def __init__(self, outputs: tuple[Output, ...]) -> None:
        self._program = Program({output.name: output.formula or "" for output in outputs})

    def make(
        self, document: TaskDocument, part: Grid, bands: Bands, reasons: mask.Reasons, here: Here
    ) -> Iterator[Rows]:
        del document, part, here  # without an overlap, the strip is all that was read
        count = max(1, PIXELS // reasons.shape[1])
        for row in range(0, reasons.shape[0], count):
            rows = slice(row, row + count)
            lifted = {name: compute.lift(n[rows], s, o) for name, (n, s, o) in bands.items()}
            yield rows, self._program.run(lifted)


class _Scripted:
    """A user's script, a strip at a time; it is timed by a signal, which only one thread gets."""

    alone = True

    def __init__(self, runner: Runner, overlap: int) -> None:
        self._runner, self.overlap = runner, overlap

    def make(
        self, document: TaskDocument, part: Grid, bands: Bands, reasons: mask.Reasons, here: Here
    ) -> Iterator[Rows]:
        lifted = {name: compute.lift(n, s, o) for name, (n, s, o) in bands.items()}
        missing = reasons == Reason.NODATA
        for values in lifted.values():
            values[missing] = np.nan
        settled = reasons.copy()
        mask.settle(settled)
        code = part.crs.to_epsg()
        source = document.source
        found = self._runner.run(
            Scene(
                bands=lifted,
                valid=settled == Reason.VALID,
                reasons=settled,
                transform=part.transform,
                crs=f"EPSG:{code}" if code else str(part.crs.to_wkt()),
                datetime=source.datetime,
                properties=dict(source.properties),
            )
        )
        whole = slice(0, here[0].stop - here[0].start)
        yield whole, {name: (v[here], undefined[here]) for name, (v, undefined) in found.items()}
