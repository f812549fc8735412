"""One scene, from open sources to rasters in the working folder, strip by strip.

All outputs of a task share one validity: a pixel is valid where every band that is read has data,
nothing masks it and every output has a value. So an output is nodata exactly where `reason.tif` is
not 0.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import compute, mask
from scenefleet_task.access import Access
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window, strips
from scenefleet_task.layer import grow, within
from scenefleet_task.log import log
from scenefleet_task.maker import Bands, Found, Maker, maker_of
from scenefleet_task.read import opened
from scenefleet_task.sources import BandLayer, OpenPart, Sources, names_of, prepare
from scenefleet_task.spec import Exit, Output, Reason, TaskDocument
from scenefleet_task.statistics import Statistics, statistics_of
from scenefleet_task.write import (
    REASON,
    TILE,
    Draft,
    check_space,
    output_layers,
    reason_tags,
    unique,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One output, written."""

    output: Output
    file: Path
    band: int
    """Its number in the file, from 1."""
    statistics: Statistics
    saturated: int
    """Values beyond int16's range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rasters:
    """What a scene became."""

    grid: Grid
    """Of the outputs."""
    made: tuple[Made, ...]
    reason: Path
    reasons: dict[Reason, int]
    """Pixels by reason; sums to the raster's size."""
    parts: tuple[OpenPart, ...]
    """How the sources' numbers were read; closed by now."""

    @property
    def files(self) -> dict[str, Path]:
        """The files of the outputs, by name without suffix, each once."""
        return {made.file.stem: made.file for made in self.made}

    @property
    def valid_percent(self) -> float:
        """Valid share of the pixels that are inside and have data; 0 where there are none."""
        beside = self.reasons[Reason.OUTSIDE] + self.reasons[Reason.NODATA]
        seen = sum(self.reasons.values()) - beside
        return round(100 * self.reasons[Reason.VALID] / seen, 4) if seen else 0.0


def process(
    document: TaskDocument,
    access: Access,
    folder: Path,
    *,
    script: Path | None = None,
    only: Window | int | None = None,
) -> Rasters:
    """Reads, masks, computes and writes one scene's rasters into `folder`.

    Args:
        document: the task.
        access: signs addresses.
        folder: the working folder.
        script: the processing script, where the document names one.
        only: a window of the outputs (row 0 and column 0 are theirs) in place of all of them, for
            a trial; or the length of its sides, for one in the middle.

    Raises:
        TaskError: with the reason why the scene cannot be processed.
    """
    maker = maker_of(document, script)
    with opened(names_of(document), access) as rasters:
        sources = prepare(document, rasters)
        window = sources.clip.window if sources.clip else sources.grid.whole
        if only is not None:
            window = _cut(only, window)
        log.info("%d x %d pixels of %d sources", window.height, window.width, len(rasters))
        return _write(document, sources, maker, window, folder)


