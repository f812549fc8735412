"""Items and files as others make them, from the recipe to the pixels: right, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from scenefleet.catalog import from_json
from scenefleet.catalog.access import ORIGIN as CAME_FROM
from scenefleet.errors import CatalogError
from scenefleet.plan import plan
from scenefleet.recipe import read_recipe
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, Reason
from to_folder import InFolder, process

SHAPE = (60, 80)
ORIGIN = Affine(10, 0, 630_000, 0, -10, 5_770_000)


def write(path: Path, *bands: np.ndarray, **more: Any) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands[0].dtype, count=len(bands), width=SHAPE[1],
        height=SHAPE[0], crs="EPSG:32631", transform=ORIGIN, **more,
    ) as dataset:  # fmt: skip
        dataset.write(np.stack(bands))


def flat(number: float, dtype: str = "uint16") -> np.ndarray:
    return np.full(SHAPE, number, dtype)


class Case:
    """A folder with rasters, an item over them, and a recipe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assets: dict[str, Any] = {}
        self.properties: dict[str, Any] = {"datetime": "2022-06-01T10:30:00Z"}
        self.collection = "mine"

    def asset(self, key: str, *bands: np.ndarray, told: Any = None, **more: Any) -> Path:
        path = self.folder / f"{key}.tif"
        write(path, *bands, **more)
        self.assets[key] = {"href": str(path), "type": "image/tiff", **(told or {})}
        return path

    def run(self, collections: str = "", index: str = "ndvi") -> tuple[InFolder, float, int]:
        """The output's value and reason at a pixel."""
        text = (
            "version: 1\nname: t\n"
            f"search: {{catalog: items.json, collections: [{self.collection}]}}\n"
            f"process: {{indices: [{index}], mask: none}}\noutput: {{dtype: float32}}\n"
        )
        if collections:
            text += f"collections: {{{self.collection}: {{bands: {collections}}}}}\n"
        (self.folder / "recipe.yaml").write_text(text)
        scene = from_json(
            {
                "type": "Feature", "id": "S1", "collection": self.collection,
                "bbox": [4.8, 51.9, 5.1, 52.1],
                "geometry": {"type": "Point", "coordinates": [5, 52]},
                "properties": self.properties, "assets": self.assets, "links": [],
                CAME_FROM: "file",
            }
        )  # fmt: skip
        recipe = read_recipe(self.folder / "recipe.yaml").recipe
        (document,) = plan(recipe, [scene]).documents
        made = process(document, Unsigned(), self.folder / "out")
        with rasterio.open(made.made[0].file) as index_file, rasterio.open(made.reason) as reason:
            return made, float(index_file.read(1)[10, 10]), int(reason.read(1)[10, 10])


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


RGBN = [flat(n, "uint8") for n in (50, 60, 70, 150)]
LIST = {"eo:bands": [{"name": n, "common_name": n} for n in ("red", "green", "blue", "nir")]}


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_the_items_list_tells_which_band_is_which(case: Case, interleave: str) -> None:
    case.asset("image", *RGBN, told=LIST, interleave=interleave)
    recipe = "{red: {asset: image, scale: 0.004}, nir: {asset: image, scale: 0.004}}"
    _, value, reason = case.run(recipe)
    assert (round(value, 6), reason) == (0.5, 0)


def test_with_numbers_of_their_own_bands_need_no_recipe(case: Case) -> None:
    told = {"raster:bands": [{"scale": 0.01}, {"scale": 1}, {"scale": 1}, {"scale": 0.02}], **LIST}
    case.asset("image", *RGBN, told=told)
    assert case.run()[1] == pytest.approx((3.0 - 0.5) / (3.0 + 0.5))


def test_without_a_list_the_file_is_refused_and_the_key_mends_it(case: Case) -> None:
    path = case.asset("analytic", *(flat(n) for n in (1000, 2000, 600, 3000)))
    told = "asset: analytic, scale: 0.0001, offset: 0"
    with pytest.raises(TaskError, match=r"4 bands.*asset: analytic, band: 1") as caught:
        case.run(f"{{red: {{{told}}}, nir: {{{told}}}}}")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    keyed = f"{{red: {{{told}, band: 3}}, nir: {{{told}, band: 4}}}}"
    assert case.run(keyed)[1] == pytest.approx(0.6667, abs=1e-4)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("B02", "B03", "B04", "B08")
    named = f"{{red: {{{told}, band: B04}}, nir: {{{told}, band: b08}}}}"
    assert case.run(named)[1] == pytest.approx(0.6667, abs=1e-4)


def test_known_collections_are_no_exception(case: Case) -> None:
    """A catalogue puts files of several bands under Sentinel-2's own keys."""
    case.collection = "sentinel-2-l2a"
    case.properties["s2:processing_baseline"] = "02.07"
    for key in ("B04", "B08"):
        case.asset(key, flat(1000), flat(3000), flat(5000))
    with pytest.raises(TaskError, match=r"3 bands.*sentinel-2-l2a"):
        case.run()


def test_a_header_counts_where_nothing_else_tells(case: Case) -> None:
    for key, number in (("B4", 3000), ("B8", 5000)):
        path = case.asset(key, flat(number))
        with rasterio.open(path, "r+") as dataset:
            dataset.scales, dataset.offsets = [1e-4], [-0.1]
    made, value, _ = case.run("{red: B4, nir: B8}")
    assert value == pytest.approx((0.4 - 0.2) / 0.6)
    assert made.parts[0].bands["red"].numbers.rule == "file-header"
    # nobody described the collection: it is left out, with what to write
    with pytest.raises(CatalogError, match="no band 'nir'"):
        case.run()


