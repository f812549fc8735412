"""Which asset of a scene holds a band, by its STAC common name.

First the tables of collections whose keys are known, since their `common_name`s are too coarse
(Planetary Computer calls B05, B06, B07 and B8A all `rededge`); then the item's own common names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from scenefleet.catalog.model import Asset, Scene
from scenefleet.errors import CatalogError

SENTINEL_2 = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge2": "B06",
    "rededge3": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
}
"""Band by common name as Earth Search uses them (its keys), with ESA's name of the band."""

LANDSAT = ("coastal", "blue", "green", "red", "nir08", "swir16", "swir22")
"""Surface reflectance bands of Landsat Collection 2; in STAC the keys are the common names."""

_NOT_DATA = frozenset(("thumbnail", "overview", "metadata", "visual", "tiles"))


def is_sentinel2(scene: Scene) -> bool:
    """Whether the scene is ESA's Sentinel-2 product, not one that others made of it such as HLS."""
    if scene.collection.lower().startswith("hls"):
        return False
    told = (scene.properties.get("constellation"), scene.properties.get("platform"))
    names = [scene.collection, *(str(name) for name in told if name)]
    named = any(name.lower().replace(" ", "-").startswith("sentinel-2") for name in names)
    return named or "s2:processing_baseline" in scene.properties


def is_landsat(scene: Scene) -> bool:
    """Whether the scene is a product of USGS Landsat Collection 2, Level 2."""
    level = str(scene.properties.get("landsat:correction") or "")
    return "landsat-c2" in scene.collection.lower() and (
        scene.collection.lower().endswith("l2") or level.startswith("L2")
    )


def common_name(scene: Scene, key: str) -> str | None:
    """The common name of the one band that an asset holds, or None where it is no such band."""
    asset = scene.assets[key]
    if not _is_band(asset):
        return None
    if is_sentinel2(scene):
        for name, band in SENTINEL_2.items():
            if _names_band(key, name, band):
                return name
    return asset.common_names[0] if asset.common_names else None


def find_band(scene: Scene, name: str) -> str:
    """The key of the asset that holds a band.

    A TIFF is preferred over a JPEG 2000, and a finer grid over a coarser. `nir` is `nir08` where
    a collection has no `nir`, as Landsat's has none; in Sentinel-2 the two differ, so there a
    missing `nir` is an error.

    Raises:
        CatalogError: if there is no such band, or more than one that fits equally well.
    """
    keys = _candidates(scene, name)
    if not keys and name == "nir" and not is_sentinel2(scene):
        keys = _candidates(scene, "nir08")
    if not keys:
        raise CatalogError(
            f"Item {scene.id!r} has no band {name!r}; it has {', '.join(band_names(scene))}."
        )
    ranked = sorted(keys, key=lambda key: (_rank(scene.assets[key]), key))
    if len(ranked) > 1 and _rank(scene.assets[ranked[0]]) == _rank(scene.assets[ranked[1]]):
        raise CatalogError(
            f"Item {scene.id!r} has more than one band {name!r}: assets {', '.join(ranked)}. "
            f"Use a name that only one has: {', '.join(band_names(scene))}."
        )
    return ranked[0]


def find_mask(scene: Scene) -> str | None:
    """The key of the asset with Sentinel-2's scene classification (SCL), or None without one."""
    keys = [key for key in scene.assets if re.fullmatch(r"SCL(_\d+m|-jp2)?", key, re.IGNORECASE)]
    return min(keys, key=lambda key: (_rank(scene.assets[key]), key), default=None)


def band_names(scene: Scene) -> list[str]:
    """The common names that `find_band` knows in the scene, sorted; or a word that says none."""
    names = {name for key in scene.assets if (name := common_name(scene, key))}
    return sorted(names) or ["no band with a common name"]


def _candidates(scene: Scene, name: str) -> list[str]:
    assets = {key: asset for key, asset in scene.assets.items() if _is_band(asset)}
    band = SENTINEL_2.get(name) if is_sentinel2(scene) else None
    if band and (known := [key for key in assets if _names_band(key, name, band)]):
        return known
    exact = [key for key in assets if key == name]
    return exact or list(_by_common_name(scene, assets, name))


def _by_common_name(scene: Scene, assets: Iterable[str], name: str) -> Iterable[str]:
    return (key for key in assets if common_name(scene, key) == name)


def _names_band(key: str, name: str, band: str) -> bool:
    """Whether a Sentinel-2 asset's key is one of `B04`, `b04`, `B04_10m`, `red`, `red-jp2`."""
    return bool(re.fullmatch(rf"({band}(_\d+m)?|{name})(-jp2)?", key, re.IGNORECASE))


def _is_band(asset: Asset) -> bool:
    """Whether the asset may hold one band: no picture of several, no metadata."""
    kind = (asset.media_type or "image/tiff").lower()
    raster = kind.startswith(("image/tiff", "image/jp2", "image/vnd.stac.geotiff"))
    return raster and asset.bands <= 1 and not _NOT_DATA & set(asset.roles)


def _rank(asset: Asset) -> tuple[bool, float]:
    """Lower is better: TIFF before JPEG 2000, then the finer grid."""
    return ("jp2" in (asset.media_type or asset.href[-4:]).lower(), asset.gsd or float("inf"))
