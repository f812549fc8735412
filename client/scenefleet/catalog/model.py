"""What a catalogue gives: scenes with their assets, and what a search kept, dropped and noticed."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeGuard, cast

from scenefleet.errors import CatalogError

Json = dict[str, Any]


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


def from_json(item: Json) -> Scene:
    """The scene of a STAC item whose hrefs are absolute and unsigned (see `catalog.item.tidy`).

    Raises:
        CatalogError: if a member that is needed is missing or malformed.
    """
    name = item.get("id")
    if not isinstance(name, str) or not name:
        raise CatalogError("The catalogue gave an item without an id; STAC requires one.")
    try:
        return _scene(name, item, _all_assets)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise CatalogError(f"Item {name!r} is no valid STAC item ({detail}).") from error


def from_checked(item: Json) -> Scene:
    """The scene of an item that `from_json` took before; its assets are read when asked for."""
    return _scene(str(item["id"]), item, _Assets)


def link_list(links: Any) -> list[Json]:  # noqa: ANN401 - any JSON value
    """The links of a document that are objects."""
    found = cast("list[Any]", links) if isinstance(links, list) else []
    return [cast("Json", link) for link in found if isinstance(link, dict)]


def moment(item: Json) -> datetime:
    """When the item was acquired: `datetime`, or `start_datetime` where that is null.

    Raises:
        CatalogError: if it has neither, or no RFC 3339 time.
    """
    properties = cast("Json", item.get("properties") or {})
    text = properties.get("datetime") or properties.get("start_datetime")
    if not isinstance(text, str):
        raise CatalogError(f"Item {item.get('id')!r} has neither datetime nor start_datetime.")
    return instant(text, item)


def instant(text: str, item: Json) -> datetime:
    """An RFC 3339 time of an item; one without an offset counts as UTC, as old catalogues mean it.

    Raises:
        CatalogError: if it is no such time.
    """
    try:
        return read_time(text)
    except ValueError:
        said = text[:60]
        raise CatalogError(f"Item {item.get('id')!r} has {said!r}, which is no time.") from None


def read_time(text: str) -> datetime:
    """An RFC 3339 time in UTC; digits beyond microseconds are cut off.

    Raises:
        ValueError: if it is no such time.
    """
    try:
        value = datetime.fromisoformat(_LEAP.sub(r"\g<1>59.999999", text))
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


_LEAP = re.compile(r"(T\d\d:\d\d:)60(?:\.\d+)?")
"""A leap second, which Python's clock has not: it counts as the end of its minute."""


class _Assets(Mapping[str, Asset]):
    """Assets by key, each read when it is asked for: a task needs few of those there are."""

    __slots__ = ("_properties", "_read", "_told")

    def __init__(self, told: Json, properties: Json) -> None:
        self._told = told
        self._properties = properties
        self._read: dict[str, Asset] = {}

    def __getitem__(self, key: str) -> Asset:
        if (asset := self._read.get(key)) is None:
            asset = self._read[key] = _asset(self._told[key], self._properties)
        return asset

    def __contains__(self, key: object) -> bool:
        return key in self._told

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)


def _all_assets(told: Json, properties: Json) -> Mapping[str, Asset]:
    return {key: _asset(asset, properties) for key, asset in told.items()}


def _scene(
    name: str, item: Json, read_assets: Callable[[Json, Json], Mapping[str, Asset]]
) -> Scene:
    properties = cast("Json", item.get("properties") or {})
    assets = cast("Json", item.get("assets") or {})
    bbox = tuple(float(number) for number in item["bbox"])
    links = link_list(item.get("links"))
    return Scene(
        id=name,
        collection=str(item.get("collection") or ""),
        datetime=moment(item).isoformat().replace("+00:00", "Z"),
        # a box with heights has six numbers: RFC 7946, section 5
        bbox=bbox if len(bbox) == 4 else (bbox[0], bbox[1], bbox[3], bbox[4]),
        geometry=item["geometry"],
        properties=properties,
        assets=read_assets(assets, properties),
        href=next((str(link["href"]) for link in links if link.get("rel") == "self"), None),
        document=item,
    )


