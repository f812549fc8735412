"""From what a recipe wants masked to rules on the numbers of a scene's mask rasters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from scenefleet.catalog import Scene, names_in_list, number_in_file
from scenefleet.catalog.masks import REASONS, MaskRaster, find_masks
from scenefleet.errors import CatalogError
from scenefleet.recipe import CollectionPart, Masking, MaskKind, MaskPart
from scenefleet_task import spec

_ALL_BITS = 0xFFFF


def masks(
    scene: Scene, masking: Masking, described: CollectionPart | None = None
) -> tuple[spec.Mask, ...]:
    """The masks of a scene: none if the recipe masks nothing.

    No data and saturated pixels are masked in any case, if anything is. The recipe's `classes` are
    of the main raster: its classes, or its bits. What the recipe says of the collection's masks
    goes before what scenefleet knows of the product.

    Args:
        scene: whose assets are looked at.
        masking: what the recipe masks.
        described: what the recipe says of the scene's collection.

    Raises:
        CatalogError: if the scene has no raster to mask by, or its numbers cannot be as the recipe
            says; the message says what to write instead.
    """
    if not masking.kinds and not masking.classes:
        return ()
    if described and described.masks:
        found = [_described(scene, part) for part in described.masks]
        bands = [_band(scene, part) for part in described.masks]
        counts = [
            len(scene.assets[part.asset].listed)
            if isinstance(part.band, str) and isinstance(band, int)
            else None
            for part, band in zip(described.masks, bands, strict=True)
        ]
    else:
        found = find_masks(scene)
        bands, counts = [None for _ in found], [None for _ in found]
    if not found:
        raise _no_raster(scene, masking)
    made = (
        spec.Mask(
            asset=key,
            href=scene.assets[key].href,
            band=band if isinstance(band, int) else None,
            band_name=band if isinstance(band, str) else None,
            listed=count,
            called=names_in_list(scene, key, band) if count and isinstance(band, int) else (),
            rules=rules(raster, masking.kinds, _numbers(scene, masking, raster, n == 0)),
            dilate=masking.dilate,
        )
        for n, ((key, raster), band, count) in enumerate(zip(found, bands, counts, strict=True))
    )
    kept = tuple(mask for mask in made if mask.rules)
    if not kept:
        raise _no_raster(scene, masking)
    return kept


def rules(
    raster: MaskRaster, kinds: Iterable[MaskKind], numbers: Iterable[int] = ()
) -> tuple[spec.MaskRule, ...]:
    """What in a raster is invalid, by class or bit.

    Args:
        raster: what its numbers mean.
        kinds: what is masked.
        numbers: further classes or bits; those that mean something by themselves already keep their
            own reason.
    """
    reasons = dict(raster.always)
    reasons |= {number: REASONS[kind] for kind in kinds for number in raster.kinds.get(kind, ())}
    reasons = dict.fromkeys(numbers, "class") | reasons
    made = tuple(_rule(raster, number, reason) for number, reason in sorted(reasons.items()))
    if raster.fill is None:
        return made
    return (spec.MaskRule(bits=_ALL_BITS, value=raster.fill, reason="nodata"), *made)


def _rule(raster: MaskRaster, number: int, reason: str) -> spec.MaskRule:
    if raster.holds == "classes":
        return spec.MaskRule(bits=_ALL_BITS, value=number, reason=reason)
    return spec.MaskRule(bits=1 << number, value=1 << number, reason=reason)


def _numbers(scene: Scene, masking: Masking, raster: MaskRaster, main: bool) -> tuple[int, ...]:
    if not main:
        return ()
    end = 2**raster.bits if raster.holds == "classes" else raster.bits
    end = end if raster.last is None else raster.last + 1
    if wrong := [number for number in masking.classes if number >= end]:
        raise CatalogError(
            f"Item {scene.id!r} of {scene.collection!r}: {raster.holds} of its mask raster go from "
            f"0 to {end - 1}, and the recipe's `mask` names {wrong[0]}."
        )
    return masking.classes


def _described(scene: Scene, part: MaskPart) -> tuple[str, MaskRaster]:
    """The recipe's own description of a raster, as ours are."""
    if part.asset not in scene.assets:
        raise CatalogError(
            f"Item {scene.id!r} has no asset {part.asset!r}, which the recipe names under `masks` "
            f"of {scene.collection!r}; it has {', '.join(sorted(scene.assets))}."
        )
    reasons: Mapping[int, str] = part.classes or part.bits
    kinds = {kind: tuple(_with(reasons, reason)) for kind, reason in REASONS.items()}
    always = {n: reason for n, reason in reasons.items() if reason not in REASONS.values()}
    return part.asset, MaskRaster(
        key=part.asset,
        holds="classes" if part.classes else "bits",
        always=always,
        kinds=kinds,
    )


def _band(scene: Scene, part: MaskPart) -> int | str | None:
    """Which of the file's bands: its number, or its name where no number is known."""
    if part.band is not None:
        return number_in_file(scene, part.asset, part.band)
    if count := len(scene.assets[part.asset].listed):
        raise CatalogError(
            f"Item {scene.id!r}: asset {part.asset!r} has {count} bands, and the recipe does not "
            f"say which is the mask. Write `masks: [{{asset: {part.asset}, band: 1, ...}}]`."
        )
    return None


def _with(reasons: Mapping[int, str], reason: str) -> Iterator[int]:
    return (number for number, told in reasons.items() if told == reason)


def _no_raster(scene: Scene, masking: Masking) -> CatalogError:
    wanted = ", ".join((*masking.kinds, *map(str, masking.classes)))
    return CatalogError(
        f"Item {scene.id!r} of {scene.collection!r} has no raster to mask {wanted} by (SCL, "
        f"qa_pixel, or HLS's Fmask); it has {', '.join(sorted(scene.assets))}. Write `mask: none` "
        "under `process` to keep every pixel that has data, or describe its own mask under "
        "`collections`."
    )
