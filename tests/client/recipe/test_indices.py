"""Published indices resolve to what the package that publishes them computes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spyndex

from scenefleet.recipe import IndexWish, find_index, known, resolve
from scenefleet.recipe.bands import COMMON_NAMES, LETTERS, OFFERS, offered_by
from scenefleet.recipe.indices import redefinition_notes
from scenefleet.recipe.spectral import constant_table, index_table, wavelength
from scenefleet_task import formula

PLATFORM = "Sentinel-2A"
RNG = np.random.default_rng(11)
SHAPE = (30,)
REFLECTANCE = {letter: RNG.uniform(0.02, 0.6, SHAPE) for letter in sorted(LETTERS)}
REFLECTANCE["T"] = REFLECTANCE["T1"] = RNG.uniform(270, 320, SHAPE)
PAR = 350.0
WAVES = {"lambdaG": 559.8, "lambdaR": 664.6, "lambdaN": 832.8, "lambdaN2": 864.7,
         "lambdaS1": 1613.7, "lambdaS2": 2202.4}  # fmt: skip
"""Of Sentinel-2A in nm: ESA's Spectral Response Functions, document COPE-GSEG-EOPG-TN-15-0007."""


def evaluated(text: str) -> np.ndarray:
    """A formula over common names, by Python's own reading of it."""
    bands = {LETTERS[letter]: values for letter, values in REFLECTANCE.items()}
    return eval(text, {"exp": np.exp}, bands)  # noqa: S307 - our own text


def parameters(name: str) -> dict[str, object]:
    """What spyndex wants for an index: bands, defaults of constants, kernels."""
    values: dict[str, object] = {}
    for word in index_table()[name]["bands"]:
        constant = constant_table().get(word)
        if word in REFLECTANCE:
            values[word] = REFLECTANCE[word]
        elif constant:
            default = constant["default"]
            values[word] = {**WAVES, "PAR": PAR}[word] if default is None else default
        else:
            first, second = word[1], word[2]
            b = 1.0 if second == "L" else REFLECTANCE[second]
            values[word] = spyndex.computeKernel("RBF", a=REFLECTANCE[first], b=b, sigma=0.5)
    return values


def test_every_index_computes_what_its_publisher_computes() -> None:
    assert set(known()) == set(index_table())
    for name in known():
        with np.errstate(all="ignore"):
            theirs = spyndex.computeIndex(name, parameters(name))
            ours = evaluated(resolve(IndexWish(name), {"PAR": PAR}, PLATFORM))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, err_msg=name)


def test_every_resolved_formula_has_only_bands_and_says_which() -> None:
    for name, index in known().items():
        text = resolve(IndexWish(name), {"PAR": PAR}, PLATFORM)
        assert formula.names(formula.parse(text)) <= set(index.bands) <= COMMON_NAMES, name
        assert formula.names(index.formula) == {*index.bands, *index.constants}, name


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("ndvi", "nir", "red"),
        ("gndvi", "nir", "green"),
        ("ndwi", "green", "nir"),
        ("mndwi", "green", "swir16"),
        ("ndmi", "nir", "swir16"),
        ("ndbi", "swir16", "nir"),
        ("ndsi", "green", "swir16"),
        ("nbr", "nir", "swir22"),
    ],
)
def test_the_first_versions_names_mean_what_they_meant(name: str, first: str, second: str) -> None:
    text = resolve(IndexWish(name), {}, None)
    assert text == f"({first} - {second}) / ({first} + {second})"


def test_constants_go_before_defaults_and_signs_keep_their_meaning() -> None:
    assert resolve(IndexWish("SAVI"), {}, None) == "(1 + 1) * (nir - red) / (nir + red + 1)"
    assert "0.5" in resolve(IndexWish("SAVI"), {"L": 0.5}, None)
    own = IndexWish("mine", "nir ** p - L ** 2 * red")
    assert resolve(own, {"p": -2.0, "L": -0.5}, None) == "nir ** -2 - (-0.5) ** 2 * red"


