"""From what a recipe masks to rules on numbers; the oracle evaluates them number by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from scenefleet.catalog import Scene, from_json
from scenefleet.catalog.masks import FMASK, QA_PIXEL, QA_RADSAT, SCL
from scenefleet.errors import CatalogError
from scenefleet.plan.masks import masks, rules
from scenefleet.recipe import CollectionPart, Masking, MaskKind
from scenefleet_task.spec import Mask, MaskRule, Reason


def scene(collection: str, *assets: str) -> Scene:
    return from_json(
        {
            "type": "Feature",
            "id": "one",
            "collection": collection,
            "bbox": [5, 51, 6, 52],
            "geometry": {"type": "Point", "coordinates": [5, 51]},
            "properties": {"datetime": "2023-06-01T10:50:29Z"},
            "assets": {key: {"href": f"https://x/{key}.tif"} for key in assets},
            "links": [],
        }
    )


def masking(wanted: Iterable[str | int], dilate: float = 0) -> Masking:
    """Kinds and numbers of a recipe's `mask`."""
    kinds = tuple(MaskKind(one) for one in wanted if isinstance(one, str))
    numbers = tuple(one for one in wanted if not isinstance(one, str))
    return Masking(kinds=kinds, classes=numbers, dilate=dilate)


def reason(mask: Mask | tuple[MaskRule, ...], number: int) -> str:
    """What a node makes of a number: of the rules that fit, the lowest reason."""
    found = mask.rules if isinstance(mask, Mask) else mask
    fits = [Reason[r.reason.upper()] for r in found if number & r.bits == r.value]
    return min(fits, default=Reason.VALID).name.lower()


ALL = tuple(MaskKind)


def test_every_class_of_scl() -> None:
    (mask,) = masks(scene("sentinel-2-l2a", "B04", "SCL"), masking(ALL))
    assert (mask.asset, mask.href, mask.dilate) == ("SCL", "https://x/SCL.tif", 0)
    assert [reason(mask, number) for number in range(13)] == [
        "nodata", "saturated", "valid", "shadow", "valid", "valid", "water", "valid", "cloud",
        "cloud", "cloud", "snow", "valid",
    ]  # fmt: skip


def test_every_bit_of_qa_pixel() -> None:
    mask, _ = masks(scene("landsat-c2-l2", "qa_pixel", "qa_radsat"), masking(ALL))
    assert [reason(mask, 1 << bit) for bit in range(16)] == [
        "nodata", "cloud", "cloud", "cloud", "shadow", "snow", "valid", "water",
        *["valid"] * 8,
    ]  # fmt: skip
    # numbers that USGS's guide lists for Landsat 8 and 9
    told = {1: "nodata", 21824: "valid", 21952: "water", 22280: "cloud", 23888: "shadow",
            30048: "snow", 54596: "cloud", 21826: "cloud"}  # fmt: skip
    assert {number: reason(mask, number) for number in told} == told


def test_every_bit_of_qa_radsat() -> None:
    _, mask = masks(scene("landsat-c2-l2", "qa_pixel", "qa_radsat"), masking(["snow"]))
    assert mask.asset == "qa_radsat"
    assert reason(mask, 0) == "valid"
    assert [reason(mask, 1 << bit) for bit in range(12)] == [
        *["saturated"] * 7, "valid", "valid", "nodata", "valid", "nodata",
    ]  # fmt: skip
    assert reason(mask, 0b1000_0000_0001) == "nodata"


def test_every_bit_of_fmask() -> None:
    (mask,) = masks(scene("hls2-l30", "B04", "Fmask"), masking(ALL))
    assert [reason(mask, 1 << bit) for bit in range(8)] == [
        "valid", "cloud", "cloud", "shadow", "snow", "water", "valid", "valid",
    ]  # fmt: skip
    assert (reason(mask, 0), reason(mask, 255), reason(mask, 0b1100_0000)) == (
        "valid",
        "nodata",
        "valid",
    )


@pytest.mark.parametrize("raster", [SCL, QA_PIXEL, FMASK])
@pytest.mark.parametrize("kind", MaskKind)
def test_a_kind_masks_its_own_and_what_is_always_masked(raster: Any, kind: MaskKind) -> None:
    always, more = rules(raster, ()), rules(raster, (kind,))
    assert {rule.reason for rule in always} <= {"nodata", "saturated"}
    added = {rule.reason for rule in set(more) - set(always)}
    assert added == {{"clouds": "cloud", "shadows": "shadow"}.get(kind, str(kind))}
    assert set(always) < set(more)


def test_saturation_is_masked_whatever_the_kind() -> None:
    assert rules(QA_RADSAT, ()) == rules(QA_RADSAT, ALL)


def test_nothing_masked_reads_nothing() -> None:
    for collection in ("sentinel-2-l2a", "mine"):
        assert masks(scene(collection, "SCL"), masking([])) == ()
        assert masks(scene(collection, "B04"), masking(())) == ()


def test_numbers_are_classes_of_scl_and_bits_of_the_others() -> None:
    (scl,) = masks(scene("sentinel-2-l2a", "SCL"), masking([2, 7]))
    assert [reason(scl, n) for n in (0, 2, 6, 7, 8)] == [
        "nodata",
        "class",
        "valid",
        "class",
        "valid",
    ]
    pixel, radsat = masks(scene("landsat-c2-l2", "qa_pixel", "qa_radsat"), masking([9]))
    assert (reason(pixel, 1 << 9), reason(pixel, 9 << 8)) == ("class", "valid")
    assert "class" not in {rule.reason for rule in radsat.rules}
    (fmask,) = masks(scene("hls2-s30", "Fmask"), masking(["clouds", 7]))
    assert (reason(fmask, 128), reason(fmask, 130), reason(fmask, 255)) == (
        "class",
        "cloud",
        "nodata",
    )


