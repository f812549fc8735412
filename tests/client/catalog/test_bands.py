"""Bands by common name, in the ways catalogues write them."""

import pytest

from scenefleet.catalog import band_names, find_band, find_place, from_json
from scenefleet.catalog.bands import coarser
from scenefleet.catalog.masks import find_masks
from scenefleet.catalog.sensors import HLS, HLS_L30, HLS_S30, LANDSAT, SENTINEL_2, sensor_of
from scenefleet.errors import CatalogError
from scenefleet.recipe import CollectionPart

TIFF, JP2 = "image/tiff; application=geotiff", "image/jp2"


@pytest.fixture
def scene(item):
    """`scene({"B04": {...}})`: an item with these assets."""

    def make(assets, collection="sentinel-2-l2a", name="a", **properties):
        one = item(name, collection=collection, **properties)
        if not collection.startswith("sentinel"):
            del one["properties"]["s2:processing_baseline"]
        one["assets"] = {key: {"href": f"https://x/{key}"} | told for key, told in assets.items()}
        return from_json(one)

    return make


def named(*names, key="eo:bands", member="common_name"):
    return {key: [{member: name} if name else {} for name in names]}


def hls(**common):
    """Assets as Planetary Computer's: some with a common name, some without, and the mask."""
    return {key: named(name) for key, name in common.items()} | {"Fmask": named(None)}


# as in the templates of Planetary Computer's `hls2-l30` and `hls2-s30`
L30 = hls(
    B01="coastal", B02="blue", B03="green", B04="red", B05="nir", B06="swir16", B07="swir22",
    B09="cirrus", B10="lwir11", B11="lwir12", SAA=None,
)  # fmt: skip
S30 = hls(
    B01="coastal", B02="blue", B03="green", B04="red", B05=None, B06=None, B07=None, B08="nir",
    B8A=None, B09=None, B10="cirrus", B11="swir16", B12="swir22", SAA=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("collection", "name", "properties", "sensor"),
    [
        ("sentinel-2-l2a", "a", {}, SENTINEL_2),
        ("sentinel-2-c1-l2a", "a", {}, SENTINEL_2),
        ("sentinel-2-l1c", "a", {}, SENTINEL_2),
        ("mine", "a", {"constellation": "Sentinel 2"}, SENTINEL_2),
        ("landsat-c2-l2", "a", {"platform": "landsat-5"}, LANDSAT),
        ("landsat-c2l2-sr", "a", {}, LANDSAT),
        ("mine", "a", {"landsat:collection_number": "02", "landsat:correction": "L2SP"}, LANDSAT),
        ("landsat-c2-l1", "a", {"landsat:correction": "L1TP"}, None),
        ("landsat-c1-l2", "a", {"landsat:collection_number": "01"}, None),
        ("hls2-s30", "a", {"platform": "sentinel-2a"}, HLS_S30),
        ("hls2-l30", "a", {"platform": "landsat-8"}, HLS_L30),
        ("HLSS30.v2.0", "a", {}, HLS_S30),
        ("HLSL30_2.0", "a", {}, HLS_L30),
        ("mine", "HLS.L30.T31UFT.2023180T104049.v2.0", {"platform": "landsat-9"}, HLS_L30),
        ("mine", "HLS.S30.T31UFT.2023180T104049.v2.0", {"platform": "sentinel-2b"}, HLS_S30),
        ("hls", "a", {"platform": "sentinel-2b"}, HLS),
        ("naip", "a", {}, None),
    ],
)
def test_which_product_a_scene_is(scene, collection, name, properties, sensor):
    assert sensor_of(scene({}, collection, name, **properties)) is sensor


@pytest.mark.parametrize(
    "keys",
    [
        ("B04", "B08"),
        ("b04", "b08"),
        ("red", "nir"),
        ("B04_10m", "B08_10m"),
        ("red-jp2", "nir-jp2"),
    ],
)
def test_sentinel2_by_its_keys_in_any_style(scene, keys):
    one = scene({key: {} for key in keys})
    assert (find_band(one, "red"), find_band(one, "nir")) == keys


def test_sentinel2s_coarse_common_names_are_not_asked(scene):
    assets = {key: named("rededge") for key in ("B05", "B06", "B07", "B8A")}
    one = scene(assets)
    names = ("rededge1", "rededge2", "rededge3", "nir08")
    assert [find_band(one, name) for name in names] == ["B05", "B06", "B07", "B8A"]
    with pytest.raises(CatalogError, match="no band 'rededge'; it has nir08, rededge1"):
        find_band(one, "rededge")


