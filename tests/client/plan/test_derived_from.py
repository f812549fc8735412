"""Outputs name what they are derived from: an item's own address, else the file it was found in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from range_server import RangeServer
from scenefleet.catalog import search
from scenefleet.plan import Plan, plan
from scenefleet.recipe import parse
from scenefleet.store import folder_of

SELF = "https://example.org/items/a"


def item(name: str = "a", *links: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-l2a",
        "bbox": [5, 51, 6, 52],
        "geometry": {"type": "Polygon", "coordinates": [
            [[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]]},
        "links": list(links),
        "properties": {"datetime": "2023-06-01T10:00:00Z", "platform": "sentinel-2a",
                       "s2:processing_baseline": "05.09"},
        "assets": {
            key: {"href": f"https://example.org/{key}.tif", "eo:bands": [{"common_name": name}]}
            for key, name in (("B04", "red"), ("B08", "nir"))
        },
    }  # fmt: skip


def planned(base: Path, catalog: str, store: str = "./results") -> Plan:
    recipe = parse(
        "version: 1\nname: test\nprocess: {indices: [ndvi], mask: none}\n"
        f"search: {{catalog: {json.dumps(catalog)}, collections: [sentinel-2-l2a]}}\n"
        f"output: {{store: {json.dumps(store)}}}\n",
        base / "recipe.yaml",
    )
    found = search(recipe.search, base=base)
    return plan(recipe, found.items, folder=folder_of(store, base=base))


def write(path: Path, *values: Any, lines: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, values)) if lines else json.dumps(values[0]))
    return path


def collected(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(items)}


def target(base: Path, made: Plan) -> Path:
    """The file that the first output's link leads to, from where the output lies."""
    href = made.documents[0].source.href
    assert href is not None
    assert "://" not in href
    assert str(base) not in href  # relative: no path of the machine in what is published
    return (base / "results/products/test" / made.documents[0].folder / href).resolve()


def test_an_items_own_address_is_named_before_all(tmp_path: Path) -> None:
    write(tmp_path / "items.json", collected(item("a", {"rel": "self", "href": SELF})))
    for store in ("./results", "az://account/container"):
        assert planned(tmp_path, "items.json", store).documents[0].source.href == SELF


@pytest.mark.parametrize("kind", ["collection", "lines", "item", "catalogue"])
def test_a_file_is_named_where_the_item_has_no_address(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "data" / "items.json"
    catalog = file
    if kind == "collection":
        write(file, collected(item()))
    elif kind == "lines":
        file = catalog = write(tmp_path / "data" / "items.jsonl", item(), item("b"), lines=True)
    elif kind == "item":
        write(file, item())
    else:
        file = write(tmp_path / "data" / "a" / "a.json", item())
        catalog = write(tmp_path / "data" / "catalog.json", {
            "type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "c",
            "links": [{"rel": "item", "href": "./a/a.json"}],
        })  # fmt: skip
    made = planned(tmp_path, str(catalog.relative_to(tmp_path)))
    assert target(tmp_path, made) == file.resolve()
    bare = planned(tmp_path, str(catalog.relative_to(tmp_path)), "az://account/container")
    assert bare.documents[0].source.href is None
    assert bare.documents[0].id == made.documents[0].id  # no part of an id


def test_a_self_link_to_a_file_is_followed(tmp_path: Path) -> None:
    there = tmp_path / "elsewhere/a b.json"
    write(tmp_path / "items.json", collected(item("a", {"rel": "self", "href": str(there)})))
    made = planned(tmp_path, "items.json")
    assert "a%20b.json" in str(made.documents[0].source.href)


def test_a_file_on_the_web_is_named(tmp_path: Path) -> None:
    write(tmp_path / "items.json", collected(item()))
    with RangeServer(tmp_path) as server:
        address = server.url("items.json")
        assert planned(tmp_path, address).documents[0].source.href == address


def test_an_item_that_was_kept_says_where_it_was_found_first(tmp_path: Path) -> None:
    write(tmp_path / "data/items.json", collected(item()))
    recipe = parse(
        "version: 1\nname: x\nsearch: {catalog: data/items.json, collections: [sentinel-2-l2a]}\n",
        tmp_path / "recipe.yaml",
    )
    kept = [one.to_json() for one in search(recipe.search, base=tmp_path).items]
    write(tmp_path / "kept.json", collected(*kept))
    assert target(tmp_path, planned(tmp_path, "kept.json")).name == "items.json"


def test_no_secret_of_an_address_is_kept(tmp_path: Path) -> None:
    sly = {**item(), "scenefleet:document": "https://u:SECRET@example.org/a.json?sig=SECRET#SECRET"}
    write(tmp_path / "items.json", collected(sly))
    href = planned(tmp_path, "items.json").documents[0].source.href
    assert href == "https://example.org/a.json"