def test_a_number_that_a_kind_masks_already_changes_nothing() -> None:
    one = scene("sentinel-2-l2a", "SCL")
    assert masks(one, masking(["clouds", 0, 9])) == masks(one, masking(["clouds"]))


@pytest.mark.parametrize(
    ("collection", "asset", "number", "last"),
    [
        ("sentinel-2-l2a", "SCL", 12, 11),
        ("landsat-c2-l2", "qa_pixel", 16, 15),
        ("hls2-s30", "Fmask", 8, 7),
    ],
)
def test_a_number_that_cannot_be(collection: str, asset: str, number: int, last: int) -> None:
    one = scene(collection, asset)
    masks(one, masking([last]))
    with pytest.raises(CatalogError, match=rf"Item 'one'.*0 to {last}, .* names {number}"):
        masks(one, masking([number]))


def test_dilation_is_the_recipes() -> None:
    one = scene("landsat-c2-l2", "qa_pixel", "qa_radsat")
    assert {mask.dilate for mask in masks(one, masking(["clouds"], dilate=150))} == {150}


@pytest.mark.parametrize(
    ("collection", "assets"),
    [
        ("sentinel-2-l1c", ["blue", "red"]),
        ("landsat-c2-l2", ["red", "qa_radsat"]),
        ("mine", ["red", "Fmask"]),
    ],
)
def test_a_scene_without_a_raster_to_mask_by(collection: str, assets: list[str]) -> None:
    words = (
        f"'one' of '{collection}' has no raster to mask clouds, 4 by .*{assets[0]}.*`mask: none`"
    )
    with pytest.raises(CatalogError, match=words):
        masks(scene(collection, *assets), masking(["clouds", 4]))


def described(*parts: dict[str, Any]) -> CollectionPart:
    return CollectionPart.model_validate({"bands": {"red": "red"}, "masks": parts})


def test_a_described_raster_of_classes_goes_before_ours() -> None:
    part = described({"asset": "udm", "classes": {0: "nodata", 4: "cloud", 5: "snow", 6: "class"}})
    (mask,) = masks(scene("sentinel-2-l2a", "SCL", "udm"), masking(["clouds", 9]), part)
    assert mask.asset == "udm"
    assert [reason(mask, n) for n in (0, 4, 5, 6, 9, 8)] == [
        "nodata", "cloud", "valid", "class", "class", "valid",
    ]  # fmt: skip


def test_described_rasters_of_bits() -> None:
    parts = described(
        {"asset": "sky", "bits": {0: "cloud", 2: "shadow"}},
        {"asset": "bad", "bits": {1: "saturated"}},
    )
    sky, bad = masks(scene("mine", "sky", "bad"), masking(["shadows", 3]), parts)
    assert [reason(sky, 1 << bit) for bit in range(4)] == ["valid", "valid", "shadow", "class"]
    assert [reason(bad, 1 << bit) for bit in range(4)] == ["valid", "saturated", "valid", "valid"]


def test_a_described_raster_that_tells_nothing_of_what_is_wanted() -> None:
    sky = {"asset": "sky", "classes": {1: "cloud"}}
    both = described(sky, {"asset": "ice", "classes": {1: "snow"}})
    (mask,) = masks(scene("mine", "sky", "ice"), masking(["snow"]), both)
    assert mask.asset == "ice"
    with pytest.raises(CatalogError, match="no raster to mask snow by"):
        masks(scene("mine", "sky"), masking(["snow"]), described(sky))
    with pytest.raises(CatalogError, match="no asset 'sky', which the recipe names under `masks`"):
        masks(scene("mine", "ice"), masking(["snow"]), both)


def test_a_mask_in_a_file_of_several_bands() -> None:
    one = scene("mine", "image")
    one.to_json()["assets"]["image"]["bands"] = [{"name": "red"}, {"name": "QA"}]
    one = from_json(one.to_json())
    for written, band, name in ((2, 2, None), ("qa", 2, None), ("clouds", None, "clouds")):
        part = CollectionPart.model_validate(
            {
                "bands": {"red": "image"},
                "masks": [{"asset": "image", "band": written, "classes": {1: "cloud"}}],
            }
        )
        (mask,) = masks(one, masking(ALL), part)
        assert (mask.asset, mask.band, mask.band_name) == ("image", band, name)
    part = CollectionPart.model_validate(
        {"bands": {"red": "image"}, "masks": [{"asset": "image", "classes": {1: "cloud"}}]}
    )
    with pytest.raises(CatalogError, match=r"has 2 bands.*Write `masks: \[{asset: image, band: 1"):
        masks(one, masking(ALL), part)


def test_numbers_of_the_recipe_are_of_the_first_mask_alone_though_both_are_of_one_file() -> None:
    part = CollectionPart.model_validate(
        {
            "bands": {"red": "image"},
            "masks": [
                {"asset": "image", "band": 5, "classes": {1: "cloud"}},
                {"asset": "image", "band": 6, "bits": {3: "shadow"}},
            ],
        }
    )
    one, two = masks(scene("mine", "image"), masking((MaskKind.CLOUDS, MaskKind.SHADOWS, 7)), part)
    assert (one.band, two.band) == (5, 6)
    assert [reason(one, n) for n in (1, 7)] == ["cloud", "class"]
    assert [reason(two, n) for n in (8, 7)] == ["shadow", "valid"]