def test_a_finer_grid_and_a_tiff_are_preferred(scene):
    assets = {
        "B04_60m": {"gsd": 60, "type": TIFF},
        "B04_20m": {"gsd": 20, "type": TIFF},
        "B04_10m": {"gsd": 10, "type": JP2},
    }
    assert find_band(scene(assets), "red") == "B04_20m"
    both = {"red-jp2": {"gsd": 10, "type": JP2}, "red": {"gsd": 10, "type": TIFF}}
    assert find_band(scene(both), "red") == "red"
    assert find_band(scene({"red-jp2": {"type": JP2}}), "red") == "red-jp2"


@pytest.mark.parametrize("told", [named("red"), named("red", key="bands", member="eo:common_name")])
def test_other_collections_by_common_name(scene, told):
    assets = {"one": told, "picture": named("red", "green", "blue"), "two": named("nir")}
    assert find_band(scene(assets, "mine"), "red") == "one"


def test_pictures_and_metadata_are_no_bands(scene):
    assets = {
        "red": {"type": "text/plain"},
        "r": named("red") | {"roles": ["overview"]},
        "x": named("red"),
    }
    assert find_band(scene(assets, "mine"), "red") == "x"


@pytest.mark.parametrize("collection", ["hls2-l30", "HLSL30.v2.0", "HLSL30_2.0"])
def test_hls_of_landsat(scene, collection):
    one = scene(L30, collection, platform="landsat-8")
    keys = {name: find_band(one, name) for name in band_names(one)}
    assert keys == {
        "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "nir08": "B05",
        "swir16": "B06", "swir22": "B07", "cirrus": "B09", "lwir11": "B10", "lwir12": "B11",
    }  # fmt: skip
    assert find_band(one, "nir") == "B05"
    with pytest.raises(CatalogError, match="no band 'rededge1'"):
        find_band(one, "rededge1")


@pytest.mark.parametrize("collection", ["hls2-s30", "HLSS30.v2.0", "HLSS30_2.0"])
def test_hls_of_sentinel2(scene, collection):
    one = scene(S30, collection, platform="sentinel-2a")
    keys = {name: find_band(one, name) for name in band_names(one)}
    assert keys == {
        "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05",
        "rededge2": "B06", "rededge3": "B07", "nir": "B08", "nir08": "B8A", "nir09": "B09",
        "cirrus": "B10", "swir16": "B11", "swir22": "B12",
    }  # fmt: skip
    with pytest.raises(CatalogError, match="no band 'lwir11'"):
        find_band(one, "lwir11")


@pytest.mark.parametrize("name", ["red", "nir"])
def test_one_recipe_runs_on_all(scene, name):
    ways = [
        (scene(L30, "hls2-l30"), {"red": "B04", "nir": "B05"}),
        (scene(S30, "hls2-s30"), {"red": "B04", "nir": "B08"}),
        (scene({"B04": {}, "B08": {}}), {"red": "B04", "nir": "B08"}),
        (scene({"red": {}, "nir08": {}}, "landsat-c2-l2"), {"red": "red", "nir": "nir08"}),
        (scene({"red": {}, "nir": {}, "nir08": {}}), {"red": "red", "nir": "nir"}),
    ]
    assert [find_band(one, name) for one, _ in ways] == [keys[name] for _, keys in ways]


def test_landsat_has_nir08_for_nir_and_sentinel2_has_not(scene):
    assert find_band(scene({"red": {}, "nir08": {}}, "landsat-c2-l2"), "nir") == "nir08"
    for collection in ("sentinel-2-l2a", "hls2-s30"):
        one = scene({"B04": {}, "B8A": {}}, collection)
        with pytest.raises(CatalogError, match=r"Item 'a' has no band 'nir'; it has nir08, red\."):
            find_band(one, "nir")


@pytest.mark.parametrize(
    ("has", "asked", "key"),
    [
        ("lwir", "lwir11", "lwir"),
        ("lwir11", "lwir", "lwir11"),
        ("lwir", "lwir", "lwir"),
        ("lwir11", "lwir11", "lwir11"),
    ],
)
def test_the_one_thermal_band_has_both_names(scene, has, asked, key):
    assert find_band(scene({has: {}, "red": {}}, "landsat-c2-l2"), asked) == key


def test_a_thermal_band_that_is_there_is_not_replaced(scene):
    both = scene({"a": named("lwir11"), "b": named("lwir")}, "mine")
    assert (find_band(both, "lwir"), find_band(both, "lwir11")) == ("b", "a")
    with pytest.raises(CatalogError, match="no band 'lwir12'"):
        find_band(both, "lwir12")


def test_two_bands_that_fit_alike_are_refused(scene):
    one = scene({"a": named("rededge"), "b": named("rededge")}, "mine")
    with pytest.raises(CatalogError, match="more than one band 'rededge': assets a, b"):
        find_band(one, "rededge")
    assert find_band(scene({"a": named("red"), "red": {}}, "mine"), "red") == "red"


