"""How an asset's digital numbers become reflectance or kelvin, and how sure the metadata is of it.

Value = digital number x scale + offset. The rules, and where each comes from:

- `s2-baseline>=04.00`, `s2-baseline<04.00`: since processing baseline 04.00 (25 January 2022)
  Sentinel-2 products carry 1000 added to every number (`BOA_ADD_OFFSET`, in L1C `RADIO_ADD_OFFSET`;
  ESA, Sentinel-2 Products Specification Document 14.9). The date of acquisition is no sign of it,
  since older scenes were reprocessed; the item's `s2:processing_baseline` is. Quantification value
  10000, no-data number 0.
- `earthsearch-offset-applied`: `earthsearch:boa_offset_applied: true` says that the numbers are
  already corrected, even beside an `offset: -0.1` that such items also carry (Element84
  earth-search issue 66).
- `s2-undecided`: a Sentinel-2 item with no sign of the offset at all; taken as they are, unless the
  pixels show the offset.
- `item-raster-bands`: scale and offset as the item says, by the raster extension (`raster:bands`)
  or by STAC 1.1 (`raster:scale`).
- `landsat-c2-l2`: surface reflectance 2.75e-05 and -0.2, surface temperature in kelvin 0.00341802
  and 149, no-data number 0 (USGS, Landsat 8-9 and Landsat 4-7 Collection 2 Level 2 Science Product
  Guides).
- `hls-v2`: reflectance 0.0001 and 0; brightness temperature, stored in hundredths of a degree
  Celsius, 0.01 and 273.15 to kelvin; no-data number -9999 (NASA, HLS Product User Guide v2.0).
- `recipe`: as the recipe describes the band under `collections`; what it leaves out is the item's.
- `file-header`: what neither says is left to the file's header, which the task sees; where it says
  nothing either, scale is 1 and offset 0.
- `no-scale-told`: what the task calls it where the header of a file of whole numbers has no scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from scenefleet.catalog.bands import BandPlace, common_name
from scenefleet.catalog.evidence import Confidence, Said, signs_of_product, weigh
from scenefleet.catalog.model import Asset, Json, Scene
from scenefleet.catalog.sensors import HLS, SENTINEL_2, THERMAL, Family, sensor_of
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe.collections import BandPart, CollectionPart

Unit = Literal["reflectance", "kelvin"]
_S2_SCALE = 0.0001
_S2_TYPE = "uint16"
"""Of ESA's products. What others make of them in another type and scale is theirs to describe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """Value = digital number x scale + offset."""

    scale: float | None
    """None leaves it to the file's header."""
    offset: float | None
    nodata: float | None
    """The digital number that means no data, where the file's own header names none."""
    always: tuple[float, ...] = ()
    """Digital numbers that mean no data whatever the header says."""
    scale_from: Literal["recipe", "item", "product"] | None
    """Who says the scale; None where it is the header's to say."""
    unit: Unit
    """Of the value."""
    rule: str
    """The rule's name, as in the module's list."""
    confidence: Confidence
    """`certain` by a product's constants, by the item's or recipe's word, or by two signs of
    Sentinel-2's offset that agree; `likely` by one; `disputed` where signs contradict each other or
    none is there: then the numbers here are the best guess."""
    evidence: tuple[str, ...]
    """What the metadata says, a phrase a source."""
    said: Said | None
    """Whether Sentinel-2's numbers carry their offset; None where that is no question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A product's constants."""

    scale: float
    offset: float
    nodata: float
    rule: str
    source: str
    stored: float | None = None
    """Offset to the unit in which the numbers are stored, where that is another than ours."""


_KNOWN: Mapping[tuple[Family, Unit], _Known] = {
    ("landsat-c2-l2", "reflectance"): _Known(
        scale=2.75e-05, offset=-0.2, nodata=0, rule="landsat-c2-l2", source="USGS Collection 2"
    ),
    ("landsat-c2-l2", "kelvin"): _Known(
        scale=0.00341802, offset=149, nodata=0, rule="landsat-c2-l2", source="USGS Collection 2"
    ),
    ("hls", "reflectance"): _Known(
        scale=0.0001, offset=0, nodata=-9999, rule="hls-v2", source="HLS v2.0"
    ),
    ("hls", "kelvin"): _Known(
        scale=0.01, offset=273.15, nodata=-9999, rule="hls-v2", source="HLS v2.0", stored=0
    ),
}


