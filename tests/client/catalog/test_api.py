"""Searches of a STAC API over HTTP: asked well, checked again, complete or refused."""

import socket

import pytest

from scenefleet.catalog import Patience, search
from scenefleet.errors import CatalogError


def clouds(item):
    return [item(f"c{cloud:02}", cloud=cloud) for cloud in (2, 40, 7, 90, 55)]


def ids(result):
    return [scene.id for scene in result.items]


@pytest.mark.parametrize(
    ("level", "key"), [("cql2", "filter"), ("query", "query"), ("search", None)]
)
def test_cloud_filter_goes_to_the_server_the_way_it_knows(
    stac_api, item, query, patience, tmp_path, level, key
):
    api = stac_api(clouds(item), level=level)
    result = search(query(api.url, cloud_below=41), base=tmp_path, patience=patience)
    assert ids(result) == ["c02", "c07", "c40"]
    ((method, body),) = api.searches
    assert method == "POST"
    assert {"filter", "query"} & body.keys() == ({key} if key else set())
    if key:
        assert result.matched == 3
        assert result.dropped == ()
        assert result.notes == ()
    else:
        assert result.matched == 5
        assert result.notes == ("The server cannot filter; 2 scenes were filtered here.",)
        assert [entry.reason for entry in result.dropped] == [
            "cloud: 90 per cent",
            "cloud: 55 per cent",
        ]


@pytest.mark.parametrize("level", ["cql2", "query"])
def test_a_server_that_ignores_the_filter_is_noticed(
    stac_api, item, query, patience, tmp_path, level
):
    api = stac_api(clouds(item), level=level, honest=False)
    result = search(query(api.url, cloud_below=41), base=tmp_path, patience=patience)
    assert ids(result) == ["c02", "c07", "c40"]
    assert result.notes == ("The server ignored the filter for 2 scenes; filtered here.",)


def test_a_server_that_answers_nothing_to_a_filter_is_noticed(
    stac_api, item, query, patience, tmp_path
):
    api = stac_api(clouds(item), level="cql2", nothing_for_filters=True)
    result = search(query(api.url, cloud_below=41), base=tmp_path, patience=patience)
    assert ids(result) == ["c02", "c07", "c40"]
    assert result.notes == (
        "The server found nothing for the filter, though 3 scenes pass; filtered here.",
    )


def test_an_empty_search_says_what_emptied_it(stac_api, item, query, patience, tmp_path):
    api = stac_api(clouds(item), level="cql2")
    result = search(query(api.url, cloud_below=1), base=tmp_path, patience=patience)
    assert result.items == ()
    assert result.notes == (
        "No scene is left: 5 came, 5 dropped by cloud_below 1.",
        "The clearest scene has a cloud cover of 2 per cent.",
    )
    assert "filter" in api.searches[0][1]
    assert "filter" not in api.searches[1][1]


def test_a_further_filter_is_joined_to_the_clouds_and_checked(
    stac_api, item, query, patience, tmp_path
):
    items = [item("a", orbit=51), item("b", orbit=8), item("c", cloud=80, orbit=51)]
    api = stac_api(items, level="cql2")
    expression = {"op": "=", "args": [{"property": "orbit"}, 51]}
    result = search(
        query(api.url, cloud_below=50, filter=expression), base=tmp_path, patience=patience
    )
    assert ids(result) == ["a"]
    assert api.searches[0][1]["filter"] == {
        "op": "and",
        "args": [{"op": "<", "args": [{"property": "eo:cloud_cover"}, 50]}, expression],
    }
    assert api.searches[0][1]["filter-lang"] == "cql2-json"


def test_a_filter_only_a_server_can_apply_is_refused_where_it_cannot(
    stac_api, item, query, patience, tmp_path
):
    expression = {"op": "s_within", "args": [{"property": "geometry"}, {"type": "Point"}]}
    api = stac_api([item("a")], level="search")
    with pytest.raises(CatalogError, match="takes no CQL2 JSON filter"):
        search(query(api.url, filter=expression), base=tmp_path, patience=patience)


