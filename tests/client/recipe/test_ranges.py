"""The range that a formula's structure gives it: closed forms, and no value beyond it anywhere."""

import numpy as np
import pytest

from scenefleet.recipe import IndexWish, known, resolve
from scenefleet.recipe.ranges import own_range
from scenefleet_task import formula
from scenefleet_task.evaluate import Program


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("(nir - red) / (nir + red)", (-1, 1)),
        ("(red - nir) / (red + nir)", (-1, 1)),
        ("(nir - red) / (red + nir)", (-1, 1)),
        ("100 * (nir - red) / (nir + red)", (-100, 100)),
        ("((nir - red) / (nir + red) + 1) / 2", (0, 1)),
        ("(1 + 0.5) * (nir - red) / (nir + red + 0.5)", (-1.5, 1.5)),
        ("(nir - (red + swir16)) / (nir + (red + swir16))", (-1, 1)),
        ("(0.1 * nir - red) / (0.1 * nir + red)", (-1, 1)),
        ("nir ** 2 / (nir ** 2 + red)", (0, 1)),
        ("nir / (nir + red + green)", (0, 1)),
        ("sqrt((nir - red) / (nir + red) + 0.5)", (0, 1.5**0.5)),
        ("abs((nir - red) / (nir + red))", (0, 1)),
        ("clip(nir, 0, 1)", (0, 1)),
        ("min(nir, 1)", (0, 1)),
        ("nir > red", (0, 1)),
        ("where(nir > red, 1, -1)", (-1, 1)),
        ("exp(-nir)", (0, 1)),
        # bounded by nothing
        ("nir", None),
        ("0.5", None),
        ("nir / red", None),
        ("nir - red", None),
        ("(nir - red) / (nir + red - green)", None),
        ("(nir - red) / (nir - red + 1)", None),
        ("2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)", None),
        ("(nir - red + green) / (nir + red)", None),
        ("1 / nir", None),
        ("nir ** (0 - 1)", None),
        ("log(nir)", None),
        ("nir / 0", None),
    ],
)
def test_what_structure_tells(text: str, right: tuple[float, float] | None) -> None:
    found = own_range(formula.parse(text))
    assert found == (None if right is None else pytest.approx(right))


def test_no_published_index_leaves_its_range_over_values_above_0() -> None:
    """From 0.0001 to 1.3 in each band, in all mixtures."""
    dice = np.random.default_rng(1)
    bounded = 0
    for name, index in known().items():
        text = resolve(IndexWish(name), dict.fromkeys(index.missing, 0.7), "sentinel-2a")
        found = own_range(formula.parse(text))
        if found is None:
            continue
        bounded += 1
        program = Program({"x": text})
        bands = {b: (10 ** dice.uniform(-4, 0.1, (100, 100))).astype("f4") for b in program.bands}
        values = program.run(bands)["x"]
        array = values.array if values.undefined is None else values.array[~values.undefined]
        assert array.min() >= found[0] - 1e-5, name
        assert array.max() <= found[1] + 1e-5, name
    assert bounded > 100


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("NDVI", (-1, 1)), ("NDWI", (-1, 1)), ("NBR", (-1, 1)), ("SAVI", (-2, 2)),
        ("OSAVI", (-1, 1)), ("kNDVI", (0, 1)), ("EVI", None), ("SR", None), ("DVI", None),
    ],
)  # fmt: skip
def test_well_known_indices(name: str, right: tuple[float, float] | None) -> None:
    text = resolve(IndexWish(name), {}, None)
    assert own_range(formula.parse(text)) == right
