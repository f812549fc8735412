"""The demo's STAC API is what it says: pystac-client walks it, and files come by ranges."""

import json
import socket
import urllib.error
import urllib.request

import pytest
from pystac_client import Client
from shapely.geometry import box, shape

from scenefleet.catalog import search
from scenefleet.demo.server import DemoServerError, serve_archive
from scenefleet.recipe.model import Search

CLOUD = {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]}


@pytest.fixture(scope="module")
def url(archive):
    with serve_archive(archive) as address:
        yield address


@pytest.fixture(scope="module")
def items(archive):
    return json.loads((archive / "items.json").read_text())["features"]


def get(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.headers, answer.read()


def refused(address, body=None):
    data = None if body is None else json.dumps(body).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(address, data=data), timeout=10)
    with caught.value as answer:
        return answer.code, json.loads(answer.read())["description"]


def test_pystac_client_walks_it(url, items):
    client = Client.open(url)
    (collection,) = client.get_collections()
    assert client.get_collection(collection.id).to_dict()["extent"] == collection.extent.to_dict()
    names = {item["id"] for item in items}
    assert {item.id for item in collection.get_items()} == names
    one = collection.get_item(items[0]["id"])
    assert one.assets["B04"].href == f"{url}data/{one.id}/B04.tif"
    assert one.get_self_href() == f"{url}collections/sentinel-2-l2a/items/{one.id}"
    assert client.get_collection("none") is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_searches_by_pages(url, items, method):
    client = Client.open(url)
    pages = list(client.search(method=method, limit=5).pages_as_dicts())
    assert [len(page["features"]) for page in pages] == [5, 5, 2]
    assert [page["numberMatched"] for page in pages] == [12] * 3
    times = [item["properties"]["datetime"] for page in pages for item in page["features"]]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_filter(url, items, method):
    def found(**keys):
        return {
            item["id"] for item in Client.open(url).search(method=method, **keys).items_as_dicts()
        }

    def wanted(keep):
        return {item["id"] for item in items if keep(item)}

    east = items[1]
    assert east["properties"]["s2:mgrs_tile"] == "31UGT"
    _, south, right, north = east["bbox"]
    corner = (right - 0.001, south, right, north)
    inside = wanted(lambda item: shape(item["geometry"]).intersects(box(*corner)))
    assert found(bbox=corner) == found(intersects=box(*corner).__geo_interface__) == inside
    assert 0 < len(inside) < 12
    assert found(datetime="2021") == wanted(lambda i: i["properties"]["datetime"] < "2022")
    assert found(ids=[east["id"]]) == {east["id"]}
    assert found(collections=["other"]) == set()
    clear = wanted(lambda i: i["properties"]["eo:cloud_cover"] < 20)
    assert found(filter=CLOUD, filter_lang="cql2-json", limit=3) == clear
    assert 3 < len(clear) < 12


def test_a_catalogue_search(url, items, tmp_path):
    query = Search.model_validate({"catalog": url, "cloud_below": 20, "dates": "2022"})
    result = search(query, base=tmp_path)
    expected = [
        item["id"]
        for item in items
        if item["properties"]["eo:cloud_cover"] < 20 and item["properties"]["datetime"] > "2022"
    ]
    assert [scene.id for scene in result.items] == expected
    assert result.matched == len(expected)
    assert result.notes == ()


def test_files_come_whole_and_by_ranges(url, archive, items):
    href = items[0]["assets"]["B04"]["href"]
    content = (archive / href).read_bytes()
    address = url + href.removeprefix("./")
    assert get(address)[2] == content
    status, headers, part = get(address, Range="bytes=100-199")
    assert (status, part) == (206, content[100:200])
    assert headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert get(address, Range="bytes=-16")[2] == content[-16:]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sortby": []}, "'sortby' is not known"),
        ({"query": {}}, "'query' is not known"),
        ({"datetime": "yesterday"}, "malformed"),
        ({"bbox": [1, 2]}, "malformed"),
        ({"bbox": [0, 0, 1, 1], "intersects": {"type": "Point", "coordinates": [0, 0]}}, "both"),
        ({"filter": {"op": "s_within", "args": [1]}}, "s_within"),
        ([], "no object"),
    ],
)
def test_what_it_does_not_understand_it_refuses(url, body, words):
    status, said = refused(f"{url}search", body)
    assert status == 400
    assert words in said


@pytest.mark.parametrize(
    "path",
    ["collections/none", "collections/none/items", "collections/sentinel-2-l2a/items/none"],
)
def test_what_is_not_there(url, path):
    status, said = refused(url + path)
    assert status == 404
    assert "'none'" in said


def test_a_get_filter_in_another_language_is_refused(url):
    assert refused(f"{url}search?filter=a%3C5")[0] == 400
    assert refused(f"{url}search?filter=%7B%7D&filter-lang=cql2-text")[0] == 400


def test_files_outside_the_archive_are_not_served(url):
    for path in ("data/../items.json", "data/%2e%2e/items.json", "data/nothing.tif"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url + path, timeout=10)
        caught.value.close()
        assert caught.value.code == 404


def test_a_port_that_is_taken(archive):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(DemoServerError, match=f"Port {port} "),
            serve_archive(archive, port=port),
        ):
            pass


def test_it_ends_with_its_block(archive):
    with serve_archive(archive) as address:
        assert get(address)[0] == 200
    with pytest.raises(urllib.error.URLError, match="refused"):
        get(address)
