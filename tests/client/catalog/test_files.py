"""Items out of files and static catalogues, with the same filters."""

import json

import pytest

from scenefleet.catalog import from_json, search
from scenefleet.catalog.notes import summary
from scenefleet.errors import CatalogError


def ids(result):
    return [scene.id for scene in result.items]


def test_filters_order_and_reasons(item, query, collection_file):
    path = collection_file(
        [
            item("late", datetime="2023-06-20T10:00:00Z"),
            item("b", collection="other"),
            item("b"),
            item("a"),
            item("cloudy", cloud=60),
            item("unknown", cloud=None),
            item("old", datetime="2022-06-01T00:00:00Z"),
            item("east", west=9),
        ]
    )
    asked = query(path.name, bbox=[5, 52, 6, 53], dates="2023", cloud_below=60)
    result = search(asked, base=path.parent)
    assert ids(result) == ["a", "b", "late"]
    assert result.matched is None
    assert {drop.item: drop.reason for drop in result.dropped} == {
        "b": "collection: it is of 'other', not asked for",
        "cloudy": "cloud: 60 per cent",
        "unknown": "no eo:cloud_cover: cloud_below cannot be checked without it",
        "old": "dates: it is of 2022-06-01T00:00:00Z",
        "east": "area: it lies outside",
    }
    assert "1 dropped by no eo:cloud_cover" in summary(result.dropped, asked)


def test_limit_keeps_the_oldest(item, query, collection_file):
    items = [item(f"i{n}", datetime=f"2023-06-0{9 - n}T10:00:00Z") for n in range(1, 6)]
    path = collection_file(items)
    result = search(query(path, limit=2), base=path.parent)
    assert ids(result) == ["i5", "i4"]
    assert [drop.reason for drop in result.dropped] == ["limit: beyond the first 2"] * 3


def test_relative_hrefs_start_from_the_file(item, query, collection_file):
    one = item("a")
    one["assets"]["B04"]["href"] = "./a/B04.tif"
    one["assets"]["B08"]["href"] = "../other/B08.tif"
    one["links"] = [{"rel": "self", "href": "a.json"}]
    path = collection_file([one], "deep/items.json")
    (scene,) = search(query("deep/items.json"), base=path.parent.parent).items
    assert scene.assets["B04"].href == str(path.parent / "a/B04.tif")
    assert scene.assets["B08"].href == str(path.parent.parent / "other/B08.tif")
    assert scene.href == str(path.parent / "a.json")
    assert one["assets"]["B04"]["href"] == "./a/B04.tif"


def test_the_frozen_item_reads_back_equal_and_keeps_unknown_members(item, query, collection_file):
    one = item("a", **{"x:y": {"deep": [1, None]}})
    one["extra"] = [1, 2]
    path = collection_file([one])
    (scene,) = search(query(path), base=path.parent).items
    added = {"scenefleet:origin": "file", "scenefleet:document": str(path)}
    assert scene.to_json() == {**one, **added}
    assert from_json(json.loads(json.dumps(scene.to_json()))) == scene


def test_a_missing_box_is_made_and_told(item, query, collection_file):
    items = [item("a"), item("b"), item("c")]
    del items[1]["bbox"]
    items[2]["bbox"] = None
    path = collection_file(items)
    result = search(query(path), base=path.parent)
    assert [scene.bbox for scene in result.items] == [(5.0, 52.0, 6.0, 53.0)] * 3
    assert [scene.to_json()["bbox"] for scene in result.items] == [[5, 52, 6, 53]] * 3
    assert result.notes == ("2 items had no bbox; it was made from their geometry.",)


def test_neither_box_nor_geometry_is_an_error(item, query, collection_file):
    one = item("lost")
    one["geometry"] = None
    del one["bbox"]
    path = collection_file([one])
    with pytest.raises(CatalogError, match="'lost' has neither bbox nor geometry"):
        search(query(path), base=path.parent)


def test_an_item_over_the_antimeridian_does_not_crash(item, query, collection_file):
    one = item("fiji")
    one["bbox"] = [178, -19, -179, -17]
    halves = [
        [[[178, -19], [180, -19], [180, -17], [178, -17], [178, -19]]],
        [[[-180, -19], [-179, -19], [-179, -17], [-180, -17], [-180, -19]]],
    ]
    one["geometry"] = {"type": "MultiPolygon", "coordinates": halves}
    path = collection_file([one])
    asked = query(path, bbox=[179, -18.5, -179.5, -18])
    (scene,) = search(asked, base=path.parent).items
    assert scene.bbox == (178, -19, -179, -17)
    assert search(query(path, bbox=[0, -19, 1, -18]), base=path.parent).items == ()


def test_an_id_that_climbs_is_kept_as_it_is(item, query, collection_file):
    path = collection_file([item("../../etc/passwd")])
    assert ids(search(query(path), base=path.parent)) == ["../../etc/passwd"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": None}, "without an id"),
        ({"properties": {"datetime": None}}, "neither datetime nor start_datetime"),
        ({"properties": {"datetime": "yesterday"}}, "'yesterday', which is no time"),
        ({"assets": {"B04": {"href": "x", "eo:bands": [5]}}}, "no valid STAC item"),
        ({"bbox": None, "geometry": {"type": "Polygon"}}, "malformed footprint"),
    ],
)
def test_items_that_cannot_be_used(item, query, collection_file, change, words):
    path = collection_file([item("broken") | change])
    with pytest.raises(CatalogError, match=words):
        search(query(path), base=path.parent)


