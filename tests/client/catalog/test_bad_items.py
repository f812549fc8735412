"""One bad item is dropped with its reason; it never ends the search, nor the plan."""

import copy
import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenefleet.catalog import search
from scenefleet.errors import CatalogError
from scenefleet.plan import estimate, plan
from scenefleet.recipe import Recipe, Search


def nested(levels):
    return json.loads("[" * levels + "]" * levels)


BAD = {
    "not an object": (lambda _: ["a"], "holds a list where a STAC item should be"),
    "null": (lambda _: None, "holds null where a STAC item should be"),
    "no geometry and no box": (lambda i: drop(i, "geometry", "bbox"), "neither bbox nor geometry"),
    "no time": (lambda i: put(i, {}, "properties"), "neither datetime nor start_datetime"),
    "no properties": (lambda i: put(i, None, "properties"), "neither datetime nor start_datetime"),
    "properties that are a list": (lambda i: put(i, [1], "properties"), "its properties is of"),
    "a time that is none": (lambda i: put(i, "soon", "properties", "datetime"), "is no time"),
    "a time that is a number": (lambda i: put(i, 5, "properties", "datetime"), "neither datetime"),
    "a time before time": (
        lambda i: put(i, "0001-01-01T00:00:00+14:00", "properties", "datetime"),
        "is no time",
    ),
    "no id": (lambda i: drop(i, "id"), "without an id"),
    "an id that is a number": (lambda i: put(i, 7, "id"), "whose id is 7, no text"),
    "an id that is huge": (lambda i: put(i, "x" * 100_000, "id"), "id has 100,000 characters"),
    "assets that are a list": (lambda i: put(i, [], "assets"), "its assets is of type list"),
    "links that are an object": (lambda i: put(i, {}, "links"), "its links is of type dict"),
    "another type": (lambda i: put(i, "Collection", "type"), "its type is 'Collection'"),
    "a box of texts": (lambda i: put(i, ["5", "52", "6", "53"], "bbox"), "malformed bbox"),
    "a box of three": (lambda i: put(i, [5, 52, 6], "bbox"), "malformed bbox"),
    "a box of NaN": (lambda i: put(i, [math.nan] * 4, "bbox"), "malformed bbox"),
    "a place of NaN": (
        lambda i: put(i, math.nan, "geometry", "coordinates", 0, 1, 0),
        "malformed footprint",
    ),
    "a place of texts": (
        lambda i: put(i, "east", "geometry", "coordinates", 0, 1, 0),
        "malformed footprint",
    ),
    "a place in metres": (
        lambda i: put(i, [600_000, 5_800_000], "geometry", "coordinates", 0, 1),
        "malformed footprint: it reaches from .* which are no degrees",
    ),
    "a geometry of no type": (lambda i: drop(i, "geometry", "type"), "malformed footprint"),
    "a geometry that is a text": (lambda i: put(i, "POINT (1 2)", "geometry"), "its geometry is"),
    "too deep": (lambda i: put(i, nested(200), "properties", "x"), "more than 64 levels deep"),
    "bands that are numbers": (
        lambda i: put(i, [5], "assets", "B04", "eo:bands"),
        "no valid STAC item",
    ),
}


def put(item, value, *path):
    place = item
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return item


def drop(item, *keys):
    place = item
    if keys[0] == "geometry" and keys[1:] == ("type",):
        del item["bbox"]
        del item["geometry"]["type"]
        return item
    for key in keys:
        del place[key]
    return item


@pytest.fixture(params=["collection", "lines", "static", "api", "search"])
def found(request, item, query, tmp_path, stac_api, patience):
    """`found(items, ...)`: searched in a file, a file of lines, a static catalogue, on the web."""

    def look(items, **keys):
        page = json.dumps({"type": "FeatureCollection", "features": items})
        if request.param in ("api", "search"):
            api = stac_api([item("good")])
            if request.param == "search":
                api.answers = lambda *_: page
                place = api.url
            else:
                api.raw["/items.json"] = (200, "application/json", page)
                place = f"{api.url}items.json"
        elif request.param == "collection":
            place = tmp_path / "items.json"
            place.write_text(page)
        elif request.param == "lines":
            place = tmp_path / "items.jsonl"
            place.write_text("".join(f"{json.dumps(one)}\n" for one in items))
        else:
            place = tmp_path / "catalog.json"
            links = [{"rel": "items", "href": "items.json"}]
            place.write_text(json.dumps({"type": "Catalog", "id": "c", "links": links}))
            (tmp_path / "items.json").write_text(page)
        return search(query(place, **keys), base=tmp_path, patience=patience)

    return look


USABLE = {
    "a shape of texts": lambda i: put(i, ["a", {}], "assets", "B04", "proj:shape"),
    "a number beyond floats": lambda i: put(i, 10**400, "assets", "B04", "gsd"),
    "half a character": lambda i: put(i, "\ud800", "properties", "x"),
}


@pytest.mark.parametrize("kind", USABLE)
def test_an_item_that_is_odd_where_nothing_hangs_on_it_is_kept(item, found, kind):
    result = found([item("first"), USABLE[kind](item("odd"))])
    assert sorted(scene.id for scene in result.items) == ["first", "odd"]
    assert not result.dropped


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_item_is_dropped_and_the_others_are_kept(item, found, kind):
    change, words = BAD[kind]
    made = change(item("bad"))
    items = [item("first"), made, item("last")]
    result = found(items)
    assert [scene.id for scene in result.items] == ["first", "last"]
    (gone,) = result.dropped
    assert len(gone.item) < 1_100
    with pytest.raises(CatalogError, match=words):
        raise CatalogError(gone.reason)
    assert gone.reason.startswith("bad item: ")
    assert len(gone.reason) < 1_500
    (note,) = result.notes
    assert note.startswith("1 item cannot be used and was dropped: ")
    with_area = found(items, bbox=[5, 52, 6, 53], dates="2023", cloud_below=50)
    assert [scene.id for scene in with_area.items] == ["first", "last"]


