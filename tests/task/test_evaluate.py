"""Formulas against numpy on the same expression, evaluated by Python itself."""

import random
from typing import Any

import numpy as np
import pytest

from scenefleet_task import formula
from scenefleet_task.evaluate import Program

BANDS = ("red", "nir", "blue", "swir16")
COUNT = 5_000


def grown(dice: random.Random, depth: int) -> str:  # noqa: PLR0911 - a branch a production
    """A random formula as text; a third of its leaves are numbers."""
    if depth == 0 or dice.random() < 0.15:
        if dice.random() < 0.33:
            return dice.choice(["0.5", "2.0", "1e-3", "7.5", ".25", "1.0", "3."])
        return dice.choice(BANDS)
    kind = dice.random()
    deeper = [grown(dice, depth - 1) for _ in range(3)]
    if kind < 0.6:
        return f"({deeper[0]}{dice.choice([' + ', '-', '*', ' / '])}{deeper[1]})"
    if kind < 0.68:
        return f"({deeper[0]}) ** {dice.choice(['2', '0.5', '-1', '3', '1.16'])}"
    if kind < 0.74:
        return f"-{deeper[0]}"
    if kind < 0.9:
        name = dice.choice(["abs", "sqrt", "exp", "log", "log10", "sin", "cos", "tan", "arctan",
                            "arcsin", "arccos", "sign"])  # fmt: skip
        return f"{name}({deeper[0]})"
    if kind < 0.95:
        name = dice.choice(["min", "max", "arctan2"])
        return f"{name}({deeper[0]}, {deeper[1]})"
    if kind < 0.97:
        return f"clip({deeper[0]}, 0.1, 0.6)"
    sign = dice.choice(["<", "<=", ">", ">=", "==", "!="])
    return f"where({deeper[0]} {sign} {deeper[1]}, {deeper[2]}, {deeper[0]})"


def oracle(text: str, bands: dict[str, Any]) -> np.ndarray:
    """What numpy says; `where` as the grammar has it: a condition without a value gives none."""
    functions = {name: getattr(np, name) for name in formula.FUNCTIONS if hasattr(np, name)}
    functions |= {"min": np.minimum, "max": np.maximum, "abs": np.abs}
    names = {**functions, **bands, "__builtins__": {}}
    with np.errstate(all="ignore"):
        return np.asarray(eval(text, names))  # noqa: S307 - our own text, in a test


def results(text: str, bands: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A formula's values, and True where it has none; the bands stay as they are.

    Where bands may be overwritten, nothing else comes of it.
    """
    kept = {name: values.tobytes() for name, values in bands.items()}
    found = Program({"x": text}).run(bands)["x"]
    assert {name: values.tobytes() for name, values in bands.items()} == kept
    copies = {name: values.copy() for name, values in bands.items()}
    again = Program({"x": text}).run(copies, spend=True)["x"]
    assert again.array.tobytes() == found.array.tobytes()
    none = np.zeros(found.array.shape, np.bool_)
    return found.array, none if found.undefined is None else found.undefined


def test_generated_formulas_agree_with_numpy() -> None:
    dice = random.Random(20261121)
    source = np.random.default_rng(7)
    bands = {name: source.uniform(-0.05, 1.1, (5, 8)).astype(np.float32) for name in BANDS}
    compared = formulas = 0
    while formulas < COUNT:
        text = grown(dice, dice.randint(1, 5))
        if not formula.names(formula.parse(text)):
            text = f"({text}) + red"
        try:
            wanted = np.broadcast_to(oracle(text, bands), (5, 8))
        except (ZeroDivisionError, OverflowError, TypeError):
            continue  # Python's own arithmetic between constants raises where numpy gives inf
        if wanted.dtype != np.float32:
            continue  # or goes to complex numbers, or numpy to float64, by functions of constants
        formulas += 1
        values, undefined = results(text, bands)
        assert values.dtype == np.float32
        known = np.isfinite(wanted)
        if "where" not in text:
            wanted32 = wanted.astype(np.float32)
            assert (undefined == ~np.isfinite(wanted32)).all(), text
        both = known & ~undefined
        np.testing.assert_allclose(values[both], wanted[both], rtol=1e-6, atol=1e-6, err_msg=text)
        compared += int(both.sum())
    assert compared > 20 * COUNT


def test_what_formulas_share_is_computed_once() -> None:
    one = Program({"a": "(nir - red) / (nir + red)"})
    two = Program({"a": "(nir - red) / (nir + red)", "b": "((nir - red) / (nir + red)) * 2"})
    assert two.steps == one.steps + 1


def test_formulas_that_share_steps_keep_what_others_still_need() -> None:
    """Temporaries are used again, and so are bands where they may be."""
    formulas = {
        "a": "(nir - red) / (nir + red)",
        "b": "((nir - red) / (nir + red)) * 2 + red",
        "c": "nir",
        "d": "nir - red",
        "e": "where(nir > red, nir - red, sqrt(nir * nir))",
        "f": "0.5",
    }
    source = np.random.default_rng(3)
    bands = {name: source.uniform(0.01, 1, (4, 7)).astype(np.float32) for name in ("red", "nir")}
    alone = {name: results(text, bands)[0].copy() for name, text in formulas.items() if name != "f"}
    found = Program(formulas).run({n: v.copy() for n, v in bands.items()}, spend=True)
    for name, values in alone.items():
        assert found[name].array.tobytes() == values.tobytes()
    assert (found["f"].array == 0.5).all()


def test_a_step_is_not_taken_for_a_constant() -> None:
    """Step 1 and the number 1.0 are equal to Python."""
    bands = {"a": np.array([[4.0]], np.float32), "b": np.array([[10.0]], np.float32)}
    found = Program({"x": "a + b", "y": "a + 1"}).run(bands)
    assert (found["x"].array[0, 0], found["y"].array[0, 0]) == (14, 5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("red - red + 2 ** 3 ** 2", 512),
        ("-red ** 2", -0.25),
        ("(red > 0.4) * (red < 0.6)", 1),
        ("where(red > 0.4, 7, log(red - 1))", 7),
        ("min(red, 0.2, 0.3) + max(red, 0.2, 0.7)", 0.9),
        ("2 ** -red", 2**-0.5),
    ],
)
def test_meanings_are_pythons(text: str, value: float) -> None:
    values, undefined = results(text, {"red": np.full((2, 3), 0.5, np.float32)})
    assert not undefined.any()
    np.testing.assert_allclose(values, value, rtol=1e-6)


@pytest.mark.parametrize(
    "text", ["1 / (red - red)", "log(red - 1)", "sqrt(-red)", "red + 1 / 0", "(0 / 0 < red) * 1",
             "where(log(red - 1) > 0, 1, 2)", "max(red, 0 / 0)", "exp(1000 * red)"],
)  # fmt: skip
def test_what_has_no_value_is_never_a_number(text: str) -> None:
    values, undefined = results(text, {"red": np.full((2, 3), 0.5, np.float32)})
    assert undefined.all()
    assert np.isfinite(values).all()
