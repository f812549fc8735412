"""A recipe that begins in a program: typed, checked in its own terms, written to YAML and back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import yaml

from scenefleet.errors import NoRecipeError, RecipeError
from scenefleet.recipe import (
    Budget,
    Compute,
    GridPart,
    IndexWish,
    Masking,
    MaskKind,
    OutputPart,
    PoolId,
    Process,
    Recipe,
    Resources,
    ScriptPart,
    Search,
    parse,
    read_recipe,
)

VALUES: dict[str, Any] = {
    "version": 1,
    "name": "season",
    "search": {"dates": "2023-06", "bbox": [5, 52, 6, 53]},
    "process": {"indices": ["ndvi", {"own": "nir - red"}], "mask": "clouds"},
}
SQUARE = {"type": "Polygon", "coordinates": [[[5, 52], [6, 52], [6, 53], [5, 52]]]}
BOW = {"type": "Polygon", "coordinates": [[[5, 52], [6, 53], [6, 52], [5, 53], [5, 52]]]}
SCRIPT = """
BANDS = ("red",)
OUTPUTS = ("a",)

def process(scene):
    return {"a": scene["red"]}
"""


def typed() -> Recipe:
    return Recipe(
        version=1,
        name="season",
        search=Search(dates="2023-06", bbox=(5, 52, 6, 53)),
        process=Process(
            indices=(IndexWish("ndvi"), IndexWish("own", "nir - red")),
            mask=Masking(kinds=(MaskKind.CLOUDS,)),
        ),
    )


def refused(call: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        call()
    assert "pydantic" not in str(caught.value)
    return str(caught.value)


def test_typed_a_dict_and_yaml_are_the_same_recipe(tmp_path: Path) -> None:
    text = yaml.safe_dump(VALUES)
    (tmp_path / "r.yaml").write_text(text)
    made = typed()
    for source in (VALUES, text, json.dumps(VALUES), tmp_path / "r.yaml", str(tmp_path / "r.yaml")):
        assert read_recipe(source).recipe == made
    assert read_recipe(made).recipe is made
    assert made.search.area is not None  # as it is read from a file: the box is an area by now
    assert made.search.bbox is None


def test_only_a_file_has_a_path(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(VALUES))
    file = read_recipe(tmp_path / "r.yaml")
    assert (file.path, file.base, file.label) == (
        tmp_path / "r.yaml",
        tmp_path,
        str(tmp_path / "r.yaml"),
    )
    for source in (VALUES, yaml.safe_dump(VALUES), typed()):
        made = read_recipe(source)
        assert (made.path, made.base, made.label) == (None, Path(), "the recipe")
        assert read_recipe(source, base=tmp_path).base == tmp_path
    assert parse(read_recipe(VALUES).text, Path("r.yaml")) == typed()


def test_the_base_is_where_areas_and_scripts_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "fields.geojson").write_text(json.dumps(SQUARE))
    (tmp_path / "own.py").write_text(SCRIPT)
    values = {
        **VALUES,
        "search": {"area": "fields.geojson"},
        "process": {"script": "own.py"},
    }
    for source in (values, yaml.safe_dump(values)):
        read = read_recipe(source, base=tmp_path).recipe
        assert read.search.area == read_recipe({**values, "search": {"area": SQUARE}},
                                               base=str(tmp_path)).recipe.search.area  # fmt: skip
        assert read.process.script == ScriptPart(file="own.py", text=SCRIPT)
        assert "fields.geojson" in refused(lambda source=source: read_recipe(source))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/r.yaml").write_text(yaml.safe_dump(values))
    assert read_recipe(tmp_path / "deep/r.yaml", base=tmp_path).recipe == read


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: read_recipe({**VALUES, "serch": {}}), "serch: unknown key; did you mean `search`"),
        (
            lambda: read_recipe({**VALUES, "search": {"cloud_below": 101}}),
            "search.cloud_below: 101 was given",
        ),
        (
            lambda: read_recipe({**VALUES, "process": {"bands": ("red", 5)}}),
            "process.bands.1: 5 was given",
        ),
        (lambda: read_recipe({"name": "a"}), "version: this key is needed and missing"),
        (lambda: Recipe(version=1, name="a"), "search: this key is needed and missing"),  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        (
            lambda: Recipe(version=1, name="My", search=Search()),
            "name: 'My' was given: lower-case letters",
        ),
        (lambda: Search(dates="soon"), "Search: dates: 'soon'"),
        (lambda: Search(colections=("a",)), "Search: colections: unknown key; did you mean `coll"),  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        (lambda: Masking(dilate=-1), "Masking: dilate: -1 was given"),
        (lambda: Budget(max_cost=5), "Budget: max_cost: `max_cost` needs `node_price`"),
        (lambda: GridPart(crs="EPSG:99999", resolution=10), "GridPart: crs: "),
        (lambda: Resources(memory="1"), "Resources: memory: '1' was given"),
        (lambda: ScriptPart(file="a.py", text="x = ("), "ScriptPart: a.py: line 1: this is no Pyt"),
        (
            lambda: Recipe(
                version=1, name="a", search=Search(), process=Process(indices=(), clip=True)
            ),
            "process.clip: `process.clip` needs `search.area`",
        ),
    ],
)
def test_errors_are_in_the_recipes_own_terms(call: Any, words: str) -> None:
    text = refused(call)
    assert words in text
    assert ".yaml" not in text


def test_yaml_as_text_has_lines_and_no_file() -> None:
    text = refused(lambda: read_recipe("version: 1\nname: a\nserch: {}\n"))
    assert "line 3: serch: unknown key" in text
    assert "the recipe, line 2: this is no YAML" in refused(lambda: read_recipe("version: [1\n"))
    assert "a recipe is a mapping" in refused(lambda: read_recipe("\n"))


@pytest.mark.parametrize("source", [None, 5, b"version: 1", ["version"]])
def test_what_is_no_source_of_a_recipe(source: Any) -> None:
    assert "a path, YAML as text, a dict or a Recipe" in refused(lambda: read_recipe(source))


def test_what_was_read_is_taken_as_it_is(tmp_path: Path) -> None:
    read = read_recipe(VALUES)
    assert read_recipe(read) is read
    assert read_recipe(read, base=tmp_path).base == tmp_path


def test_a_word_is_a_path(tmp_path: Path) -> None:
    with pytest.raises(NoRecipeError, match=r"season\.yaml: there is no such file"):
        read_recipe("season.yaml")
    with pytest.raises(NoRecipeError):
        read_recipe(tmp_path / "a: b.yaml")


@pytest.mark.parametrize("source", [{}, {"version": 1}, {"version": 1, "name": "a", "search": []}])
def test_dicts_that_are_no_recipe(source: dict[str, Any]) -> None:
    refused(lambda: read_recipe(source))


def test_values_as_programs_have_them(tmp_path: Path) -> None:
    """Numbers of numpy, paths, geometries, tuples: what a notebook has at hand."""
    (tmp_path / "fields.geojson").write_text(json.dumps(SQUARE))
    drawn = shapely.from_geojson(json.dumps(SQUARE))
    read = read_recipe(
        {
            "version": np.int64(1),
            "name": "a",
            "search": {"area": drawn, "cloud_below": np.float32(20), "limit": np.int16(5)},
            "process": {"constants": {"L": np.float64(0.5)}, "indices": ("savi",)},
        }
    ).recipe
    assert (read.search.cloud_below, read.search.limit) == (20.0, 5)
    assert parse(read.to_yaml(), Path("r.yaml")) == read
    by_path = read_recipe({**VALUES, "search": {"area": tmp_path / "fields.geojson"}})
    assert by_path.recipe.search.area == read.search.area


def test_an_area_that_was_mended_reads_back_equal() -> None:
    mended = Recipe(version=1, name="a", search=Search(area=BOW))
    assert mended.search.area_notes
    assert parse(mended.to_yaml(), Path("r.yaml")) == mended
    assert mended != Recipe(version=1, name="a", search=Search(area=SQUARE))
    assert Search() == Search()
    assert Search() != Search(limit=1)
    assert Search() != 5


@pytest.mark.parametrize("bbox", [(170, 0, -170, 5), (5, 52, 6, 53)])
def test_boxes_read_back_equal(bbox: tuple[float, float, float, float]) -> None:
    made = Recipe(version=1, name="a", search=Search(bbox=bbox))
    assert parse(made.to_yaml(), Path("r.yaml")) == made


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"coordinates": BOW["coordinates"]},
        {"coordinates": []},
        {"coordinates": "x"},
        {"coordinates": [[[500, 52], [600, 52], [600, 53], [500, 52]]]},
        {"as_read": "yes"},
    ],
)
def test_an_area_that_says_it_was_read_and_was_not_is_read(change: dict[str, Any]) -> None:
    area = {**SQUARE, "as_read": True, **change}
    plain = {key: value for key, value in area.items() if key != "as_read"}

    def read(value: dict[str, Any]) -> object:
        try:
            return Search(area=value)
        except RecipeError as error:
            return str(error)

    assert read(area) == read(plain)


def test_parts_never_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        typed().name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_pools_and_places_of_computing() -> None:
    made = Recipe(
        version=1,
        name="a",
        search=Search(),
        compute=Compute(backend="azure", pool=PoolId(id="007")),
        output=OutputPart(store="az://account/box"),
        budget=Budget(max_cost=5, node_price=0.1),
    )
    assert read_recipe(made.to_yaml()).recipe == made
