"""Each rule of radiometry, each sign that metadata gives, and each way in which it lies."""

import pytest

from scenefleet.catalog import check_of, decide, find_place, from_json
from scenefleet.errors import CatalogError
from scenefleet.recipe import CollectionPart
from scenefleet_task.spec import OffsetCheck

OLD, NEW, GIVEN = "s2-baseline<04.00", "s2-baseline>=04.00", "item-raster-bands"
APPLIED, UNDECIDED = "earthsearch-offset-applied", "s2-undecided"
URI = "S2A_MSIL2A_20210905T104021_N{}_R008_T31UFT_20230118T061530.SAFE"


@pytest.fixture
def scene(item):
    """`scene(baseline="05.09", asset={...})`: red in B04."""

    def make(*, baseline="05.09", asset=None, name="a", **properties):
        properties = {"collection": "sentinel-2-l2a"} | properties
        one = item(name, **properties)
        one["properties"]["s2:processing_baseline"] = baseline
        if baseline is None:
            del one["properties"]["s2:processing_baseline"]
        one["assets"]["B04"] |= asset or {}
        return from_json(one)

    return make


def bands(**told):
    return {"raster:bands": [told]}


def offset(value):
    return bands(scale=0.0001, offset=value, nodata=0)


def flag(value):
    return {"earthsearch:boa_offset_applied": value}


def uri(baseline):
    return {"s2:product_uri": URI.format(baseline)}


def core(one):
    return one.scale, one.offset, one.nodata, one.rule


@pytest.mark.parametrize(
    ("baseline", "shift", "rule"),
    [
        ("00.01", 0, OLD),
        ("02.12", 0, OLD),
        ("03.01", 0, OLD),
        ("03.99", 0, OLD),
        ("04.00", -0.1, NEW),
        ("05.11", -0.1, NEW),
        ("10.00", -0.1, NEW),
    ],
)
@pytest.mark.parametrize("collection", ["sentinel-2-l2a", "sentinel-2-l1c", "mine"])
def test_sentinel2_by_baseline_not_by_date(scene, baseline, shift, rule, collection):
    one = scene(baseline=baseline, collection=collection, datetime="2016-01-01T00:00:00Z")
    found = decide(one, "B04")
    assert core(found) == (0.0001, shift, 0, rule)
    assert (found.unit, found.confidence) == ("reflectance", "likely")
    assert found.said == ("carried" if shift else "removed")


SIGNS = {
    "planetary computer, late": ({**uri("0509")}, NEW, "carried", "certain"),
    "planetary computer, early": ({"baseline": "02.12", **uri("0212")}, OLD, "removed", "certain"),
    "planetary computer, reprocessed": (
        {"baseline": "05.00", **uri("0500")},
        NEW,
        "carried",
        "certain",
    ),
    "the product's name alone": ({"baseline": None, **uri("0500")}, NEW, "carried", "likely"),
    "the item's id alone": (
        {"baseline": None, "name": URI.format("0301")[:-5]},
        OLD,
        "removed",
        "likely",
    ),
    "copernicus data space": (
        {"baseline": None, "name": URI.format("0511")[:-5], "processing:version": "05.11"},
        NEW,
        "carried",
        "certain",
    ),
    "earth search, flag and offset": (
        {"asset": offset(-0.1), **uri("0509"), **flag(True)},
        APPLIED,
        "removed",
        "certain",
    ),
    "earth search, flag alone": ({"baseline": None, **flag(True)}, APPLIED, "removed", "certain"),
    "earth search, flag and 0": ({"asset": offset(0), **flag(True)}, APPLIED, "removed", "certain"),
    "earth search v0": ({"sentinel:boa_offset_applied": True}, APPLIED, "removed", "certain"),
    "earth search, flag false": (
        {"asset": offset(-0.1), **uri("0509"), **flag(False)},
        NEW,
        "carried",
        "likely",
    ),
    "earth search, old, flag false": (
        {"baseline": "02.09", "asset": offset(0), **flag(False)},
        OLD,
        "removed",
        "certain",
    ),
    "earth search, collection 1": (
        {"collection": "sentinel-2-c1-l2a", "baseline": "05.00", "asset": offset(-0.1)},
        NEW,
        "carried",
        "certain",
    ),
    "the offset alone": ({"baseline": None, "asset": offset(-0.1)}, GIVEN, "carried", "likely"),
    "no offset alone": ({"baseline": None, "asset": offset(0)}, GIVEN, "removed", "likely"),
    "99.99, but an offset": (
        {"baseline": "99.99", "asset": offset(-0.1)},
        GIVEN,
        "carried",
        "likely",
    ),
    "baselines that differ on one side": (
        {"baseline": "05.09", **uri("0511")},
        NEW,
        "carried",
        "certain",
    ),
    "a 32-bit offset": ({"asset": offset(-0.10000000149011612)}, NEW, "carried", "certain"),
}