def decide(
    scene: Scene,
    key: str,
    described: CollectionPart | None = None,
    place: BandPlace | None = None,
) -> Radiometry:
    """The radiometry of a scene's asset, or of one band of it.

    Contradictory metadata gives a best guess, `disputed`; see `offset_check.check_of`.

    Args:
        scene: whose metadata is read.
        key: of the asset that holds the band.
        described: what the recipe says of the scene's collection; it goes before all else.
        place: of the band, as `find_place` found it; None takes the asset's only band.

    Raises:
        CatalogError: if there is no such asset, or nothing says what its numbers mean; the message
            says what to add.
    """
    asset = scene.assets.get(key)
    if asset is None:
        raise CatalogError(f"Item {scene.id!r} has no asset {key!r}.")
    name, part = _part_of(key, described, place)
    number = place.number if place else None
    name = _product_name(scene, key, number, name)
    base = _by_metadata(scene, key, asset, name, number)
    if part and part.scale is not None:
        return _always_zero(scene, name, _as_described(part, part.scale, base, asset))
    if base and base.scale == 0:
        raise CatalogError(
            f"Item {scene.id!r} gives the numbers of asset {key!r} a scale of 0, which leaves no "
            f"values. Give the band's `scale` in the recipe under `collections`, for "
            f"{scene.collection!r}."
        )
    if part:
        return _partly(part, base) if base else _as_described(part, None, None, asset)
    if base is None:
        raise CatalogError(
            f"Item {scene.id!r} does not say how the numbers of asset {key!r} become reflectance. "
            "Add `raster:bands` with `scale`, `offset` and `nodata` to the asset, or give them in "
            f"the recipe under `collections`, for {scene.collection!r}; where the headers of its "
            f"files have them, `{name or 'red'}: {key}` there is enough."
        )
    return base


def _part_of(
    key: str, described: CollectionPart | None, place: BandPlace | None
) -> tuple[str | None, BandPart | None]:
    """The band's name, and how the recipe describes it."""
    bands = described.bands if described else {}
    if place:
        part = bands.get(place.name)
        return place.name, part if part and part.asset == key else None
    return next(((n, b) for n, b in bands.items() if b.asset == key), (None, None))


def _product_name(scene: Scene, key: str, number: int | None, name: str | None) -> str | None:
    """The band's common name in its product, if a recipe calls it otherwise; else the name itself.

    What a band is called changes nothing of what its numbers mean.
    """
    sensor = sensor_of(scene)
    name = name or common_name(scene, key)
    if sensor is None or name in sensor.bands:
        return name
    asset = scene.assets[key]
    texts = [key, *asset.common_names]
    if number is not None and asset.listed:
        listed = asset.listed[number - 1 : number]
        texts = [text for one in listed for text in (*one.names, *one.common_names)]
    own = (known for text in texts for known in sensor.bands if sensor.names(text, known))
    return next(own, name)


def _partly(part: BandPart, base: Radiometry) -> Radiometry:
    """What the item says, but for what the recipe says otherwise."""
    unit: Unit = "kelvin" if part.unit == "kelvin" else base.unit
    one = _with_nodata(part, replace(base, unit=unit))
    if part.offset is None:
        return one
    told = (*base.evidence, f"recipe offset {part.offset:g}")
    return replace(
        one, offset=part.offset, rule="recipe", confidence="certain", evidence=told, said=None
    )


def _as_described(
    part: BandPart, scale: float | None, base: Radiometry | None, asset: Asset
) -> Radiometry:
    """What the recipe says; an offset that it leaves out is the item's, if that has its scale."""
    if part.offset is None and base and base.scale and scale and _alike(base.scale, scale):
        return _partly(part, replace(base, scale_from="recipe"))
    offset = part.offset
    numbers = ((name, value) for name, value in (("scale", scale), ("offset", offset)))
    told = ", ".join(f"{name} {value:g}" for name, value in numbers if value is not None)
    one = Radiometry(
        scale=scale,
        offset=offset,
        nodata=asset.nodata,
        scale_from=None if scale is None else "recipe",
        unit=part.unit,
        rule="recipe",
        confidence="certain",
        evidence=(f"recipe {told}" if told else "recipe; the file's header may tell more",),
        said=None,
    )
    return _with_nodata(part, one)


def _with_nodata(part: BandPart, one: Radiometry) -> Radiometry:
    """With the recipe's own number: it is the user's word, and holds beside the header's."""
    if part.nodata is None:
        return one
    always = tuple(dict.fromkeys((part.nodata, *one.always)))
    return replace(one, nodata=part.nodata, always=always)


def _always_zero(scene: Scene, name: str | None, one: Radiometry) -> Radiometry:
    """Sentinel-2's digital number 0 is no data; what has scale 1 is no digital number any more."""
    sentinel2 = sensor_of(scene) is SENTINEL_2 and name in SENTINEL_2.bands
    if not sentinel2 or one.scale == 1 or 0.0 in one.always:
        return one
    return replace(one, always=(*one.always, 0.0))


