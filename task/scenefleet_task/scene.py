"""One scene, from open sources to rasters in the store, block by block.

All outputs of a task share one validity: a pixel is valid where every band that is read has data,
nothing masks it and every output has a value. So an output is nodata exactly where `reason.tif` is
not 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import mask
from scenefleet_task.block_memory import memory_of_blocks
from scenefleet_task.block_outputs import compute_block
from scenefleet_task.blocks import cut, needs_of
from scenefleet_task.budget import Budget, Shares, shares
from scenefleet_task.by_tiles import read_ahead, tiled
from scenefleet_task.choice import Wish, choose
from scenefleet_task.cog import Cog, Encoded
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.heads import AT_ONCE
from scenefleet_task.in_order import in_order
from scenefleet_task.layout import Way
from scenefleet_task.log import log
from scenefleet_task.look import settled
from scenefleet_task.maker import Maker, maker_of
from scenefleet_task.names import Name
from scenefleet_task.outputs import REASON, TILE, Layer, check_space, output_layers, reason_tags
from scenefleet_task.plausible import check_floats
from scenefleet_task.put import Digest, Upload
from scenefleet_task.read import Raster
from scenefleet_task.sources import OpenPart, Sources, prepare
from scenefleet_task.spec import Exit, Output, Reason, TaskDocument
from scenefleet_task.statistics import Statistics, gather

Begin = Callable[[str], Upload]
"""Begins a file by its name, `ndvi.tif`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One output, written."""

    output: Output
    file: str
    """Its file's name without suffix."""
    band: int
    """Its number in the file, from 1."""
    statistics: Statistics
    saturated: int
    """Values beyond int16's range."""
    beyond: int
    """Valid values beyond the output's own range, where it has one."""
    small: NDArray[Any]
    """As stored, in at most `cog.SMALL` pixels a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rasters:
    """What a scene became."""

    grid: Grid
    """Of the outputs."""
    made: tuple[Made, ...]
    files: Mapping[str, Digest]
    """The files that were put, by name without suffix: the outputs', and `reason`."""
    reasons: dict[Reason, int]
    """Pixels by reason; sums to the raster's size."""
    negative: int
    """Valid pixels of which a band's reflectance is at or below zero."""
    parts: tuple[OpenPart, ...]
    """How the sources' numbers were read; closed by now."""
    read: tuple[tuple[Name, Way], ...]
    """How every source was read."""

    @property
    def valid_percent(self) -> float:
        """Valid share of the pixels that are inside and have data; 0 where there are none."""
        beside = self.reasons[Reason.OUTSIDE] + self.reasons[Reason.NODATA]
        seen = sum(self.reasons.values()) - beside
        return round(100 * self.reasons[Reason.VALID] / seen, 4) if seen else 0.0


def process(
    document: TaskDocument,
    rasters: Sequence[Raster],
    folder: Path,
    begin: Begin,
    *,
    script: Path | None = None,
    only: Window | Wish | None = None,
    budget: Budget | None = None,
) -> Rasters:
    """Reads, masks, computes and writes one scene's rasters.

    Args:
        document: the task.
        rasters: its sources, opened (`names.names_of`).
        folder: the working folder, for what waits on disk.
        begin: begins a file in the store.
        script: the processing script, where the document names one.
        only: a window of the outputs (row 0 and column 0 are theirs) in place of all of them, for
            a trial; or what is wished of it.
        budget: memory and threads.

    Raises:
        TaskError: with the reason why the scene cannot be processed.
    """
    maker = maker_of(document, script)
    sources = prepare(document, rasters)
    window = sources.clip.window if sources.clip else sources.grid.whole
    if only is not None:
        wish = only if isinstance(only, Wish) else Wish(window=only)
        window = choose(wish, sources.grid, window, sources.clip)
    log.info("%d x %d pixels of %d sources", window.height, window.width, len(rasters))
    scene = _Scene(document, sources, maker, window, budget or Budget())
    return scene.write(rasters, folder, begin)


@dataclass(frozen=True, slots=True)
class _Done:
    """A block, computed and encoded."""

    files: dict[str, Encoded]
    reasons: dict[Reason, int]
    statistics: dict[str, Sequence[Statistics]]
    saturated: dict[str, int]
    beyond: dict[str, int]
    negative: int


