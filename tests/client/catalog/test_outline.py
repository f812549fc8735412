"""A long outline is sent as a simpler one around it; swapped coordinates get a hint."""

import math
from pathlib import Path

import pytest
import shapely
from shapely.geometry import mapping, shape

from scenefleet.catalog import search
from scenefleet.catalog.outline import search_outline
from scenefleet.catalog.swapped import swap_hint

HERE = Path()


def circle(x=5.5, y=52.5, radius=0.4, count=4000, ragged=0.01):
    angles = [2 * math.pi * n / count for n in range(count)]
    reach = [radius + ragged * math.sin(37 * a) for a in angles]
    return shapely.Polygon([(x + r * math.cos(a), y + r * math.sin(a))
                            for a, r in zip(angles, reach, strict=True)])  # fmt: skip


def fields(count=1000):
    places = [(5 + n % 40 / 50, 52 + n // 40 / 50) for n in range(count)]
    return shapely.union_all([shapely.Point(place).buffer(0.004) for place in places])


@pytest.mark.parametrize("posts", [True, False])
@pytest.mark.parametrize(
    "area",
    [
        circle(),
        circle(ragged=0.2),
        fields(),
        circle().difference(circle(radius=0.2)),
        shapely.union_all([circle(x=179.6), circle(x=-179.6)]),
        circle(y=89.6),
        shapely.union_all(
            [circle(x, y, count=400) for x in range(-170, 180, 20) for y in (-60, 0, 60)]
        ),
    ],
)
def test_an_outline_is_never_smaller_than_its_area(area, posts):
    globe = shapely.box(-180, -90, 180, 90)
    area = shapely.intersection(area, globe)
    outer = shape(search_outline(mapping(area), posts=posts))
    assert outer.is_valid
    assert outer.geom_type in ("Polygon", "MultiPolygon")
    assert outer.covers(area)
    assert globe.covers(outer)
    assert shapely.get_num_coordinates(outer) <= (400 if posts else 40)


def test_a_short_outline_is_sent_as_it_is():
    area = mapping(shapely.box(5, 52, 6, 53))
    assert search_outline(area, posts=False) is area
    assert search_outline(None, posts=True) is None


@pytest.mark.parametrize("methods", [("GET", "POST"), ("GET",)])
def test_the_exact_area_decides_here(stac_api, item, query, methods):
    """A scene in a bay of the area: the outline around it touches it, the area does not."""
    ring = circle(count=4000, ragged=0)
    bay = shapely.box(5.45, 52.45, 5.55, 52.55)
    area = ring.difference(bay)
    inside, beside = item("inside"), item("beside")
    beside["geometry"] = mapping(shapely.box(5.4999, 52.4999, 5.5001, 52.5001))
    beside["bbox"] = [5.4999, 52.4999, 5.5001, 52.5001]
    api = stac_api([inside, beside], methods=methods)
    found = search(query(api.url, area=mapping(area)), base=HERE)
    assert [scene.id for scene in found.items] == ["inside"]
    (_, given) = api.searches[0]
    assert len(str(given["intersects"])) < 20_000
    (note,) = [note for note in found.notes if "too many vertices" in note]
    assert "1 scenes beside the area" in note
    assert not any("outside the area" in note for note in found.notes)


def test_swapped_coordinates_get_a_hint(stac_api, item, query, collection_file):
    """Items lie at 5 to 6 east, 52 to 53 north; the box is written the other way round."""
    api = stac_api([item("a")])
    for catalog in (api.url, collection_file([item("a")])):
        wrong = query(catalog, bbox=[52.1, 5.1, 52.9, 5.9])
        assert not search(wrong, base=HERE).items
        assert "longitude comes first" in (swap_hint(wrong, base=HERE) or "")
        for other in ([60, 5, 61, 6], [120, 5, 121, 6]):
            assert swap_hint(query(catalog, bbox=other), base=HERE) is None
        assert swap_hint(query(catalog), base=HERE) is None


def test_a_hint_that_cannot_be_had_is_no_error(stac_api, item, query, patience):
    api = stac_api([item("a")], failures=[400])
    wrong = query(api.url, bbox=[52.1, 5.1, 52.9, 5.9])
    assert swap_hint(wrong, base=HERE, patience=patience) is None