@pytest.mark.parametrize(("change", "rule", "said", "confidence"), SIGNS.values(), ids=SIGNS)
def test_signs_that_agree(scene, change, rule, said, confidence):
    found = decide(scene(**change), "B04")
    assert (found.rule, found.said, found.confidence) == (rule, said, confidence)
    assert core(found)[:3] == (0.0001, -0.1 if said == "carried" else 0, 0)


LIES = {
    "late, but no offset": ({"baseline": "05.09", "asset": offset(0)}, GIVEN, 0),
    "early, but an offset": ({"baseline": "02.12", "asset": offset(-0.1)}, OLD, 0),
    "early, offset, flag false": (
        {"baseline": "02.12", "asset": offset(-0.1), **flag(False)},
        OLD,
        0,
    ),
    "an offset of -0.7": ({"baseline": "05.09", "asset": offset(-0.7)}, NEW, -0.1),
    "an offset of -0.7, early": ({"baseline": "03.01", "asset": offset(-0.7)}, OLD, 0),
    "an offset of -0.7 alone": ({"baseline": None, "asset": offset(-0.7)}, UNDECIDED, 0),
    "an offset of -0.7 beside the flag": ({"asset": offset(-0.7), **flag(True)}, APPLIED, 0),
    "an offset in numbers": ({"asset": offset(-1000)}, NEW, -0.1),
    "property early, name late": ({"baseline": "03.01", **uri("0500")}, NEW, -0.1),
    "property late, name early": ({"baseline": "05.00", **uri("0301")}, OLD, 0),
    "nothing": ({"baseline": None}, UNDECIDED, 0),
    "nothing but the flag false": ({"baseline": None, **flag(False)}, UNDECIDED, 0),
    "made outside ESA": ({"baseline": "99.99"}, UNDECIDED, 0),
    "made outside ESA, by name": ({"baseline": "99.99", **uri("9999")}, UNDECIDED, 0),
    "not written so": ({"baseline": "new"}, UNDECIDED, 0),
    "a number": ({"baseline": 5.1}, UNDECIDED, 0),
}


@pytest.mark.parametrize(("change", "rule", "guess"), LIES.values(), ids=LIES)
def test_signs_that_contradict_each_other_or_are_missing(scene, change, rule, guess):
    one = scene(**change)
    found = decide(one, "B04")
    assert (found.confidence, found.said) == ("disputed", "disputed")
    assert core(found) == (0.0001, guess, 0, rule)
    check = check_of([found], one, "check")
    assert check_of([found], one, "trust") == check  # the plan leaves out the look
    assert check == OffsetCheck(shift=1000, said="disputed", evidence=found.evidence)
    with pytest.raises(CatalogError, match=r"Item 'a'.*`radiometry: check`") as error:
        check_of([found], one, "refuse")
    assert all(text in str(error.value) for text in found.evidence)
    assert found.evidence


@pytest.mark.parametrize(
    ("change", "evidence"),
    [
        ({}, ["s2:processing_baseline 05.09: numbers carry 1000"]),
        (
            {**uri("0509"), "asset": offset(-0.1), **flag(True)},
            [
                "earthsearch:boa_offset_applied true: the offset is taken off",
                "s2:product_uri N0509: numbers carry 1000",
                "s2:processing_baseline 05.09: numbers carry 1000",
                "raster:bands offset -0.1",
            ],
        ),
        (
            {"baseline": "02.12", "asset": offset(-0.7)},
            [
                "s2:processing_baseline 02.12: older than 04.00, no offset",
                "raster:bands offset -0.7, which is neither -0.1 nor 0",
            ],
        ),
        (
            {"baseline": None, **flag(False)},
            [
                "earthsearch:boa_offset_applied false, which is not always so",
                "no usable processing baseline (s2:processing_baseline, s2:product_uri)",
                "no raster:bands offset",
            ],
        ),
        (
            {"baseline": "99.99", "asset": offset(0)},
            [
                "s2:processing_baseline 99.99: made outside ESA, tells nothing",
                "raster:bands offset 0",
            ],
        ),
    ],
)
def test_the_evidence_is_a_phrase_a_source(scene, change, evidence):
    assert list(decide(scene(**change), "B04").evidence) == evidence


