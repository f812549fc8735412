"""How an asset's digital numbers become reflectance, decided from metadata; refused, not guessed.

Reflectance = digital number x scale + offset. The rules, and where each comes from:

- `s2-baseline>=04.00`, `s2-baseline<04.00`: since processing baseline 04.00 (25 January 2022)
  Sentinel-2 products carry 1000 added to every number (`BOA_ADD_OFFSET`, in L1C `RADIO_ADD_OFFSET`;
  ESA, Sentinel-2 Products Specification Document 14.9). The date of acquisition is no sign of it,
  since older scenes were reprocessed; the item's `s2:processing_baseline` is. Quantification value
  10000, no-data number 0.
- `earthsearch-offset-applied`: `earthsearch:boa_offset_applied: true` says that the numbers are
  already corrected, even beside an `offset: -0.1` that such items also carry (Element84
  earth-search issue 66).
- `item-raster-bands`: scale and offset as the item says, by the raster extension (`raster:bands`)
  or by STAC 1.1 (`raster:scale`).
- `landsat-c2-l2`: 2.75e-05 and -0.2, no-data number 0 for every surface reflectance band (USGS,
  Landsat 8-9 Collection 2 Level 2 Science Product Guide).
- `hls-v2`: 0.0001 and 0, no-data number -9999 (NASA, HLS Product User Guide v2.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scenefleet.catalog.bands import LANDSAT, SENTINEL_2, common_name, is_landsat, is_sentinel2
from scenefleet.catalog.model import Asset, Scene
from scenefleet.errors import CatalogError

_S2_SCALE = 0.0001
_S2_OFFSET = -0.1
_CLOSE = 1e-9
"""Metadata writes 2.75e-05 and 0.0000275; both are the same number to nine places."""


@dataclass(frozen=True, slots=True)
class Radiometry:
    """Reflectance = digital number x scale + offset."""

    scale: float
    offset: float
    nodata: float | None
    """The digital number that means no data, where the file's own header names none."""
    rule: str
    """The rule's name, as in the module's list."""


def decide(scene: Scene, asset_key: str) -> Radiometry:
    """The radiometry of a scene's asset.

    Raises:
        CatalogError: if the item's metadata contradicts itself or says too little; the message
            says what to add.
    """
    asset = scene.assets.get(asset_key)
    if asset is None:
        raise CatalogError(f"Item {scene.id!r} has no asset {asset_key!r}.")
    if is_sentinel2(scene) and asset.scale in (None, _S2_SCALE):
        return _sentinel2(scene, asset_key, asset)
    if asset.scale is not None:
        return _as_item_says(asset)
    name = common_name(scene, asset_key)
    if is_landsat(scene) and (name in LANDSAT or asset_key in LANDSAT):
        return Radiometry(2.75e-05, -0.2, 0.0, "landsat-c2-l2")
    if scene.collection.lower().startswith("hls") and name:
        return Radiometry(0.0001, 0.0, -9999.0, "hls-v2")
    raise CatalogError(
        f"Item {scene.id!r} does not say how the numbers of asset {asset_key!r} become "
        "reflectance. Add `raster:bands` with `scale`, `offset` and `nodata` to the asset."
    )


def _as_item_says(asset: Asset) -> Radiometry:
    assert asset.scale is not None
    return Radiometry(asset.scale, asset.offset or 0.0, asset.nodata, "item-raster-bands")


def _sentinel2(scene: Scene, key: str, asset: Asset) -> Radiometry:
    if common_name(scene, key) not in SENTINEL_2:
        raise CatalogError(
            f"Asset {key!r} of item {scene.id!r} is no reflectance band of Sentinel-2."
        )
    nodata = 0.0 if asset.nodata is None else asset.nodata
    if scene.properties.get("earthsearch:boa_offset_applied") is True:
        return Radiometry(_S2_SCALE, 0.0, nodata, "earthsearch-offset-applied")
    baseline = _baseline(scene)
    if baseline is None:
        if asset.scale is not None and asset.offset is not None:
            return Radiometry(asset.scale, asset.offset, nodata, "item-raster-bands")
        raise CatalogError(
            f"Item {scene.id!r} has no `s2:processing_baseline`, so nothing says whether its "
            "numbers carry the offset of 1000 that baselines since 04.00 add. Add that property, "
            "or `raster:bands` with `scale` and `offset` to every asset."
        )
    shifted = baseline >= (4, 0)
    offset = _S2_OFFSET if shifted else 0.0
    if asset.offset is not None and abs(asset.offset - offset) > _CLOSE:
        raise _contradiction(scene, key, asset.offset, offset, baseline)
    rule = "s2-baseline>=04.00" if shifted else "s2-baseline<04.00"
    return Radiometry(_S2_SCALE, offset, nodata, rule)


def _contradiction(
    scene: Scene, key: str, said: float, meant: float, baseline: tuple[int, int]
) -> CatalogError:
    return CatalogError(
        f"Item {scene.id!r} contradicts itself: asset {key!r} has offset {said:g}, but processing "
        f"baseline {baseline[0]:02}.{baseline[1]:02} means {meant:g}. Look at the pixels, then "
        "correct the offset, or add `earthsearch:boa_offset_applied: true` if the numbers are "
        "already corrected."
    )


def _baseline(scene: Scene) -> tuple[int, int] | None:
    """The processing baseline as two numbers, from its property or else the product's name."""
    told = scene.properties.get("s2:processing_baseline")
    uri = re.search(r"_N(\d\d)(\d\d)_", str(scene.properties.get("s2:product_uri") or ""))
    named = (int(uri.group(1)), int(uri.group(2))) if uri else None
    if told is None:
        return _known(scene, named)
    match = re.fullmatch(r"(\d\d?)\.(\d\d)", str(told))
    if match is None:
        raise CatalogError(
            f"Item {scene.id!r} has s2:processing_baseline {told!r}; it is written like '05.11'."
        )
    baseline = (int(match.group(1)), int(match.group(2)))
    if named is not None and named != baseline:
        raise CatalogError(
            f"Item {scene.id!r} contradicts itself: s2:processing_baseline {told}, but its "
            f"s2:product_uri says {named[0]:02}.{named[1]:02}. Correct the one that is wrong."
        )
    return _known(scene, baseline)


def _known(scene: Scene, baseline: tuple[int, int] | None) -> tuple[int, int] | None:
    if baseline == (99, 99):  # what Sen2Cor writes when a user runs it: tells nothing of the offset
        raise CatalogError(
            f"Item {scene.id!r} has processing baseline 99.99, of a product made outside ESA: "
            "nothing says whether its numbers carry the offset of 1000. Set the baseline of the "
            "L1C that it was made from."
        )
    return baseline