def test_case_counts_only_where_names_differ_by_nothing_else() -> None:
    assert find_index("evi") is find_index("EVI")
    assert find_index("BaI").title == "Bareness Index"
    assert find_index("BAI").title == "Burned Area Index"
    for word, both in (("bai", ("BAI", "BaI")), ("msr705", ("MSR705", "mSR705"))):
        with pytest.raises(ValueError, match="may mean") as caught:
            find_index(word)
        assert all(name in str(caught.value) for name in both)


@pytest.mark.parametrize(
    ("wrong", "right"), [("nvdi", "NDVI"), ("kndvy", "kNDVI"), ("evii", "EVI")]
)
def test_an_unknown_name_gets_its_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match="scenefleet indices") as caught:
        find_index(wrong)
    assert repr(right) in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "nir"),
    [
        ("Sentinel-2A", 832.8),
        ("sentinel-2b", 833.0),
        ("sentinel-2c", 833.0),
        ("landsat-5", 830.0),
        ("landsat-8", 865.0),
        ("LANDSAT_9", 865.0),
    ],
)
def test_wavelengths_are_the_platforms(platform: str, nir: float) -> None:
    assert wavelength("N", platform) == nir
    index = next(index for index in known().values() if "lambdaN" in index.constants)
    assert f"{nir:g}" in resolve(IndexWish(index.name), {}, platform)


@pytest.mark.parametrize("platform", ["worldview-99", None])
def test_an_unknown_platform_says_what_to_set(platform: str | None) -> None:
    name = next(name for name, index in known().items() if "lambdaN" in index.constants)
    with pytest.raises(ValueError, match="nanometres") as caught:
        resolve(IndexWish(name), {}, platform)
    assert f"constants: {{{name}: {{lambda" in str(caught.value)
    given = dict.fromkeys(known()[name].constants, 800.0)
    assert "800" in resolve(IndexWish(name), given, platform)


def test_a_constant_without_default_says_what_to_set() -> None:
    assert find_index("NIRvP").missing == ("PAR",)
    with pytest.raises(ValueError, match=r"constants: \{NIRvP: \{PAR: \.\.\.\}\}"):
        resolve(IndexWish("NIRvP"), {}, PLATFORM)


def test_collections_offer_what_their_bands_allow() -> None:
    assert offered_by(["nir", "red"]) == list(OFFERS)
    assert offered_by(["rededge1"]) == [
        "sentinel-2-l2a", "sentinel-2-c1-l2a", "sentinel-2-l1c", "hls2-s30",
    ]  # fmt: skip
    assert offered_by(["lwir11"]) == ["landsat-c2-l2", "hls2-l30"]
    assert offered_by(["vv"]) == []
    assert {name for offer in OFFERS.values() for name in offer} <= COMMON_NAMES


def test_landsats_bands_are_those_of_a_recorded_collection(shared_stac: Path) -> None:
    told = json.loads((shared_stac / "pc_collection_landsat-c2-l2.json").read_text())
    bands = {band.get("common_name") for band in told["summaries"]["eo:bands"]}
    assert {name for name in OFFERS["landsat-c2-l2"] if name != "nir"} <= bands


@pytest.fixture
def shared_stac(need) -> Path:
    return need("shared") / "data/stac"


def test_the_publishers_package_is_read_but_not_imported() -> None:
    look = (
        "import sys; from scenefleet.recipe import known; assert len(known()) > 200; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pydantic" in loaded
    assert not loaded & {"spyndex", "requests", "box", "numpy", "pandas", "shapely", "rasterio"}


@pytest.mark.parametrize(
    ("name", "text", "published"),
    [
        ("ndvi", "red - nir", "NDVI"),
        ("NDVI", "red - nir", "NDVI"),
        ("ndvi", "(nir-red)/(nir+red)", None),
        ("mine", "red - nir", None),
    ],
)
def test_an_own_formula_under_a_published_name_is_noted(name, text, published):
    notes = list(redefinition_notes([IndexWish(name, text), IndexWish("evi")]))
    assert len(notes) == bool(published)
    for note in notes:
        assert f"{name!r} is this recipe's own formula, red - nir" in note
        assert f"published index, {published} = (nir - red) / (nir + red)" in note
