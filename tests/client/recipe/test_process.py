"""What is computed and masked: every form reads, reads back equal, or is refused at its line."""

import json
import textwrap
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import yaml
from rasterio.crs import CRS

from scenefleet.errors import RecipeError
from scenefleet.recipe import IndexWish, Masking, Recipe, json_schema, parse, resolved
from scenefleet_task.spec import Reason

HEAD = "version: 1\nname: a\nsearch: {collections: [mine]}\n"
FIRST = HEAD.count("\n") + 1
"""Line of the first key after the head."""


SCRIPT = "BANDS = ('red', 'b1')\nOUTPUTS = ('x',)\ndef process(scene): ...\n"
IN_PLACE = json.dumps({"file": "a.py", "text": SCRIPT.replace("b1", "nir")})
"""A script as a recipe holds it once it is read; JSON is YAML."""


def recipe(more: str = "") -> Recipe:
    return parse(HEAD + textwrap.dedent(more), Path("recipe.yaml"))


def refused(more: str, *words: str) -> str:
    with pytest.raises(RecipeError) as caught:
        recipe(more)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    return message


def masking(*kinds: str, classes: tuple[int, ...] = (), dilate: float = 0) -> Masking:
    return Masking.model_validate({"kinds": kinds, "classes": classes, "dilate": dilate})


FULL = """
process:
  indices: [ndvi, EVI, {my_index: (nir - b1) / (nir + red + L)}, NIRvP]
  bands: [red, b1]
  constants: {my_index: {L: 0.5}, PAR: 300}
  negative: mask
  mask: {kinds: [snow, clouds], classes: [9, 7], dilate: 60}
  radiometry: refuse
  grid: {crs: EPSG:3035, resolution: 20}
output: {dtype: float32, stacked: true}
collections:
  mine:
    bands:
      b1: B1
      nir: {asset: B8, scale: 0.0001, offset: -0.1, nodata: 0, unit: reflectance}
      hot: {asset: ST, unit: kelvin}
    masks:
      - {asset: qa, bits: {3: cloud, 4: shadow}}
      - {asset: scl, classes: {1: nodata}}
"""


@pytest.mark.parametrize(
    "more",
    [
        "",
        FULL,
        "process: {bands: [red]}",
        f"process: {{script: {IN_PLACE}, mask: none}}",
        "process: {indices: [{name: nir - red}, {indices: 2 * red}]}",
        "process: {mask: [7]}",
    ],
)
def test_the_resolved_recipe_reads_back_equal_and_fits_the_schema(more: str) -> None:
    read = recipe(more)
    assert parse(resolved(read), Path("other.yaml")) == read
    validator = jsonschema.Draft202012Validator(json_schema())
    for text in (HEAD + more, resolved(read)):
        # JSON has texts for keys, YAML numbers too
        validator.validate(yaml.safe_load(text.replace("{3: cloud, 4:", "{'3': cloud, '4':")
                                          .replace("{1: no", "{'1': no")))  # fmt: skip


def test_every_key_is_read_as_it_was_meant() -> None:
    read = recipe(FULL)
    assert read.process.indices == (
        IndexWish("ndvi"),
        IndexWish("EVI"),
        IndexWish("my_index", "(nir - b1) / (nir + red + L)"),
        IndexWish("NIRvP"),
    )
    assert read.process.bands == ("red", "b1")
    assert read.process.constants == {"my_index": {"L": 0.5}, "PAR": 300}
    assert read.process.negative == "mask"
    assert read.process.mask == masking("clouds", "snow", classes=(7, 9), dilate=60)
    assert read.process.grid is not None
    assert (read.process.grid.align, read.process.grid.resampling) == ((0, 0), "bilinear")
    mine = read.collections["mine"]
    assert (mine.bands["b1"].asset, mine.bands["b1"].scale) == ("B1", None)
    assert (mine.bands["nir"].offset, mine.bands["hot"].unit) == (-0.1, "kelvin")
    assert mine.masks[0].bits == {3: "cloud", 4: "shadow"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clouds", masking("clouds")),
        ("none", masking()),
        ("[]", masking()),
        ("7", masking(classes=(7,))),
        ("[clouds, shadows, 7, 7]", masking("clouds", "shadows", classes=(7,))),
        ("{dilate: 60}", masking("clouds", "shadows", dilate=60)),
        ("{kinds: none, classes: [7]}", masking(classes=(7,))),
        ("{kinds: water}", masking("water")),
    ],
)
def test_masks_have_short_forms(text: str, expected: Masking) -> None:
    assert recipe(f"process: {{mask: {text}}}").process.mask == expected


def test_naming_bands_or_a_script_means_no_default_index() -> None:
    assert recipe("process: {bands: [red]}").process.indices == ()
    assert recipe(f"process: {{script: {IN_PLACE}}}").process.indices == ()
    assert recipe("process: {bands: []}").process.indices == (IndexWish("ndvi"),)
    assert recipe("process: {indices: [ndvi, ndvi], bands: [red, red]}").process.bands == ("red",)