def test_nothing_with_a_name(scene):
    with pytest.raises(CatalogError, match="it has no band with a common name"):
        find_band(scene({"data": {}}, "mine"), "red")


def test_a_described_band_goes_first(scene):
    described = CollectionPart.model_validate({"bands": {"red": "band_3", "chl": "band_9"}})
    one = scene({"band_3": {}, "band_9": {}, "red": {}, "blue": {}}, "landsat-c2-l2")
    assert find_band(one, "red") == "red"
    assert [find_band(one, name, described) for name in ("red", "chl", "blue")] == [
        "band_3",
        "band_9",
        "blue",
    ]
    assert band_names(one, described) == ["blue", "chl", "red"]
    with pytest.raises(CatalogError, match="no band 'nir'; it has blue, chl, red"):
        find_band(one, "nir", described)
    with pytest.raises(
        CatalogError, match=r"no asset 'band_3', which the recipe names for .*'red'"
    ):
        find_band(scene({"red": {}}), "red", described)


def test_a_described_band_stands_in_too(scene):
    described = CollectionPart.model_validate({"bands": {"nir08": "band_5"}})
    assert find_band(scene({"band_5": {}}, "mine"), "nir", described) == "band_5"


# --- several bands in one file


def several(*names, key="eo:bands", member="common_name", **more):
    return named(*names, key=key, member=member) | more


RGBN = ("red", "green", "blue", "nir")


@pytest.mark.parametrize(
    "told",
    [
        several(*RGBN),
        several(*RGBN, key="bands", member="eo:common_name"),
        several(*RGBN, key="bands", member="name"),
        several(*RGBN, key="raster:bands", member="description"),
        several("RED", "Green", "Blue", "NIR", key="eo:bands", member="name"),
        # the names in one list, the numbers in another
        several(*RGBN) | {"raster:bands": [{"scale": n} for n in (1, 2, 3, 4)]},
    ],
)
def test_a_band_has_a_number_in_a_file_of_several(scene, told):
    one = scene({"image": told}, "mine")
    places = [find_place(one, name) for name in RGBN]
    assert [(place.asset, place.number) for place in places] == [("image", n) for n in (1, 2, 3, 4)]
    with pytest.raises(CatalogError, match="no band 'swir16'"):
        find_place(one, "swir16")


def test_files_of_several_bands_of_known_products_too(scene):
    one = scene({"stack": several("B02", "B03", "B04", "B8A", "B08", member="name")})
    numbers = {name: find_place(one, name).number for name in ("blue", "red", "nir", "nir08")}
    assert numbers == {"blue": 1, "red": 3, "nir": 5, "nir08": 4}
    assert {"blue", "red", "nir", "nir08"} <= {*band_names(one)}


def test_a_file_of_its_own_goes_before_one_of_several(scene):
    one = scene({"image": several(*RGBN), "b4": named("red")}, "mine")
    place = find_place(one, "red")
    assert (place.asset, place.number) == ("b4", None)


@pytest.mark.parametrize("key", ["visual", "Visual_10m", "TCI_10m", "true_color", "rgb", "preview"])
@pytest.mark.parametrize("collection", ["sentinel-2-l2a", "mine"])
def test_a_picture_is_never_taken_for_a_band(scene, key, collection):
    """Planetary Computer gives its own the role `data`."""
    picture = several("red", "green", "blue") | {"roles": ["data"]}
    with pytest.raises(CatalogError, match="no band 'red'"):
        find_place(scene({key: picture}, collection), "red")
    one = scene({key: picture, "B04": named("red")}, collection)
    assert find_place(one, "red").asset == "B04"


def test_two_bands_of_a_file_of_one_name_are_refused_with_the_key(scene):
    one = scene({"image": several("red", "nir", "nir")}, "mine")
    with pytest.raises(CatalogError, match=r"bands 2, 3 of asset 'image'.*band: 2") as caught:
        find_place(one, "nir")
    assert "`collections: {mine: {bands: {nir: {asset: image, band: 2}}}}`" in str(caught.value)
    swapped = several("red", "nir") | {"bands": [{"eo:common_name": n} for n in ("nir", "red")]}
    with pytest.raises(CatalogError, match="bands 1, 2"):
        find_place(scene({"image": swapped}, "mine"), "red")


@pytest.mark.parametrize(
    ("written", "number", "description"),
    [
        (2, 2, None),
        ("2", 2, None),
        ("B04", 3, None),
        ("b04", 3, None),
        ("red", 3, None),
        ("near infrared", None, "near infrared"),  # the file's header may know it
    ],
)
def test_the_recipe_names_a_band_of_a_file(scene, written, number, description):
    told = {"eo:bands": [{"name": "B02"}, {"name": "B03"}, {"name": "B04", "common_name": "red"}]}
    part = CollectionPart.model_validate({"bands": {"x": {"asset": "image", "band": written}}})
    place = find_place(scene({"image": told}, "mine"), "x", part)
    assert (place.asset, place.number, place.description) == ("image", number, description)


