"""What a plan lets tasks read: by where the items came from, and with which queries."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.task.test_reach import EVERYWHERE, HERE, INSIDE, OUTSIDE

from scenefleet.catalog import search
from scenefleet.catalog.item import Base, tidy
from scenefleet.errors import CatalogError, RecipeError
from scenefleet.plan import Plan, plan
from scenefleet.recipe import Recipe, parse
from scenefleet_task import spec
from scenefleet_task.reach import Origin

Change = Callable[[dict[str, Any]], None]
WEB = "https://files.example"


def recipe(**search: Any) -> Recipe:
    text = json.dumps({"version": 1, "name": "test", "search": search})
    return parse(text, Path("recipe.yaml"))


def item(href: str = f"{WEB}/B04.tif", key: str = "B04") -> dict[str, Any]:
    ring = [[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]
    names = {"B04": "red", "B08": "nir", "SCL": None, "B02": "blue", "B03": "green"}
    assets: dict[str, Any] = {
        name: {"href": f"{WEB}/{name}.tif", "type": "image/tiff; application=geotiff"}
        | ({"eo:bands": [{"common_name": common}]} if common else {})
        for name, common in names.items()
    }
    assets[key]["href"] = href
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2A_X",
        "collection": "sentinel-2-l2a",
        "bbox": [5, 51, 6, 52],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": "2023-06-01T10:50:29Z", "s2:processing_baseline": "05.09"},
        "assets": assets,
        "links": [{"rel": "self", "href": f"{WEB}/x.json"}],
    }


def planned(
    given: dict[str, Any], origin: Origin = "public", hosts: tuple[str, ...] = (), **search: Any
) -> Plan:
    asked = recipe(**search)
    base = Base("/data/items.json" if origin == "file" else f"{WEB}/items.json", origin)
    scene = tidy(given, base, keep=asked.search.keep_query).scene
    return plan(asked, [scene], hosts=hosts)


def hrefs(made: Plan) -> list[str]:
    return [source.href for part in made.documents[0].parts for source in spec.sources(part)]


FINE = ("x.tif", "../x.tif", "~/x.tif", "http://files.example/x.tif#", "GTIFF_RAW:/data/x.tif")
"""Here these mean a place beside the item, or no more than an empty fragment."""
ROOTED = ("/proc", "/dev", "/sys", "/./proc", "/vsi")
PLANNED = [href for href in EVERYWHERE if href and href[0] != "/" and href not in FINE]


@pytest.mark.parametrize("href", PLANNED)
@pytest.mark.parametrize("origin", ["public", "loopback", "file"])
def test_hostile_addresses_are_left_out_when_planning(href: str, origin: Origin) -> None:
    if origin == "file" and href == "FILE:/etc/passwd":
        return  # the user's own word for a file of this machine
    if origin != "file" and href.startswith("GTIFF_DIR"):
        return  # joined to the server's address
    with pytest.raises(CatalogError, match="its asset 'B04'") as caught:
        planned(item(href), origin)
    assert len(str(caught.value)) < 2000
    assert str(caught.value).replace("\n", "").isprintable()


def test_the_table_is_long() -> None:
    assert len(PLANNED) > 60


@pytest.mark.parametrize("href", [h for h in EVERYWHERE if h.startswith(ROOTED)])
def test_hostile_paths_are_left_out_when_planning(href: str) -> None:
    """On disk a path is a path; on the web it is the server's own."""
    with pytest.raises(CatalogError, match="its asset 'B04'"):
        planned(item(href), "file")
    if "vsi" not in href:
        assert any(one.startswith(f"{WEB}/") for one in hrefs(planned(item(href))))


@pytest.mark.parametrize("key", ["B04", "SCL"])
@pytest.mark.parametrize(
    "href", ["file:///data/x.tif", "file:/data/x.tif", "file://localhost/data/x.tif"]
)
def test_a_file_is_not_for_the_web(href: str, key: str) -> None:
    for origin in ("public", "private", "loopback"):
        with pytest.raises(CatalogError, match=f"its asset '{key}'.*a path of this machine"):
            planned(item(href, key), origin)
    assert "/data/x.tif" in hrefs(planned(item(href, key), "file"))


@pytest.mark.parametrize("href", HERE)
def test_loopback(href: str) -> None:
    for origin in ("public", "private"):
        with pytest.raises(CatalogError, match="this machine itself"):
            planned(item(href), origin)
    assert href in hrefs(planned(item(href), "loopback"))


@pytest.mark.parametrize("href", INSIDE)
def test_private_ranges(href: str) -> None:
    with pytest.raises(CatalogError, match=r"allow_private: \["):
        planned(item(href))
    assert href in hrefs(planned(item(href), "private"))


@pytest.mark.parametrize("href", [h for h in OUTSIDE if "?" not in h])
def test_the_public_network(href: str) -> None:
    assert href.lower() in [one.lower() for one in hrefs(planned(item(href)))]