def _asset(asset: Json, properties: Json) -> Asset:
    bands = _bands(asset)
    first = bands[0] if bands else {}
    names = [band.get("common_name") or band.get("eo:common_name") for band in bands]
    shape = asset.get("proj:shape") or properties.get("proj:shape")
    transform = asset.get("proj:transform") or properties.get("proj:transform")
    told = not (_TOLD.isdisjoint(first) and _TOLD.isdisjoint(asset))  # of most assets nothing is
    data_type = _first(first, asset, _DATA_TYPE) if told else None
    gsd = _first(first, asset, _GSD)
    return Asset(
        href=str(asset["href"]),
        media_type=_text(asset.get("type")),
        roles=tuple(filter(None, map(_text, asset.get("roles") or ()))),
        common_names=tuple([str(text) for text in names if text]),
        bands=len(bands),
        gsd=_number(_first(properties, {}, _GSD) if gsd is None else gsd),
        scale=_number(_first(first, asset, _SCALE)) if told else None,
        offset=_number(_first(first, asset, _OFFSET)) if told else None,
        nodata=_number(_first(first, asset, _NODATA)) if told else None,
        data_type=str(data_type) if data_type else None,
        shape=_shape(shape),
        transform=tuple(map(float, transform)) if transform else None,
        listed=tuple([_listed(band, asset) for band in bands]) if len(bands) > 1 else (),
    )


def _listed(band: Json, asset: Json) -> ListedBand:
    data_type = _first(band, asset, _DATA_TYPE)
    unit = _first(band, asset, ("unit", "raster:unit"))
    common = [band.get(key) for key in ("common_name", "eo:common_name")]
    own = [band.get(key) for key in ("name", "description")]
    return ListedBand(
        common_names=tuple(dict.fromkeys([str(text) for text in common if text])),
        names=tuple(dict.fromkeys([str(text) for text in own if text])),
        scale=_number(_first(band, asset, _SCALE)),
        offset=_number(_first(band, asset, _OFFSET)),
        nodata=_number(_first(band, asset, _NODATA)),
        data_type=str(data_type) if data_type else None,
        unit=str(unit) if unit else None,
    )


def _shape(value: Any) -> tuple[int, int] | None:  # noqa: ANN401 - any JSON value
    """Rows and columns; None for what can be no raster's: it counts as not told."""
    if not isinstance(value, list | tuple):
        return None
    sides: list[Any] = [*cast("list[Any]", value)]
    if len(sides) != 2 or any(isinstance(n, bool) or not isinstance(n, int | float) for n in sides):
        return None
    if not all(1 <= n <= _LONGEST and n == int(n) for n in sides):
        return None
    return int(sides[0]), int(sides[1])


_LONGEST = 1_000_000
"""Pixels along a side: no scene's raster has more."""
_GSD = ("gsd", "spatial_resolution", "eo:gsd")
_SCALE = ("scale", "raster:scale")
_OFFSET = ("offset", "raster:offset")
_NODATA = ("nodata", "raster:nodata")
_DATA_TYPE = ("data_type", "raster:data_type")
_TOLD = frozenset((*_SCALE, *_OFFSET, *_NODATA, *_DATA_TYPE))


def _bands(asset: Json) -> list[Json]:
    """The asset's bands, of all that tells of them: STAC 1.1 `bands`, `raster:bands`, `eo:bands`.

    An item that says it twice may contradict itself, so none hides another's keys.
    """
    keys = ("eo:bands", "raster:bands", "bands")
    sources = [cast("list[Json]", told) for key in keys if (told := asset.get(key))]
    if not sources:
        return []
    count = max(len(source) for source in sources)
    merged: list[Json] = [{} for _ in range(count)]
    for source in sources:
        for band, more in zip(merged, source, strict=False):
            band.update(more)
    return merged


def _first(place: Json, other: Json, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """The first value that is there, of one place before the other."""
    for name in names:
        if (value := place.get(name)) is not None:
            return value
    for name in names:
        if (value := other.get(name)) is not None:
            return value
    return None


def is_number(value: Any) -> TypeGuard[float]:  # noqa: ANN401 - any JSON value
    """Tells whether a JSON value is a finite number, and no integer too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """A finite number; the texts "nan" and "inf" that STAC allows for nodata give None.

    A raster of floats knows its own NaN, and JSON written later could not hold it.
    """
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