def test_what_the_recipe_leaves_out_the_items_list_fills_in(scene):
    part = CollectionPart.model_validate({"bands": {"red": "image", "nir": "image"}})
    one = scene({"image": several(*RGBN)}, "mine")
    assert [find_place(one, name, part).number for name in ("red", "nir")] == [1, 4]
    bare = scene({"image": {}}, "mine")
    assert find_place(bare, "red", part).number is None
    other = scene({"image": several("a", "b", member="name")}, "mine")
    with pytest.raises(CatalogError, match=r"2 bands \(1 'a', 2 'b'\).*asset: image, band: 1"):
        find_place(other, "red", part)


def test_the_recipes_number_holds_whatever_the_item_lists(scene):
    part = CollectionPart.model_validate({"bands": {"red": {"asset": "image", "band": 5}}})
    place = find_place(scene({"image": several(*RGBN)}, "mine"), "red", part)
    assert (place.number, place.listed) == (5, None)


@pytest.mark.parametrize("band", [0, -1, "", "  ", 1.5, True, 70_000])
def test_a_band_is_a_number_or_a_name(band):
    with pytest.raises(ValueError, match="band"):
        CollectionPart.model_validate({"bands": {"red": {"asset": "image", "band": band}}})


@pytest.mark.parametrize(
    ("keys", "collection", "masks"),
    [
        (["B04", "SCL"], "sentinel-2-l2a", ["SCL"]),
        (["scl-jp2", "scl"], "sentinel-2-c1-l2a", ["scl"]),
        (["SCL_60m", "SCL_20m"], "sentinel-2-l2a", ["SCL_20m"]),
        (["B04"], "sentinel-2-l1c", []),
        (["qa_pixel", "qa_radsat"], "landsat-c2-l2", ["qa_pixel", "qa_radsat"]),
        (["qa_pixel"], "landsat-c2-l2", ["qa_pixel"]),
        (["qa_radsat"], "landsat-c2-l2", []),
        (["B04", "Fmask"], "hls2-s30", ["Fmask"]),
        (["Fmask"], "HLSL30.v2.0", ["Fmask"]),
        (["Fmask"], "mine", []),
    ],
)
def test_the_rasters_to_mask_by(scene, keys, collection, masks):
    kinds = {"jp2": {"type": JP2}, "60m": {"gsd": 60}, "20m": {"gsd": 20}}
    one = scene({key: kinds.get(key[4:], {}) for key in keys}, collection)
    assert [key for key, _ in find_masks(one)] == masks


@pytest.mark.parametrize("gsd", [None, 10, 60])
def test_a_key_tells_the_resolution_of_its_file(scene, gsd):
    """`B04_10m` beside its coarser copies, whatever the item says of its ground sample distance."""
    properties = {} if gsd is None else {"gsd": gsd}
    keys = ("B04_60m", "B04_20m", "B04_10m")
    for assets in (keys, [f"{key}-jp2" for key in keys], [key.lower() for key in keys]):
        one = scene({key: {} for key in assets}, **properties)
        found = find_band(one, "red")
        assert found.lower().startswith("b04_10m")
        assert len(coarser(one, "red", found)) == 2
    one = scene({"B04_10m": {}, "B04_20m": {}, "SCL_60m": {}, "SCL_20m": {}}, **properties)
    assert find_masks(one)[0][0] == "SCL_20m"


def test_common_names_with_a_resolution(scene):
    assets = {key: {} for key in ("red_20m", "red_10m", "nir-20m", "nir-10m", "redder_5m")}
    for collection in ("mine", "sentinel-2-l2a"):
        one = scene(assets, collection)
        assert [find_band(one, name) for name in ("red", "nir")] == ["red_10m", "nir-10m"]


def test_a_larger_raster_of_the_same_scene_is_the_finer(scene):
    shapes = {"a": [5490, 5490], "b": [10980, 10980], "c": [1830, 1830]}
    assets = {key: named("red") | {"proj:shape": shape} for key, shape in shapes.items()}
    one = scene(assets, "mine", gsd=10)
    assert find_band(one, "red") == "b"


@pytest.mark.parametrize(
    "shape",
    [[0, 0], [-1, 5], ["a", "b"], "ab", [1], [1, 2, 3], [True, True], [1e300, 1], [10**9, 10**9],
     {}, [1.5, 2], [None, None], [[1], [2]], 5],
)  # fmt: skip
def test_a_shape_that_is_none_counts_as_not_told(scene, shape):
    assert scene({"B04": {"proj:shape": shape}}).assets["B04"].shape is None
    assert scene({"B04": {"proj:shape": [10.0, 20]}}).assets["B04"].shape == (10, 20)
