"""A value of a wrong type is refused in one line, at its key's line, in the recipe's terms."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from scenefleet.errors import RecipeError
from scenefleet.recipe import Search, parse
from scenefleet.recipe.collections import BandPart, CollectionPart, MaskPart
from scenefleet.recipe.model import Budget, Compute, OutputPart, Recipe
from scenefleet.recipe.process import GridPart, Masking, Process
from scenefleet.recipe.published import ProviderPart, PublishedPart
from scenefleet.recipe.resources import Resources

WRONG = (7, 1.5, True, None, "some text", [1, 2], ["a", "b"], {"a": 1}, [{"a": 1}], [[1]])
PYDANTIC = re.compile(r"Input should|valid (string|dictionary|number|integer|boolean|tuple)|Tuple")
BAND = ("collections", "x", "bands", "red")
MASK = ("collections", "x", "masks", 0)
PROVIDER = ("output", "collection", "providers", 0)
PARTS: dict[tuple[str | int, ...], type[BaseModel]] = {
    (): Recipe,
    ("search",): Search,
    ("process",): Process,
    ("process", "mask"): Masking,
    ("process", "grid"): GridPart,
    ("output",): OutputPart,
    ("output", "collection"): PublishedPart,
    PROVIDER: ProviderPart,
    ("compute",): Compute,
    ("resources",): Resources,
    ("budget",): Budget,
    ("collections", "x"): CollectionPart,
    BAND: BandPart,
    MASK: MaskPart,
}


def whole() -> dict[str, Any]:
    return {
        "version": 1,
        "name": "a",
        "search": {"bbox": [1, 2, 3, 4], "collections": ["x"]},
        "process": {"grid": {"crs": "EPSG:3035", "resolution": 10}, "mask": {"kinds": ["clouds"]}},
        "output": {"collection": {"providers": [{"name": "we"}]}},
        "collections": {
            "x": {
                "bands": {"red": {"asset": "r"}, "nir": "n"},
                "masks": [{"asset": "m", "classes": {1: "cloud"}}],
            }
        },
        "compute": {},
        "resources": {},
        "budget": {},
    }


def keys() -> Iterator[tuple[str | int, ...]]:
    for place, part in PARTS.items():
        yield from ((*place, key) for key in part.model_fields)


def refused(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse(text, Path("r.yaml"))
    return str(caught.value).splitlines()


@pytest.mark.parametrize("place", list(keys()), ids=lambda place: ".".join(map(str, place)))
def test_no_key_answers_a_wrong_type_in_the_words_of_pydantic(place: tuple[str | int, ...]) -> None:
    answers = 0
    for wrong in WRONG:
        recipe = whole()
        part: Any = recipe
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = wrong
        if place == ("search", "area"):
            del recipe["search"]["bbox"]
        text = yaml.safe_dump(recipe, sort_keys=False)
        try:
            parse(text, Path("r.yaml"))
        except RecipeError as error:
            answers += 1
            told = str(error).splitlines()
            for line in told:
                assert not PYDANTIC.search(line), line
                number = re.match(r"r\.yaml:(\d+): ", line)
                assert number, line
            if not isinstance(wrong, list | dict):  # a list or a mapping has entries, each wrong
                assert len(told) == 1, told
    assert answers, place


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("search: {area: [4.9, 52, 5, 53]}", "a box is written `bbox: [4.9, 52, 5, 53]`"),
        ("search: {dates: [2023-01, 2023-02]}", "write 2023-01/2023-02"),
        ("search: {collections: my-own}", "write a list, as in [my-own]"),
        (
            "search: {filter: 'eo:cloud_cover < 10'}",
            'CQL2 is written as JSON: {op: "<", args: [{property: "eo:cloud_cover"}, 10]}',
        ),
        (
            "search: {filter: \"s2:mgrs_tile = '31UFT'\"}",
            '{op: "=", args: [{property: "s2:mgrs_tile"}, "31UFT"]}',
        ),
        ("search: {filter: a < 1 and b > 2}", "write CQL2 as JSON, as in {op"),
        ("search: {bbox: [4, 52, x, 53]}", "write 4 numbers, [west, south, east, north]"),
        ("search: {bbox: [4, 52, 5]}", "write 4 numbers, [west, south, east, north]"),
        ("search: {bbox: [4, 52, 5, 53, 6]}", "write 4 numbers, [west, south, east, north]"),
        ("search:", "nothing was given: write a mapping, as in {bbox:"),
        ("search: {}\nprocess: {indices: ndvi}", "write a list, as in [ndvi]"),
        ("search: {}\nprocess: {script: {file: a.py}}", "write the path of a Python file"),
        ("search: {}\nprocess: {clip: 7}", "7 was given: write true or false"),
        ("search: {collections: [7]}", "search.collections.0: 7 was given: write text, in quotes"),
        ("search: {}\ncollections: [x]", "stands in `search.collections`"),
    ],
)
def test_one_line_says_what_to_write(given: str, words: str) -> None:
    (line,) = refused(f"version: 1\nname: a\n{given}\n")
    assert words in line


def test_the_form_of_recipes_is_a_number() -> None:
    (line,) = refused("version: '1'\nname: a\nsearch: {}\n")
    assert line.startswith("r.yaml:1: version: '1' was given: write 1, the number of the only form")


@pytest.mark.parametrize(
    ("search", "key"),
    [
        ("bbox: [4, 53, 5, 52]\n", "bbox: [4.0, 53.0, 5.0, 52.0] is no box"),
        ("area: nowhere.geojson\n", "area: 'nowhere.geojson' cannot be read"),
        ("area: {type: Point, coordinates: [1, 2]}\n", "area: the GeoJSON holds no polygon"),
        ("area: https://example.org/a.geojson\n", "area: 'https://example.org/a.geojson' is an ad"),
        ("bbox: [1, 2, 3, 4]\n  area: a.geojson\n", "bbox: both `area` and `bbox` are given"),
    ],
)
def test_what_is_wrong_with_a_place_is_told_at_its_own_line(search: str, key: str) -> None:
    text = f"version: 1\nname: a\nsearch:\n  limit: 5\n  {search}"
    (line,) = refused(text)
    assert line.startswith(f"r.yaml:5: search.{key}")