def test_items_of_which_none_can_be_used_are_an_error_with_their_reasons(item, found):
    items = [put(item("a"), None, "properties"), put(item("b"), "x", "geometry")]
    with pytest.raises(CatalogError, match=r"2 items cannot be used .*'a' has neither.*'b' is"):
        found(items)


@pytest.mark.parametrize(
    "change",
    [
        lambda i: put(i, [1], "links"),
        lambda i: put(i, None, "links"),
        lambda i: put(i, [{"rel": "self", "href": None}, {"rel": "self"}, None], "links"),
        lambda i: put(i, ["odd"], "assets", "odd"),
        lambda i: put(i, {"href": 5}, "assets", "odd"),
        lambda i: put(i, None, "assets", "B02"),
        lambda i: put(i, [{"nodata": math.nan}], "assets", "B04", "raster:bands"),
        lambda i: put(i, -math.inf, "properties", "x"),
        lambda i: put(i, "ten", "properties", "eo:cloud_cover"),
        lambda i: put(i, {"a": 1}, "properties", "platform"),
        lambda i: put(i, 5, "assets", "B04", "type"),
        lambda i: put(i, [{"a": 1}], "assets", "B04", "roles"),
        lambda i: put(i, "many", "properties", "s2:nodata_pixel_percentage"),
    ],
)
def test_what_is_not_needed_of_an_item_may_be_odd(item, found, change):
    assert [scene.id for scene in found([change(item("odd"))]).items] == ["odd"]


def test_a_filter_that_an_item_cannot_be_held_against_drops_it(item, query, collection_file):
    path = collection_file([item("a", orbit=5), item("b", orbit="five"), item("c")])
    expression = {"op": "<", "args": [{"property": "orbit"}, 8]}
    result = search(query(path, filter=expression), base=path.parent)
    assert [scene.id for scene in result.items] == ["a"]
    assert {d.item: d.reason.partition(":")[0] for d in result.dropped} == {
        "b": "bad item",
        "c": "filter",
    }
    with pytest.raises(CatalogError, match="no CQL2 JSON; write"):
        search(query(path, filter={"op": "<", "args": []}), base=path.parent)


@pytest.fixture(scope="session")
def real(need):
    folder = need("shared") / "data/stac"
    names = (
        "pc_s2l2a_two_items",
        "pc_items_landsat-c2-l2_page_next",
        "e84v1_search_s2_landsat_next",
    )
    loaded = [json.loads((folder / f"{name}.json").read_text())["features"] for name in names]
    return [item for items in loaded for item in items[:2]]


NUMBERS = [True, 0, -1, -0.0, 5e300, 10**400, math.nan, math.inf]
TEXTS = ["", "x", "\ud800", "1e5", "2023-13-01"]
TREES = [None, [], [[]], {}, [None], ["a"], {"a": None}, {"href": 5}, [{"name": []}], nested(150)]
ODD = [*NUMBERS, *TEXTS, *TREES]


def places(value, path=()):
    yield path
    if len(path) > 10:
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value[:4]):
            yield from places(part, (*path, number))


def mutated(items, chance):
    """A real item with one to three of its values replaced, or taken out."""
    item = copy.deepcopy(chance.choice(items))
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(list(places(item)))
        if not path:
            return copy.deepcopy(chance.choice(ODD))
        place = item
        for key in path[:-1]:
            place = place[key]
        if isinstance(place, dict) and chance.random() < 0.5:
            del place[path[-1]]
        else:
            place[path[-1]] = copy.deepcopy(chance.choice(ODD))
    return item


RECIPE = {"version": 1, "name": "fuzz", "process": {"indices": ["ndvi"]}}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_item_costs_no_other(real, tmp_path_factory, seed):
    """Through search, selection, coverage, plan and estimate."""
    odd = mutated(real, random.Random(seed))
    folder = tmp_path_factory.mktemp("fuzz")
    place = folder / "items.json"
    place.write_text(json.dumps({"type": "FeatureCollection", "features": [odd, *real]}))
    asked = {
        "catalog": str(place),
        "collections": ["sentinel-2-l2a", "landsat-c2-l2"],
        "bbox": [-180, -90, 180, 90],
        "cloud_below": 100,
        "dates": "2000/..",
    }
    alone = _whole(folder, real, asked)
    recipe = Recipe.model_validate({**RECIPE, "search": asked}, context={"base": Path()})
    found = search(recipe.search, base=folder)
    kept = {part.id for scene in found.items for part in scene.parts}
    duplicates = {d.item for d in found.dropped if d.reason.startswith("duplicate")}
    assert kept | duplicates >= alone - _clouded(found, odd)
    planned = plan(recipe, found.items)
    estimate(planned, found.items, recipe, slots=1, cores=1)


def _whole(folder, items, asked):
    place = folder / "whole.json"
    place.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    found = search(Search.model_validate({**asked, "catalog": str(place)}), base=folder)
    return {part.id for scene in found.items for part in scene.parts}


def _clouded(found, odd):
    """Items of the odd one's acquisition: that is dropped with it where it tells no clouds."""
    return {d.item for d in found.dropped if d.reason.startswith(("no eo:cloud", "cloud"))}
