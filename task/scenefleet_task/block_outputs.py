"""Computes one block of a scene: reads bands and masks, and makes values and reasons of them."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import compute, mask, spec
from scenefleet_task.grid import Window, within
from scenefleet_task.layer import grow
from scenefleet_task.maker import Found, Maker, below_zero
from scenefleet_task.sources import Sources
from scenefleet_task.spec import Reason, TaskDocument
from scenefleet_task.united import united


@dataclass(frozen=True, slots=True)
class Block:
    """A block's outputs; shape (height, width) each."""

    reasons: mask.Reasons
    values: dict[str, NDArray[Any]]
    saturated: dict[str, int]
    beyond: dict[str, int]


def compute_block(
    document: TaskDocument,
    sources: Sources,
    maker: Maker,
    window: Window,
    readers: Executor | None,
) -> tuple[Block, int]:
    """Computes a block's outputs, and counts its valid pixels with a reflectance at or below zero.

    Args:
        document: the task.
        sources: its sources, on one grid.
        maker: makes values of bands.
        window: the block, in pixels of the sources' grid.
        readers: sources are read at once; None reads one after another.
    """
    outside = sources.clip.outside(window) if sources.clip else None
    if outside is not None and outside.all():
        return _empty(document, window), 0  # nothing of the block is inside: nothing is read
    wide = grow(window, (maker.overlap, maker.overlap), sources.grid.whole)
    bands, reasons = united(sources.parts, wide, readers)
    here = within(window, wide)
    negative = below_zero(document.negative, bands)
    if document.negative.how == "mask":
        mask.add(reasons, negative, Reason.NEGATIVE)
    block = _blank(document, window, reasons[here])
    mask.add(block.reasons, outside, Reason.OUTSIDE)
    for rows, found in maker.make(document, sources.grid.crop(wide), bands, reasons, here):
        _settle(document, block, rows, found)
    if negative is None:
        return block, 0
    return block, int(np.count_nonzero(negative[here] & (block.reasons == Reason.VALID.value)))


def _settle(document: TaskDocument, block: Block, rows: slice, found: Found) -> None:
    """Fills rows of a block: their reasons are final then, and outputs nodata where not valid."""
    reasons = block.reasons[rows]
    for values in found.values():
        mask.add(reasons, values.undefined, Reason.NO_SIGNAL)
    free = mask.settle(reasons)
    valid = None if free.all() else free
    for output in document.outputs:
        out = block.values[output.name][rows]
        beyond = compute.pack(found[output.name], valid, output.scale, out)
        block.saturated[output.name] += beyond
        if output.range:
            outside = compute.count_outside(found[output.name], valid, output.range)
            block.beyond[output.name] += outside


def _empty(document: TaskDocument, window: Window) -> Block:
    """A block of which nothing is inside."""
    reasons = np.full((window.height, window.width), Reason.OUTSIDE, np.uint8)
    block = _blank(document, window, reasons)
    fill = spec.NODATA if document.dtype == "int16" else np.nan
    for values in block.values.values():
        values.fill(fill)
    return block


def _blank(document: TaskDocument, window: Window, reasons: mask.Reasons) -> Block:
    """A block whose values are to be filled."""
    shape = (window.height, window.width)
    values = {o.name: np.empty(shape, document.dtype) for o in document.outputs}
    counts = dict.fromkeys(values, 0)
    return Block(np.ascontiguousarray(reasons), values, counts, {**counts})
