"""What a recipe writes as YAML reads back equal, whatever the recipe."""

import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scenefleet.errors import RecipeError
from scenefleet.recipe import (
    Process,
    Recipe,
    Search,
    parse,
    read_recipe,
)

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
