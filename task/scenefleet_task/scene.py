"""One scene, from open sources to rasters in the working folder, strip by strip.

All indices of a task share one validity: a pixel is valid where every band it needs has data,
nothing masks it and every index has a value. So an index raster is nodata exactly where
`reason.tif` is not 0.
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
from scenefleet_task.clip import Clip
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Alignment, Grid, Window, align, finest, strips
from scenefleet_task.log import log
from scenefleet_task.read import Name, Raster, opened
from scenefleet_task.spec import Band, Exit, Index, Reason, TaskDocument
from scenefleet_task.statistics import Statistics
from scenefleet_task.write import (
    REASON,
    TILE,
    Draft,
    check_space,
    index_layer,
    reason_tags,
    unique,
)

ROWS = 32
"""Rows of arithmetic at a time: float32 temporaries stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRaster:
    """One index, written."""

    name: str
    file: Path
    statistics: Statistics
    saturated: int
    """Values beyond int16's range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """How one band's numbers were read, for the output item to say."""

    band: Band
    nodata: float | None
    """The number that meant no data, by the header or else the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rasters:
    """What a scene became."""

    grid: Grid
    """Of the outputs."""
    indices: tuple[IndexRaster, ...]
    reason: Path
    reasons: dict[Reason, int]
    """Pixels by reason; sums to the raster's size."""
    radiometry: tuple[Radiometry, ...]

    @property
    def valid_percent(self) -> float:
        """Valid share of the pixels that are inside and have data; 0 where there are none."""
        beside = self.reasons[Reason.OUTSIDE] + self.reasons[Reason.NODATA]
        seen = sum(self.reasons.values()) - beside
        return round(100 * self.reasons[Reason.VALID] / seen, 4) if seen else 0.0


@dataclass(frozen=True, slots=True)
class _Layer:
    """A source and where it lies in the target grid."""

    raster: Raster
    alignment: Alignment

    def read(self, window: Window) -> NDArray[Any]:
        return self.raster.read(self.alignment.window(window))

    def spread(self, values: NDArray[Any], window: Window) -> NDArray[Any]:
        return self.alignment.spread(values, window)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What stays the same for all strips."""

    indices: tuple[Index, ...]
    bands: dict[str, tuple[Band, _Layer]]
    mask: tuple[_Layer, NDArray[np.uint8]] | None
    clip: Clip | None


@dataclass(frozen=True, slots=True)
class _Strip:
    """A strip's outputs; shape (height, width) each."""

    reasons: NDArray[np.uint8]
    values: dict[str, NDArray[np.int16]]
    saturated: dict[str, int]


def process(document: TaskDocument, access: Access, folder: Path) -> Rasters:
    """Reads, masks, computes and writes one scene's rasters into `folder`.

    Raises:
        TaskError: with the reason why the scene cannot be processed.
    """
    used = {name for index in document.indices for name in (index.first, index.second)}
    bands = [band for band in document.bands if band.name in used]
    sources: list[tuple[str, str]] = [(band.asset, band.href) for band in bands]
    if document.mask:
        sources.append((document.mask.asset, document.mask.href))
    names = [Name(item=document.source.id, asset=a, href=h) for a, h in sources]
    with opened(names, access) as rasters:
        scene, grid = _prepare(document, bands, rasters)
        window = scene.clip.window if scene.clip else grid.whole
        log.info("%d x %d pixels of %d sources", window.height, window.width, len(rasters))
        return _write(scene, grid, window, folder)


def _prepare(
    document: TaskDocument, bands: list[Band], rasters: list[Raster]
) -> tuple[_Scene, Grid]:
    grid = finest([raster.grid for raster in rasters[: len(bands)]])
    target = next(raster for raster in rasters if raster.grid is grid)
    layers = [
        _Layer(
            raster,
            align(grid, raster.grid, (f"{target.name}", f"asset {raster.name.asset}")),
        )
        for raster in rasters
    ]
    masking = None
    if document.mask:
        table = mask.lookup_table(document.mask, rasters[-1].dtype, rasters[-1].nodata)
        masking = (layers[-1], table)
    clip = Clip(document.clip, grid) if document.clip else None
    read = {band.name: (band, layer) for band, layer in zip(bands, layers, strict=False)}
    return _Scene(document.indices, read, masking, clip), grid


