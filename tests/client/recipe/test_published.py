"""What a recipe says of its product: texts, a licence by SPDX, providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scenefleet.errors import RecipeError
from scenefleet.recipe import PublishedPart, Recipe, parse, resolved

BASE = "version: 1\nname: a\nsearch: {bbox: [1, 2, 3, 4], dates: 2023}\n"


def recipe(collection: Any) -> Recipe:
    text = BASE + yaml.safe_dump({"output": {"collection": collection}})
    return parse(text, Path("recipe.yaml"))


def test_a_recipe_that_says_nothing_has_the_licence_other() -> None:
    assert parse(BASE, Path("recipe.yaml")).output.collection == PublishedPart(license="other")


def test_all_keys_are_read_and_survive_a_runs_record() -> None:
    given = {
        "title": " NDVI of our fields ",
        "description": "Two\n\nparagraphs, *marked up*.",
        "license": "cc-by-4.0",
        "license_url": "https://example.org/terms#two",
        "providers": [{"name": "Us", "url": "https://example.org", "roles": ["processor", "host"]}],
        "keywords": ["ndvi", "fields"],
    }
    about = recipe(given).output.collection
    assert (about.title, about.license) == ("NDVI of our fields", "CC-BY-4.0")
    assert about.providers[0].roles == ("processor", "host")
    assert parse(resolved(recipe(given)), Path("x")).output.collection == about


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("cc0-1.0", "CC0-1.0"),
        ("MIT or apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-ours", "LicenseRef-ours"),
        ("Other", "other"),
        ("proprietary", "proprietary"),
    ],
)
def test_a_licence_is_spdx_or_what_stac_adds(given: str, read: str) -> None:
    assert recipe({"license": given}).output.collection.license == read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"license": "CC BY 4.0"}, "output.collection.license: 'CC BY 4.0' was given; did you mean "
         "CC-BY-4.0?"),
        ({"license": "CC-BY-4"}, "did you mean CC-BY-4.0?"),
        ({"license": "ours"}, "'ours' was given: write an identifier or expression of SPDX"),
        ({"license": "x" * 5000}, "was given: write an identifier"),
        ({"license": None}, "None was given: write an identifier"),
        ({"license": ["MIT"]}, "['MIT'] was given: write an identifier"),
        ({"title": "  "}, "output.collection.title: it is empty"),
        ({"title": "a\nb"}, "output.collection.title: it has several lines"),
        ({"title": "a\x1b[2J"}, "output.collection.title: it holds control characters"),
        ({"title": "a" * 301}, "output.collection.title: "),
        ({"description": "a\x00"}, "output.collection.description: it holds control characters"),
        ({"license_url": "javascript:alert(1)"}, "an address that begins with https://"),
        ({"license_url": "https://user:pass@example.org"}, "without spaces, user or password"),
        ({"providers": [{"url": "https://a.org"}]}, "name: this key is needed"),
        ({"providers": [{"name": "a", "roles": ["owner"]}]}, "'owner' was given"),
        ({"keywords": "ndvi"}, "write a list"),
        ({"licence": "MIT"}, "unknown key; did you mean `license`?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_write(given: Any, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(given)
    (line,) = str(caught.value).splitlines()
    assert said in line
    assert line.startswith("recipe.yaml:")
