"""Which asset of a scene holds a band, by its STAC common name.

First what the recipe describes under `collections`; then the tables of products whose keys are
known, since common names in items are too coarse (Planetary Computer calls Sentinel-2's B05, B06,
B07 and B8A all `rededge`, and the narrow B05 of HLS L30 `nir`); then the item's own common names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scenefleet.catalog.media import READ, format_of
from scenefleet.catalog.model import Asset, Scene
from scenefleet.catalog.sensors import STANDS_IN, sensor_of
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe.collections import CollectionPart

_NOT_DATA = frozenset(("thumbnail", "overview", "metadata", "visual", "tiles"))
_RESOLUTION = re.compile(r"[_-](\d+)m(-jp2)?$", re.IGNORECASE)
"""How a key tells metres of a pixel: `B04_10m`."""


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


def find_band(scene: Scene, name: str, described: CollectionPart | None = None) -> str:
    """The key of the asset that holds a band.

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
    key = _find(scene, name, described)
    if key is None and second:
        key = _find(scene, second, described)
    if key is None:
        raise CatalogError(
            f"Item {scene.id!r} has no band {name!r}{_unread(scene, name)}; it has "
            f"{', '.join(band_names(scene, described))}."
        )
    return key


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


def _find(scene: Scene, name: str, described: CollectionPart | None) -> str | None:
    if described and name in described.bands:
        return _described(scene, name, described.bands[name].asset)
    ranks = {key: rank(key, scene.assets[key]) for key in _candidates(scene, name)}
    ranked = sorted(ranks, key=lambda key: (ranks[key], key))
    if len(ranked) > 1 and ranks[ranked[0]] == ranks[ranked[1]]:
        raise CatalogError(
            f"Item {scene.id!r} has more than one band {name!r}: assets {', '.join(ranked)}. "
            f"Use a name that only one has: {', '.join(band_names(scene))}."
        )
    return ranked[0] if ranked else None


def _described(scene: Scene, name: str, asset: str) -> str:
    if asset not in scene.assets:
        raise CatalogError(
            f"Item {scene.id!r} has no asset {asset!r}, which the recipe names for band {name!r} "
            f"of {scene.collection!r}; it has {', '.join(sorted(scene.assets))}."
        )
    return asset


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
    raster = format_of(asset.media_type, asset.href) is not None
    return raster and asset.bands <= 1 and _NOT_DATA.isdisjoint(asset.roles)
