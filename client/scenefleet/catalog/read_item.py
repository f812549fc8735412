"""Reads a STAC item's JSON as a scene: its time, its assets, and what is told of their bands."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from scenefleet.catalog.flaws import FAULTS, flaw
from scenefleet.catalog.model import Asset, Json, ListedBand, Scene
from scenefleet.errors import CatalogError


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
    except FAULTS as error:
        raise CatalogError(f"Item {name!r} is no valid STAC item ({flaw(error)}).") from error


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