def test_an_interval_in_place_of_a_time(item, query, collection_file):
    whole = {"start_datetime": "2023-05-20T00:00:00Z", "end_datetime": "2023-06-03T00:00:00+02:00"}
    path = collection_file([item("composite", datetime=None, **whole)])
    (scene,) = search(query(path, dates="2023-06"), base=path.parent).items
    assert scene.datetime == "2023-05-20T00:00:00Z"
    assert search(query(path, dates="2023-07"), base=path.parent).items == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no file .*items.json.*planetary-computer"),
        ("{", "is no JSON"),
        ("[]", "no STAC object"),
        ('{"type": "Topology"}', "its type is 'Topology'"),
    ],
)
def test_files_that_are_no_catalogue(query, tmp_path, text, words):
    if text is not None:
        (tmp_path / "items.json").write_text(text)
    with pytest.raises(CatalogError, match=words):
        search(query("items.json"), base=tmp_path)


def test_a_file_of_items_on_the_web(stac_api, item, query, patience, tmp_path):
    one = item("a")
    one["assets"]["B04"]["href"] = "./a/B04.tif"
    api = stac_api([])
    text = json.dumps({"type": "FeatureCollection", "features": [one]})
    api.raw["/deep/items.json"] = (200, "application/json", text)
    asked = query(f"{api.url}deep/items.json")
    (scene,) = search(asked, base=tmp_path, patience=patience).items
    assert scene.assets["B04"].href == f"{api.url}deep/a/B04.tif"


def static(folder, item):
    """catalog.json -> collection.json -> two items, one in a folder of its own; with a loop."""

    def write(name, value):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

    kind = {"stac_version": "1.0.0", "description": "d"}
    child = [{"rel": "child", "href": "./s2/collection.json"}]
    write("catalog.json", {"type": "Catalog", "id": "c", "links": child, **kind})
    links = [
        {"rel": "root", "href": "../catalog.json"},
        {"rel": "child", "href": "../catalog.json"},
        {"rel": "item", "href": "./a/a.json"},
        {"rel": "item", "href": "b.json"},
    ]
    write("s2/collection.json", {"type": "Collection", "id": "s", "links": links, **kind})
    for name, place in (("a", "s2/a/a.json"), ("b", "s2/b.json")):
        one = item(name)
        one["assets"]["B04"]["href"] = "./B04.tif"
        write(place, one)


@pytest.mark.parametrize("start", ["catalog.json", "s2/collection.json"])
def test_a_static_catalogue_is_walked(item, query, tmp_path, start):
    static(tmp_path, item)
    result = search(query(start), base=tmp_path)
    assert [scene.assets["B04"].href for scene in result.items] == [
        str(tmp_path / "s2/a/B04.tif"),
        str(tmp_path / "s2/B04.tif"),
    ]
    assert search(query(start, cloud_below=1), base=tmp_path).items == ()


def test_a_static_catalogue_with_a_hole_is_an_error(item, query, tmp_path):
    static(tmp_path, item)
    (tmp_path / "s2/b.json").unlink()
    with pytest.raises(CatalogError, match=r"no file .*b\.json"):
        search(query("catalog.json"), base=tmp_path)


PC = {"rel": "self", "href": "https://planetarycomputer.microsoft.com/api/stac/v1/x"}
SIGNED = "https://acc.blob.core.windows.net/s2/B04.tif?st=1&se=2&sp=rl&sig=SECRET%3D"


def test_a_planetary_computer_signature_is_taken_off(item, query, collection_file):
    one = item("a")
    one["assets"]["B04"]["href"] = SIGNED
    one["assets"]["B08"]["alternate"] = {"s3": {"href": SIGNED}}
    one["links"] = [PC]
    path = collection_file([one])
    (scene,) = search(query(path), base=path.parent).items
    assert scene.assets["B04"].href == "https://acc.blob.core.windows.net/s2/B04.tif"
    assert "SECRET" not in json.dumps(scene.to_json())
    assert "sig=" not in repr(scene)


@pytest.mark.parametrize(
    "href",
    [
        SIGNED,
        "https://files.example/B04.tif?X-Amz-Signature=SECRET",
        "https://me:SECRET@files.example/B04.tif",
        "https://files.example/B04.tif?access_token=SECRET",
    ],
)
def test_any_other_signature_is_taken_off_and_told(item, query, collection_file, href):
    one = item("a")
    one["assets"]["B04"]["href"] = href
    path = collection_file([one])
    (scene,) = search(query(path), base=path.parent).items
    assert "SECRET" not in json.dumps(scene.to_json())
    assert scene.document["assets"]["B04"]["scenefleet:query"]


def test_a_file_without_an_item_says_so(query, collection_file):
    path = collection_file([])
    assert search(query(path), base=path.parent).notes == ("The catalogue has no item at all.",)
    path.write_bytes(b"")
    with pytest.raises(CatalogError, match="is no JSON: it is empty"):
        search(query(path), base=path.parent)