def test_classes_are_no_reflectance(scene):
    with pytest.raises(CatalogError, match=r"'SCL' become reflectance. Add `raster:bands`"):
        decide(scene(), "SCL")
    with pytest.raises(CatalogError, match="no asset 'B99'"):
        decide(scene(), "B99")


def test_a_product_of_ones_own_from_sentinel2_has_no_offset_to_look_for(scene):
    one = scene(asset=bands(scale=1, nodata=-1, data_type="float32"))
    found = decide(one, "B04")
    assert (*core(found), found.said) == (1, None, -1, GIVEN, None)
    assert check_of([found], one, "refuse") is None


@pytest.mark.parametrize("shift", [0, -1000, None])
@pytest.mark.parametrize("typed", [{"data_type": "uint16"}, {}], ids=["uint16", "untyped"])
def test_esas_own_numbers_with_another_scale_are_refused(scene, shift, typed):
    told = {"offset": shift} if shift is not None else {}
    one = scene(asset=bands(scale=1, nodata=0, **typed, **told))
    found = decide(one, "B04")
    assert (found.scale, found.offset, found.said) == (1, shift, None)
    assert found.confidence == "disputed"
    assert check_of([found], one, "trust") is None
    for mode in ("check", "refuse"):
        with pytest.raises(CatalogError, match=r"have scale 0\.0001, not 1.*_baseline 05\.09"):
            check_of([found], one, mode)
    without = decide(scene(baseline=None, asset=bands(scale=1, data_type="uint16")), "B04")
    assert (without.confidence, without.said) == ("certain", None)


@pytest.fixture
def other(item):
    """`other("landsat-c2-l2", red={...})`: an item with these assets."""

    def make(collection, /, _platform="landsat-8", **assets):
        one = item("l", collection=collection, platform=_platform)
        del one["properties"]["s2:processing_baseline"]
        one["assets"] = {key: {"href": f"https://x/{key}"} | told for key, told in assets.items()}
        return from_json(one)

    return make


SR, ST = (2.75e-05, -0.2, 0, "landsat-c2-l2"), (0.00341802, 149, 0, "landsat-c2-l2")
HLS, HLS_T = (0.0001, 0, -9999, "hls-v2"), (0.01, 273.15, -9999, "hls-v2")
PRODUCTS = {
    "landsat": ("landsat-c2-l2", "red", {}, SR, "reflectance"),
    "landsat as planetary computer": (
        "landsat-c2-l2",
        "nir08",
        bands(scale=2.75e-05, offset=-0.2, nodata=0),
        SR,
        "reflectance",
    ),
    "tirs": ("landsat-c2-l2", "lwir11", {}, ST, "kelvin"),
    "tm": (
        "landsat-c2-l2",
        "lwir",
        bands(scale=0.00341802, offset=149.0, nodata=0, unit="kelvin"),
        ST,
        "kelvin",
    ),
    "usgs": ("landsat-c2l2-st", "lwir11", {}, ST, "kelvin"),
    "s30": ("hls2-s30", "B8A", {}, HLS, "reflectance"),
    "l30": ("hls2-l30", "B05", {}, HLS, "reflectance"),
    "l30, offset silent": ("hls2-l30", "B05", bands(scale=0.0001), HLS, "reflectance"),
    "l30 thermal": ("HLSL30.v2.0", "B10", {}, HLS_T, "kelvin"),
    "l30 thermal in celsius": ("HLSL30_2.0", "B11", bands(scale=0.01, offset=0), HLS_T, "kelvin"),
    "hls of either": ("hls", "B04", {}, HLS, "reflectance"),
    "hls of either, by its common name": (
        "hls",
        "B05",
        {"eo:bands": [{"common_name": "nir"}]},
        HLS,
        "reflectance",
    ),
}


@pytest.mark.parametrize(
    ("collection", "key", "told", "expected", "unit"), PRODUCTS.values(), ids=PRODUCTS
)
def test_constants_of_products(other, collection, key, told, expected, unit):
    one = other(collection, **{key: told})
    found = decide(one, key)
    assert core(found) == expected
    assert (found.unit, found.confidence, found.said) == (unit, "certain", None)
    assert [check_of([found], one, mode) for mode in ("trust", "check", "refuse")] == [None] * 3


