"""A recipe is read as its author meant it, or refused with file, line, key and what is allowed."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from scenefleet.errors import RecipeError
from scenefleet.recipe import IndexWish, Masking, json_schema, parse, read_recipe, resolved
from scenefleet.recipe.starter import starter

MINIMAL = "version: 1\nname: a\nsearch: {}\n"
RECIPE = Path("recipe.yaml")


def refused(text: str, path: Path = RECIPE) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(text, path)
    return str(caught.value)


def test_minimal_recipe_has_documented_defaults() -> None:
    recipe = parse(MINIMAL, RECIPE)
    assert recipe.search.catalog == "planetary-computer"
    assert recipe.process.indices == (IndexWish("ndvi"),)
    assert recipe.process.mask == Masking(kinds=("clouds", "shadows"), classes=(), dilate=0)
    assert recipe.process.radiometry == "check"
    assert (recipe.output.dtype, recipe.output.stacked) == ("int16", False)
    assert recipe.compute.backend == "local"


@pytest.mark.parametrize("backend", ["local", "azure"])
def test_starter_is_a_valid_recipe(backend: str) -> None:
    recipe = parse(starter(backend), RECIPE)  # pyright: ignore[reportArgumentType]
    assert recipe.compute.backend == backend


def test_resolved_recipe_reads_back_equal() -> None:
    recipe = parse(starter("azure"), RECIPE)
    assert parse(resolved(recipe), RECIPE) == recipe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\nname: a\nserch: {}\n", ["recipe.yaml:3: serch", "did you mean `search`"]),
        (
            "version: 1\nname: a\nsearch:\n  colections: [x]\n",
            ["recipe.yaml:4: search.colections", "did you mean `collections`", "cloud_below"],
        ),
        (MINIMAL + "process: {indices: [ndvii]}", ["'ndvii'", "did you mean 'NDVI'", "indices"]),
        (MINIMAL + "process: {mask: fog}", ["process.mask", "'fog'", "clouds", "none"]),
        ("version: 2\nname: a\nsearch: {}", ["recipe.yaml:1: version", "2"]),
        ("version: 1\nname: My NDVI\nsearch: {}", ["name", "'My NDVI'", "Lower-case".lower()]),
        ("name: a\nsearch: {}", ["version", "missing"]),
        ("version: 1\nname: a\nsearch: {cloud_below: 101}", ["search.cloud_below", "101", "100"]),
        ("version: 1\nname: a\nsearch: {cloud_below: yes}", ["cloud_below", "number", "not yes"]),
        (MINIMAL + "compute: {retries: true}", ["compute.retries", "number"]),
        (MINIMAL + "# \0", ["recipe.yaml: this is no YAML", "characters"]),
        ("version: 1\nname: a\nsearch: {bbox: [1, 2, 3]}", ["search.bbox", "4 numbers"]),
        ("version: 1\nname: a\nsearch: {bbox: [3, 50, 4, 49]}", ["south below north"]),
        ("version: 1\nname: a\nsearch: {bbox: [300, 50, 400, 51]}", ["-180 to 180"]),
        ("version: 1\nname: a\nsearch: {area: nowhere.geojson}", ["nowhere.geojson", "No such"]),
        (MINIMAL + "process: {clip: true}", ["process.clip", "search.area"]),
        (MINIMAL + "output: {store: 'az://a/b?sig=abc'}", ["SAS", "az://account"]),
        (MINIMAL + "output: {store: 's3://bucket'}", ["az://account/container/prefix"]),
        (MINIMAL + "output: {store: 'az://account'}", ["az://account/container/prefix"]),
        (MINIMAL + "output: {store: 'az://account/'}", ["az://account/container/prefix"]),
        (MINIMAL + "output: {store: ' '}", ["a store is a folder or"]),
        (MINIMAL + "resources: {memory: 99999999GB}", ["no machine has more than 1000000GB"]),
        (MINIMAL + "budget: {max_cost: 5}", ["node_price"]),
        ("", ["empty"]),
        ("- a\n- b", ["list"]),
        ("version: 1\nname: [", ["recipe.yaml:2", "no YAML"]),
        ("version: 1\nname: a\nname: b\nsearch: {}", ["recipe.yaml:3: name", "twice", "line 2"]),
    ],
)
def test_refusals_say_where_what_and_what_is_allowed(text: str, words: list[str]) -> None:
    message = refused(text)
    for word in words:
        assert word in message, message
    assert "sig=abc" not in message


def test_every_problem_is_told_at_once() -> None:
    message = refused("version: 1\nname: a\nsearch: {dates: soon, cloud_below: -1}\nfoo: 1\n")
    assert len(message.splitlines()) == 3


@pytest.mark.parametrize(
    ("dates", "interval"),
    [
        ("2023-02-01/2023-05-01", "2023-02-01T00:00:00Z/2023-05-01T23:59:59Z"),
        ("2023-02", "2023-02-01T00:00:00Z/2023-02-28T23:59:59Z"),
        ("2024", "2024-01-01T00:00:00Z/2024-12-31T23:59:59Z"),
        ("2024-02/..", "2024-02-01T00:00:00Z/.."),
        ("../2024-02", "../2024-02-29T23:59:59Z"),
        ("2023-02-01T10:00:00+02:00/2023-02-02", "2023-02-01T08:00:00Z/2023-02-02T23:59:59Z"),
        ("2023-02-01T10:00:00.5Z/..", "2023-02-01T10:00:00.500000Z/.."),
        ("../2023-02-01t10:00:00.123456789z", "../2023-02-01T10:00:00.123456Z"),
        ("2016-12-31T23:59:60Z/2017", "2016-12-31T23:59:59.999999Z/2017-12-31T23:59:59Z"),
        ("2023-02-01T10:00:00Z", "2023-02-01T10:00:00Z/2023-02-01T10:00:00Z"),
    ],
)
def test_dates_become_intervals(dates: str, interval: str) -> None:
    recipe = parse(f"version: 1\nname: a\nsearch:\n  dates: {dates}\n", RECIPE)
    assert recipe.search.dates == interval


@pytest.mark.parametrize(
    "dates",
    ["2023-02-30", "2023-13", "yesterday", "2023-05-01/2023-02-01", "..", "2023-01-01T10:00"],
)
def test_bad_dates_are_refused_by_name(dates: str) -> None:
    message = refused(f"version: 1\nname: a\nsearch:\n  dates: '{dates}'\n")
    assert "search.dates" in message
    assert dates.partition("/")[0] in message


@pytest.mark.parametrize(
    ("dates", "kind"),
    [
        ("2024-W10", "a week date"),
        ("2024-W10-1/2024-W12-7", "a week date"),
        ("2024W10", "a week date"),
        ("2024-070", "a day's number in its year"),
        ("2024070", "a day's number in its year"),
        ("2024-Q1", "a quarter"),
        ("20240310", "a date without hyphens"),
        ("P1M/2024-03", "a duration"),
        ("2024-03-10T25:00:00Z", "no time of the calendar"),
        ("0001-01-01T00:00:00+05:00", "no time of the calendar"),
        ("2024-01-01T10:00:01Z/2024-01-01T10:00:00.2Z", "ends before it starts"),
    ],
)
def test_other_ways_to_write_dates_are_named_and_refused(dates: str, kind: str) -> None:
    message = refused(f"version: 1\nname: a\nsearch:\n  dates: '{dates}'\n")
    assert kind in message
    assert "allowed is a day, month or year" in message or "calendar" in kind or "ends" in kind


def test_area_is_read_beside_the_recipe(tmp_path: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "Feature", "geometry": square}))
    (tmp_path / "r.yaml").write_text("version: 1\nname: a\nsearch: {area: a.geojson}")
    area = read_recipe(tmp_path / "r.yaml").recipe.search.area
    assert isinstance(area, dict)
    assert area["type"] == "Polygon"


@pytest.mark.parametrize(
    ("geojson", "word"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "Point"),
        ({"type": "FeatureCollection", "features": []}, "no polygon"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}, "not valid"),
        ({"type": "Polygon", "coordinates": [[[5e5, 5e6], [6e5, 5e6], [6e5, 6e6], [5e5, 5e6]]]},
         "not degrees"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0]]]}, "malformed"),
        ([1, 2], "no GeoJSON object"),
    ],
)  # fmt: skip
def test_bad_areas_are_refused(tmp_path: Path, geojson: object, word: str) -> None:
    (tmp_path / "a.geojson").write_text(json.dumps(geojson))
    assert word in refused(
        "version: 1\nname: a\nsearch: {area: a.geojson}", tmp_path / "recipe.yaml"
    )


def test_box_over_the_antimeridian_is_two_polygons() -> None:
    recipe = parse("version: 1\nname: a\nsearch: {bbox: [179, -20, -179, -15]}", RECIPE)
    assert isinstance(recipe.search.area, dict)
    assert len(recipe.search.area["coordinates"]) == 2


def test_missing_recipe_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="scenefleet init"):
        read_recipe(tmp_path / "recipe.yaml")


def test_schema_takes_what_the_reader_takes() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml.safe_load(starter("azure").replace("2023-06-01/2023-06-15", "2023-06")))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"version": 1, "name": "a", "search": {"colections": ["x"]}})
