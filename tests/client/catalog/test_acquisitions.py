"""Cloud limit, duplicates and notes are about the acquisition, of however many items it is."""

import pytest

from scenefleet.catalog import search

FIRST, SECOND = "S20230601T105031", "S20230601T104900"
AREA = [5.2, 52.2, 6.8, 52.8]


@pytest.fixture
def half(item):
    """An item of one tile's acquisition: `half("a", cloud=10, west=5)`."""

    def make(name, cloud, west=5.0, strip=FIRST, tile="31UFT", nodata=50.0, **more):
        told = {
            "platform": "Sentinel-2A",
            "s2:mgrs_tile": tile,
            "s2:datatake_id": "GS2A_20230601T105031_041478_N05.09",
            "s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_2BPS_20230601T140212_{strip}_N05.09",
            **({} if nodata is None else {"s2:nodata_pixel_percentage": nodata}),
        }
        return item(name, cloud=cloud, west=west, **{**told, **more})

    return make


@pytest.fixture
def look(query, collection_file):
    def find(items, **keys):
        path = collection_file(items)
        return search(query(path, **keys), base=path.parent)

    return find


def parts(result):
    return [[part.id for part in scene.parts] for scene in result.items]


def reasons(result):
    return {entry.item: entry.reason for entry in result.dropped}


def test_a_tile_in_two_items_is_whole_if_its_mean_is_below_the_limit(half, look):
    items = [half("a", 10), half("b", 45, west=6.0, strip=SECOND)]
    result = look(items, cloud_below=30, bbox=AREA)
    assert parts(result) == [["b", "a"]]
    assert (result.coverage, result.dropped) == (1, ())
    assert result.notes == ("Items that fill gaps of others of the same acquisition: 1.",)


def test_the_mean_is_weighed_by_what_each_item_holds(half, look):
    items = [half("a", 10, nodata=90), half("b", 45, west=6.0, strip=SECOND, nodata=10)]
    result = look(items, cloud_below=41, bbox=AREA)
    assert result.items == ()
    cover = (10 * 10 + 45 * 90) / 100
    reason = f"cloud: {cover:g} per cent of the acquisition (b 45, a 10)"
    assert reasons(result) == {"a": reason, "b": reason}
    assert len(look(items, cloud_below=cover + 0.1).items) == 1


def test_without_a_share_footprints_weigh(half, look):
    items = [half("a", 0, nodata=None), half("b", 50, west=6.0, strip=SECOND, nodata=None)]
    assert len(look(items, cloud_below=25.1).items) == 1
    assert len(look(items, cloud_below=24.9).items) == 0


def test_a_part_that_tells_no_clouds_leaves_the_limit_unchecked(half, look):
    items = [half("a", 10), half("b", None, west=6.0, strip=SECOND)]
    result = look(items, cloud_below=30)
    assert result.items == ()
    assert reasons(result)["a"] == (
        "no eo:cloud_cover: b of its acquisition lacks it; cloud_below cannot be checked without it"
    )


def test_the_newest_processing_is_chosen_before_clouds_are_looked_at(half, look):
    old = half("old", 5, **{"s2:generation_time": "2023-06-01T14:00:00Z"})
    new = half("new", 50, **{"s2:generation_time": "2024-06-01T14:00:00Z"})
    result = look([old, new], cloud_below=30)
    assert result.items == ()
    assert reasons(result)["new"] == "cloud: 50 per cent"
    assert reasons(result)["old"].startswith("duplicate: new is the same")


def test_limit_counts_scenes_not_items(half, look):
    items = [
        half("a", 10),
        half("b", 20, strip=SECOND, west=6.0),
        half("c", 10, tile="31UGT", datetime="2023-06-02T10:00:00Z"),
        half("d", 10, tile="31UHT", datetime="2023-06-03T10:00:00Z"),
    ]
    result = look(items, limit=2)
    assert parts(result) == [["b", "a"], ["c"]]
    assert reasons(result) == {"d": "limit: beyond the first 2"}


def test_a_note_names_what_was_dropped_over_the_rest(half, look, item):
    east = half("east", 60, west=6.0, tile="31UGT", nodata=0)
    result = look([half("west", 10), east], cloud_below=30, bbox=AREA)
    assert result.notes[-1] == (
        "The scenes cover 50.0% of the area; scenes that lie in the rest were dropped: 1 by "
        "cloud_below 30 (east)."
    )
    far = half("far", 60, west=5.0, tile="31UGT", nodata=0)
    result = look([half("west", 10), far], cloud_below=30, bbox=AREA)
    assert result.notes[-1].endswith("of the area; nothing was found for the rest.")

    expression = {"op": "=", "args": [{"property": "s2:mgrs_tile"}, "31UFT"]}
    result = look([half("west", 10), east], filter=expression, bbox=AREA)
    assert result.notes[-1].endswith("were dropped: 1 by filter (east).")
    broken = item("broken", datetime="soon")
    result = look([half("west", 10), broken], bbox=AREA)
    assert result.notes[-1].endswith("the rest; 1 item that cannot be used may lie there.")


def test_duplicates_are_told_as_a_number(half, look):
    result = look([half("a", 10), half("a", 10), half("b", 10, nodata=40)])
    assert len(result.items) == 1
    assert result.notes == ("Duplicates dropped: 2 (`search --explain` names them and the rule).",)


@pytest.mark.parametrize("level", ["cql2", "query"])
@pytest.mark.parametrize("limit", [30, 27])
def test_a_part_that_the_server_filtered_out_is_asked_for(
    stac_api, half, query, patience, tmp_path, level, limit
):
    others = [
        half(f"cloudy-{n}", 80, tile=f"31UG{n}", datetime="2023-06-01T10:00:01Z") for n in "ABC"
    ]
    items = [half("a", 10), half("b", 45, west=6.0, strip=SECOND), *others]
    api = stac_api(items, level=level, searches_dates=True)
    asked = query(api.url, cloud_below=limit, bbox=AREA, dates="2023-06")
    result = search(asked, base=tmp_path, patience=patience)
    assert parts(result) == ([["b", "a"]] if limit == 30 else [])
    first, second = (body for _, body in api.searches[:2])
    assert {"filter", "query"} & first.keys()
    assert not {"filter", "query"} & second.keys()
    assert second["datetime"] == "2023-06-01T09:40:00Z/2023-06-01T10:20:00.000000Z"
    if limit == 27:
        reason = "cloud: 27.5 per cent of the acquisition (b 45, a 10)"
        assert reasons(result) == {"a": reason, "b": reason}
    else:
        assert result.dropped == ()


def test_scenes_that_fill_their_tile_are_not_asked_for_again(
    stac_api, half, item, query, patience, tmp_path
):
    items = [half("a", 10, nodata=0), item("plain"), half("b", 60, tile="31UGT")]
    api = stac_api(items, level="cql2", searches_dates=True)
    result = search(query(api.url, cloud_below=30), base=tmp_path, patience=patience)
    assert parts(result) == [["a"], ["plain"]]
    assert len(api.searches) == 1
