"""Which asset of a scene holds a band, by its STAC common name.

First what the recipe describes under `collections`; then the tables of products whose keys are
known, since common names in items are too coarse (Planetary Computer calls Sentinel-2's B05, B06,
B07 and B8A all `rededge`, and the narrow B05 of HLS L30 `nir`); then the item's own common names.
Last come files of several bands, by the list of bands that the item has of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenefleet.catalog.media import READ, format_of
from scenefleet.catalog.model import Asset, ListedBand, Scene
from scenefleet.catalog.sensors import STANDS_IN, Sensor, sensor_of
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe.collections import BandPart, CollectionPart

_NOT_DATA = frozenset(("thumbnail", "overview", "metadata", "visual", "tiles"))
_RESOLUTION = re.compile(r"[_-](\d+)m(-jp2)?$", re.IGNORECASE)
"""Matches the pixel size in metres at a key's end: `B04_10m`."""
_PICTURE = re.compile(
    r"visual|(^|[^a-z])(tci|rgb)([^a-z]|$)|true.?colou?r|preview|thumbnail|overview|browse|quick.?look",
    re.IGNORECASE,
)
"""Keys of pictures for the eye, whatever their roles are: stretched, they are no measurement."""


def common_name(scene: Scene, key: str) -> str | None:
    """The common name of the one band that an asset holds, or None where it is no such band."""
    asset = scene.assets[key]
    if not _is_band(asset):
        return None
    sensor = sensor_of(scene)
    if sensor:
        for name in sensor.bands:
            if sensor.names(key, name):
                return name
    return asset.common_names[0] if asset.common_names else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPlace:
    """The place of a band: an asset, and a band in its file."""

    name: str
    """The name that it was found by: its own, or that of the band that stands in for it."""
    asset: str
    """The asset's key."""
    number: int | None
    """Its number in the file, from 1; None where the file has one band, or `description` tells."""
    description: str | None
    """Description of the band in the file's header, used where no number is known."""
    listed: int | None = None
    """Number of bands the item lists for the file, if the band's number comes from that list."""
    called: tuple[str, ...] = ()
    """The names that the list has of the band, and of no other."""


def find_band(scene: Scene, name: str, described: CollectionPart | None = None) -> str:
    """The key of the asset that holds a band; as `find_place`."""
    return find_place(scene, name, described).asset


def find_place(scene: Scene, name: str, described: CollectionPart | None = None) -> BandPlace:
    """Finds the place of a band.

    A TIFF is preferred over a JPEG 2000, and a finer grid over a coarser. Where a collection has no
    such band, another may stand in for it (`sensors.STANDS_IN`): `nir08` for `nir` in Landsat. In
    Sentinel-2 these two differ, so there a missing `nir` is an error.

    Args:
        scene: whose assets are looked at.
        name: a common name such as `red`, or one that the recipe describes.
        described: what the recipe says of the scene's collection.

    Raises:
        CatalogError: if there is no such band, or more than one that fits equally well.
    """
    sensor = sensor_of(scene)
    second = (sensor.stands_in if sensor else STANDS_IN).get(name)
    place = _find(scene, name, described)
    if place is None and second:
        place = _find(scene, second, described)
    if place is None:
        raise CatalogError(
            f"Item {scene.id!r} has no band {name!r}{_unread(scene, name)}; it has "
            f"{', '.join(band_names(scene, described))}."
        )
    return place


def number_in_file(scene: Scene, key: str, band: int | str) -> int | str:
    """The number of a band that the recipe gives by number or name; the name if no list has it.

    Raises:
        CatalogError: if the item lists several of that name.
    """
    if isinstance(band, int):  # whatever the item lists: lists are wrong, too
        return band
    listed = scene.assets[key].listed
    wanted = band.casefold()
    found = [
        n
        for n, one in enumerate(listed, 1)
        if wanted in (text.casefold() for text in (*one.common_names, *one.names))
    ]
    if len(found) > 1:
        raise _several(scene, key, band, found)
    return found[0] if found else band