def _write(scene: _Scene, grid: Grid, window: Window, folder: Path) -> Rasters:
    output = grid.crop(window)
    check_space(folder, output, len(scene.indices))
    counts = dict.fromkeys(Reason, 0)
    statistics = {index.name: Statistics() for index in scene.indices}
    saturated = dict.fromkeys(statistics, 0)
    with ExitStack() as stack:
        drafts = {
            layer.name: stack.enter_context(Draft(layer, output, folder))
            for layer in (REASON, *map(index_layer, statistics))
        }
        for part in strips(window, TILE):
            strip = _strip(scene, part)
            place = Window(part.row - window.row, 0, part.height, part.width)
            drafts[REASON.name].write(strip.reasons, place)
            valid = strip.reasons == Reason.VALID
            for name, values in strip.values.items():
                drafts[name].write(values, place)
                statistics[name].add(values, valid)
                saturated[name] += strip.saturated[name]
            for reason, count in unique(strip.reasons).items():
                counts[reason] += count
        _check_inside(counts, output)
        files = {name: folder / f"{name}.tif" for name in drafts}
        for name, draft in drafts.items():
            draft.finish(
                files[name], statistics[name].tags() if name in statistics else reason_tags()
            )
    return Rasters(
        grid=output,
        indices=tuple(
            IndexRaster(name=n, file=files[n], statistics=s, saturated=saturated[n])
            for n, s in statistics.items()
        ),
        reason=files[REASON.name],
        reasons=counts,
        radiometry=tuple(
            Radiometry(band=band, nodata=_nodata(band, layer.raster))
            for band, layer in scene.bands.values()
        ),
    )


def _strip(scene: _Scene, window: Window) -> _Strip:
    shape = (window.height, window.width)
    reasons = np.full(shape, mask.FREE, np.uint8)
    values = {index.name: np.empty(shape, np.int16) for index in scene.indices}
    saturated = dict.fromkeys(values, 0)
    if scene.clip:
        mask.add(reasons, scene.clip.outside(window), Reason.OUTSIDE)
    if scene.clip and not (reasons == mask.FREE).any():
        for packed in values.values():
            packed.fill(compute.NODATA)  # nothing of the strip is inside: nothing is read
        return _Strip(reasons, values, saturated)
    numbers = {name: _numbers(*pair, window, reasons) for name, pair in scene.bands.items()}
    if scene.mask:
        layer, table = scene.mask
        mask.add_classes(reasons, layer.spread(layer.read(window), window), table)
    for row in range(0, window.height, ROWS):
        rows = slice(row, row + ROWS)
        lifted = _lift(scene, {name: array[rows] for name, array in numbers.items()})
        packed = _indices(scene.indices, lifted, reasons[rows])
        for name, part in packed.items():
            values[name][rows] = part.values
            saturated[name] += part.saturated
    return _Strip(reasons, values, saturated)


def _numbers(band: Band, layer: _Layer, window: Window, reasons: NDArray[np.uint8]) -> NDArray[Any]:
    """A band's digital numbers in the target's pixels; marks its nodata in `reasons`."""
    numbers = layer.read(window)
    invalid = layer.raster.is_nodata(numbers, band.nodata)
    if invalid is not None:
        mask.add(reasons, layer.spread(invalid, window), Reason.NODATA)
    if layer.raster.masked:
        masked = layer.raster.read_invalid(layer.alignment.window(window))
        mask.add(reasons, layer.spread(masked, window), Reason.NODATA)
    return layer.spread(numbers, window)


def _lift(scene: _Scene, numbers: dict[str, NDArray[Any]]) -> dict[str, compute.Float32]:
    scale = next(iter(scene.bands.values()))[0].scale
    return {name: compute.lift(n, scene.bands[name][0], scale) for name, n in numbers.items()}


def _indices(
    indices: tuple[Index, ...], bands: dict[str, compute.Float32], reasons: NDArray[np.uint8]
) -> dict[str, compute.Packed]:
    """All indices of a few rows; marks what has no value, and settles the rows' reasons."""
    found: dict[str, compute.Float32] = {}
    for index in indices:
        found[index.name], undefined = compute.difference(bands[index.first], bands[index.second])
        mask.add(reasons, undefined, Reason.NO_SIGNAL)
    mask.settle(reasons)
    valid = reasons == Reason.VALID
    return {name: compute.pack(values, valid) for name, values in found.items()}


def _check_inside(counts: dict[Reason, int], grid: Grid) -> None:
    if counts[Reason.OUTSIDE] == grid.width * grid.height:
        raise TaskError(
            Exit.NO_OVERLAP, "the area to clip to holds no pixel's centre; take a larger area"
        )


def _nodata(band: Band, raster: Raster) -> float | None:
    return band.nodata if raster.nodata is None else raster.nodata