def test_hls_is_no_sentinel2_product(item):
    one = item("h", collection="hls2-s30", platform="sentinel-2a")
    for name in ("h", "HLS.S30.T31UFT.2023180T104049.v2.0"):
        found = decide(from_json(one | {"id": name}), "B04")
        assert (*core(found), found.said) == (*HLS, None)
    with pytest.raises(CatalogError, match="'Fmask' become"):
        decide(from_json(one | {"assets": {"Fmask": {"href": "https://x/Fmask"}}}), "Fmask")


@pytest.mark.parametrize(
    ("collection", "key", "told", "values"),
    [
        ("landsat-c2-l2", "red", bands(scale=0.0001, offset=0), (0.0001, 0, 0)),
        ("landsat-c2-l2", "red", bands(scale=2.75e-05, offset=0.2, nodata=0), (2.75e-05, 0.2, 0)),
        ("landsat-c2-l2", "lwir11", bands(scale=0.1, offset=0), (0.1, 0, 0)),
        ("hls2-s30", "B04", bands(scale=0.0001, offset=-0.1), (0.0001, -0.1, -9999)),
        ("hls2-l30", "B10", bands(scale=0.01, offset=100), (0.01, 100, -9999)),
    ],
)
def test_an_item_against_its_products_constants(other, collection, key, told, values):
    one = other(collection, **{key: told})
    found = decide(one, key)
    assert core(found) == (*values, GIVEN)
    assert (found.confidence, found.said) == ("disputed", None)
    assert len(found.evidence) == 2
    assert check_of([found], one, "trust") is None
    for mode in ("check", "refuse"):
        with pytest.raises(
            CatalogError, match=r"Item 'l' contradicts .*`radiometry: trust`"
        ) as error:
            check_of([found], one, mode)
        assert all(text in str(error.value) for text in found.evidence)


def test_what_is_no_band_of_a_product(other):
    with pytest.raises(CatalogError, match="raster:bands"):
        decide(other("landsat-c2-l2", qa={}), "qa")
    one = decide(other("landsat-c2-l2", atran=bands(scale=0.0001, nodata=-9999)), "atran")
    assert core(one) == (0.0001, None, -9999, GIVEN)


@pytest.mark.parametrize(
    "told",
    [
        bands(scale=0.5, offset=2, nodata=-1),
        {"bands": [{"raster:scale": 0.5, "raster:offset": 2, "nodata": -1}]},
        {"raster:scale": 0.5, "raster:offset": 2, "nodata": -1, "bands": [{"name": "x"}]},
    ],
)
def test_a_collection_of_ones_own(other, told):
    one = other("mine", "x", B04=told, B08={})
    assert core(decide(one, "B04")) == (0.5, 2, -1, GIVEN)
    with pytest.raises(CatalogError, match=r"does not say how .* Add `raster:bands`.*'mine'"):
        decide(one, "B08")


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        (bands(scale=0.1, unit="kelvin"), "kelvin"),
        ({"raster:scale": 0.1, "unit": "K"}, "kelvin"),
        ({**bands(scale=0.1), "eo:bands": [{"common_name": "lwir12"}]}, "kelvin"),
        (bands(scale=0.1, unit="1"), "reflectance"),
    ],
)
def test_the_unit_of_ones_own(other, told, unit):
    assert decide(other("mine", "x", t=told), "t").unit == unit


def described(**one):
    return CollectionPart.model_validate({"bands": {"red": {"asset": "B04"} | one}})


def test_a_described_band(scene, other):
    full = described(scale=0.001, offset=0.5, nodata=7, unit="kelvin")
    for one in (scene(), scene(baseline=None), other("mine", "x", B04=bands(scale=2))):
        found = decide(one, "B04", full)
        assert core(found) == (0.001, 0.5, 7, "recipe")
        assert (found.unit, found.confidence, found.said) == ("kelvin", "certain", None)
        assert found.evidence == ("recipe scale 0.001, offset 0.5",)
    assert decide(scene(), "B08", full).rule == NEW