def names_in_list(scene: Scene, key: str, number: int | None) -> tuple[str, ...]:
    """The names that an item's list has of a file's band, by its number, and of no other band."""
    listed = scene.assets[key].listed
    if number is None or number > len(listed):
        return ()
    others = {text for n, one in enumerate(listed, 1) if n != number for text in _all_names(one)}
    return tuple(text for text in _all_names(listed[number - 1]) if text not in others)


def _all_names(band: ListedBand) -> Iterable[str]:
    return dict.fromkeys((*band.names, *band.common_names))


def coarser(scene: Scene, name: str, key: str) -> list[str]:
    """Keys of the assets that hold the same band as one in the same format, but on coarser grids.

    Args:
        scene: whose assets are looked at.
        name: the band's common name.
        key: the asset that `find_band` found for it.
    """
    jp2, size, _ = rank(key, scene.assets[key])
    others = {other: rank(other, scene.assets[other]) for other in _candidates(scene, name)}
    return sorted(other for other, (form, its, _) in others.items() if form == jp2 and its > size)


def _unread(scene: Scene, name: str) -> str:
    """Why an asset that has the band's name is none that is read, where its type is the cause."""
    sensor = sensor_of(scene)
    for key, asset in scene.assets.items():
        own = sensor is not None and name in sensor.bands and sensor.names(key, name)
        if not (own or key == name or name in asset.common_names):
            continue
        if format_of(asset.media_type, asset.href) is None:
            told = asset.media_type or asset.href.rpartition("/")[2]
            return f" that can be read: its asset {key!r} is {told!r}, and {READ} are read"
    return ""


def band_names(scene: Scene, described: CollectionPart | None = None) -> list[str]:
    """The names that `find_band` knows in the scene, sorted; or a word that says none."""
    names = {name for key in scene.assets if (name := common_name(scene, key))}
    sensor = sensor_of(scene)
    for key, asset in scene.assets.items():
        if _holds_several(key, asset):
            names |= {name for band in asset.listed for name in band.common_names}
            if sensor:
                names |= {name for name in sensor.bands if _numbers(asset, name, sensor)}
    if described:
        names |= {name for name, band in described.bands.items() if band.asset in scene.assets}
    return sorted(names) or ["no band with a common name"]


def rank(key: str, asset: Asset) -> tuple[bool, float, int]:
    """Lower is better: TIFF before JPEG 2000, then the finer grid.

    The finer grid is told by a key such as `B04_10m`, else by the asset's ground sample distance;
    where those are equal (an item's own stands for all its assets), by `proj:shape`.
    """
    told = _RESOLUTION.search(key)
    size = float(told.group(1)) if told else asset.gsd or float("inf")
    rows, columns = asset.shape or (0, 0)
    return format_of(asset.media_type, asset.href) == "jp2", size, -rows * columns


def _find(scene: Scene, name: str, described: CollectionPart | None) -> BandPlace | None:
    if described and name in described.bands:
        return _described(scene, name, described.bands[name])
    ranked = _ranked(scene, _candidates(scene, name))
    if not ranked:
        return _among_several(scene, name)
    _check_one(scene, name, ranked)
    return BandPlace(name=name, asset=ranked[0], number=None, description=None)


def _ranked(scene: Scene, keys: Iterable[str]) -> list[str]:
    """Keys of assets, the best first."""
    ranks = {key: rank(key, scene.assets[key]) for key in keys}
    return sorted(ranks, key=lambda key: (ranks[key], key))


def _check_one(scene: Scene, name: str, ranked: list[str]) -> None:
    first, *others = (rank(key, scene.assets[key]) for key in ranked[:2])
    if first in others:
        raise CatalogError(
            f"Item {scene.id!r} has more than one band {name!r}: assets {', '.join(ranked)}. "
            f"Use a name that only one has: {', '.join(band_names(scene))}."
        )


