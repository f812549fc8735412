"""Temperatures are not added to reflectances, and what comes out has the right unit."""

import pytest

from scenefleet.recipe import find_index, known
from scenefleet.recipe.units import kelvin, unit_problem
from scenefleet_task.formula import FUNCTIONS, FormulaError, parse


def unit(band: str) -> str:
    return "kelvin" if band.startswith("lwir") else "reflectance"


@pytest.mark.parametrize(
    ("text", "exponent"),
    [
        ("lwir11", 1),
        ("red", 0),
        ("1 + 2", None),
        ("(nir - red) / (nir + red)", 0),
        ("lwir11 - 273.15", 1),
        ("-abs(lwir11)", 1),
        ("(lwir11 + lwir12) / 2", 1),
        ("lwir11 * lwir12", 2),
        ("lwir11 / lwir12", 0),
        ("lwir11 / lwir12 + red", 0),
        ("nir / lwir11", -1),
        ("2 / lwir11", -1),
        ("lwir11 * red", 1),
        ("lwir11 ** 2", 2),
        ("lwir11 ** (1 / 4)", 0.25),
        ("lwir11 ** -1 * lwir12", 0),
        ("sqrt(lwir11 * lwir12)", 1),
        ("red ** nir", 0),
        ("exp(lwir11 / lwir12)", 0),
        ("log(red)", 0),
        ("lwir11 > 300", None),
        ("where(lwir11 > 300, nir, red)", 0),
        ("where(red > 0.1, lwir11, 0)", 1),
        ("max(lwir11, lwir12, 270)", 1),
        ("clip(lwir11, 270, 320)", 1),
        ("sign(lwir11 - 273.15)", None),
        ("nir - red * lwir11 / 10000", 0),
        ("lwir11 / 10000.0 - red", 0),
    ],
)
def test_units_follow_arithmetic(text: str, exponent: float | None) -> None:
    assert kelvin(parse(text), unit) == exponent


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("red - lwir11", 5, "joins reflectance (no unit) and kelvin"),
        ("(red - lwir11) / 10000", 6, "kelvin"),
        ("lwir11 > red", 8, "kelvin and reflectance"),
        ("lwir11 + lwir11 * lwir12", 8, "kelvin ** 2"),
        ("exp(lwir11)", 1, "exp takes no kelvin"),
        ("red + sin(lwir11 - 273)", 7, "sin"),
        ("max(red, lwir11)", 1, "max takes"),
        ("where(1, red, lwir11)", 1, "where takes"),
        ("2 ** lwir11", 3, "exponent"),
        ("lwir11 ** red", 8, "no plain number"),
        ("lwir11 / 1000 - red", 15, "kelvin"),
        ("arctan2(red, lwir11)", 1, "arctan2"),
    ],
)
def test_what_does_not_go_together_is_refused_where_it_meets(
    text: str, column: int, words: str
) -> None:
    with pytest.raises(FormulaError) as caught:
        kelvin(parse(text), unit)
    assert caught.value.position == column - 1, str(caught.value)
    assert words in str(caught.value)


def test_every_function_of_the_grammar_has_a_rule() -> None:
    for name, (least, _) in FUNCTIONS.items():
        kelvin(parse(f"{name}({', '.join(['red'] * least)})"), unit)


def test_published_indices_that_add_kelvin_to_reflectance_are_refused_and_no_others() -> None:
    assert {name for name, index in known().items() if unit_problem(index)} == {
        "DBI", "EBBI", "NBLI", "NBLIOLI", "NBUI", "NDBaI", "NDISIb", "NDISIg", "NDISImndwi",
        "NDISIndwi", "NDISIr", "NSTv2",
    }  # fmt: skip
    assert "lwir11 / 10000" in str(unit_problem(find_index("DBI")))