def _cut(only: Window | int, window: Window) -> Window:
    if isinstance(only, int):
        rows, cols = (max(0, (n - only) // 2) for n in (window.height, window.width))
        only = Window(rows, cols, only, only)
    bottom = min(only.row + only.height, window.height)
    right = min(only.col + only.width, window.width)
    if bottom <= only.row or right <= only.col:
        raise TaskError(
            Exit.NO_OVERLAP,
            f"the window, {only}, lies beyond the outputs, which have {window.height} rows and "
            f"{window.width} columns",
        )
    return Window(window.row + only.row, window.col + only.col, bottom - only.row, right - only.col)


@dataclass(frozen=True, slots=True)
class _Strip:
    """A strip's outputs; shape (height, width) each."""

    reasons: mask.Reasons
    values: dict[str, NDArray[Any]]
    saturated: dict[str, int]


def _write(
    document: TaskDocument, sources: Sources, maker: Maker, window: Window, folder: Path
) -> Rasters:
    output = sources.grid.crop(window)
    layers = output_layers(document)
    check_space(folder, output, layers)
    counts = dict.fromkeys(Reason, 0)
    statistics = {o.name: statistics_of(document.dtype) for o in document.outputs}
    saturated = dict.fromkeys(statistics, 0)
    places = {o.name: (layer, n) for layer in layers for n, o in enumerate(layer.bands, 1)}
    with ExitStack() as stack:
        drafts = {
            layer.name: stack.enter_context(Draft(layer, output, folder))
            for layer in (REASON, *layers)
        }
        for part in strips(window, TILE):
            strip = _strip(document, sources, maker, part)
            place = Window(part.row - window.row, 0, part.height, part.width)
            drafts[REASON.name].write(strip.reasons, place)
            valid = strip.reasons == Reason.VALID
            for name, values in strip.values.items():
                layer, band = places[name]
                drafts[layer.name].write(values, place, band)
                statistics[name].add(values, valid)
                saturated[name] += strip.saturated[name]
            for reason, count in unique(strip.reasons).items():
                counts[reason] += count
        _check_inside(counts, output)
        drafts[REASON.name].finish(folder / "reason.tif", [reason_tags()])
        for layer in layers:
            tags = [statistics[o.name].tags() for o in layer.bands]
            drafts[layer.name].finish(folder / f"{layer.name}.tif", tags)
    return Rasters(
        grid=output,
        made=tuple(
            Made(
                output=o,
                file=folder / f"{places[o.name][0].name}.tif",
                band=places[o.name][1],
                statistics=statistics[o.name],
                saturated=saturated[o.name],
            )
            for o in document.outputs
        ),
        reason=folder / "reason.tif",
        reasons=counts,
        parts=sources.parts,
    )


def _strip(document: TaskDocument, sources: Sources, maker: Maker, window: Window) -> _Strip:
    outside = sources.clip.outside(window) if sources.clip else None
    if outside is not None and outside.all():
        return _empty(document, window)  # nothing of the strip is inside: nothing is read
    wide = grow(window, (maker.overlap, maker.overlap), sources.grid.whole)
    bands, reasons = _united(sources.parts, wide)
    here = within(window, wide)
    strip = _empty(document, window)
    strip.reasons[:] = reasons[here]
    mask.add(strip.reasons, outside, Reason.OUTSIDE)
    for rows, found in maker.make(document, sources.grid.crop(wide), bands, reasons, here):
        _settle(document, strip, rows, found)
    return strip


def _settle(document: TaskDocument, strip: _Strip, rows: slice, found: Found) -> None:
    """Fills rows of the strip: their reasons are final then, and outputs nodata where not valid."""
    reasons = strip.reasons[rows]
    for _, undefined in found.values():
        mask.add(reasons, undefined, Reason.NO_SIGNAL)
    mask.settle(reasons)
    valid = reasons == Reason.VALID
    for output in document.outputs:
        packed = compute.pack(found[output.name][0], valid, document.dtype, output.scale)
        strip.values[output.name][rows] = packed.values
        strip.saturated[output.name] += packed.saturated


def _empty(document: TaskDocument, window: Window) -> _Strip:
    """A strip of which nothing is inside."""
    shape = (window.height, window.width)
    fill = compute.NODATA if document.dtype == "int16" else np.nan
    values = {o.name: np.full(shape, fill, document.dtype) for o in document.outputs}
    reasons = np.full(shape, Reason.OUTSIDE, np.uint8)
    return _Strip(reasons, values, dict.fromkeys(values, 0))


def _united(parts: tuple[OpenPart, ...], window: Window) -> tuple[Bands, mask.Reasons]:
    """Bands and unsettled reasons; where a part has no data, the next one's count."""
    bands, reasons = _read(parts[0], window)
    for part in parts[1:]:
        gaps = reasons == Reason.NODATA
        if not gaps.any():
            break
        more, others = _read(part, window)
        gaps &= others != Reason.NODATA
        reasons[gaps] = others[gaps]
        bands = {name: _fill(bands[name], more[name], gaps) for name in bands}
    return bands, reasons


def _fill(
    one: tuple[NDArray[Any], float, float],
    other: tuple[NDArray[Any], float, float],
    gaps: NDArray[np.bool_],
) -> tuple[NDArray[Any], float, float]:
    """One band's numbers with another part's in the gaps.

    Where the two differ in radiometry, as values.
    """
    numbers, *radiometry = one
    if radiometry != list(other[1:]):
        return np.where(gaps, compute.lift(*other), compute.lift(*one)), 1.0, 0.0
    return np.where(gaps, other[0], numbers), one[1], one[2]


def _read(part: OpenPart, window: Window) -> tuple[Bands, mask.Reasons]:
    reasons = np.full((window.height, window.width), mask.FREE, np.uint8)
    bands = {name: _numbers(band, window, reasons) for name, band in part.bands.items()}
    for layer in part.masks:
        np.minimum(reasons, layer.reasons(window), out=reasons)
    return bands, reasons


def _numbers(
    source: BandLayer, window: Window, reasons: mask.Reasons
) -> tuple[NDArray[Any], float, float]:
    """A band's digital numbers in the target's pixels; marks its nodata in `reasons`."""
    layer = source.layer
    numbers, invalid = layer.read(layer.own(window), source.band.nodata)
    if invalid is not None:
        mask.add(reasons, layer.spread(invalid, window), Reason.NODATA)
    return layer.spread(numbers, window), source.band.scale, source.offset


def _check_inside(counts: dict[Reason, int], grid: Grid) -> None:
    if counts[Reason.OUTSIDE] == grid.width * grid.height:
        raise TaskError(
            Exit.NO_OVERLAP,
            "the area to clip to holds no pixel's centre; take a larger area, or a finer `grid`, "
            "whose resolution is in units of its CRS",
        )