def _by_metadata(
    scene: Scene, key: str, asset: Asset, name: str | None, number: int | None
) -> Radiometry | None:
    """What product and item say of the band `name`; None where they say nothing."""
    sensor = sensor_of(scene)
    asset = asset.of_band(number)
    if sensor is SENTINEL_2 and name in SENTINEL_2.bands:
        if asset.scale is None or _alike(asset.scale, _S2_SCALE):
            return _sentinel2(scene, asset)
        # a catalogue that says no type serves ESA's numbers: whole ones
        if asset.data_type in (None, _S2_TYPE) and (signs := signs_of_product(scene)):
            return _rescaled(asset, asset.scale, signs)
    elif sensor and name and (name in sensor.bands or sensor is HLS):
        unit: Unit = "kelvin" if name in THERMAL else "reflectance"
        return _of_product(_KNOWN[sensor.family, unit], asset, unit)
    return None if asset.scale is None else _as_item_says(asset, _unit(scene, key, name, number))


def _sentinel2(scene: Scene, asset: Asset) -> Radiometry:
    weighed = weigh(scene, asset)
    return Radiometry(
        scale=_S2_SCALE,
        offset=weighed.offset,
        nodata=0.0 if asset.nodata is None else asset.nodata,
        always=(0.0,),
        scale_from="product",
        unit="reflectance",
        rule=weighed.rule,
        confidence=weighed.confidence,
        evidence=weighed.evidence,
        said=weighed.said,
    )


def _rescaled(asset: Asset, scale: float, signs: Sequence[str]) -> Radiometry:
    """What the item says of ESA's own numbers, disputed: these are reflectance x 10000."""
    one = _as_item_says(asset, "reflectance")
    told = (
        *one.evidence,
        f"whole numbers of Sentinel-2 have scale {_S2_SCALE:g}, not {scale:g}",
        *signs,
    )
    return replace(one, confidence="disputed", evidence=told)


def _of_product(known: _Known, asset: Asset, unit: Unit) -> Radiometry:
    """A product's constants; where the item says others, the item's, disputed."""
    source = f"{known.source} scale {known.scale:g}, offset {known.offset:g}"
    offsets = [known.offset] if known.stored is None else [known.offset, known.stored]
    agrees = (asset.scale is None or _alike(asset.scale, known.scale)) and (
        asset.offset is None or any(_alike(asset.offset, offset) for offset in offsets)
    )
    if not agrees:
        item = _as_item_says(asset, unit, known)
        return replace(item, confidence="disputed", evidence=(*item.evidence, source))
    silent = asset.scale is None and asset.offset is None
    return Radiometry(
        scale=known.scale,
        offset=known.offset,
        nodata=known.nodata if asset.nodata is None else asset.nodata,
        scale_from="product",
        unit=unit,
        rule=known.rule,
        confidence="certain",
        evidence=(source,) if silent else (source, "raster:bands agrees"),
        said=None,
    )


def _as_item_says(asset: Asset, unit: Unit, known: _Known | None = None) -> Radiometry:
    """What the item says; what it leaves out is as known of the product, else the header's."""
    scale = asset.scale if asset.scale is not None or known is None else known.scale
    offset = 0.0 if asset.offset is None and known else asset.offset
    assert scale is not None
    told = "none" if offset is None else f"{offset:g}"
    return Radiometry(
        scale=scale,
        offset=offset,
        nodata=known.nodata if known and asset.nodata is None else asset.nodata,
        scale_from="item",
        unit=unit,
        rule="item-raster-bands",
        confidence="certain",
        evidence=(f"raster:bands scale {scale:g}, offset {told}",),
        said=None,
    )


def _unit(scene: Scene, key: str, name: str | None, number: int | None) -> Unit:
    """Kelvin where the item says so or the band is a thermal one, else reflectance."""
    listed = scene.assets[key].listed
    if number is not None and number <= len(listed):
        unit = (listed[number - 1].unit or "").lower()
        return "kelvin" if unit in ("kelvin", "k") or name in THERMAL else "reflectance"
    assets = cast("dict[str, Json]", scene.document.get("assets") or {})
    asset = assets.get(key) or {}
    told: list[Any] = [asset, *(asset.get("raster:bands") or ()), *(asset.get("bands") or ())]
    units = {str(band.get("unit") or "").lower() for band in told}
    return "kelvin" if units & {"kelvin", "k"} or name in THERMAL else "reflectance"


def _alike(one: float, other: float) -> bool:
    """Metadata writes 2.75e-05 and 0.0000275, and some of it went through 32-bit floats."""
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