LINES = """
process:
  indices:
    - ndvi
    - mine: (nir - rad) / red
    - NDVI
    - {Reason: red}
    - {flat: 1 + 1}
    - copied: N - R
    - also: nir * L
  bands: [red, rde]
  constants: {L2: 1, red: 1}
"""


def test_each_entry_of_a_list_is_refused_at_its_own_line() -> None:
    told = refused(LINES).splitlines()
    expected = [
        (6, "indices.2", "'ndvi' and 'NDVI'"),
        (7, "indices.3", "'Reason'"),
        (5, "indices.1.mine", "column 8: 'rad' is no band; did you mean 'red'?"),
        (8, "indices.4.flat", "uses no band"),
        (9, "indices.5.copied", "column 1: 'N' is no band; did you mean 'nir'?"),
        (9, "indices.5.copied", "column 5: 'R' is no band; did you mean 'red'?"),
        (10, "indices.6.also", "column 7: 'L' is no band, and a constant needs a value"),
        (11, "bands.1", "'rde' is no band; did you mean 'red'?"),
        (12, "constants.L2", "no index of this recipe uses 'L2'; they use L"),
        (12, "constants.red", "is a band"),
    ]
    missing = list(expected)
    for line in told:
        for case in expected:
            number, key, words = case
            start = f"recipe.yaml:{FIRST - 1 + number}: process.{key}: "
            if case in missing and line.startswith(start) and words in line:
                missing.remove(case)
                break
    assert not missing, "\n".join(told)
    assert len(told) >= len(expected) - 1


@pytest.mark.parametrize(
    ("process", "words"),
    [
        ("{indices: []}", ["process.indices", "nothing is left to compute"]),
        ("{indices: [], bands: []}", ["nothing is left to compute"]),
        (f"{{indices: [ndvi], script: {IN_PLACE}}}", ["process.indices", "keep one"]),
        (f"{{bands: [red], script: {IN_PLACE}}}", ["process.bands", "keep one"]),
        ("{mask: {kinds: none, dilate: 60}}", ["process.mask", "masks nothing"]),
        ("{grid: {crs: EPSG:4326, resolution: 20}}", ["process.grid", "in degrees", "0.00018"]),
        ("{indices: [{a: B08 / B04}]}", ["'B08' is no common name; write 'nir'"]),
        (f"{{indices: [{{a: {'red + ' * 400}red}}]}}", ["red + red", "...: column"]),
        ("{script: https://host/a.py}", ["process.script", "Python file"]),
        ("{script: a.txt}", ["process.script", "Python file"]),
        (f"{{script: {IN_PLACE}, constants: {{L: 1}}}}", ["process.constants.L", "no index"]),
        ("{indices: ndvi}", ["process.indices", "write a list"]),
        ("{indices: [3]}", ["process.indices.0", "neither an index's name"]),
        ("{indices: [bai]}", ["process.indices.0", "BAI or BaI"]),
        ("{indices: [{a: nir, b: red}]}", ["process.indices.0", "has 2", "quotes"]),
        ("{indices: [{a: max(nir, red)}]}", ["process.indices.0", "quotes"]),
        ("{indices: [{1a: nir}]}", ["'1a' cannot name an output"]),
        ("{indices: [{../a: nir}]}", ["cannot name an output"]),
        ("{indices: [{é: nir}]}", ["cannot name an output"]),
        ("{indices: [{a: 3}]}", ["3 is no formula"]),
        ("{indices: [{a: nir ^ 2}]}", ["a: nir ^ 2: column 5", "**"]),
        ("{indices: [{a: __import__}]}", ["column 1", "is no band"]),
        ("{indices: [{thumbnail: nir}]}", ["'thumbnail'", "another name"]),
        ("{indices: [{Red: 2 * red}], bands: [red]}", ["'Red' and 'red'"]),
        ("{indices: [NIRvP]}", ["NIRvP needs PAR", "constants"]),
        ("{constants: {L: .inf}}", ["process.constants.L", "finite"]),
        ("{mask: [none, 7]}", ["process.mask", "by itself"]),
        ("{mask: [clouds, none]}", ["process.mask", "'none'", "by itself"]),
        ("{mask: {kinds: [fog]}}", ["process.mask.kinds", "'fog'"]),
        ("{mask: {kind: [fog]}}", ["process.mask.kind", "did you mean `kinds`"]),
        ("{mask: {dilate: -1}}", ["process.mask.dilate", "-1", "0"]),
        ("{mask: [-1]}", ["process.mask", "-1"]),
        ("{radiometry: maybe}", ["process.radiometry", "'trust', 'check' or 'refuse'"]),
        ("{grid: {crs: 3035, resolution: 20}}", ["process.grid.crs", "EPSG:3035"]),
        ("{grid: {crs: 'PROJCS[]', resolution: 20}}", ["process.grid.crs", "WKT2"]),
        (
            "{grid: {crs: EPSG:99999, resolution: 20}}",
            ["grid.crs", "EPSG:99999", "EPSG:3035"],
        ),
        ("{grid: {crs: EPSG:4978, resolution: 20}}", ["process.grid.crs", "neither projected"]),
        ("{grid: {crs: EPSG:5773, resolution: 20}}", ["process.grid.crs", "neither projected"]),
        ("{grid: {crs: 'PROJCRS[\"x\"]', resolution: 20}}", ["process.grid.crs", "PROJ knows"]),
        ("{grid: {crs: EPSG:4267, resolution: 20}}", ["process.grid", "in degrees", "0.00018"]),
        ("{grid: {crs: EPSG:3035}}", ["process.grid.resolution", "missing"]),
        ("{grid: {crs: EPSG:3035, resolution: 0}}", ["process.grid.resolution", "greater than 0"]),
        ("{grid: {crs: EPSG:3035, resolution: 1, size: 2}}", ["unknown key", "resampling"]),
        ("{grid: [1]}", ["process.grid", "mapping"]),
    ],
)
def test_refusals_of_process(process: str, words: list[str]) -> None:
    refused(f"process: {process}", f"recipe.yaml:{FIRST}: ", *words)