class _Scene:
    """A scene under way."""

    def __init__(
        self,
        document: TaskDocument,
        sources: Sources,
        maker: Maker,
        window: Window,
        budget: Budget,
    ) -> None:
        self._document = document
        self._sources = sources
        self._maker = maker
        self._window = window
        self._budget = budget
        self._grid = sources.grid.crop(window)
        self._layers = output_layers(document)

    def write(self, rasters: Sequence[Raster], folder: Path, begin: Begin) -> Rasters:
        """Computes all blocks and puts the files."""
        check_space(folder, self._grid, self._layers)
        with ExitStack() as stack:
            sources = stack.enter_context(tiled(rasters))
            by_tiles = [raster for raster in rasters if raster.way.layout]
            spent = self._shares(rasters)
            wide = spent.tiles
            blocks = cut(self._window, TILE, wide)
            needs = needs_of(blocks, self._sources, by_tiles, self._maker.overlap)
            done = stack.enter_context(read_ahead(by_tiles, sources, needs, spent.ahead))
            self._sources = settled(self._sources, rasters)  # tiles come meanwhile
            check_floats(self._sources, rasters)
            cogs = {layer.name: self._cog(layer, begin, stack) for layer in (REASON, *self._layers)}

            far = [r for r in rasters if r.way.layout is None and r.name.far]
            readers = stack.enter_context(ThreadPoolExecutor(AT_ONCE)) if len(far) > 1 else None

            def make(number: int) -> _Done:
                made = self._make(blocks[number], cogs, readers)
                done(number)
                return made

            # closed first of all: no thread may compute once what it reads is closed
            made = stack.enter_context(closing(in_order(make, len(blocks), spent.threads)))
            return self._gather(blocks, cogs, made, rasters)

    def _cog(self, layer: Layer, begin: Begin, stack: ExitStack) -> Cog:
        upload = stack.enter_context(closing(begin(f"{layer.name}.tif")))
        return Cog(layer, self._grid, self._document.compression, upload)

    def _shares(self, rasters: Sequence[Raster]) -> Shares:
        """What memory is spent on: a tile of the outputs takes so much of each source."""
        document, grid = self._document, self._sources.grid
        outputs = len(document.outputs)
        stored = 1 + outputs * np.dtype(document.dtype).itemsize
        read = sum(
            r.dtype.itemsize * min(1.0, grid.pixel_area / r.grid.pixel_area) for r in rasters
        )
        per_pixel = 2 * read + 2.5 * stored + 2  # twice: a source's tiles reach into other blocks
        if self._maker.alone:
            per_pixel += 3 * 4 * (len(self._document.parts[0].bands) + outputs)
        tiles = -(-self._window.width // TILE)
        wanted = self._budget
        if self._maker.alone:
            wanted = Budget(memory=wanted.memory, threads=1)
        found = shares(
            wanted,
            tiles=tiles,
            block=per_pixel * TILE * TILE,
            # rows of overviews that fill up
            whole=1.5 * stored * TILE * self._window.width + memory_of_blocks(rasters, wanted),
            cached=any(raster.way.layout is None for raster in rasters),
            ahead=any(raster.name.far for raster in rasters),
        )
        if self._maker.alone:
            return Shares(tiles=tiles, threads=1, ahead=found.ahead)
        return found

    def _make(self, block: Window, cogs: Mapping[str, Cog], readers: Executor | None) -> _Done:
        made, negative = compute_block(self._document, self._sources, self._maker, block, readers)
        files = {REASON.name: cogs[REASON.name].encode(made.reasons)}
        for layer in self._layers:
            values = [made.values[output.name] for output in layer.bands]
            whole = values[0] if len(values) == 1 else np.stack(values, axis=-1)
            files[layer.name] = cogs[layer.name].encode(whole)
        return _Done(
            files=files,
            reasons=mask.count(made.reasons),
            statistics={name: gather(values) for name, values in made.values.items()},
            saturated=made.saturated,
            beyond=made.beyond,
            negative=negative,
        )

    def _gather(
        self,
        blocks: Sequence[Window],
        cogs: Mapping[str, Cog],
        made: Iterable[_Done],
        rasters: Sequence[Raster],
    ) -> Rasters:
        """Joins blocks in their order, and puts the files."""
        document = self._document
        counts = dict.fromkeys(Reason, 0)
        whole = document.dtype == "int16"
        statistics = {o.name: Statistics(whole=whole) for o in document.outputs}
        saturated, beyond = dict.fromkeys(statistics, 0), dict.fromkeys(statistics, 0)
        negative = 0
        for block, done in zip(blocks, made, strict=True):
            for name, encoded in done.files.items():
                row, col = block.row - self._window.row, block.col - self._window.col
                cogs[name].append(encoded, row, col)
            for reason, count in done.reasons.items():
                counts[reason] += count
            for name, pieces in done.statistics.items():
                for piece in pieces:
                    statistics[name].join(piece)
                saturated[name] += done.saturated[name]
                beyond[name] += done.beyond[name]
            negative += done.negative
        _check_inside(counts, self._grid)
        tags = {
            layer.name: [statistics[output.name].tags() for output in layer.bands]
            for layer in self._layers
        }
        files = _finish(cogs, {**tags, REASON.name: [reason_tags()]})
        return Rasters(
            grid=self._grid,
            made=tuple(
                Made(
                    output=output,
                    file=layer.name,
                    band=band,
                    statistics=statistics[output.name],
                    saturated=saturated[output.name],
                    beyond=beyond[output.name],
                    small=cogs[layer.name].small(band),
                )
                for layer in self._layers
                for band, output in enumerate(layer.bands, 1)
            ),
            files=files,
            reasons=counts,
            negative=negative,
            parts=self._sources.parts,
            read=tuple((raster.name, raster.way) for raster in rasters),
        )


def _finish(cogs: Mapping[str, Cog], tags: Mapping[str, list[dict[str, str]]]) -> dict[str, Digest]:
    """Puts all files at once: most of it is waiting, for a disk or a service."""
    with ThreadPoolExecutor(len(tags), thread_name_prefix="finish") as pool:
        coming = {name: pool.submit(cogs[name].finish, of_bands) for name, of_bands in tags.items()}
    return {name: one.result() for name, one in coming.items()}


def _check_inside(counts: dict[Reason, int], grid: Grid) -> None:
    if counts[Reason.OUTSIDE] == grid.width * grid.height:
        raise TaskError(
            Exit.NO_OVERLAP,
            "the area to clip to holds no pixel's centre; take a larger area, or a finer `grid`, "
            "whose resolution is in units of its CRS",
        )
