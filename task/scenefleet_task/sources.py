"""A scene's sources, opened and brought to one grid: its parts, each with bands and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenefleet_task import mask, offset
from scenefleet_task.clip import Clip
from scenefleet_task.grid import Grid, Window, align, finest
from scenefleet_task.layer import Aligned, Layer, MaskLayer, Resampled, pixel_metres
from scenefleet_task.log import log
from scenefleet_task.read import Raster
from scenefleet_task.spec import Band, Mask, OffsetCheck, Part, TaskDocument
from scenefleet_task.target import target_grid
from scenefleet_task.warp import Warped

SIDE = 700
"""Pixels of the longer side that are looked at: an overview of a sixteenth of a full scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLayer:
    """A band, where it lies, and how its numbers are read."""

    band: Band
    layer: Layer
    offset: float
    """The document's, or the other one where the pixels settled it so."""
    nodata: float | None
    """The number that means no data, by the header or else the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPart:
    """A part of the document, opened."""

    item: str
    bands: dict[str, BandLayer]
    masks: tuple[MaskLayer, ...]
    check: OffsetCheck | None
    finding: offset.Finding | None
    """What the look at the pixels found, where the document wants one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What stays the same for all windows."""

    grid: Grid
    """The whole grid that outputs are windows of."""
    parts: tuple[OpenPart, ...]
    clip: Clip | None


def prepare(document: TaskDocument, rasters: Sequence[Raster]) -> Sources:
    """Brings opened sources to one grid, and looks at the pixels where that was asked for.

    Args:
        document: the task.
        rasters: of `names_of(document)`, opened.

    Raises:
        TaskError: if sources do not fit together, or their numbers cannot be understood.
    """
    by_href = {raster.name.href: raster for raster in rasters}
    first, *more = ([by_href[band.href] for band in part.bands] for part in document.parts)
    if document.grid:
        every = [raster.grid for rasters in (first, *more) for raster in rasters]
        grid = target_grid(document.grid, every, document.clip)
    else:
        grid = finest([raster.grid for raster in first])
    place = _Place(document, grid, by_href, next((r for r in first if r.grid is grid), first[0]))
    return Sources(
        grid=grid,
        parts=tuple(_open(part, place) for part in document.parts),
        clip=Clip(document.clip, grid) if document.clip else None,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """The target grid, and how a source gets there."""

    document: TaskDocument
    grid: Grid
    rasters: dict[str, Raster]
    target: Raster
    """The source whose grid it is."""

    def band(self, source: Band) -> Layer:
        raster, wanted = self.rasters[source.href], self.document.grid
        if wanted:
            return Resampled(Warped(raster, self.grid, wanted.resampling))
        return self._aligned(raster)

    def mask(self, source: Mask) -> MaskLayer:
        raster = self.rasters[source.href]
        table = mask.lookup_table(source, raster.dtype, raster.nodata)
        if not self.document.grid:
            return MaskLayer(self._aligned(raster), table, _radius(source.dilate, raster.grid))
        # an area cuts the grid off: what is masked just beyond it grows into it all the same
        radius = _radius(source.dilate, self.grid)
        margin = rows, cols = mask.halo(radius)
        wide = Window(-rows, -cols, self.grid.height + 2 * rows, self.grid.width + 2 * cols)
        warped = Warped(raster, self.grid.crop(wide), "nearest")
        return MaskLayer(Resampled(warped, margin), table, radius)

    def _aligned(self, raster: Raster) -> Aligned:
        raster.look_at_tiles()
        name = raster.name
        names = (str(self.target.name), f"item {name.item}, asset {name.asset}")
        return Aligned(raster, align(self.grid, raster.grid, names))


def _open(part: Part, place: _Place) -> OpenPart:
    finding = _look(part, place.rasters) if part.check and part.check.look else None
    bands = {band.name: _band(band, part, finding, place) for band in part.bands}
    masks = tuple(place.mask(source) for source in part.masks)
    return OpenPart(item=part.item, bands=bands, masks=masks, check=part.check, finding=finding)


def _band(band: Band, part: Part, finding: offset.Finding | None, place: _Place) -> BandLayer:
    raster = place.rasters[band.href]
    applied = band.offset
    if finding and part.check and band.name in part.check.bands:
        applied = -part.check.shift * band.scale if finding.carried else 0.0
    return BandLayer(
        band=band,
        layer=place.band(band),
        offset=applied,
        nodata=band.nodata if raster.nodata is None else raster.nodata,
    )


def _radius(metres: float, grid: Grid) -> tuple[float, float]:
    """In rows and columns."""
    height, width = pixel_metres(grid)
    return metres / height, metres / width


def _look(part: Part, rasters: dict[str, Raster]) -> offset.Finding:
    check = part.check
    assert check is not None
    red, nir = (rasters[band.href] for band in check.look)
    grid = red.grid
    shrink = max(1, grid.height / SIDE, grid.width / SIDE)
    shape = max(1, round(grid.height / shrink)), max(1, round(grid.width / shrink))
    small = [raster.read_small(shape) for raster in (red, nir)]
    seen = np.ones(shape, np.bool_)
    for raster, values, band in zip((red, nir), small, check.look, strict=True):
        missing = raster.is_nodata(values, band.nodata)
        if missing is not None:
            seen &= ~missing
    finding = offset.settle(check, small[0][seen], small[1][seen], part.item)
    log.info(
        "offset of %d: metadata says %s, pixels say %s", check.shift, check.said, finding.verdict
    )
    return finding
