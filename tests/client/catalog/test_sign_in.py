"""Files that ask for a sign-in are named as that, by search and plan."""

from pathlib import Path

import pytest

from scenefleet.catalog import from_json
from scenefleet.catalog.sign_in import sign_in, sign_in_note
from scenefleet.errors import CatalogError
from scenefleet.plan import plan
from scenefleet.recipe import parse

EARTHDATA = "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-protected/HLSS30.020/a/B04.tif"


@pytest.fixture
def at(item):
    """`at(href, {...}, **properties)`: an item with one band there."""

    def make(href, more=None, **properties):
        one = item("a", **properties)
        one["assets"] = {"B04": {"href": href, "type": "image/tiff", **(more or {})}}
        return from_json(one)

    return make


@pytest.mark.parametrize(
    ("href", "words"),
    [
        (EARTHDATA, "NASA Earthdata"),
        ("s3://lp-prod-protected/HLSL30.020/a/B04.tif", "NASA Earthdata"),
        ("https://archive.podaac.earthdata.nasa.gov/podaac-ops/a.tif", "NASA Earthdata"),
        ("s3://eodata/Sentinel-2/MSI/L2A/B04_10m.jp2", "Copernicus Data Space"),
        ("https://eodata.dataspace.copernicus.eu/Sentinel-2/B04.jp2", "Copernicus Data Space"),
        ("https://zipper.dataspace.copernicus.eu/odata/v1/Products(1)", "Copernicus Data Space"),
        ("s3://usgs-landsat/collection02/a_SR_B4.TIF", "USGS"),
        ("https://landsatlook.usgs.gov/data/collection02/a_SR_B4.TIF", "USGS"),
        ("https://usgs-landsat.s3.us-west-2.amazonaws.com/collection02/a.TIF", "USGS"),
        ("https://s3.us-west-2.amazonaws.com/usgs-landsat/collection02/a.TIF", "USGS"),
        ("s3://sentinel-s2-l1c/tiles/31/U/ES/2023/6/1/0/B04.jp2", "reader pays"),
        ("https://sentinel-s2-l2a.s3.eu-central-1.amazonaws.com/tiles/B04.jp2", "reader pays"),
        ("https://sentinel-s2-l2a.s3.amazonaws.com/tiles/B04.jp2", "reader pays"),
        ("s3://naip-analytic/a.tif", "reader pays"),
    ],
)  # fmt: skip
def test_what_asks_for_a_sign_in(at, href, words):
    scene = at(href)
    assert words in (sign_in(scene, "B04") or "")
    assert words in (sign_in_note(scene) or "")


@pytest.mark.parametrize(
    "href",
    [
        "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/a.tif",
        "https://landsateuwest.blob.core.windows.net/landsat-c2/a.TIF",
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/a/B04.tif",
        "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/a/B04.tif",
        "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-public/HLSS30.020/a.jpg",
        "/data/eodata/B04.tif",
        "https://example.org/usgs-landsat/B04.tif",
    ],
)
def test_what_is_open(at, href):
    assert sign_in(at(href), "B04") is None


@pytest.mark.parametrize(
    ("more", "properties", "needs"),
    [
        ({"storage:requester_pays": True}, {}, True),
        ({}, {"storage:requester_pays": True}, True),
        ({"storage:requester_pays": False}, {"storage:requester_pays": True}, False),
        ({"storage:refs": ["a"]}, {"storage:schemes": {"a": {"requester_pays": True}}}, True),
        ({"storage:refs": ["b"]}, {"storage:schemes": {"a": {"requester_pays": True}}}, False),
        ({"auth:refs": ["o"]}, {"auth:schemes": {"o": {"type": "oauth2"}}}, True),
        ({"auth:refs": ["o"]}, {"auth:schemes": {"o": {"type": "signedUrl"}}}, False),
        ({"auth:refs": 5}, {"auth:schemes": []}, False),
    ],
)
def test_what_items_say_by_extensions(at, more, properties, needs):
    scene = at("https://example.org/B04.tif", more, **properties)
    assert (sign_in(scene, "B04") is not None) == needs


def test_a_scene_with_open_files_as_well_is_not_noted(item):
    one = item("a")
    one["assets"]["B04"]["href"] = EARTHDATA
    assert sign_in_note(from_json(one)) is None


def test_plan_leaves_such_a_scene_out_by_name(at):
    recipe = parse(
        "version: 1\nname: a\nsearch: {}\nprocess: {bands: [red], mask: none, radiometry: trust}",
        Path("recipe.yaml"),
    )
    with pytest.raises(
        CatalogError, match=r"asset 'B04' cannot be read: NASA Earthdata .* sign-in"
    ):
        plan(recipe, [at(EARTHDATA)])
