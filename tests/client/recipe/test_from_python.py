"""A recipe that begins in a program: typed, checked in its own terms, written to YAML and back."""

import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

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
        (lambda: Budget(max_cost=5), "Budget: `max_cost` needs `node_price`"),
        (lambda: GridPart(crs="EPSG:99999", resolution=10), "GridPart: crs: "),
        (lambda: Resources(memory="1"), "Resources: memory: '1' was given"),
        (lambda: ScriptPart(file="a.py", text="x = ("), "ScriptPart: a.py: line 1: this is no Pyt"),
        (
            lambda: Recipe(
                version=1, name="a", search=Search(), process=Process(indices=(), clip=True)
            ),
            "`process.clip` needs `search.area`",
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


POLYGONS = st.lists(
    st.tuples(st.floats(-170, 170), st.floats(-70, 70), st.floats(0.1, 20)), min_size=1, max_size=5
)


@settings(deadline=None)
@given(POLYGONS, st.booleans())
def test_areas_of_many_polygons_read_back_equal(
    places: list[tuple[float, float, float]], bows: bool
) -> None:
    """Ring by ring from the same point on: what is clipped to them has the same ids of tasks."""

    def ring(x: float, y: float, size: float) -> list[list[float]]:
        corners = [[x, y], [x + size, y + 1], [x + size, y], [x, y + 1], [x, y]]
        return corners if bows else [corners[n] for n in (0, 2, 1, 3, 0)]

    area = {"type": "MultiPolygon", "coordinates": [[ring(*place)] for place in places]}
    made = Recipe(version=1, name="a", search=Search(area=area), process=Process(clip=True))
    again = parse(made.to_yaml(), Path("r.yaml"))
    assert again == made
    assert json.dumps(again.search.area) == json.dumps(made.search.area)


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


DATES = st.builds(
    lambda start, days: f"{start}/{start + timedelta(days=days)}",
    st.dates(date(2016, 1, 1), date(2024, 1, 1)),
    st.integers(0, 300),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e30, 1e30) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PRINTED = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=30)
LETTERS = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Dicts that have some of the keys."""
    return st.fixed_dictionaries({}, optional=keys)


RECIPES = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "name": st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True),
        "search": some(
            catalog=st.sampled_from(["planetary-computer", "2023", "items.json", "on", "~", "Å"]),
            collections=st.lists(PRINTED, min_size=1, max_size=3),
            dates=DATES | st.just("2023") | st.just(".."),
            bbox=st.tuples(
                st.floats(-180, 0), st.floats(-80, 0), st.floats(1, 180), st.floats(1, 80)
            ),
            cloud_below=st.floats(0, 100) | st.integers(0, 100),
            filter=st.dictionaries(st.text(), JSON, max_size=3),
            limit=st.integers(1, 10**6),
            keep_query=st.lists(st.sampled_from(["id", "v.1", "yes"]), max_size=2),
        ),
    },
    optional={
        "process": some(
            indices=st.lists(
                st.sampled_from(["ndvi", "NDWI", "savi", {"own": "(nir - red) / 2"}, {"y": "red"}]),
                min_size=1, max_size=4, unique_by=str,
            ),
            bands=st.lists(st.sampled_from(["red", "nir", "swir16"]), max_size=3),
            mask=st.sampled_from(["none", "clouds", 3, ["clouds", 3, "snow"]])
            | st.builds(lambda d: {"kinds": ["clouds"], "dilate": d}, st.floats(0, 10_000)),
            radiometry=st.sampled_from(["trust", "check", "refuse"]),
            negative=st.sampled_from(["keep", "clip", "mask"]),
            grid=st.builds(
                lambda size, x: {"crs": "EPSG:32631", "resolution": size, "align": [x, 0]},
                st.floats(0.1, 1e5), st.floats(-1e6, 1e6),
            ),
        ),
        "output": some(
            store=st.sampled_from(["./results", "az://account/box/a", "1e3", "null"]),
            dtype=st.sampled_from(["int16", "float32"]),
            compression=st.sampled_from(["zstd", "deflate"]),
        ),
        "collections": st.dictionaries(
            PRINTED,
            st.just({"bands": {"red": {"asset": "yes", "scale": 0.0001}}}),
            max_size=2,
        ),
        "compute": some(
            backend=st.sampled_from(["local", "azure"]),
            pool=st.sampled_from(["spot", "dedicated", {"id": "007"}, {"id": "my_pool"}]),
            image=PRINTED,
            max_hours=st.floats(0.001, 160),
            slots=st.integers(1, 256),
        ),
        "resources": some(memory=st.sampled_from(["256MB", "1 gb", "0.5GiB"])),
        "budget": st.builds(
            lambda cost, price: {"max_cost": cost, "node_price": price},
            st.floats(0, 1e9), st.floats(1e-6, 1e6),
        ),
    },
)  # fmt: skip


@settings(deadline=None)
@given(RECIPES)
def test_what_is_written_reads_back_equal(values: dict[str, Any]) -> None:
    try:
        made = read_recipe(values).recipe
    except RecipeError:  # of parts that do not agree with each other
        return
    text = made.to_yaml()
    assert read_recipe(text).recipe == made
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.yaml"
        path.write_text(text, encoding="utf-8")
        assert read_recipe(path).recipe == made
    assert read_recipe(made.model_dump()).recipe == made
    assert Recipe(**{key: getattr(made, key) for key in type(made).model_fields}) == made


def test_most_of_what_is_made_up_is_a_recipe() -> None:
    """Else the test above shows nothing."""
    made = []

    @settings(deadline=None, max_examples=30)
    @given(RECIPES)
    def read(values: dict[str, Any]) -> None:
        try:
            made.append(read_recipe(values).recipe)
        except RecipeError:
            made.append(None)

    read()
    assert sum(one is not None for one in made) > len(made) / 3


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
