"""Coverage and the area rule, on a round earth: closed forms, and shifts by half a turn."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import mapping, shape

from scenefleet.catalog import from_json, search
from scenefleet.catalog.coverage import coverage_notes, covered
from scenefleet.catalog.globe import footprint
from scenefleet.catalog.select import select
from scenefleet.errors import CatalogError
from scenefleet.recipe import Search
from scenefleet.recipe.area import box, unite


def ring(west, south, east, north):
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(*bounds):
    return {"type": "Polygon", "coordinates": [ring(*bounds)]}


def scene(geometry, name="a"):
    return from_json(
        {
            "id": name,
            "collection": "sentinel-2-l2a",
            "bbox": [-180, -90, 180, 90],
            "geometry": geometry,
            "properties": {"datetime": "2023-06-01T00:00:00Z"},
        }
    )


def turned(degrees):
    """A longitude between -180 and 180."""
    return (degrees + 180) % 360 - 180


def styles(west, south, east, north):
    """The three ways in which catalogues write a box that may cross the antimeridian."""
    west = turned(west)
    east = west + (east - west) % 360
    yield unite(polygon(west, south, east, north))
    yield polygon(west, south, east, north)
    yield polygon(west - 360, south, east - 360, north)
    yield polygon(west, south, turned(east), north)  # jumps, where it crosses


CROSSING = list(styles(179, 10, -179, 11))


def test_the_styles_are_what_they_should_be():
    split, beyond, before, jump = CROSSING
    assert split["type"] == "MultiPolygon"
    assert beyond["coordinates"][0][1] == [181, 10]
    assert before["coordinates"][0][0] == [-181, 10]
    assert jump["coordinates"][0][:2] == [[179, 10], [-179, 10]]


@pytest.mark.parametrize("geometry", CROSSING)
def test_a_crossing_footprint_lies_at_the_antimeridian_and_nowhere_else(geometry):
    drawn = footprint(scene(geometry))
    assert drawn.is_valid
    assert drawn.equals(shape(box((179, 10, -179, 11))))
    for bounds, kept in (
        ((178.5, 10.2, 179.5, 10.3), 1),
        ((-179.5, 10.2, -178, 10.3), 1),
        ((179.5, 10.2, -179.5, 10.3), 1),
        ((0, 10.2, 1, 10.3), 0),
        ((-178, 10.2, 178, 10.3), 0),
        ((-178.9, 10.2, -178, 10.3), 0),
    ):
        query = Search.model_validate({"catalog": "x", "bbox": bounds})
        assert len(select([scene(geometry)], query).kept) == kept, bounds


@pytest.mark.parametrize("geometry", CROSSING)
def test_coverage_over_the_antimeridian(geometry):
    assert covered(box((178, 10, -178, 11)), [scene(geometry)]) == pytest.approx(0.5)
    assert covered(box((179.2, 10, -179, 11)), [scene(geometry)]) == 1


def test_a_hole_moves_with_its_ring():
    hole = ring(-179.75, 10.25, -179.25, 10.75)
    jumping = {"type": "Polygon", "coordinates": [ring(179, 10, -179, 11), hole]}
    drawn = footprint(scene(jumping))
    assert drawn.area == pytest.approx(2 - 0.25)
    assert not drawn.contains(shape(polygon(-179.6, 10.4, -179.5, 10.5)))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_ring_round_the_earth_holds_its_pole(sign):
    points = [[lon, 80 * sign] for lon in (-150, -90, -30, 30, 90, 150, -150)]
    drawn = footprint(scene({"type": "Polygon", "coordinates": [points]}))
    assert drawn.bounds == (-180, min(80 * sign, 90 * sign), 180, max(80 * sign, 90 * sign))
    assert drawn.area == pytest.approx(3600)


def test_the_whole_world_is_no_crossing():
    whole = scene(polygon(-180, -90, 180, 90))
    assert footprint(whole).area == 360 * 180
    assert covered(polygon(5, 50, 6, 51), [whole]) == 1
    assert covered(polygon(-180, -90, 180, 90), [scene(polygon(-90, -30, 90, 30))]) == (
        pytest.approx(0.25)
    )


def test_a_footprint_that_touches_itself_is_mended():
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    assert footprint(scene(bow)).is_valid
    assert covered(polygon(0, 0, 1, 1), [scene(bow)]) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    "coordinates", [[[[0, 0], [1, 0]]], [[[0, 0], [1, "x"], [1, 1], [0, 0]]], 5]
)
def test_a_malformed_footprint_names_its_item(coordinates):
    with pytest.raises(CatalogError, match="Item 'a' has a malformed footprint"):
        footprint(scene({"type": "Polygon", "coordinates": coordinates}))


def test_coverage_weighs_by_true_size():
    # a sphere's zone between two latitudes is as large as the difference of their sines
    area = polygon(0, 0, 10, 60)
    lower = math.sin(math.radians(30)) / math.sin(math.radians(60))
    assert covered(area, [scene(polygon(-1, -1, 11, 30))]) == pytest.approx(lower, rel=1e-12)
    assert covered(area, [scene(polygon(0, 0, 4, 90))]) == pytest.approx(0.4, rel=1e-12)
    # a triangle with a slanting edge: integral of (1 - lat/60) cos(lat), by parts
    slanting = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [0, 60], [0, 0]]]}
    high = math.radians(60)
    share = (1 - math.cos(high)) / high / math.sin(high)
    assert covered(area, [scene(slanting)]) == pytest.approx(share, rel=1e-12)


def test_coverage_counts_overlaps_once_holes_not_and_further_parts_too():
    area = polygon(0, 0, 4, 1)
    one, two = scene(polygon(0, 0, 2, 1)), scene(polygon(1, 0, 3, 1), "b")
    assert covered(area, [one, two, one]) == pytest.approx(0.75)
    assert covered(area, []) == 0
    united = from_json(one.document)
    object.__setattr__(united, "also", (two,))
    assert covered(area, [united]) == pytest.approx(0.75)
    holed = {"type": "Polygon", "coordinates": [ring(0, 0, 4, 1), ring(1, 0, 2, 1)]}
    assert covered(holed, [two]) == pytest.approx(1 / 3)


def test_recorded_footprints_at_the_edges_of_two_utm_zones(need):
    file = need("shared") / "data/stac/pc_search_s2l2a_b0212_33.json"
    scenes = [from_json(item) for item in json.loads(file.read_text())["features"]]
    (west,) = (s for s in scenes if s.properties["s2:mgrs_tile"] == "59VPE")
    (east,) = (s for s in scenes if s.properties["s2:mgrs_tile"] == "60VUK")
    strip = mapping(shape(west.geometry).union(shape(east.geometry)))
    alone = covered(strip, [west]), covered(strip, [east])
    assert max(alone) < 1 < sum(alone)  # the zones overlap
    assert covered(strip, [west, east]) == 1
    assert covered(strip, scenes) == 1


@pytest.mark.parametrize(
    ("share", "cut", "words"),
    [
        (0.8321, False, ["The scenes cover 83.2% of the area; nothing was found for the rest."]),
        (0.5, True, ["The scenes cover 50.0% of the area; `limit` left others out."]),
        (0.99899, False, ["The scenes cover 99.8% of the area; nothing was found for the rest."]),
        (0.0001, False, ["The scenes cover less than 0.1% of the area; nothing was found for the "
                         "rest."]),
        (0.9991, False, []),
        (1.0, True, []),
    ],
)  # fmt: skip
def test_what_is_said_of_coverage(share, cut, words):
    assert coverage_notes(share, cut=cut) == words


def test_a_search_tells_its_coverage(item, query, collection_file):
    path = collection_file([item("a"), item("b", west=5.5), item("c", west=20)])
    found = search(query(path, bbox=[5, 52, 7, 53]), base=path.parent)
    assert found.coverage == pytest.approx(0.75)
    assert found.notes == ("The scenes cover 75.0% of the area; nothing was found for the rest.",)
    limited = search(query(path, bbox=[5, 52, 7, 53], limit=1), base=path.parent)
    assert limited.notes == ("The scenes cover 50.0% of the area; `limit` left others out.",)
    full = search(query(path, bbox=[5, 52, 6.5, 53]), base=path.parent)
    assert (full.coverage, full.notes) == (1, ())
    assert search(query(path), base=path.parent).coverage is None
    nothing = search(query(path, bbox=[0, 0, 1, 1]), base=path.parent)
    assert nothing.coverage == 0
    assert nothing.notes == (
        "No scene is left: 3 came, 3 dropped by area.",
        "The items outside the area lie within [5, 52, 21, 53] (west, south, east, north).",
    )


def test_what_a_server_is_asked_stays_between_180_degrees(
    stac_api, item, query, patience, tmp_path
):
    api = stac_api([item("a", west=179.5), item("b", west=0)])
    asked = query(api.url, area=polygon(179, 52, 181, 53))
    found = search(asked, base=tmp_path, patience=patience)
    assert [one.id for one in found.items] == ["a"]  # it goes on to 180.5
    assert found.coverage == pytest.approx(0.5)
    sent = api.searches[0][1]["intersects"]
    assert sent["type"] == "MultiPolygon"
    assert sorted(
        shape({"type": "Polygon", "coordinates": p}).bounds for p in sent["coordinates"]
    ) == [(-180, 52, -179, 53), (179, 52, 180, 53)]


longitudes = st.integers(-180, 179)
boxes = st.tuples(longitudes, st.integers(-60, 59), st.integers(1, 40), st.integers(1, 20))


def placed(one, *, style=0, shift=0.0):
    west, south, width, height = one
    # a quarter of a degree aside, so that no area and footprint only touch
    west += shift + (0.25 if style is not None else 0)
    found = list(styles(west, south, west + width, south + height))
    return found[style or 0]


@settings(deadline=None)
@given(boxes, st.lists(st.tuples(boxes, st.integers(0, 3)), min_size=1, max_size=6))
def test_half_a_turn_changes_neither_selection_nor_coverage(area, prints):
    def look(shift, choose):
        query = Search.model_validate(
            {"catalog": "x", "area": unite(placed(area, style=None, shift=shift))}
        )
        scenes = [
            scene(placed(one, style=choose(style), shift=shift), str(n))
            for n, (one, style) in enumerate(prints)
        ]
        kept = select(scenes, query).kept
        return [one.id for one in kept], covered(query.area, kept)

    ids, share = look(0, lambda style: style)
    for shift, choose in ((180, lambda style: style), (90, lambda style: (style + 1) % 4)):
        again = look(shift, choose)
        assert again[0] == ids
        assert again[1] == pytest.approx(share, abs=1e-9)
