"""One acquisition, one scene: what is dropped, what is united, and in which order."""

import itertools
import json

import pytest

from scenefleet.catalog import from_json, search
from scenefleet.catalog.duplicates import acquisitions, united

FIRST, SECOND = "S20230601T100005", "S20230601T100431"


@pytest.fixture
def product(item):
    """A Sentinel-2 product of tile 31UFT, by datastrip start and time of processing."""

    def make(name, processed="20230601T140000", *, files=None, strip=FIRST, tile="31UFT", **more):
        told = {
            "platform": "Sentinel-2A",
            "s2:mgrs_tile": tile,
            "s2:datatake_id": "GS2A_20230601T100031_041470_N05.09",
            "s2:generation_time": f"{processed[:4]}-{processed[4:6]}-{processed[6:8]}T12:00:00Z",
        }
        if strip:
            told["s2:datastrip_id"] = f"S2A_OPER_MSI_L2A_DS_2APS_{processed}_{strip}_N05.09"
        made = item(name, **{**told, **more})
        for key, asset in made["assets"].items():
            asset["href"] = f"https://files.example/{files or name}/{key}.tif"
        return from_json(made)

    return make


def told(found):
    """(scene, its further parts), and what was dropped and united."""
    scenes = [(scene.id, tuple(part.id for part in scene.also)) for scene in found.scenes]
    return (
        scenes,
        [d.item for d in found.dropped],
        [(u.item, u.scene) for u in united(found.scenes)],
    )


def every_order(scenes):
    return [acquisitions(order) for order in itertools.permutations(scenes)]


def test_the_newest_processing_of_an_acquisition_is_kept(product):
    take = "GS2A_20230601T100031_041470_N05.10"
    old, new = product("old"), product("new", "20240501T140000", **{"s2:datatake_id": take})
    for found in every_order([old, new]):
        assert found.scenes == (new,)
        assert [(d.item, d.reason) for d in found.dropped] == [
            ("old", "duplicate: new is the same, processed later (rule newest-processing)")
        ]


def test_other_tiles_platforms_levels_and_collections_stay_apart(product, item):
    scenes = [
        product("a"),
        product("b", tile="31UGT"),
        product("c", platform="Sentinel-2B"),
        product("d", **{"s2:product_type": "S2MSI1C"}),
        from_json(product("a").document | {"collection": "sentinel-2-l1c"}),
        from_json(item("plain")),
    ]
    found = acquisitions(scenes)
    assert (found.scenes, found.dropped) == (tuple(scenes), ())


def test_two_stations_are_united_the_fuller_first(product):
    poor = product("a", **{"s2:nodata_pixel_percentage": 60.5})
    rich = product("b", strip=SECOND, **{"s2:nodata_pixel_percentage": 41})
    for found in every_order([poor, rich]):
        assert told(found) == ([("b", ("a",))], [], [("a", "b")])
        assert united(found.scenes)[0].rule == "two-stations"
        assert [part.id for part in found.scenes[0].parts] == ["b", "a"]


@pytest.mark.parametrize("share", [{}, {"s2:nodata_pixel_percentage": 7}])
def test_two_stations_with_as_much_data_go_by_start(product, share):
    later = product("a", strip=SECOND, **share)
    sooner = product("b", strip=FIRST, **share)
    for found in every_order([later, sooner]):
        assert told(found)[0] == [("b", ("a",))]


def test_a_share_without_data_that_is_not_knowncomes_last(product):
    known = product("a", strip=SECOND, **{"s2:nodata_pixel_percentage": 60})
    for found in every_order([known, product("b", strip=FIRST)]):
        assert told(found)[0] == [("a", ("b",))]


def test_the_scene_that_two_stations_are_known_by(item):
    # the two products of stactools-packages/sentinel2, issue 5, as the eopf extension tells them
    def received(made, strip, share):
        told = {
            "platform": "sentinel-2a",
            "product:type": "S2MSI2A",
            "grid:code": "MGRS-37MEU",
            "eopf:datatake_id": "GS2A_20200210T073031_024225_N02.14",
            "eopf:datastrip_id": f"S2A_OPER_MSI_L2A_DS_EPAE_{made}_{strip}_N02.14",
            "s2:nodata_pixel_percentage": share,
        }
        return from_json(item(f"S2A_MSIL2A_20200210T073031_N0214_R049_T37MEU_{made}", **told))

    madrid = received("20200210T130912", "S20200210T074310", 12)
    svalbard = received("20200210T100652", "S20200210T073027", 55)
    for found in every_order([madrid, svalbard]):
        assert told(found) == ([(madrid.id, (svalbard.id,))], [], [(svalbard.id, madrid.id)])


def test_within_two_stations_each_strip_gives_its_newest(product):
    scenes = [
        product("old-1"),
        product("new-1", "20240501T140000"),
        product("old-2", strip=SECOND),
        product("new-2", "20240501T140000", strip=SECOND),
    ]
    for found in every_order(scenes):
        kept, dropped, parts = told(found)
        assert kept == [("new-1", ("new-2",))]
        assert sorted(dropped) == ["old-1", "old-2"]
        assert parts == [("new-2", "new-1")]


def test_an_item_that_came_twice(product):
    found = acquisitions([product("a"), product("a")])
    assert found.scenes == (product("a"),)
    assert found.dropped[0].reason == "duplicate: the item came twice (rule same-item)"


