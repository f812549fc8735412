"""What a plan will read, write, take and cost. Pure arithmetic over what the items say.

The constants were measured by `benchmarks/full_scene.py` and `scene_bench.py`: one full Sentinel-2
scene with one index and its mask, read over HTTP and put to Blob storage, takes the task 10 CPU
seconds on the machine of 2026 that it was tried on. Another machine's speed moves the hours by a
factor of two either way.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scenefleet.catalog import Scene
from scenefleet.plan.common import common_pixels, grid_metres
from scenefleet.plan.model import Plan
from scenefleet.plan.pairs import pairs
from scenefleet.plan.sizes import Headers, Origin, Size, ground_of, size_of
from scenefleet.recipe import Recipe
from scenefleet_task.spec import Band

_BAND_BYTES = 2 / 1.48
"""Bytes a pixel of a stored 16-bit band: real bands compress 1.48 times."""
_MASK_BYTES = 0.06
_OUT_BYTES = 1.55
"""Bytes a pixel of an int16 index with its overviews, compressed."""
_EMPTY_BYTES = 0.02
"""Bytes a pixel of an output that is outside or has no data."""
_OUT_FIXED = 15_000
"""Bytes of a scene's outputs beside their pixels: headers, thumbnail, STAC item."""
_LOOK = 700
"""Pixels along a side that a look at the pixels wants at least, whatever is clipped."""
_CPU_INDEX = 0.034e-6
"""CPU seconds a pixel of output for one index: compute, encode, write."""
_CPU_BAND = 0.019e-6
"""CPU seconds a pixel of a band that is read."""
_CPU_TASK = 1.5
"""CPU seconds of a task beside its pixels: start, imports, upload."""
_BOOT_HOURS = 0.1
"""Node hours paid for a node's start and its idle end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan will come to."""

    tasks: int
    bytes_in: int
    """Bytes that tasks download."""
    bytes_out: int
    core_hours: float
    nodes: int
    slots: int
    """Tasks at once on one node, or on this machine."""
    hours: float
    """Wall time with all nodes at work."""
    node_hours: float
    cost: float | None
    """In the currency of `budget.node_price`; None where the recipe gives no price."""
    sizes: dict[Origin, int]
    """How many rasters' sizes were told by what."""


def estimate(
    plan: Plan,
    scenes: Iterable[Scene],
    recipe: Recipe,
    *,
    slots: int,
    cores: int,
    most_nodes: int | None = None,
    headers: Headers = lambda _: None,
) -> Estimate:
    """The estimate of a plan.

    Args:
        plan: the tasks.
        scenes: the scenes they were made of, in order, for the rasters' sizes.
        recipe: for the number of nodes and the price, and the threads of a task.
        slots: tasks at once on one node; on this machine for a local run.
        cores: cores of the same.
        most_nodes: nodes that the pool has at most; None for the recipe's `compute.max_nodes`.
        headers: gives the headers of local files; without it none is known.
    """
    origins: Counter[Origin] = Counter()
    bytes_in = bytes_out = cpu = 0.0
    for document, scene in pairs(plan, scenes):
        ground = ground_of(scene, document.clip)
        part = document.parts[0]
        bands = [size_of(scene, band.asset, ground, headers) for band in part.bands]
        masks = [size_of(scene, mask.asset, ground, headers) for mask in part.masks]
        origins.update(one.origin for one in (*bands, *masks))
        finest = max(bands, key=lambda one: one.pixels)
        stored = sum(_stored(one, _assumed(one)) for one in _once(part.bands, bands))
        stored += sum(_stored(one, finest.pixels * _MASK_BYTES * one.filled) for one in masks)
        for band in part.check.look if part.check else ():
            one = size_of(scene, band.asset, ground, headers)
            whole = one.stored or _assumed(one)
            stored += whole / _overview(one.pixels) ** 2
        bytes_in += stored * len(document.parts)
        step = grid_metres(document.grid) if document.grid else finest.metres
        whole = common_pixels(document) if document.grid else finest.pixels
        extent = min(whole, ground.box / step**2) if document.clip else whole
        inside = min(extent, ground.kept / step**2)
        value = _OUT_BYTES * (2 if document.dtype == "float32" else 1)
        written = inside * value + (extent - inside) * _EMPTY_BYTES
        bytes_out += written * len(document.outputs) + _OUT_FIXED
        cpu += _CPU_TASK + sum(one.read for one in bands) * _CPU_BAND
        cpu += extent * _CPU_INDEX * len(document.outputs)
    local = recipe.compute.backend == "local"
    tasks = len(plan.documents)
    most = most_nodes or recipe.compute.max_nodes
    nodes = 1 if local else max(1, min(most, math.ceil(tasks / slots)))
    at_work = min(slots * nodes, tasks) * recipe.resources.threads
    hours = cpu / 3600 / max(1, min(at_work, cores * nodes))
    node_hours = 0.0 if local else nodes * (hours + _BOOT_HOURS)
    price = recipe.budget.node_price
    return Estimate(
        tasks=tasks,
        bytes_in=round(bytes_in),
        bytes_out=round(bytes_out),
        core_hours=cpu / 3600,
        nodes=nodes,
        slots=slots,
        hours=hours,
        node_hours=node_hours,
        cost=None if price is None else node_hours * price,
        sizes=dict(origins),
    )


def _once(bands: Sequence[Band], sizes: Sequence[Size]) -> Iterable[Size]:
    """The sizes of what is read; a file whose bands come together is read once."""
    return {
        (band.asset, "" if size.together else band.name): size
        for band, size in zip(bands, sizes, strict=True)
    }.values()


def _assumed(size: Size) -> float:
    """Bytes that a band is taken to have where no header tells."""
    return size.pixels * _BAND_BYTES * size.weight * size.filled


def _overview(pixels: float) -> int:
    """By how much the overview is smaller that a look at the pixels reads: a power of two."""
    return 2 ** math.floor(math.log2(max(1.0, math.sqrt(pixels) / _LOOK)))


def _stored(size: Size, assumed: float) -> float:
    """Bytes that are read of a raster: all that it stores by its header, or is assumed to store."""
    return (assumed if size.stored is None else size.stored) * size.read / size.pixels