def _described(scene: Scene, name: str, part: BandPart) -> BandPlace:
    key = part.asset
    if key not in scene.assets:
        raise CatalogError(
            f"Item {scene.id!r} has no asset {key!r}, which the recipe names for band {name!r} "
            f"of {scene.collection!r}; it has {', '.join(sorted(scene.assets)) or 'none'}."
        )
    if part.band is not None:
        band = number_in_file(scene, key, part.band)
        number, description = (band, None) if isinstance(band, int) else (None, band)
        by_list = isinstance(part.band, str) and number is not None
        return BandPlace(
            name=name,
            asset=key,
            number=number,
            description=description,
            listed=len(scene.assets[key].listed) if by_list else None,
            called=names_in_list(scene, key, number) if by_list else (),
        )
    listed = scene.assets[key].listed
    if not listed:
        return BandPlace(name=name, asset=key, number=None, description=None)
    found = _numbers(scene.assets[key], name, sensor_of(scene))
    if not found:
        raise CatalogError(
            f"Item {scene.id!r}: asset {key!r} has {_titles(listed)}, and none of them is called "
            f"{name!r}. {_to_write(scene, key, name, 1)}"
        )
    if len(found) > 1:
        raise _several(scene, key, name, found)
    return BandPlace(
        name=name,
        asset=key,
        number=found[0],
        description=None,
        listed=len(listed),
        called=names_in_list(scene, key, found[0]),
    )


def _among_several(scene: Scene, name: str) -> BandPlace | None:
    """The band in a file of several, by the list of bands that the item has of it."""
    sensor = sensor_of(scene)
    numbers = {
        key: found
        for key, asset in scene.assets.items()
        if _holds_several(key, asset) and (found := _numbers(asset, name, sensor))
    }
    ranked = _ranked(scene, numbers)
    if not ranked:
        return None
    _check_one(scene, name, ranked)
    key = ranked[0]
    if len(numbers[key]) > 1:
        raise _several(scene, key, name, numbers[key])
    return BandPlace(
        name=name,
        asset=key,
        number=numbers[key][0],
        description=None,
        listed=len(scene.assets[key].listed),
        called=names_in_list(scene, key, numbers[key][0]),
    )


def _numbers(asset: Asset, name: str, sensor: Sensor | None) -> list[int]:
    """Numbers of the listed bands that are called so: by the product's own names before others'."""
    listed = [*enumerate(asset.listed, 1)]
    if sensor and name in sensor.bands:
        own = [n for n, one in listed if any(sensor.names(text, name) for text in one.names)]
        if own:
            return own
    common = [n for n, one in listed if name in one.common_names]
    if common:
        return common
    return [n for n, one in listed if name.casefold() in (text.casefold() for text in one.names)]


def _several(scene: Scene, key: str, name: str, numbers: list[int]) -> CatalogError:
    return CatalogError(
        f"Item {scene.id!r}: bands {', '.join(map(str, numbers))} of asset {key!r} are all called "
        f"{name!r}. {_to_write(scene, key, name, numbers[0])}"
    )


def _to_write(scene: Scene, key: str, name: str, number: int) -> str:
    part = f"{{bands: {{{name}: {{asset: {key}, band: {number}}}}}}}"
    return (
        "Write which it is into the recipe, by its number or name: "
        f"`collections: {{{scene.collection}: {part}}}`."
    )


def _titles(listed: Sequence[ListedBand]) -> str:
    """`4 bands (1 blue, 2 green, 3 red, 4 nir)`, for messages."""
    texts = [f"{n} {one.title[:40]!r}" for n, one in enumerate(listed[:20], 1)]
    return f"{len(listed)} bands ({', '.join(texts)}{', ...' if len(listed) > 20 else ''})"


def _candidates(scene: Scene, name: str) -> list[str]:
    assets = scene.assets
    sensor = sensor_of(scene)
    if sensor and name in sensor.bands:
        known = [key for key in assets if sensor.names(key, name) and _is_band(assets[key])]
        if known:
            return known
    own = [key for key in assets if _RESOLUTION.sub("", key) == name and _is_band(assets[key])]
    if own:
        return own
    return [key for key in assets if common_name(scene, key) == name]


def _is_band(asset: Asset) -> bool:
    """Whether the asset may hold one band: no picture of several, no metadata."""
    return _is_raster(asset) and asset.bands <= 1


def _is_raster(asset: Asset) -> bool:
    raster = format_of(asset.media_type, asset.href) is not None
    return raster and _NOT_DATA.isdisjoint(asset.roles)


def _holds_several(key: str, asset: Asset) -> bool:
    """Whether the asset may hold several bands of measurements, and is no picture made of them."""
    return bool(asset.listed) and _is_raster(asset) and not _PICTURE.search(key)
