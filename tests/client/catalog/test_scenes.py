"""Scenes that are kept packed are the scenes that were put there."""

import json
import tracemalloc

import pytest

from scenefleet.catalog import from_json, search
from scenefleet.catalog.access import lost
from scenefleet.catalog.read_item import from_checked
from scenefleet.catalog.scenes import Scenes, Shelf, item_lines
from scenefleet.catalog.select import select
from scenefleet.errors import CatalogError

RECORDED = (
    "e84v1_search_s2_landsat_next",
    "pc_items_landsat-c2-l2_page_next",
    "pc_s2l2a_one_tile_two_months_13",
    "pc_s2l2a_two_items",
    "pc_search_s2l2a_b0212_33",
)


def recorded(need):
    folder = need("shared") / "data/stac"
    for name in RECORDED:
        yield from json.loads((folder / f"{name}.json").read_text())["features"]


def test_every_recorded_item_comes_back_as_it_went(need) -> None:
    scenes = [from_json(item) for item in recorded(need)]
    assert len(scenes) == 60
    shelf = Shelf()
    tickets = [shelf.put(scene) for scene in scenes]
    kept = Scenes(shelf, [(ticket.place,) for ticket in tickets])
    assert kept == scenes
    assert scenes == kept
    assert kept[3:5] == scenes[3:5]
    assert kept[-1] == scenes[-1]
    assert kept != scenes[:-1]
    assert [dict(scene.assets) for scene in kept] == [scene.assets for scene in scenes]
    assert list(kept.lines()) == list(item_lines(scenes))
    assert [json.loads(line) for line in kept.lines()] == [scene.document for scene in scenes]


def test_assets_that_are_read_late_are_the_same(need) -> None:
    for item in recorded(need):
        whole, late = from_json(item), from_checked(item)
        assert list(late.assets) == list(whole.assets)
        assert "none" not in late.assets
        assert late == whole


def test_united_scenes_keep_their_parts(item) -> None:
    shelf = Shelf()
    a, b, c = (shelf.put(from_json(item(name))).place for name in "abc")
    scenes = Scenes(shelf, [(a, c), (b,)])
    assert [[part.id for part in scene.parts] for scene in scenes] == [["a", "c"], ["b"]]
    assert [scene.id for scene in scenes.of_several_items()] == ["a"]
    assert [json.loads(line)["id"] for line in scenes.lines()] == ["a", "c", "b"]


def test_an_item_that_json_cannot_hold_is_named(item) -> None:
    odd = item("odd")
    odd["properties"]["x"] = float("nan")
    with pytest.raises(CatalogError, match="'odd' cannot be written as JSON"):
        Shelf().put(from_json(odd))


def test_many_scenes_take_a_tenth_of_their_text(need, query) -> None:
    """A search of 1,000 items of 16 kB holds under 1.5 kB of each, at its peak 4 kB."""
    (first, *_) = recorded(need)
    first = json.dumps(first)

    def scenes():
        for number in range(1000):
            changed = json.loads(first) | {"id": f"item-{number}"}
            del changed["properties"]["s2:datatake_id"]  # or all would be one acquisition
            yield from_json(changed)

    asked = query("x", collections=["sentinel-2-l2a"])
    tracemalloc.start()
    try:
        kept = select(scenes(), asked).kept
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 1000
    assert now < 1500 * 1000
    assert peak < 4000 * 1000


def test_a_file_with_an_item_a_line_is_as_a_collection(item, query, collection_file) -> None:
    items = [item("b"), item("a", cloud=60), item("c", collection="other"), item("a")]
    items[0]["assets"]["B04"]["href"] = "./b/B04.tif"
    whole = collection_file(items)
    lines = whole.parent / "items.jsonl"
    lines.write_text("".join(json.dumps(one) + "\n\n" for one in items))
    found = [search(query(path, cloud_below=50), base=whole.parent) for path in (whole, lines)]
    told = [[scene.to_json() for scene in result.items] for result in found]
    for one, path in zip(told, (whole, lines), strict=True):
        assert {item.pop("scenefleet:document") for item in one} == {str(path)}
    assert told[0] == told[1]
    assert found[0].dropped == found[1].dropped
    assert [scene.id for scene in found[1].items] == ["a", "b"]
    assert found[1].items[1].assets["B04"].href == str(whole.parent / "b/B04.tif")


@pytest.mark.parametrize(
    ("text", "words"),
    [("{}\n{", "no JSON in line 2"), ("[]\n", "list where a STAC item"), (None, "no file")],
)
def test_a_file_of_lines_that_cannot_be_read(query, tmp_path, text, words) -> None:
    path = tmp_path / "items.ndjson"
    if text is not None:
        path.write_text(text.replace("{}", json.dumps({"id": "a"} | BARE)))
    with pytest.raises(CatalogError, match=words):
        search(query(path), base=tmp_path)


BARE = {
    "bbox": [0, 0, 1, 1],
    "geometry": {"type": "Point", "coordinates": [0, 0]},
    "properties": {"datetime": "2023-06-01T00:00:00Z"},
}


BLOB = "https://a.blob.core.windows.net/b.tif"


@pytest.mark.parametrize(
    "url",
    [
        f"{BLOB}?sv=1&sig=x",
        f"{BLOB}?SIG=x",
        f"{BLOB}?s%69g=x",
        f"{BLOB}?%73%69%67=x",
        f"{BLOB}?si\ng=x",
        f"{BLOB}?a=b&sig",
        "https://me:word@example.org/b.tif",
        "https://example.org/b.tif?a=1&Access_Token=x",
        "https://example.org/b.tif?subscription-key=x",
    ],
)
def test_a_signature_goes_however_it_is_written(item, query, collection_file, url) -> None:
    """Anywhere in the item; a list that begins and ends with numbers included."""
    signed = item("signed")
    signed["assets"]["B04"]["href"] = url
    signed["assets"]["B08"]["alternate"] = {"other": {"href": url}}
    signed["properties"]["odd"] = [1.0, {"deep": [2.0, url, 3.0]}, 4.0]
    signed["links"] = [{"rel": "self", "href": url, "title": url}]
    path = collection_file([signed])
    (scene,) = search(query(path), base=path.parent).items
    text = json.dumps(scene.to_json(), ensure_ascii=False)
    assert json.dumps(url)[1:-1] not in text
    assert "word@" not in text
    assert "=x" not in text
    assert lost(scene, "B04")


@pytest.mark.parametrize(
    "text", ["https://example.org/b.tif", "mailto:a@example.org", "a = b & c: 100% @ 5", "x?", "\\"]
)
def test_what_holds_no_query_is_kept(item, query, collection_file, text) -> None:
    plain = item("plain")
    plain["properties"]["odd"] = text
    path = collection_file([plain])
    (scene,) = search(query(path), base=path.parent).items
    assert scene.properties["odd"] == text
