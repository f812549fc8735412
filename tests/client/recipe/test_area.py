"""Areas at and beyond the antimeridian: split there, as RFC 7946 asks."""

import pytest
from shapely.geometry import shape

from scenefleet.recipe.area import box, unite


def polygon(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_an_area_within_is_kept_as_it_is():
    assert unite(polygon(170, 0, 180, 1)) == polygon(170, 0, 180, 1)


@pytest.mark.parametrize(
    ("bounds", "same"),
    [
        ((179, 0, 181, 1), (179, 0, -179, 1)),
        ((-181, 0, -179, 1), (179, 0, -179, 1)),
        ((185, 0, 190, 1), (-175, 0, -170, 1)),
        ((170, 0, 360, 1), (170, 0, 0, 1)),
        ((0, -1, 360, 1), (-180, -1, 180, 1)),
        ((-360, -1, 0, 1), (-180, -1, 180, 1)),
    ],
)
def test_an_area_beyond_is_split_and_turned(bounds, same):
    area = unite(polygon(*bounds))
    assert area["type"] in ("Polygon", "MultiPolygon")
    assert shape(area).is_valid
    assert shape(area).equals(shape(box(same)))


def test_features_on_both_sides_are_united():
    features = [polygon(179, 0, 181, 1), polygon(-181, 1, -179, 2), polygon(-179.5, 0, -178, 1)]
    collection = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": geometry} for geometry in features],
    }
    area = shape(unite(collection))
    assert area.area == pytest.approx(2 + 2 + 1)
    assert area.bounds == (-180, 0, 180, 2)


def test_a_hole_over_the_antimeridian():
    holed = polygon(178, 0, 182, 2)
    holed["coordinates"] += polygon(179, 0.5, 181, 1.5)["coordinates"]
    assert shape(unite(holed)).area == pytest.approx(8 - 2)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((359, 0, 361, 1), "not degrees"),
        ((-361, 0, -359, 1), "not degrees"),
        ((0, 89, 1, 91), "not degrees"),
        ((-200, 0, 200, 1), "round the globe more than once"),
    ],
)
def test_what_is_no_area_on_earth(bounds, words):
    with pytest.raises(ValueError, match=words):
        unite(polygon(*bounds))


@pytest.mark.parametrize(
    ("bounds", "same"),
    [((180, 0, -170, 1), (-180, 0, -170, 1)), ((170, 0, -180, 1), (170, 0, 180, 1))],
)
def test_a_box_that_ends_at_the_antimeridian_has_no_flat_half(bounds, same):
    assert box(bounds) == polygon(*same)


@pytest.mark.parametrize("bounds", [(180, 0, -180, 1), (5, 0, 5, 1)])
def test_a_box_without_width(bounds):
    with pytest.raises(ValueError, match="no width"):
        box(bounds)