def test_a_grid_takes_codes_and_wkt2() -> None:
    wkt = " ".join(cast("Any", CRS).from_epsg(2056).to_wkt(version="WKT2_2019").split())
    assert wkt.startswith("PROJCRS[")
    for given, read in (("epsg:3035", "EPSG:3035"), (f"'{wkt}'", wkt)):
        grid = recipe(f"process: {{grid: {{crs: {given}, resolution: 20}}}}").process.grid
        assert grid is not None
        assert grid.crs == read


def test_a_stacked_file_does_not_take_a_reserved_name() -> None:
    text = "version: 1\nname: reason\nsearch: {}\noutput: {stacked: true}\n"
    with pytest.raises(RecipeError, match=r"recipe\.yaml:2: name: 'reason'"):
        parse(text, Path("recipe.yaml"))


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        ("{}", ["collections.mine.bands", "missing"]),
        ("{bands: {}}", ["collections.mine.bands", "at least 1"]),
        ("{bands: {red: {aset: B4}}}", ["bands.red.aset", "did you mean `asset`"]),
        ("{bands: {red: ''}}", ["collections.mine.bands.red"]),
        ("{bands: {red: {asset: B, scale: 0}}}", ["bands.red", "`scale` is 0"]),
        ("{bands: {red: {asset: B, unit: celsius}}}", ["unit", "'kelvin'"]),
        ("{bands: {max: B}}", ["'max' is a function"]),
        ("{bands: {b-1: B}}", ["'b-1' is no name of a band"]),
        ("{bands: {red: B}, masks: [{asset: c}]}", ["masks.0", "classes", "bits"]),
        ("{bands: {red: B}, masks: [{asset: c, bits: {16: cloud}}]}", ["masks.0.bits", "15"]),
        ("{bands: {red: B}, masks: [{asset: c, bits: {1: outside}}]}", ["'outside'", "'cloud'"]),
        ("{bands: {red: B}, masks: [{asset: c, bits: {1: snow}, classes: {1: snow}}]}", ["either"]),
    ],
)
def test_refusals_of_a_collection(mine: str, words: list[str]) -> None:
    refused(f"collections:\n  mine: {mine}", f"recipe.yaml:{FIRST + 1}: ", *words)


def test_a_collection_that_is_not_searched_is_no_use() -> None:
    refused(
        "collections: {mnie: {bands: {red: B}}}", "collections.mnie", "did you mean 'mine'", "mine"
    )


def test_the_reasons_of_masks_are_those_that_a_raster_can_tell() -> None:
    own = {"valid", "outside", "no_signal", "negative"}
    for reason in Reason:
        name = reason.name.lower()
        mask = f"{{asset: c, bits: {{1: {name}}}}}"
        text = f"collections: {{mine: {{bands: {{red: B}}, masks: [{mask}]}}}}"
        if name in own:
            refused(text, repr(name))
        else:
            assert recipe(text).collections["mine"].masks[0].bits == {1: name}


def test_a_described_band_that_is_misspelt_is_no_silent_gap() -> None:
    head = "collections: {mine: {bands: {%s: B4}}}\n"
    message = refused(head % "redd", "collections.mine.bands.redd", "did you mean 'red'?")
    assert "no output uses it" in message
    recipe(head % "thermometer")  # of no use here, and nobody's misspelling
    recipe((head % "redd") + "process: {bands: [redd]}\n")