def test_a_private_host_is_read_where_the_recipe_names_it() -> None:
    made = planned(item("http://10.0.0.5/x.tif"), allow_private=["10.0.0.5", "Mine.Example."])
    assert made.documents[0].reach.hosts == ("10.0.0.5", "mine.example")
    assert made.documents[0].reach.origin == "public"
    made = planned(item(), hosts=("Acc.blob.core.windows.net",))
    assert made.documents[0].reach.hosts == ("acc.blob.core.windows.net",)


@pytest.mark.parametrize(
    "host",
    [
        *("*", "*.example", "http://a.example", "a.example/x", "a.example:80", "a b", ""),
        *("localhost", "127.0.0.1", "[::1]", "169.254.169.254", "me@a.example", "127.1"),
        "m\u00fcller.example",
    ],
)
def test_a_private_host_is_a_plain_name(host: str) -> None:
    with pytest.raises(RecipeError, match="allow_private"):
        recipe(allow_private=[host])


def test_items_of_one_scene_are_as_trusted_as_the_worst() -> None:
    mine = tidy(item(), Base("/data/items.json", "file")).scene
    made = plan(recipe(), [mine])
    assert made.documents[0].reach.origin == "file"
    theirs = tidy({**item(), "id": "S2A_Y"}, Base(f"{WEB}/x", "private")).scene
    both = plan(recipe(), [replace(mine, also=(theirs,))])
    assert both.documents[0].reach.origin == "private"


def test_where_items_came_from_is_kept_with_them(tmp_path: Path) -> None:
    """An item of the web stays one when its search is kept in a file and read again."""
    scene = tidy(item("file:///data/x.tif"), Base(f"{WEB}/items.json", "public")).scene
    (tmp_path / "items.jsonl").write_text(json.dumps(scene.to_json()))
    asked = recipe(catalog="items.jsonl")
    found = search(asked.search, base=tmp_path).items
    assert found[0].document["scenefleet:origin"] == "public"
    with pytest.raises(CatalogError, match="its asset 'B04'"):
        plan(asked, found)


def test_an_item_cannot_say_itself_where_it_came_from() -> None:
    with pytest.raises(CatalogError, match="this machine"):
        planned({**item("http://127.0.0.1/x.tif"), "scenefleet:origin": "file"})


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link"])
def test_a_local_source_is_a_regular_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.tif"
    {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "link": lambda: path.symlink_to("/proc/self/environ"),
    }[kind]()
    with pytest.raises(CatalogError, match=r"its asset 'B04'.*(regular file|operating system)"):
        planned(item(str(path)), "file")


SECRETS = (
    "?sas=CANARY",
    "?code=CANARY",
    "?key=CANARY",
    "?api-key=CANARY",
    "?subscription_key=CANARY",
    "?password=CANARY",
    "?jwt=CANARY",
    "?my_token=CANARY",
    "?token=CANARY",
    "?X-Amz-Signature=CANARY",
    "?X-Amz-Security-Token=CANARY",
    "?sv=1&se=2&sig=CANARY",
    "?SIG=CANARY",
    "?s%69g=CANARY",
    "?a=1&amp;sig=CANARY",
    "?CANARY",
    "?CANARY=",
    "?=CANARY",
    "?q=CANARY",
    "?file=a&sig=CANARY",
    "?file=a;sig=CANARY",
    "?file=a%26sig%3DCANARY",
    "?file=a%2526sig%253DCANARY",
    "?file=https://h/x.tif?code=CANARY",
    "?file=eyJhbGciOiCANARY.eyJzdWIiOiCANARY",
    "?file=a#sig=CANARY",
    ";sig=CANARY",
    ";token=CANARY",
    "#sig=CANARY",
    "#CANARY",
    "&amp;sig=CANARY",
    "&sig=CANARY",
    "%3Fsig%3DCANARY",
    "%253Fsig%253DCANARY",
    "%3Bsig=CANARY",
    "%26sig=CANARY",
    "%23sig=CANARY",
)


@pytest.mark.parametrize("tail", SECRETS)
def test_a_query_refuses_the_scene_and_names_the_key_not_the_value(tail: str) -> None:
    """Nothing is taken off and then read, whatever keys the recipe keeps."""
    for keep in ([], ["file"]):
        with pytest.raises(CatalogError, match="its asset 'B04'") as caught:
            planned(item(f"{WEB}/B04.tif{tail}"), keep_query=keep)
        assert "CANARY" not in str(caught.value)
    name = tail.lstrip("?#;&").removeprefix("amp;").partition("=")[0]
    if tail.startswith("?") and name.isalpha() and not tail.endswith("=") and name.islower():
        assert name in str(caught.value)


@pytest.mark.parametrize("tail", SECRETS)
def test_an_address_that_is_not_read_loses_its_secret_and_the_scene_is_planned(tail: str) -> None:
    given = item(f"{WEB}/B02.tif{tail}", "B02")
    given["links"] += [{"rel": "self", "href": f"{WEB}/x{tail}", "title": f"see {WEB}/x{tail}"}]
    scene = tidy(given, Base(f"{WEB}/items.json", "public")).scene
    assert "CANARY" not in json.dumps(scene.to_json())
    assert plan(recipe(), [scene]).documents


