"""A scene's sources, opened and brought to one grid: its parts, each with bands and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenefleet_task import mask, offset
from scenefleet_task.clip import Clip
from scenefleet_task.extents import apart, names_for, scene_grid
from scenefleet_task.grid import Grid, Window, align, shared
from scenefleet_task.header import Header
from scenefleet_task.layer import Aligned, Layer, MaskLayer, Resampled, pixel_metres
from scenefleet_task.names import Key, key_of
from scenefleet_task.radiometry import Numbers, numbers_of
from scenefleet_task.read import Raster
from scenefleet_task.spec import Band, Mask, OffsetCheck, Part, TaskDocument
from scenefleet_task.target import target_grid
from scenefleet_task.warp import Warped


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLayer:
    """A band, where it lies, and how its numbers are read."""

    band: Band
    layer: Layer
    numbers: Numbers
    """By document and header."""
    offset: float
    """The numbers', or the other one where the pixels settled it so (`look.settled`)."""
    header: Header

    @property
    def scale(self) -> float:
        """The one that counts."""
        return self.numbers.scale

    @property
    def nodata(self) -> tuple[float, ...]:
        """The digital numbers that mean no data."""
        return self.numbers.nodata


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPart:
    """A part of the document, opened."""

    item: str
    bands: dict[str, BandLayer]
    masks: tuple[MaskLayer, ...]
    check: OffsetCheck | None
    finding: offset.Finding | None = None
    """What a look at the pixels found, where the document wants one (`look.settled`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What stays the same for all windows."""

    grid: Grid
    """The whole grid that outputs are windows of."""
    parts: tuple[OpenPart, ...]
    clip: Clip | None


def prepare(document: TaskDocument, rasters: Sequence[Raster]) -> Sources:
    """Brings opened sources to one grid; no pixel is read.

    Args:
        document: the task.
        rasters: of `names_of(document)`, opened.

    Raises:
        TaskError: if sources do not fit together.
    """
    by_key = {raster.name.key: raster for raster in rasters}
    _free_alpha(document, by_key)
    parts = [[by_key[key_of(band)] for band in part.bands] for part in document.parts]
    if document.grid:
        every = [raster.grid for rasters in parts for raster in rasters]
        grid, target = target_grid(document.grid, every, document.clip), parts[0][0]
    else:
        grid, target = scene_grid(parts)
    place = _Place(document, grid, by_key, target)
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
    rasters: dict[Key, Raster]
    target: Raster
    """The source whose pixels it has."""

    def band(self, source: Band) -> Layer:
        raster, wanted = self.rasters[key_of(source)], self.document.grid
        if wanted:
            raster.resample()
            return Resampled(Warped(raster, self.grid, wanted.resampling))
        return self._aligned(raster)

    def mask(self, source: Mask) -> MaskLayer:
        raster = self.rasters[key_of(source)]
        table = mask.lookup_table(source, raster.dtype, raster.nodata)
        if not self.document.grid:
            return MaskLayer(self._aligned(raster), table, _radius(source.dilate, raster.grid))
        raster.resample()
        # an area cuts the grid off: what is masked just beyond it grows into it all the same
        radius = _radius(source.dilate, self.grid)
        margin = rows, cols = mask.halo(radius)
        wide = Window(-rows, -cols, self.grid.height + 2 * rows, self.grid.width + 2 * cols)
        warped = Warped(raster, self.grid.crop(wide), "nearest")
        return MaskLayer(Resampled(warped, margin), table, radius)

    def _aligned(self, raster: Raster) -> Aligned:
        raster.look_at_tiles()
        alignment = align(self.grid, raster.grid, names_for(self.target, raster))
        if shared(alignment.ground(raster.grid), self.grid.whole) is None:
            raise apart(self.target, raster)
        return Aligned(raster, alignment)


def _open(part: Part, place: _Place) -> OpenPart:
    bands = {band.name: _band(band, place) for band in part.bands}
    masks = tuple(place.mask(source) for source in part.masks)
    return OpenPart(item=part.item, bands=bands, masks=masks, check=part.check)


def _band(band: Band, place: _Place) -> BandLayer:
    raster = place.rasters[key_of(band)]
    numbers = numbers_of(band, raster.header, raster.name)
    return BandLayer(
        band=band,
        layer=place.band(band),
        numbers=numbers,
        offset=numbers.offset,
        header=raster.header,
    )


def _free_alpha(document: TaskDocument, rasters: dict[Key, Raster]) -> None:
    """A band that the document reads is no mask, though the file calls it alpha.

    GDAL writes the fourth band of four of 8 bits as alpha unless it is told otherwise, so near
    infrared often is.
    """
    read = {
        (raster.name.href, raster.header.band)
        for part in document.parts
        for raster in (rasters[key_of(band)] for band in part.bands)
    }
    for raster in rasters.values():
        if (raster.name.href, raster.header.alpha) in read:
            raster.free_alpha()


def _radius(metres: float, grid: Grid) -> tuple[float, float]:
    """In rows and columns."""
    height, width = pixel_metres(grid)
    return metres / height, metres / width
