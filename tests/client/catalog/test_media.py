"""Media types as catalogues spell them."""

import pytest

from scenefleet.catalog import find_band, from_json
from scenefleet.catalog.media import format_of
from scenefleet.errors import CatalogError


@pytest.mark.parametrize(
    "told",
    [
        "image/tiff",
        "image/tiff; application=geotiff",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        "image/tiff;application=geotiff;profile=cloud-optimized",
        "IMAGE/TIFF; Application=GeoTIFF",
        'image/tiff; application="geotiff"; profile="cloud-optimized"',
        " image/tiff ; application=geotiff",
        "image/tiff, application=geotiff",
        "image/tif",
        "image/x-tiff",
        "image/x.geotiff",
        "image/vnd.stac.geotiff",
        "image/vnd.stac.geotiff; cloud-optimized=true",
        "image/geotiff",
        "application/geotiff",
        "application/x-geotiff",
        "Application/GeoTIFF; profile=cloud-optimized",
        "GeoTIFF",
        "image/cog",
    ],
)
def test_geotiff_in_its_spellings(told):
    assert format_of(told, "https://x/B04") == "tiff"


@pytest.mark.parametrize(
    "told",
    ["image/jp2", "IMAGE/JP2", "image/jpeg2000", "image/jpx", "image/x-jp2", "image/jp2; a=b"],
)
def test_jpeg_2000_in_its_spellings(told):
    assert format_of(told, "https://x/B04") == "jp2"


@pytest.mark.parametrize(
    ("told", "href", "kind"),
    [
        (None, "https://x/B04.tif", "tiff"),
        (None, "https://x/B04.JP2?a=b", "jp2"),
        (None, "https://x/B04", "tiff"),
        ("", "https://x/B04", "tiff"),
        ("application/octet-stream", "https://x/B04.TIF", "tiff"),
        ("binary/octet-stream", "https://x/B04.jp2", "jp2"),
        ("application/octet-stream", "https://x/B04.h5", None),
        ("application/x-hdf5", "https://x/B04.tif", None),
        ("application/json", "https://x/B04.json", None),
        ("image/png", "https://x/B04.png", None),
        ("image/tiffany", "https://x/B04", None),
    ],
)
def test_what_tells_nothing_goes_by_the_name(told, href, kind):
    assert format_of(told, href) == kind


def scene(item, assets, **properties):
    one = item("a", **properties)
    one["assets"] = {key: {"href": f"https://x/{key}.tif"} | told for key, told in assets.items()}
    return from_json(one)


@pytest.mark.parametrize("told", ["application/geotiff", "image/geotiff", "Image/TIFF"])
def test_a_band_of_any_spelling_is_found(item, told):
    assert find_band(scene(item, {"B04": {"type": told}}), "red") == "B04"


def test_the_type_is_named_where_it_is_the_cause(item):
    """By the product's key, by an own key, and by a common name."""
    of_type = {"type": "application/x-hdf5"}
    for assets in (
        {"B04": of_type},
        {"red": of_type},
        {"x": of_type | {"eo:bands": [{"common_name": "red"}]}},
    ):
        with pytest.raises(CatalogError, match=r"'application/x-hdf5', and GeoTIFF .* are read"):
            find_band(scene(item, assets), "red")
    with pytest.raises(CatalogError, match="has no band 'red'; it has"):
        find_band(scene(item, {"B08": {}}), "red")


def test_a_type_that_is_no_text(item):
    assert format_of(5, "x.tif") is None  # pyright: ignore[reportArgumentType]