@pytest.mark.parametrize("tail", ["?sig=TOPSECRET", "#sig=TOPSECRET", "?TOPSECRET"])
def test_a_file_address_with_more_than_a_path_is_not_read_without_it(
    tmp_path: Path, tail: str
) -> None:
    (tmp_path / "x.tif").touch()
    assert not planned(item(f"file://{tmp_path}/x.tif"), "file").left_out
    with pytest.raises(CatalogError, match=r"is not read|may hold a secret") as caught:
        planned(item(f"file://{tmp_path}/x.tif{tail}"), "file")
    assert "sig=TOPSECRET" not in str(caught.value)


def test_a_user_before_the_host_refuses_the_scene() -> None:
    with pytest.raises(CatalogError, match="a user name") as caught:
        planned(item("https://me:CANARY@files.example/B04.tif"))
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["file=a&band=2", "band=2&file=a", "file=a&band=1&band=2", "file=a%20b", "file="]
)
def test_queries_that_the_recipe_names_are_kept_as_they_are(query: str) -> None:
    href = f"{WEB}/read?{query}"
    made = planned(item(href), keep_query=["file", "band"])
    assert href in hrefs(made)
    assert made.documents[0].id != planned(item(f"{WEB}/read")).documents[0].id
    with pytest.raises(CatalogError, match=r"keep_query: \[|a part without a name"):
        planned(item(href))


def test_tasks_that_differ_in_their_query_are_two() -> None:
    ids = {
        planned(item(f"{WEB}/read?{query}"), keep_query=["file", "band"]).documents[0].id
        for query in ("file=a", "file=b", "file=a&band=1", "band=1&file=a")
    }
    assert len(ids) == 4
    made = [
        planned(item(f"https://{host}/read?file=a"), keep_query=["file"]).documents[0].id
        for host in ("one.example", "two.example")
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "key", ["sig", "token", "a=b", "?a", "a&b", "", "X-Amz-Signature", "code", "url"]
)
def test_no_recipe_keeps_a_secret(key: str) -> None:
    with pytest.raises(RecipeError, match="keep_query"):
        recipe(keep_query=[key])


PC = {"rel": "self", "href": "https://planetarycomputer.microsoft.com/api/stac/v1/x"}
BLOB = "https://acc.blob.core.windows.net/s2/B04.tif"


def test_planetary_computers_signature_is_the_nodes_own() -> None:
    given = item(f"{BLOB}?st=1&se=2&sp=rl&sv=3&sr=c&sig=CANARY%3D")
    given["links"] = [PC]
    made = planned(given)
    assert BLOB in hrefs(made)
    assert made.documents[0].access == "planetary-computer"


@pytest.mark.parametrize(
    "query", ["sig=CANARY&x=1", "sv=1&snapshot=2", "code=CANARY", "sig=C#CANARY"]
)
def test_another_query_is_none_of_planetary_computers(query: str) -> None:
    given = item(f"{BLOB}?{query}")
    given["links"] = [PC]
    with pytest.raises(CatalogError, match="its asset 'B04'"):
        planned(given)


def test_secrets_anywhere_in_an_item_are_gone() -> None:
    given = item()
    given["assets"]["B04"] |= {
        "storage:headers": {"x": "CANARY"},
        "auth:refs": ["CANARY"],
        "headers": {"Authorization": "Bearer CANARY"},
        "alternate": {"s3": {"href": "s3://b/x?X-Amz-Signature=CANARY"}},
    }
    given["assets"]["preview"] = {"href": "data:image/png;base64,CANARY"}
    given["assets"]["tiles"] = {"href": f"{WEB}/t?url=a&access=CANARY", "title": "CANARY2"[:0]}
    given["properties"] |= {
        "auth:schemes": {"a": {"token": "CANARY"}},
        "api_key": "CANARY",
        "note": f"see {WEB}/x?code=CANARY and (https://h/y#token=CANARY)",
        "nested": json.dumps({"u": f"{WEB}/x?sig=CANARY", "password": "CANARY"}),
        "twice": json.dumps({"u": json.dumps({"a&sig": "x&sig=CANARY"})}),
        "html": f'<a href="{WEB}/x?a=1&amp;sig=CANARY">',
        "entity": "x&#63;s&#105;g&#61;CANARY",
        "bare": "sv=2024&sig=CANARY",
        "basic": "Authorization: Basic CANARYCANARYCANARY",
        "list": [{"deep": [f"{WEB}/x?key=CANARY"]}],
        f"{WEB}/x?sig=CANARY": 1,
    }
    given["description"] = "Cookie: CANARY"
    given["storage:schemes"] = {"a": {"platform": "https://{account}.example", "secret": "CANARY"}}
    given["links"] += [
        {"rel": "next", "href": f"{WEB}/x", "headers": {"k": "CANARY"}, "body": {"t": "CANARY"}},
        {"rel": "self", "href": "https://me:CANARY@h/x?sas=CANARY#CANARY"},
    ]
    scene = tidy(given, Base(f"{WEB}/items.json", "public")).scene
    assert "CANARY" not in json.dumps(scene.to_json())
    assert scene.document["storage:schemes"]["a"]["platform"] == "https://{account}.example"
    assert plan(recipe(), [scene]).documents
