"""A recipe's wishes become formulas over a scene's bands, with a scale by their unit."""

from pathlib import Path

import pytest

from scenefleet.catalog import Scene, from_json
from scenefleet.errors import CatalogError
from scenefleet.plan.outputs import bands_of, outputs
from scenefleet.recipe import Recipe, known, parse
from scenefleet.recipe.units import unit_problem
from scenefleet_task import formula, spec

HEAD = "version: 1\nname: a\nsearch: {}\n"


def recipe(process: str) -> Recipe:
    return parse(f"{HEAD}process: {process}", Path("recipe.yaml"))


def scene(platform: str | None = "Sentinel-2A") -> Scene:
    square = [[[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]]
    told = {} if platform is None else {"platform": platform}
    return from_json(
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": "S_X",
            "collection": "c",
            "bbox": [5, 51, 6, 52],
            "geometry": {"type": "Polygon", "coordinates": square},
            "properties": {"datetime": "2023-06-01T10:50:29Z", **told},
            "assets": {},
            "links": [],
        }
    )


def unit(band: str) -> str:
    return "kelvin" if band.startswith("lwir") else "reflectance"


def made(process: str, platform: str | None = "Sentinel-2A") -> tuple[spec.Output, ...]:
    return outputs(recipe(process), scene(platform), unit)


def test_indices_then_bands_in_the_recipes_order() -> None:
    found = made("{indices: [ndvi, {mine: nir / green * g}], constants: {g: 2}, bands: [red]}")
    assert found == (
        spec.Output(
            name="ndvi",
            title="Normalized Difference Vegetation Index",
            formula="(nir - red) / (nir + red)",
            scale=0.0001,
            range=(-1.0, 1.0),
        ),
        spec.Output(name="mine", title="nir / green * g", formula="nir / green * 2", scale=0.0001),
        spec.Output(name="red", title="red, reflectance", formula="red", scale=0.0001),
    )
    assert bands_of(found) == ("nir", "red", "green")


def test_what_is_in_kelvin_is_stored_in_hundredths() -> None:
    process = "{indices: [NSTv1, {c: lwir11 - 273.15}, {r: lwir11 / lwir12}], bands: [lwir11]}"
    assert [output.scale for output in made(process)] == [0.02, 0.02, 0.0001, 0.02]


def test_wavelengths_are_those_of_the_scenes_platform() -> None:
    process = "{indices: [NDGI]}"
    texts = {made(process, platform)[0].formula for platform in ("sentinel-2a", "landsat-8")}
    assert len(texts) == 2
    with pytest.raises(CatalogError, match=r"'S_X'.*'NDGI'.*nanometres"):
        made(process, None)


def test_kelvin_and_reflectance_are_refused_by_output_formula_and_column() -> None:
    with pytest.raises(CatalogError) as caught:
        made("{indices: [{hot: L * (red - lwir11)}], constants: {L: 0.25}}")
    for words in ("'S_X'", "'hot'", "L * (red - lwir11): column 10:", "kelvin", "lwir11 / 10000"):
        assert words in str(caught.value)
    with pytest.raises(CatalogError, match=r"'NBLIOLI', \(red - lwir11\).*column 6: .*published"):
        made("{indices: [NBLIOLI]}")


def test_a_constant_may_be_an_exponent_of_kelvin() -> None:
    assert made("{indices: [{a: lwir11 ** p}], constants: {p: 1}}")[0].scale == 0.02
    assert made("{indices: [{a: lwir11 ** p}], constants: {p: -1}}")[0].scale == 0.0001


def test_a_band_that_the_scene_lacks_is_the_catalogues_to_refuse() -> None:
    def lacking(band: str) -> str:
        raise CatalogError(f"no band {band!r}")

    with pytest.raises(CatalogError, match="no band 'yellow'"):
        outputs(recipe("{bands: [yellow]}"), scene(), lacking)


def test_every_formula_is_one_that_the_task_reads() -> None:
    plain = [name for name, index in known().items() if not unit_problem(index)]
    while plain:  # names that differ by case only are not wished for together
        wished = {name.lower(): name for name in plain}
        plain = [name for name in plain if name not in wished.values()]
        constants = "{PAR: 300}" if "nirvp" in wished else "{}"
        text = f"{{indices: [{', '.join(wished.values())}], constants: {constants}}}"
        for output in made(text):
            assert output.formula
            assert formula.names(formula.parse(output.formula)) <= set(bands_of([output]))


def test_a_constant_changes_its_own_index_only() -> None:
    evi, savi = made("{indices: [EVI, SAVI], constants: {SAVI: {L: 0.5}}}")
    plain_evi, plain_savi = made("{indices: [EVI, SAVI]}")
    assert evi == plain_evi
    assert savi.formula == "(1 + 0.5) * (nir - red) / (nir + red + 0.5)"
    assert (savi.range, plain_savi.range) == ((-1.5, 1.5), (-2.0, 2.0))
