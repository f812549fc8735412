"""Constants belong to an index: which number is whose, and what is refused."""

from pathlib import Path

import pytest

from scenefleet.errors import RecipeError
from scenefleet.recipe import Recipe, parse
from scenefleet.recipe.constants import constants_of


def made(process: str) -> Recipe:
    return parse(f"version: 1\nname: a\nsearch: {{}}\nprocess: {process}\n", Path("r.yaml"))


def values(process: str) -> dict[str, dict[str, float]]:
    """The numbers that each index is given."""
    one = made(process).process
    return {w.name: constants_of(w, one.constants, one.indices) for w in one.indices}


@pytest.mark.parametrize(
    ("process", "right"),
    [
        ("{indices: [SAVI], constants: {L: 0.5}}", {"SAVI": {"L": 0.5}}),
        ("{indices: [SAVI, NDVI], constants: {L: 0.5}}", {"SAVI": {"L": 0.5}, "NDVI": {}}),
        ("{indices: [EVI, SAVI], constants: {SAVI: {L: 0.5}}}", {"EVI": {}, "SAVI": {"L": 0.5}}),
        (
            "{indices: [EVI, SAVI], constants: {SAVI: {L: 0.5}, EVI: {L: 2, g: 3}}}",
            {"EVI": {"L": 2, "g": 3}, "SAVI": {"L": 0.5}},
        ),
        # both forms, of different constants
        (
            "{indices: [EVI, SAVI], constants: {g: 3, SAVI: {L: 0.5}}}",
            {"EVI": {"g": 3}, "SAVI": {"L": 0.5}},
        ),
        # as indices: case counts only where two names differ by nothing else
        ("{indices: [savi], constants: {SAVI: {L: 0.5}}}", {"savi": {"L": 0.5}}),
        ("{indices: [SAVI], constants: {savi: {L: 0.5}}}", {"SAVI": {"L": 0.5}}),
        ("{indices: [kNDVI], constants: {sigma: 0.3}}", {"kNDVI": {"sigma": 0.3}}),
        (
            "{indices: [kNDVI, kEVI], constants: {kEVI: {sigma: 0.3}}}",
            {"kNDVI": {}, "kEVI": {"sigma": 0.3}},
        ),
        ("{indices: [{my: nir * c}], constants: {c: 2}}", {"my": {"c": 2}}),
        (
            "{indices: [{my: nir * c}, {other: red * c}], constants: {my: {c: 2}, other: {c: 3}}}",
            {"my": {"c": 2}, "other": {"c": 3}},
        ),
        ("{indices: [SAVI], constants: {L: '0.5'}}", {"SAVI": {"L": 0.5}}),
    ],
)
def test_each_index_gets_its_own(process: str, right: dict[str, dict[str, float]]) -> None:
    assert values(process) == right


EVI_AND_SAVI = "{EVI: {L: 0.5}, SAVI: {L: 0.5}}"


@pytest.mark.parametrize(
    ("process", "told"),
    [
        (
            "{indices: [EVI, NDVI, SAVI], constants: {L: 0.5}}",
            ["constants.L: EVI and SAVI each have a constant 'L'", EVI_AND_SAVI],
        ),
        ("{indices: [kNDVI, kEVI], constants: {sigma: 1}}", ["kNDVI and kEVI each have"]),
        ("{indices: [{a: nir * c}, {b: red * c}], constants: {c: 2}}", ["a and b each have"]),
        ("{indices: [SAVI], constants: {SAVY: {L: 1}}}", ["'SAVY' is no index", "mean 'SAVI'?"]),
        ("{indices: [SAVI], constants: {EVI: {L: 1}}}", ["does not ask for EVI", "are SAVI"]),
        ("{indices: [SAVI], constants: {SAVI: {l: 1}}}", ["constants.SAVI.l", "mean 'L'?"]),
        ("{indices: [SAVI], constants: {SAVI: {g: 1}}}", ["SAVI has no constant 'g'", "has L"]),
        ("{indices: [NDVI], constants: {NDVI: {L: 1}}}", ["no constant 'L'", "it has none"]),
        ("{indices: [SAVI], constants: {SAVI: {red: 1}}}", ["'red' is a band"]),
        ("{indices: [SAVI], constants: {SAVI: 0.5}}", ["'SAVI' is an index", "SAVI: {L: 0.5}"]),
        ("{indices: [SAVI], constants: {SAVI: {}}}", ["names no constant"]),
        ("{indices: [SAVI], constants: {SAVI: null}}", ["no number", "SAVI: 0.5"]),
        ("{indices: [SAVI], constants: {SAVI: {L: yes}}}", ["constants.SAVI.L", "not yes, no"]),
        ("{indices: [SAVI], constants: {L: yes}}", ["constants.L", "not yes, no"]),
        ("{indices: [SAVI], constants: {SAVI: {L: .inf}}}", ["constants.SAVI.L", "finite"]),
        ("{indices: [SAVI], constants: {SAVI: {L: [1]}}}", ["constants.SAVI.L", "no number"]),
        ("{indices: [SAVI], constants: {SAVI: {L: {a: 1}}}}", ["constants.SAVI.L", "no number"]),
        (
            "{indices: [SAVI], constants: {L: 1, SAVI: {L: 0.5}}}",
            ["constants.SAVI.L: 'L' of SAVI is given twice"],
        ),
        (
            "{indices: [SAVI], constants: {SAVI: {L: 1}, savi: {L: 0.5}}}",
            ["'savi' is the same index; write its constants once"],
        ),
        ("{bands: [red], constants: {SAVI: {L: 1}}}", ["asks for no index"]),
    ],
)
def test_what_is_refused_says_whose_and_how(process: str, told: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        made(process)
    for part in told:
        assert part in str(caught.value)


def test_a_recipe_of_both_forms_is_read_back_the_same() -> None:
    recipe = made("{indices: [EVI, SAVI], constants: {g: 3, SAVI: {L: 0.5}}}")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
