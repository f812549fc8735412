"""Each rule of radiometry, and each contradiction that is refused."""

import pytest

from scenefleet.catalog import Radiometry, decide, from_json
from scenefleet.errors import CatalogError

SHIFTED = Radiometry(0.0001, -0.1, 0.0, "s2-baseline>=04.00")
PLAIN = Radiometry(0.0001, 0.0, 0.0, "s2-baseline<04.00")
URI = "S2A_MSIL2A_20210905T104021_N0500_R008_T31UFT_20230118T061530.SAFE"


@pytest.fixture
def scene(item):
    """`scene(baseline="05.09", asset={...})`: red in B04."""

    def make(*, baseline="05.09", asset=None, collection="sentinel-2-l2a", **properties):
        one = item("a", collection=collection, **properties)
        one["properties"]["s2:processing_baseline"] = baseline
        if baseline is None:
            del one["properties"]["s2:processing_baseline"]
        one["assets"]["B04"] |= asset or {}
        return from_json(one)

    return make


def bands(**told):
    return {"raster:bands": [told]}


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("02.12", PLAIN),
        ("03.01", PLAIN),
        ("03.99", PLAIN),
        ("04.00", SHIFTED),
        ("05.11", SHIFTED),
        ("10.00", SHIFTED),
    ],
)
@pytest.mark.parametrize("collection", ["sentinel-2-l2a", "sentinel-2-l1c", "mine"])
def test_sentinel2_by_baseline_not_by_date(scene, baseline, expected, collection):
    one = scene(baseline=baseline, collection=collection, datetime="2016-01-01T00:00:00Z")
    assert decide(one, "B04") == expected


def test_the_products_name_tells_the_baseline_too(scene):
    assert decide(scene(baseline=None, **{"s2:product_uri": URI}), "B04") == SHIFTED


def test_an_offset_that_agrees_changes_nothing(scene):
    assert decide(scene(asset=bands(scale=0.0001, offset=-0.1, nodata=0)), "B04") == SHIFTED
    assert decide(scene(baseline="02.14", asset=bands(scale=0.0001, offset=0)), "B04") == PLAIN


def test_earth_search_has_taken_the_offset_off_already(scene):
    flags = {"earthsearch:boa_offset_applied": True}
    one = scene(asset=bands(scale=0.0001, offset=-0.1, nodata=0), **flags)
    assert decide(one, "B04") == Radiometry(0.0001, 0.0, 0.0, "earthsearch-offset-applied")
    flags["earthsearch:boa_offset_applied"] = False
    assert decide(scene(**flags), "B04") == SHIFTED


@pytest.mark.parametrize(
    "change",
    [
        {"baseline": "05.09", "asset": bands(scale=0.0001, offset=0)},
        {"baseline": "05.09", "asset": bands(scale=0.0001, offset=-0.7)},
        {"baseline": "02.12", "asset": bands(scale=0.0001, offset=-0.1)},
        {"baseline": "03.01", "s2:product_uri": URI},
    ],
)
def test_contradictions_are_refused(scene, change):
    with pytest.raises(CatalogError, match="contradicts itself"):
        decide(scene(**change), "B04")


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        (None, "no `s2:processing_baseline`.*Add"),
        ("99.99", "outside ESA"),
        ("new", "written like '05.11'"),
    ],
)
def test_what_cannot_be_known_is_refused(scene, baseline, words):
    with pytest.raises(CatalogError, match=words):
        decide(scene(baseline=baseline), "B04")


def test_no_baseline_but_scale_and_offset(scene):
    one = scene(baseline=None, asset=bands(scale=0.0001, offset=-0.1))
    assert decide(one, "B04") == Radiometry(0.0001, -0.1, 0.0, "item-raster-bands")


def test_classes_are_no_reflectance(scene):
    with pytest.raises(CatalogError, match=r"'SCL' .*no reflectance"):
        decide(scene(), "SCL")
    with pytest.raises(CatalogError, match="no asset 'B99'"):
        decide(scene(), "B99")


def test_landsat(item):
    one = item("l", collection="landsat-c2-l2", platform="landsat-8")
    del one["properties"]["s2:processing_baseline"]
    one["assets"] = {"red": {"href": "https://x/red.tif"}, "qa": {"href": "https://x/qa.tif"}}
    scene = from_json(one)
    assert decide(scene, "red") == Radiometry(2.75e-05, -0.2, 0.0, "landsat-c2-l2")
    with pytest.raises(CatalogError, match="raster:bands"):
        decide(scene, "qa")
    one["assets"]["red"] |= bands(scale=2.75e-05, offset=-0.2, nodata=0)
    assert decide(from_json(one), "red") == Radiometry(2.75e-05, -0.2, 0.0, "item-raster-bands")


def test_hls_is_no_sentinel2_product(item):
    one = item("h", collection="hls2-s30", platform="sentinel-2a")
    del one["properties"]["s2:processing_baseline"]
    one["assets"]["B04"]["eo:bands"] = [{"name": "B04", "common_name": "red"}]
    assert decide(from_json(one), "B04") == Radiometry(0.0001, 0.0, -9999.0, "hls-v2")


@pytest.mark.parametrize(
    "told",
    [
        bands(scale=0.5, offset=2, nodata=-1),
        {"bands": [{"raster:scale": 0.5, "raster:offset": 2, "nodata": -1}]},
        {"raster:scale": 0.5, "raster:offset": 2, "nodata": -1, "bands": [{"name": "x"}]},
    ],
)
def test_a_collection_of_ones_own(item, told):
    one = item("m", collection="mine")
    del one["properties"]["s2:processing_baseline"]
    one["assets"]["B04"] |= told
    assert decide(from_json(one), "B04") == Radiometry(0.5, 2.0, -1.0, "item-raster-bands")
    with pytest.raises(CatalogError, match=r"does not say how .* Add `raster:bands`"):
        decide(from_json(one), "B08")
