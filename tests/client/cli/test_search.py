"""`scenefleet search`: what was dropped and united, and output that is a catalogue again."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Cli = Callable[..., CompletedProcess[str]]
RECIPE = "version: 1\nname: a\nsearch: {catalog: CATALOG, dates: 2023-06}\n"


def product(name: str, strip: str, made: str, nodata: float) -> dict[str, Any]:
    ring = [[5, 52], [6, 52], [6, 53], [5, 53], [5, 52]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "bbox": [5, 52, 6, 53],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": "2023-06-01T10:00:00Z",
            "platform": "Sentinel-2A",
            "s2:mgrs_tile": "31UFT",
            "s2:datatake_id": "GS2A_20230601T100031_041470_N05.09",
            "s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_2APS_20230601T140000_{strip}_N05.09",
            "s2:generation_time": made,
            "s2:nodata_pixel_percentage": nodata,
        },
        "assets": {"B04": {"href": f"https://files.example/{name}/B04.tif"}},
        "links": [],
    }


def test_search_explains_and_its_json_is_a_catalogue_of_the_same_scenes(
    cli: Cli, tmp_path: Path
) -> None:
    items = [
        product("one", "S20230601T100005", "2023-06-01T14:00:00Z", 70),
        product("two", "S20230601T100431", "2023-06-01T14:00:00Z", 30),
        product("one-anew", "S20230601T100005", "2024-06-01T14:00:00Z", 70),
    ]
    collection = {"type": "FeatureCollection", "features": items}
    (tmp_path / "items.json").write_text(json.dumps(collection))
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("CATALOG", "items.json"))

    done = cli("search", "--explain")
    assert done.returncode == 0, done.stderr
    assert "dropped one: duplicate: one-anew is the same, processed later" in done.stderr
    assert "united one-anew with two: two stations (rule two-stations)" in done.stderr
    assert "1 scene" in done.stderr
    assert "one-anew" not in done.stdout

    whole = cli("search", "--json").stdout
    assert [item["id"] for item in json.loads(whole)["features"]] == ["two", "one-anew"]
    (tmp_path / "again.json").write_text(whole)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("CATALOG", "again.json"))
    assert json.loads(cli("search", "--json").stdout) == json.loads(whole)


@pytest.mark.parametrize(
    ("search", "line", "note"),
    [
        (
            "dates: 2023-06, collections: [sentinel2]",
            "dropped one: collection: it is of 'sentinel-2-l2a'",
            "The items are of sentinel-2-l2a (1), and `collections` asks for sentinel2: write "
            "`collections: [sentinel-2-l2a]` for those.",
        ),
        (
            'dates: 2023-06, filter: {op: "=", args: [{property: "s2:mgrs_tiel"}, 31UFT]}',
            "dropped one: filter: it does not match (it has no s2:mgrs_tiel)",
            "a property that no item has; did you mean 's2:mgrs_tile'?",
        ),
        (
            'dates: 2023-06, filter: {op: "=", args: [{property: "s2:mgrs_tile"}, 31UFU]}',
            "dropped one: filter: it does not match (its s2:mgrs_tile is '31UFT')",
            "asks for s2:mgrs_tile, which is '31UFT' in the items.",
        ),
        ("dates: 2022", "dropped one: dates: it is of 2023-06-01", "dates are of 2023-06-01."),
        ("bbox: [9, 9, 10, 10]", "dropped one: area:", "area lie within [5, 52, 6, 53] (west"),
        ("cloud_below: 20, dates: 2023", "dropped one: cloud: 60 per", "cover of 60 per cent"),
    ],
)
def test_a_search_that_drops_all_says_what_the_items_are(
    cli: Cli, tmp_path: Path, search: str, line: str, note: str
) -> None:
    one = product("one", "S20230601T100005", "2023-06-01T14:00:00Z", 70)
    one["properties"]["eo:cloud_cover"] = 60
    (tmp_path / "items.json").write_text(json.dumps(one))
    (tmp_path / "recipe.yaml").write_text(
        f"version: 1\nname: a\nsearch: {{catalog: items.json, {search}}}\n"
    )
    plain, explained = cli("search"), cli("search", "--explain")
    assert plain.returncode == explained.returncode == 1
    assert note in plain.stderr, plain.stderr
    assert note in explained.stderr
    assert line not in plain.stderr
    assert line in explained.stderr, explained.stderr


def test_items_that_cannot_be_used_are_each_explained(cli: Cli, tmp_path: Path) -> None:
    items = [{"type": "Feature", "id": f"bad-{number}"} for number in range(5)]
    collection = {"type": "FeatureCollection", "features": items}
    (tmp_path / "items.json").write_text(json.dumps(collection))
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("CATALOG", "items.json"))
    done = cli("search", "--explain")
    assert done.returncode == 1
    for number in range(5):
        assert f"dropped bad-{number}: bad item: " in done.stderr