def test_one_id_whose_metadata_changed_is_kept_in_its_newer_form(product, item):
    first, later = product("a"), product("a", "20230701T140000")
    for found in every_order([first, later]):
        assert found.scenes == (later,)
        assert "different metadata; the newer is kept (rule newest-p" in found.dropped[0].reason
    one = item("h", collection="hls", updated="2024-01-01T00:00:00Z")
    two = item("h", collection="hls", updated="2024-03-01T00:00:00Z", cloud=11)
    for made, name in ((one, "old"), (two, "new")):
        picture = {"href": f"https://files.example/{name}.png", "roles": ["thumbnail"]}
        made["assets"]["picture"] = picture
    for found in every_order([from_json(one), from_json(two)]):
        assert [scene.cloud_cover for scene in found.scenes] == [11]
        assert len(found.dropped) == 1


@pytest.mark.parametrize("strips", [(FIRST, SECOND), (None, None)])
def test_one_id_with_two_contents_is_united(product, strips):
    # stactools-packages/sentinel2, issue 5: one id for the products of two stations
    one = product("a", strip=strips[0], files="x", **{"s2:nodata_pixel_percentage": 10})
    two = product("a", strip=strips[1], files="y", **{"s2:nodata_pixel_percentage": 20})
    for found in every_order([one, two]):
        assert told(found) == ([("a", ("a",))], [], [("a", "a")])
        assert found.scenes[0].assets["B04"].href == "https://files.example/x/B04.tif"
        assert found.scenes[0].also == (two,)


def test_one_id_of_another_kind_with_two_contents_is_united(item):
    one, two = item("h", collection="hls"), item("h", collection="hls")
    two["assets"]["B04"]["href"] = "https://files.example/elsewhere/B04.tif"
    found = acquisitions([from_json(one), from_json(two)])
    assert told(found) == ([("h", ("h",))], [], [("h", "h")])


def test_hosts_do_not_tell_two_contents_apart(item):
    one, two = item("a"), item("a")
    for asset in two["assets"].values():
        asset["href"] = asset["href"].replace("files.example", "mirror.example:8080")
    assert len(acquisitions([from_json(one), from_json(two)]).dropped) == 1


def test_without_a_datastrip_the_time_tells_processings_from_each_other(product):
    old, new = product("a", strip=None), product("b", "20240501T140000", strip=None)
    for found in every_order([old, new]):
        assert told(found) == ([("b", ())], ["a"], [])


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("LC08_L2SP_033032_20231008_20231010_02_RT", "LC08_L2SP_033032_20231008_20231017_02_T1"),
        ("LC08_L1GT_033032_20231008_20231009_02_RT", "LC08_L1TP_033032_20231008_20231009_02_T2"),
        ("LC09_L2SP_033032_20231008_20231017_02_T1", "LC09_L2SP_033032_20231008_20240203_02_T1"),
        ("LC09_L2SR_033032_20231008_02_RT", "LC09_L2SP_033032_20231008_02_T1"),
        (
            "LC09_L2SP_033032_20231008_20231017_02_T1_SR",
            "LC09_L2SP_033032_20231008_20240203_02_T1_SR",
        ),
    ],
)
def test_landsat_keeps_the_latest_processing(item, older, newer):
    scenes = [from_json(item(name, collection="landsat-c2-l2")) for name in (older, newer)]
    for found in every_order(scenes):
        assert told(found) == ([(newer, ())], [older], [])


def test_landsat_scenes_that_are_not_the_same(item):
    names = [
        "LC08_L2SP_033032_20231008_20231017_02_T1",
        "LC08_L2SP_033033_20231008_20231017_02_T1",
        "LC08_L2SP_033032_20231024_20231031_02_T1",
        "LC09_L2SP_033032_20231008_20231017_02_T1",
        "LC08_L1TP_033032_20231008_20231017_02_T1",
        "LC08_L2SP_033032_20231008_20231017_02_T1_ST",
    ]
    scenes = tuple(from_json(item(name, collection="landsat")) for name in names)
    assert acquisitions(scenes).scenes == scenes


def test_recorded_landsat_and_sentinel_scenes_are_all_different(need):
    for file, kept in (
        ("pc_items_landsat-c2-l2_page_next", 10),
        ("pc_search_s2l2a_b0212_33", 33),
        ("pc_s2l2a_two_items", 2),
    ):
        recorded = json.loads((need("shared") / f"data/stac/{file}.json").read_text())
        found = acquisitions([from_json(one) for one in recorded["features"]])
        assert (len(found.scenes), united(found.scenes)) == (kept, ())


def test_a_search_unites_and_its_items_searched_again_give_the_same(
    product, query, collection_file
):
    scenes = [
        product("a", **{"s2:nodata_pixel_percentage": 60}),
        product("b", strip=SECOND, **{"s2:nodata_pixel_percentage": 40}),
        product("b-old", "20230501T000000", strip=SECOND),
        product("c", tile="31UGT"),
        product("d", tile="31UHT", datetime="2024-01-01T00:00:00Z"),
        product("e", strip=SECOND, tile="31UHT", datetime="2024-01-01T00:00:03Z"),
    ]
    path = collection_file([scene.to_json() for scene in scenes])
    found = search(query(path, limit=2), base=path.parent)
    assert [[part.id for part in scene.parts] for scene in found.items] == [["b", "a"], ["c"]]
    assert [(part.item, part.scene) for part in found.united] == [("a", "b")]
    assert found.notes == (
        "Duplicates dropped: 1 (`search --explain` names them and the rule).",
        "Items that fill gaps of others of the same acquisition: 1.",
    )
    beyond = [entry.item for entry in found.dropped if entry.reason.startswith("limit")]
    assert beyond == ["d", "e"]

    parts = [part.to_json() for scene in found.items for part in scene.parts]
    again = search(query(collection_file(parts, "again.json"), limit=2), base=path.parent)
    assert (again.items, again.united, again.dropped) == (found.items, found.united, ())
