"""What a catalogue gives: scenes with their assets, and what a search kept, dropped and noticed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from scenefleet.errors import CatalogError

Json = dict[str, Any]


def is_number(value: Any) -> TypeGuard[float]:  # noqa: ANN401 - any JSON value
    """Tells whether a JSON value is a finite number, and no integer too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBand:
    """One of several bands of a file, as its item lists them."""

    common_names: tuple[str, ...]
    """STAC common names: one, unless the item contradicts itself."""
    names: tuple[str, ...]
    """Its own name and description."""
    scale: float | None
    offset: float | None
    nodata: float | None
    data_type: str | None
    unit: str | None

    @property
    def title(self) -> str:
        """The name that messages use."""
        return next((text for text in (*self.names, *self.common_names)), "without a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of a scene, as its item describes it."""

    href: str
    """An unsigned URL, or an absolute path of a local file."""
    media_type: str | None
    roles: tuple[str, ...]
    common_names: tuple[str, ...]
    """STAC common names of its bands, in band order; a band without one is left out."""
    bands: int
    """How many bands the item describes for it; 0 where it describes none."""
    gsd: float | None
    """Ground sample distance in metres."""
    scale: float | None
    """As the item says for the first band (`raster:bands` or STAC 1.1 `bands`); so are the next."""
    offset: float | None
    nodata: float | None
    data_type: str | None
    shape: tuple[int, int] | None
    """`proj:shape`: rows, columns."""
    transform: tuple[float, ...] | None
    """`proj:transform`: six or nine numbers, row-major, from (column, row) to the CRS."""
    listed: tuple[ListedBand, ...] = ()
    """Its bands in their order, where the item describes more than one."""

    def of_band(self, number: int | None) -> Asset:
        """The asset as its item describes one of its bands, counted from 1; itself of None."""
        if number is None or not 1 <= number <= len(self.listed):
            return self
        band = self.listed[number - 1]
        return replace(
            self,
            scale=band.scale,
            offset=band.offset,
            nodata=band.nodata,
            data_type=band.data_type,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is needed of a STAC item; `document` is the item itself."""

    id: str
    collection: str
    """Empty where the item names none."""
    datetime: str
    """RFC 3339, UTC; the start of the interval where the item has one instead."""
    bbox: tuple[float, ...]
    """west, south, east, north in degrees (EPSG:4326)."""
    geometry: Json
    """GeoJSON geometry of the footprint, longitude before latitude."""
    properties: Json
    assets: Mapping[str, Asset]
    href: str | None
    """The item's own unsigned address or path, or None where it has none."""
    document: Json = field(repr=False)
    """The STAC item: as served, but every href absolute and unsigned, and `bbox` there."""
    also: tuple[Scene, ...] = ()
    """Further items of the same acquisition; their pixels fill where those before have none."""

    @property
    def parts(self) -> tuple[Scene, ...]:
        """Every item of the scene: itself first, then those that fill it."""
        return (self, *self.also)

    def to_json(self) -> Json:
        """The scene's own item as STAC JSON; `parts` have one each."""
        return self.document

    @property
    def cloud_cover(self) -> float | None:
        """`eo:cloud_cover` in per cent; of several items their mean, weighed by what each holds.

        None where an item says nothing of it.
        """
        if self.also:
            from scenefleet.catalog.clouds import cover_of

            return cover_of(self.parts)
        value = self.properties.get("eo:cloud_cover")
        return float(value) if is_number(value) else None

    @property
    def nodata_share(self) -> float | None:
        """`s2:nodata_pixel_percentage`, or None where the item says nothing of it."""
        value = self.properties.get("s2:nodata_pixel_percentage")
        return float(value) if is_number(value) else None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A scene that a search met but does not give."""

    item: str
    reason: str
    """In words; many scenes may share one text up to the first colon."""


class NoUsableItemError(CatalogError):
    """A search whose items all cannot be used."""

    def __init__(self, text: str, dropped: Sequence[Dropped]) -> None:
        """Takes the sentence, and each item with its reason."""
        super().__init__(text)
        self.dropped = dropped


@dataclass(frozen=True, slots=True)
class United:
    """An item that is kept as a part of another's scene."""

    item: str
    scene: str
    """Id of the scene that it fills; the same as `item` where one id came with two contents."""
    rule: str
    """Name of the rule, see `duplicates`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found."""

    items: Sequence[Scene]
    """Sorted by datetime, collection and id. Each is read anew when it is asked for: go through
    them in order, and keep what is needed of one rather than the scene."""
    matched: int | None
    """How many the server said match what it was asked, or None where it did not say."""
    dropped: tuple[Dropped, ...] = ()
    united: tuple[United, ...] = ()
    """Items that are parts of the scenes, beside the scenes' own."""
    coverage: float | None = None
    """Share of the area, 0 to 1, that lies in a scene's footprint; None where no area was given."""
    notes: tuple[str, ...] = ()
    """What the user should know: filters that a server ignored, boxes made from geometries ..."""