@pytest.mark.parametrize("counts", ["numberMatched", "context", None])
@pytest.mark.parametrize("methods", [("GET", "POST"), ("GET",)])
def test_all_pages_come(stac_api, item, query, patience, tmp_path, methods, counts):
    items = [item(f"i{n:02}", datetime=f"2023-06-{30 - n:02}T10:00:00Z") for n in range(23)]
    api = stac_api(items, page=5, methods=methods, counts=counts)
    result = search(query(api.url), base=tmp_path, patience=patience)
    assert ids(result) == [f"i{n:02}" for n in reversed(range(23))]
    assert result.matched == (None if counts is None else 23)
    assert [method for method, _ in api.searches] == [methods[-1]] * 5


@pytest.mark.parametrize("counts", ["numberMatched", "context"])
def test_fewer_items_than_matched_is_an_error(stac_api, item, query, patience, tmp_path, counts):
    api = stac_api([item("a"), item("b")], lost=3, counts=counts)
    with pytest.raises(CatalogError, match="says 5 items match, but only 2 came"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_a_copy_does_not_stand_for_an_item_that_never_came(
    stac_api, item, query, patience, tmp_path
):
    api = stac_api([item("a"), item("b"), item("a")], page=2)
    with pytest.raises(CatalogError, match="says 3 items match, but only 2 came"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_paging_that_never_moves_on_is_an_error(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a"), item("b")], repeats=True, counts=None)
    with pytest.raises(CatalogError, match="same page twice"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_an_item_that_came_twice_is_kept_once(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a"), item("b"), item("a")], page=2, counts=None)
    result = search(query(api.url), base=tmp_path, patience=patience)
    assert ids(result) == ["a", "b"]
    assert result.dropped[0].reason == "duplicate: the item came twice (rule same-item)"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_faults_are_retried(stac_api, item, query, patience, tmp_path, status):
    api = stac_api([item("a")], failures=[status, status])
    assert ids(search(query(api.url), base=tmp_path, patience=patience)) == ["a"]
    assert len(api.searches) == 3


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "refuses the search itself"),
        (401, "wants a login"),
        (403, "forbids"),
        (404, "nothing at that address"),
        (429, "limits requests"),
        (502, "try again later"),
    ],
)
def test_lasting_faults_name_address_status_and_advice(
    stac_api, item, query, patience, tmp_path, status, advice
):
    api = stac_api([item("a")], failures=[status] * 9)
    with pytest.raises(CatalogError, match=advice) as caught:
        search(query(api.url), base=tmp_path, patience=patience)
    message = str(caught.value)
    assert f"{api.url}search answered {status} (not now)" in message


def test_the_query_of_an_address_is_never_shown(query, patience, tmp_path):
    # a recipe refuses such an address; whoever gets round it must still not see it printed
    for address, words in (
        ("http://127.0.0.1:9/stac?key=topsecret", "connection was refused"),
        ("http://u:topsecret@127.0.0.1:9/stac?key=topsecret", "a user name or a password"),
    ):
        secret = query("http://127.0.0.1:9/stac").model_copy(update={"catalog": address})
        with pytest.raises(CatalogError, match=words) as caught:
            search(secret, base=tmp_path, patience=patience)
        assert "topsecret" not in str(caught.value)


def test_a_host_that_does_not_exist(query, patience, tmp_path):
    with pytest.raises(CatalogError, match=r"nowhere\.invalid.*(resolved|no connection).*Check"):
        search(query("https://nowhere.invalid/stac"), base=tmp_path, patience=patience)


@pytest.mark.parametrize("path", ["/", "/search", "/collections/sentinel-2-l2a"])
def test_html_in_place_of_json(stac_api, item, query, patience, tmp_path, path):
    api = stac_api([item("a")])
    api.raw[path] = (200, "text/html", "<html><h1>Sign in</h1></html>")
    with pytest.raises(CatalogError, match="no JSON"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_a_landing_page_of_html_with_an_error(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a")])
    api.raw["/"] = (403, "text/html", "<html>blocked</html>")
    with pytest.raises(CatalogError, match=r"answered 403\. The catalogue forbids"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_json_that_is_no_stac(stac_api, query, patience, tmp_path):
    api = stac_api([])
    api.raw["/"] = (200, "application/json", '{"hello": 1}')
    with pytest.raises(CatalogError, match="is no STAC catalogue"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_an_api_that_cannot_be_searched(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a")], level="core")
    with pytest.raises(CatalogError, match="without item search"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_a_collections_address_tells_the_apis_own(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a")])
    links = [{"rel": "items", "href": "x"}, {"rel": "root", "href": api.url}]
    api.landing = {"type": "Collection", "id": "sentinel-2-l2a", "links": links}
    with pytest.raises(CatalogError, match=f"own address.*{api.url}"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_an_unknown_collection_suggests_the_nearest(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a")])
    with pytest.raises(CatalogError, match="'sentinel-2-l2'; did you mean sentinel-2-l2a"):
        search(query(api.url, collections=["sentinel-2-l2"]), base=tmp_path, patience=patience)
    assert api.searches == []


def test_area_and_dates_outside_the_collection_are_told(stac_api, item, query, patience, tmp_path):
    extent = {
        "spatial": {"bbox": [[4, 51, 8, 54]]},
        "temporal": {"interval": [["2015-06-27T10:25:31Z", "2024-01-01T00:00:00Z"]]},
    }
    api = stac_api([item("a")], extent=extent)
    asked = query(api.url, bbox=[100, 0, 101, 1], dates="2025")
    result = search(asked, base=tmp_path, patience=patience)
    assert result.items == ()
    assert result.notes[:2] == (
        "The area lies outside sentinel-2-l2a, which covers [4, 51, 8, 54] (degrees).",
        "The dates lie outside sentinel-2-l2a, which has 2015-06-27T10:25:31Z to "
        "2024-01-01T00:00:00Z.",
    )


def test_area_and_dates_are_sent_and_checked_again(stac_api, item, query, patience, tmp_path):
    items = [
        item("in"),
        item("east", west=9),
        item("late", datetime="2023-07-01T00:00:00Z"),
        item("last-second", datetime="2023-06-30T23:59:59.700Z"),
    ]
    api = stac_api(items)
    asked = query(api.url, bbox=[5.2, 52.2, 5.4, 52.4], dates="2023-06")
    result = search(asked, base=tmp_path, patience=patience)
    assert ids(result) == ["in", "last-second"]
    assert [(d.item, d.reason.split(":")[0]) for d in result.dropped] == [
        ("east", "area"),
        ("late", "dates"),
    ]
    assert "2 scenes outside the area, dates or collections" in result.notes[0]
    ((_, body),) = api.searches
    assert body["intersects"]["type"] == "Polygon"
    assert body["datetime"] == "2023-06-01T00:00:00Z/2023-06-30T23:59:59.999999Z"


def test_hrefs_without_a_host_start_from_the_items_own_address(
    stac_api, item, query, patience, tmp_path
):
    one, other = item("a"), item("b")
    one["assets"]["B04"]["href"] = "./B04.tif"
    one["links"] = [{"rel": "self", "href": "https://files.example/deep/a.json"}]
    other["assets"]["B04"]["href"] = "data/B04.tif"
    api = stac_api([one, other])
    result = search(query(api.url), base=tmp_path, patience=patience)
    first, second = (scene.assets["B04"].href for scene in result.items)
    assert first == "https://files.example/deep/B04.tif"
    assert second == f"{api.url}data/B04.tif"


def test_an_item_that_is_no_object(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a")], counts=None)
    page = '{"type": "FeatureCollection", "features": ["a"]}'
    api.raw["/search"] = (200, "application/json", page)
    with pytest.raises(CatalogError, match="holds text where a STAC item should be"):
        search(query(api.url), base=tmp_path, patience=patience)


def test_a_server_that_never_answers(query, tmp_path):
    impatient = Patience(retries=0, timeout=(0.3, 0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(CatalogError, match="no answer in time"):
            search(query(url), base=tmp_path, patience=impatient)


def test_a_server_without_collections_is_searched_all_the_same(
    stac_api, item, query, patience, tmp_path
):
    api = stac_api([item("a")])
    landing = api.answer("GET", "/", {})[1]
    landing["conformsTo"] = [name for name in landing["conformsTo"] if "collections" not in name]
    api.landing = landing
    assert ids(search(query(api.url), base=tmp_path, patience=patience)) == ["a"]
    assert not [path for _, path, _ in api.requests if path.startswith("/collections")]