def test_a_recipes_nodata_and_the_headers_both_hold(case: Case) -> None:
    red = flat(3000)
    red[10, 10] = 0
    for key, values in (("B4", red), ("B8", flat(5000))):
        case.asset(key, values, nodata=65535)
    part = "scale: 0.0001, offset: -0.1, nodata: 0"
    _, value, reason = case.run(f"{{red: {{asset: B4, {part}}}, nir: {{asset: B8, {part}}}}}")
    assert np.isnan(value)
    assert reason == 2


def test_sentinel2s_zero_is_no_data_whatever_the_header_says(case: Case) -> None:
    case.collection = "sentinel-2-l2a"
    case.properties["s2:processing_baseline"] = "02.07"
    red = flat(500)
    red[10, 10] = 0
    case.asset("B04", red, nodata=65535)
    case.asset("B08", flat(4000), nodata=65535)
    assert case.run()[2] == 2


def test_sentinel2s_bands_are_its_own_whatever_a_recipe_calls_them(case: Case) -> None:
    case.collection = "sentinel-2-l2a"
    case.properties |= {"s2:processing_baseline": "05.09"}
    case.asset("B04", flat(2000))
    case.asset("B08", flat(4000))
    assert case.run()[1] == pytest.approx(0.5)
    recipe = "{r: B04, n: {asset: B08, scale: 0.0001}}"
    assert case.run(recipe, "{mine: (n - r) / (n + r)}")[1] == pytest.approx(0.5)


def test_floats_of_sentinel2_are_refused_until_the_recipe_tells(case: Case) -> None:
    case.collection = "sentinel-2-l2a"
    case.properties["s2:processing_baseline"] = "02.07"
    for key, number in (("B02", 0.02), ("B04", 0.05), ("B08", 0.5)):
        case.asset(key, flat(number, "float32"))
    with pytest.raises(TaskError, match="scale: 1, offset: 0"):
        case.run(index="EVI")
    keys = {"blue": "B02", "red": "B04", "nir": "B08"}
    parts = ", ".join(f"{n}: {{asset: {k}, scale: 1, offset: 0}}" for n, k in keys.items())
    right = 2.5 * (0.5 - 0.05) / (0.5 + 6 * 0.05 - 7.5 * 0.02 + 1)
    assert case.run(f"{{{parts}}}", index="EVI")[1] == pytest.approx(right)


@pytest.mark.parametrize(
    ("names", "bands", "said"),
    [
        (("red", "nir"), 4, "lists 2 bands of this file, but it has 4"),
        (("blue", "green", "red", "nir", "swir16"), 4, "lists 5 bands"),
    ],
)
def test_a_list_of_another_length_than_the_file_is_no_list(
    case: Case, names: tuple[str, ...], bands: int, said: str
) -> None:
    told = {"eo:bands": [{"name": n, "common_name": n} for n in names]}
    case.asset("image", *RGBN[:bands], told=told)
    one = "asset: image, scale: 0.004"
    with pytest.raises(TaskError, match=rf"{said}.*asset: image, band: 1") as caught:
        case.run(f"{{red: {{{one}}}, nir: {{{one}}}}}")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    by_number = f"{{red: {{{one}, band: 1}}, nir: {{{one}, band: 4}}}}"
    assert case.run(by_number)[1] == pytest.approx(0.5)


def test_an_alpha_band_need_not_be_listed(case: Case) -> None:
    told = {"bands": [{"name": "red"}, {"name": "nir"}]}
    seen = flat(255, "uint8")
    seen[10, 10] = 0
    path = case.asset("image", flat(50, "uint8"), flat(150, "uint8"), seen, told=told)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = (ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha)
    one = "asset: image, scale: 0.01"
    made, _, reason = case.run(f"{{red: {{{one}}}, nir: {{{one}}}}}")
    with rasterio.open(made.made[0].file) as ndvi:
        assert (ndvi.read(1)[0, 0], reason) == (pytest.approx(0.5), Reason.NODATA.value)


def test_a_list_that_the_files_own_names_contradict_is_refused(case: Case) -> None:
    path = case.asset("image", *RGBN, told=LIST)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("nir", "red", "green", "blue")
    one = "asset: image, scale: 0.004"
    recipe = f"{{red: {{{one}}}, nir: {{{one}}}}}"
    with pytest.raises(TaskError, match="calls another so: it has 4 bands"):
        case.run(recipe)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("Red", "Green", "Blue", "NIR")
    assert case.run(recipe)[1] == pytest.approx(0.5)


def test_a_list_is_held_against_every_name_that_it_has_of_a_band(case: Case) -> None:
    """Common names in the item, the product's own in the file: `B08` is enough to tell."""
    both = (("B04", "red"), ("B03", "green"), ("B02", "blue"), ("B08", "nir"))
    told = {
        "eo:bands": [
            {"name": own, "common_name": common, "description": "reflectance"}
            for own, common in both
        ]
    }
    path = case.asset("image", *RGBN, told=told)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("B02", "B03", "B04", "B08")
    one = "asset: image, scale: 0.004"
    recipe = f"{{red: {{{one}}}, nir: {{{one}}}}}"
    with pytest.raises(TaskError, match="lists b04 as band 1 of this file, but the file calls"):
        case.run(recipe)
    with rasterio.open(path, "r+") as dataset:  # what all bands share tells none from another
        dataset.descriptions = ("B04", "reflectance", "B02", "B08")
    assert case.run(recipe)[1] == pytest.approx(0.5)
