"""Bands by common name, in the ways catalogues write them."""

import pytest

from scenefleet.catalog import find_band, find_mask, from_json
from scenefleet.errors import CatalogError

TIFF, JP2 = "image/tiff; application=geotiff", "image/jp2"


@pytest.fixture
def scene(item):
    """`scene({"B04": {...}})`: an item with these assets."""

    def make(assets, collection="sentinel-2-l2a", **properties):
        one = item("a", collection=collection, **properties)
        if not collection.startswith("sentinel"):
            del one["properties"]["s2:processing_baseline"]
        one["assets"] = {key: {"href": f"https://x/{key}"} | told for key, told in assets.items()}
        return from_json(one)

    return make


def named(*names, key="eo:bands", member="common_name"):
    return {key: [{member: name} if name else {} for name in names]}


@pytest.mark.parametrize("keys", [("B04", "B08"), ("b04", "b08"), ("red", "nir")])
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


def test_landsat_has_nir08_for_nir_and_sentinel2_has_not(scene):
    assert find_band(scene({"red": {}, "nir08": {}}, "landsat-c2-l2"), "nir") == "nir08"
    with pytest.raises(CatalogError, match=r"Item 'a' has no band 'nir'; it has nir08, red\."):
        find_band(scene({"B04": {}, "B8A": {}}), "nir")


def test_two_bands_that_fit_alike_are_refused(scene):
    one = scene({"a": named("rededge"), "b": named("rededge")}, "mine")
    with pytest.raises(CatalogError, match="more than one band 'rededge': assets a, b"):
        find_band(one, "rededge")
    assert find_band(scene({"a": named("red"), "red": {}}, "mine"), "red") == "red"


def test_nothing_with_a_name(scene):
    with pytest.raises(CatalogError, match="it has no band with a common name"):
        find_band(scene({"data": {}}, "mine"), "red")


@pytest.mark.parametrize(
    ("keys", "mask"),
    [
        (["B04", "SCL"], "SCL"),
        (["scl-jp2", "scl"], "scl"),
        (["SCL_60m", "SCL_20m"], "SCL_20m"),
        (["B04"], None),
    ],
)
def test_the_scene_classification(scene, keys, mask):
    kinds = {"jp2": {"type": JP2}, "60m": {"gsd": 60}, "20m": {"gsd": 20}}
    assert find_mask(scene({key: kinds.get(key[4:], {}) for key in keys})) == mask