def test_a_described_band_without_a_scale_is_as_the_item_says(scene, other):
    assert decide(scene(), "B04", described()) == decide(scene(), "B04")
    assert core(decide(scene(), "B04", described(nodata=9))) == (0.0001, -0.1, 9, NEW)
    found = decide(scene(baseline=None), "B04", described(offset=-0.1))
    assert (*core(found), found.said) == (0.0001, -0.1, 0, "recipe", None)
    assert found.confidence == "certain"
    assert core(decide(other("mine", "x", B04=bands(scale=2, offset=3)), "B04", described()))[
        :2
    ] == (2, 3)
    left = decide(other("mine", "x", B04={}), "B04", described())
    assert (*core(left), left.scale_from) == (None, None, None, "recipe", None)


def test_a_described_name_tells_which_band_an_odd_key_holds(item):
    one = item("a")
    one["assets"]["four"] = {"href": "https://x/4.tif"}
    part = CollectionPart.model_validate({"bands": {"red": "four"}})
    assert core(decide(from_json(one), "four", part)) == (0.0001, -0.1, 0, NEW)


@pytest.mark.parametrize("key", ["B04", "B04_10m", "red"])
@pytest.mark.parametrize("told", [{}, {"scale": 1e-4}, {"nodata": 9}, {"scale": 1e-4, "nodata": 9}])
def test_a_name_of_ones_own_changes_nothing_of_a_products_numbers(item, key, told):
    """`r: B04` is Sentinel-2's red: its offset and its 0 hold whatever a recipe calls it."""
    one = item("a")
    one["assets"] = {key: {"href": "https://x/4.tif"} | offset(-0.1)}
    scene = from_json(one)
    found = [
        decide(scene, key, CollectionPart.model_validate({"bands": {name: {"asset": key} | told}}))
        for name in ("red", "r")
    ]
    assert found[0] == found[1]
    assert (found[1].offset, found[1].said) == (-0.1, "carried")
    assert 0 in found[1].always


@pytest.mark.parametrize("collection", ["mine", "sentinel-2-l2a", "landsat-c2-l2"])
def test_a_scale_of_0_is_refused_until_the_recipe_tells(item, collection):
    one = item("a", collection=collection)
    one["assets"] = {"red": {"href": "https://x/4.tif"} | bands(scale=0)}
    scene = from_json(one)
    with pytest.raises(CatalogError, match="a scale of 0, which leaves no values"):
        decide(scene, "red")
    part = CollectionPart.model_validate({"bands": {"red": {"asset": "red", "scale": 0.5}}})
    assert decide(scene, "red", part).scale == 0.5


def test_a_name_of_ones_own_in_a_file_of_several_bands(item):
    one = item("a")
    names = [{"name": name} for name in ("B02", "B04", "B08")]
    one["assets"] = {"image": {"href": "https://x/image.tif", "eo:bands": names}}
    scene = from_json(one)
    part = CollectionPart.model_validate({"bands": {"r": {"asset": "image", "band": 2}}})
    found = decide(scene, "image", part, find_place(scene, "r", part))
    assert (*core(found), found.said) == (0.0001, -0.1, 0, NEW, "carried")


def test_one_check_for_all_bands_of_a_scene(item):
    one = item("a", **uri("0509"))
    one["assets"]["B04"] |= offset(-0.1)
    scene = from_json(one)
    both = [decide(scene, key) for key in ("B04", "B08")]
    check = check_of(both, scene, "check")
    assert check == OffsetCheck(shift=1000, said="carried", evidence=both[0].evidence)
    assert check == check_of(both, scene, "refuse")
    assert check_of([], scene, "check") is None
    one["assets"]["B08"] |= offset(0)
    scene = from_json(one)
    both = [decide(scene, key) for key in ("B04", "B08")]
    check = check_of(both, scene, "check")
    assert check is not None
    assert check.said == "disputed"
    assert check.evidence == (*both[0].evidence, "raster:bands offset 0")


def test_bands_that_contradict_each_other_are_refused_too(item):
    one = item("a")
    del one["properties"]["s2:processing_baseline"]
    one["assets"]["B04"] |= offset(-0.1)
    one["assets"]["B08"] |= offset(0)
    scene = from_json(one)
    both = [decide(scene, key) for key in ("B04", "B08")]
    assert [found.confidence for found in both] == ["likely", "likely"]
    check = check_of(both, scene, "check")
    assert check is not None
    assert check.said == "disputed"
    with pytest.raises(CatalogError, match=r"offset -0\.1; raster:bands offset 0\. Write"):
        check_of(both, scene, "refuse")


