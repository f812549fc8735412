"""A box made from a geometry, and the reverse, on either side of the antimeridian."""

import json
from typing import Any

import pytest
from shapely.geometry import shape

from scenefleet.catalog.item import tidy
from scenefleet.catalog.model import Scene
from scenefleet.errors import CatalogError
from scenefleet.recipe.area import box

HALVES = [
    [[[178, -19], [180, -19], [180, -17], [178, -17], [178, -19]]],
    [[[-180, -19], [-179, -19], [-179, -17], [-180, -17], [-180, -19]]],
]
SPLIT = {"type": "MultiPolygon", "coordinates": HALVES}


def polygon(*corners: tuple[float, float]) -> dict[str, Any]:
    ring = [list(corner) for corner in (*corners, corners[0])]
    return {"type": "Polygon", "coordinates": [ring]}


JUMP = polygon((178, -19), (-179, -19), (-179, -17), (178, -17))
BEYOND = polygon((178, -19), (181, -19), (181, -17), (178, -17))
WEST = polygon((-182, -19), (-179, -19), (-179, -17), (-182, -17))


def scene(**changes: Any) -> Scene:
    one: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "fiji",
        "properties": {"datetime": "2023-06-01T00:00:00Z"},
        "geometry": None,
        "links": [],
        "assets": {},
    }
    return tidy(one | changes, "/data/item.json").scene


@pytest.mark.parametrize("geometry", [SPLIT, JUMP, BEYOND, WEST])
def test_a_missing_box_of_a_crossing_geometry_has_its_west_in_the_east(geometry):
    assert scene(geometry=geometry).bbox == (178, -19, -179, -17)


def test_a_missing_geometry_of_a_crossing_box_is_two_parts():
    made = scene(bbox=[178, -19, -179, -17])
    assert made.bbox == (178, -19, -179, -17)
    assert json.loads(json.dumps(made.geometry)) == box((178, -19, -179, -17))
    assert shape(made.geometry).equals(shape(SPLIT))
    heights = scene(bbox=[178, -19, 0, -179, -17, 100])
    assert heights.geometry == made.geometry


def test_boxes_that_do_not_cross_stay_as_they_were():
    assert scene(geometry=polygon((5, 52), (6, 52), (6, 53), (5, 53))).bbox == (5, 52, 6, 53)
    wide = polygon((-100, 10), (0, 10), (60, 10), (60, 20), (0, 20), (-100, 20))
    assert scene(geometry=wide).bbox == (-100, 10, 60, 20)
    made = scene(bbox=[5, 52, 6, 53])
    assert shape(made.geometry).equals(shape(box((5, 52, 6, 53))))
    # no width, no matter: it is where it is
    assert scene(bbox=[5, 52, 5, 53]).bbox == (5, 52, 5, 53)


def test_a_cap_over_the_pole_goes_all_the_way_round():
    cap = polygon((-120, 80), (0, 80), (120, 80))
    west, _, east, north = scene(geometry=cap).bbox
    assert (west, east, north) == (-180, 180, 90)


@pytest.mark.parametrize(
    "changes",
    [
        {"bbox": ["a", 1, 2, 3]},
        {"bbox": [1, 2]},
        {"bbox": [170, -17, -170, -19]},
        {"geometry": {"type": "Polygon"}},
        {"geometry": {"type": "Polygon", "coordinates": [[["x", 1]]]}},
        {"geometry": {"type": "Polygon", "coordinates": []}},
    ],
)
def test_footprints_that_are_none_are_told(changes):
    with pytest.raises(CatalogError, match="Item 'fiji' has"):
        scene(**changes)
