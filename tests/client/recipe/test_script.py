"""A script becomes part of the recipe, and what it states is read without running it."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from scenefleet.errors import RecipeError
from scenefleet.recipe import Recipe, json_schema, parse, resolved
from scenefleet.recipe.script import header

GOOD = """
'''A texture.'''
import numpy as np

BANDS = ("red",)
OUTPUTS: tuple[str, ...] = ("texture", "Mean")
OVERLAP = 2
raise SystemExit("a recipe that is read runs no script")


def process(scene):
    return {}
"""


def recipe(tmp_path: Path, text: str, more: str = "") -> Recipe:
    (tmp_path / "mine.py").write_text(text)
    head = "version: 1\nname: a\nsearch: {collections: [c]}\nprocess: {script: mine.py}\n"
    return parse(head + more, tmp_path / "recipe.yaml")


def test_the_text_stays_with_the_recipe(tmp_path: Path) -> None:
    read = recipe(tmp_path, GOOD)
    (tmp_path / "mine.py").unlink()
    assert read.process.script is not None
    stated = read.process.script.header
    assert (stated.bands, stated.outputs) == (("red",), ("texture", "Mean"))
    assert (stated.overlap, stated.seconds) == (2, 600)
    assert parse(resolved(read), tmp_path / "elsewhere.yaml") == read


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('("red",)', '("rad",)', "'rad' is no band; did you mean 'red'?"),
        ('("red",)', '("b7",)', "'b7' is no band"),
        ('("red",)', "()", "BANDS: ()"),
        ('("red",)', '"red"', "BANDS: 'red'"),
        ('("red",)', "make()", "line 5: BANDS must be a literal"),
        ('BANDS = ("red",)', "", "does not state BANDS"),
        ('"Mean"', '"TEXTURE"', "where case does not count"),
        ('"Mean"', '"reason"', "'reason' cannot name an output"),
        ('"Mean"', '"../x"', "'../x' cannot name an output"),
        ("OVERLAP = 2", "OVERLAP = -1", "OVERLAP: -1"),
        ("OVERLAP = 2", "OVERLAP = 2.0", "OVERLAP: 2.0"),
        ("OVERLAP = 2", "SECONDS = 0", "SECONDS: 0"),
        ("def process(scene)", "def other(scene)", "no function `def process(scene)"),
        ("def process(scene)", "def process()", "line 11: `process` takes the scene"),
        ("import numpy", "import numpy numpy", "line 3: this is no Python"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path, GOOD.replace(old, new))
    assert said in str(caught.value)
    assert "recipe.yaml:4: process.script: mine.py: " in str(caught.value)


def test_editors_take_the_path_and_the_text(tmp_path: Path) -> None:
    read = yaml.safe_load(resolved(recipe(tmp_path, GOOD)))
    jsonschema.validate(read, json_schema())
    read["process"]["script"] = "mine.py"
    jsonschema.validate(read, json_schema())
    read["process"]["script"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read, json_schema())


def test_a_missing_script_is_said(tmp_path: Path) -> None:
    head = "version: 1\nname: a\nsearch: {}\nprocess: {script: gone.py}\n"
    with pytest.raises(RecipeError, match=r"recipe.yaml:4: process.script: '.*gone.py' cannot be"):
        parse(head, tmp_path / "recipe.yaml")


def test_a_described_band_is_known(tmp_path: Path) -> None:
    text = GOOD.replace('("red",)', '("b7",)')
    read = recipe(tmp_path, text, "collections: {c: {bands: {b7: B7}}}\n")
    assert read.process.script is not None
    assert header(text).bands == ("b7",)