def test_what_two_lists_of_bands_say_is_all_heard(scene):
    """STAC 1.1's `bands` beside the older `raster:bands`: neither hides the other."""
    both = {"bands": [{"name": "B04", "eo:common_name": "red"}], **offset(0)}
    found = decide(scene(asset=both), "B04")
    assert (found.confidence, found.said) == ("disputed", "disputed")
    agreeing = {"bands": [{"name": "B04", "raster:scale": 0.0001}], **offset(-0.1)}
    assert decide(scene(asset=agreeing), "B04").confidence == "certain"


# --- what the recipe says beside the item, and what is left to the header


def test_sentinel2s_zero_is_no_data_whatever_else_is(scene):
    assert decide(scene(), "B04").always == (0,)
    assert decide(scene(asset=bands(scale=0.0001, nodata=-9999)), "B04").always == (0,)
    assert decide(scene(), "B04", described(nodata=9)).always == (9, 0)
    assert decide(scene(), "B04", described(scale=0.001, offset=0)).always == (0,)
    # values that are reflectance already are no digital numbers
    assert decide(scene(), "B04", described(scale=1, offset=0)).always == ()


def test_a_recipes_nodata_holds_beside_the_headers_and_an_items_in_its_place(other):
    one = other("mine", "x", B04=bands(scale=2, nodata=-1))
    assert (decide(one, "B04").nodata, decide(one, "B04").always) == (-1, ())
    found = decide(one, "B04", described(nodata=7))
    assert (found.nodata, found.always) == (7, (7,))
    assert decide(one, "B04", described(scale=2, nodata=7)).always == (7,)


@pytest.mark.parametrize(
    ("told", "recipe", "numbers", "who"),
    [
        ({}, {}, (None, None), None),
        ({}, {"offset": 0}, (None, 0), None),
        ({}, {"scale": 0.01}, (0.01, None), "recipe"),
        ({"scale": 2}, {}, (2, None), "item"),
        ({"scale": 2, "offset": 3}, {}, (2, 3), "item"),
        # an offset is in the units of its scale
        ({"scale": 2, "offset": 3}, {"scale": 2}, (2, 3), "recipe"),
        ({"scale": 2, "offset": 3}, {"scale": 0.5}, (0.5, None), "recipe"),
        ({"scale": 2, "offset": 3}, {"offset": 0}, (2, 0), "item"),
    ],
)
def test_what_neither_recipe_nor_item_says_is_left_to_the_header(other, told, recipe, numbers, who):
    one = other("mine", "x", B04=bands(**told) if told else {})
    found = decide(one, "B04", described(**recipe))
    assert ((found.scale, found.offset), found.scale_from) == (numbers, who)


def test_constants_of_a_product_are_its_own(scene, other):
    assert decide(scene(), "B04").scale_from == "product"
    landsat = other("landsat-c2-l2", red=bands(scale=2.75e-05, offset=-0.2))
    assert decide(landsat, "red").scale_from == "product"


# --- several bands in one file


LIST = [
    {"name": "one", "common_name": "red", "scale": 2, "offset": 1, "nodata": 5},
    {"name": "two", "common_name": "nir", "scale": 3, "unit": "1"},
    {"name": "three", "common_name": "lwir11", "scale": 0.1},
    {"name": "four"},
]


def listed(other, **more):
    return other("mine", "x", image={"raster:bands": LIST, **more})


@pytest.mark.parametrize(
    ("name", "numbers", "unit"),
    [
        ("red", (2, 1, 5), "reflectance"),
        ("nir", (3, None, None), "reflectance"),
        ("lwir11", (0.1, None, None), "kelvin"),
    ],
)
def test_of_several_bands_each_has_its_own_numbers(other, name, numbers, unit):
    one = listed(other)
    place = find_place(one, name)
    found = decide(one, place.asset, None, place)
    assert (found.scale, found.offset, found.nodata) == numbers
    assert found.unit == unit


def test_a_described_band_of_several_has_the_numbers_of_its_place(other):
    one = listed(other)
    part = CollectionPart.model_validate(
        {"bands": {"red": {"asset": "image", "band": 2}, "nir": {"asset": "image", "nodata": 8}}}
    )
    red, nir = (find_place(one, name, part) for name in ("red", "nir"))
    assert (red.number, nir.number) == (2, 2)
    assert decide(one, "image", part, red).scale == 3
    assert decide(one, "image", part, nir).always == (8,)
