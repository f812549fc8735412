"""What a task may take, as recipes write it and tasks are told."""

from pathlib import Path

import jsonschema
import pytest

from scenefleet.errors import RecipeError
from scenefleet.recipe import RecipeFile, json_schema, parse, resolved, with_compute

MINIMAL = "version: 1\nname: a\nsearch: {}\n"
RECIPE = Path("recipe.yaml")


@pytest.mark.parametrize(
    ("text", "kept", "size"),
    [
        ("256MB", "256MB", 256_000_000),
        ("200MB", "200MB", 200_000_000),
        ("1GB", "1GB", 10**9),
        ("1.5 gb", "1.5GB", 1_500_000_000),
        ("512MiB", "512MiB", 536_870_912),
        ("0.25gib", "0.25GiB", 2**28),
        ("191mib", "191MiB", 191 * 2**20),
    ],
)
def test_memory_is_a_number_and_a_unit(text: str, kept: str, size: int) -> None:
    recipe = parse(f"{MINIMAL}resources: {{memory: {text}, threads: 2}}", RECIPE)
    assert recipe.resources.memory == kept
    assert recipe.resources.memory_bytes == size
    assert recipe.resources.environment == {
        "SCENEFLEET_MEMORY": str(size),
        "SCENEFLEET_THREADS": "2",
    }
    assert parse(resolved(recipe), RECIPE) == recipe


def test_the_defaults_are_those_of_the_task() -> None:
    assert parse(MINIMAL, RECIPE).resources.environment == {
        "SCENEFLEET_MEMORY": "500000000",
        "SCENEFLEET_THREADS": "1",
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("memory: 500", ["500 was given", "256MB, 1GB or 512MiB"]),
        ("memory: 500000000", ["500000000 was given", "unit"]),
        ("memory: lots", ["'lots' was given", "MB, GB, MiB, GiB"]),
        ("memory: 1TB", ["'1TB' was given", "MB, GB, MiB, GiB"]),
        ("memory: -1GB", ["'-1GB' was given"]),
        ("memory: 199.9MB", ["'199.9MB' was given", "200MB or more"]),
        ("memory: 190MiB", ["'190MiB' was given", "200MB or more"]),
        ("memory: [1GB]", ["['1GB'] was given"]),
        ("threads: 0", ["resources.threads: 0 was given", "1"]),
        ("threads: 65", ["resources.threads: 65 was given", "64"]),
        ("memry: 1GB", ["resources.memry: unknown key", "did you mean `memory`"]),
    ],
)
def test_what_is_no_memory_says_what_is(given: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(f"{MINIMAL}resources:\n  {given}\n", RECIPE)
    message = str(caught.value)
    assert message.startswith("recipe.yaml:5: resources.")
    for word in words:
        assert word in message, message


def test_the_schema_knows_the_text() -> None:
    def takes(memory: object) -> bool:
        value = {"version": 1, "name": "a", "search": {}, "resources": {"memory": memory}}
        return jsonschema.Draft202012Validator(json_schema()).is_valid(value)

    assert takes("256MB")
    assert takes("1.5GiB")
    assert not takes("256")
    assert not takes(256)


def test_a_retry_takes_them_from_the_recipe_that_is_named() -> None:
    def source(resources: str) -> RecipeFile:
        text = f"{MINIMAL}resources: {resources}"
        return RecipeFile(parse(text, RECIPE), RECIPE, text)

    taken = with_compute(source("{memory: 300MB}"), source("{memory: 2GB, threads: 4}"))
    assert (taken.recipe.resources.memory, taken.recipe.resources.threads) == ("2GB", 4)
