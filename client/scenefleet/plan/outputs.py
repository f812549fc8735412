"""A recipe's indices and bands become the outputs of one scene. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from scenefleet.catalog import Scene
from scenefleet.errors import CatalogError
from scenefleet.recipe import IndexWish, Recipe, find_index, resolve
from scenefleet.recipe.constants import constants_of
from scenefleet.recipe.indices import with_numbers
from scenefleet.recipe.ranges import own_range
from scenefleet.recipe.units import AS_PUBLISHED, kelvin
from scenefleet_task import formula, spec

KELVIN_SCALE = 0.02
"""An int16 raster of temperatures stores steps of 0.02 K, as MODIS products do: up to 655 K.

Steps of 0.01 would end at 54 degrees Celsius, which bare ground passes in summer.
"""


def outputs(recipe: Recipe, scene: Scene, units: Callable[[str], str]) -> tuple[spec.Output, ...]:
    """What is computed of a scene: the indices, then the bands, in the recipe's order.

    A script's outputs are what the script states; a recipe with one gives none here.

    Args:
        recipe: what is asked for.
        scene: for its platform, on which wavelengths depend.
        units: a band's unit by its common name, `reflectance` or `kelvin`.

    Raises:
        CatalogError: if a constant has no value for this platform, or units do not go together.
    """
    process = recipe.process
    wished = [_index(wish, recipe, scene, units) for wish in process.indices]
    return (*wished, *(_band(name, units(name)) for name in process.bands))


class AlikeOutputs:
    """The outputs of a recipe's scenes, worked out once for those that are alike.

    They follow from the scene's platform and the units of the bands that formulas use.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._known: dict[str, tuple[dict[str, str], tuple[spec.Output, ...]]] = {}

    def of(self, scene: Scene, units: Callable[[str], str]) -> tuple[spec.Output, ...]:
        """As `outputs` gives them."""
        platform = str(scene.properties.get("platform"))
        known = self._known.get(platform)
        if known and all(units(name) == unit for name, unit in known[0].items()):
            return known[1]
        asked: dict[str, str] = {}

        def noted(name: str) -> str:
            asked[name] = units(name)
            return asked[name]

        made = outputs(self._recipe, scene, noted)
        self._known[platform] = asked, made
        return made


def bands_of(outputs: Iterable[spec.Output]) -> tuple[str, ...]:
    """The bands that formulas use, in order of first use."""
    formulas = [output.formula for output in outputs if output.formula is not None]
    return tuple(dict.fromkeys(name for text in formulas for name in _names(text)))


@lru_cache(maxsize=256)  # a plan's scenes share their formulas
def _names(text: str) -> tuple[str, ...]:
    return tuple(name.name for name in formula.each_name(formula.parse(text)))


def _index(
    wish: IndexWish, recipe: Recipe, scene: Scene, units: Callable[[str], str]
) -> spec.Output:
    process = recipe.process
    constants = constants_of(wish, process.constants, process.indices)
    platform = scene.properties.get("platform")
    try:
        text = resolve(wish, constants, platform if isinstance(platform, str) else None)
    except ValueError as error:
        raise CatalogError(f"Item {scene.id!r}: output {wish.name!r}: {error}") from None
    # columns are those of what the user can see: the own formula, or the published one written out
    shown = wish.formula or text
    try:
        exponent = kelvin(with_numbers(formula.parse(shown), constants), units)
    except formula.FormulaError as error:
        raise CatalogError(
            f"Item {scene.id!r}: output {wish.name!r}, {shown}: {error}. {_remedy(wish)}"
        ) from None
    return spec.Output(
        name=wish.name,
        title=wish.formula or find_index(wish.name).title,
        formula=text,
        scale=KELVIN_SCALE if exponent == 1 else spec.SCALE,
        range=own_range(formula.parse(text)),
    )


def _band(name: str, unit: str) -> spec.Output:
    scale = KELVIN_SCALE if unit == "kelvin" else spec.SCALE
    return spec.Output(name=name, title=f"{name}, {unit}", formula=name, scale=scale)


def _remedy(wish: IndexWish) -> str:
    if wish.formula is not None:
        return "Bring them to one unit; lwir11 / 10000 is taken as without one."
    return AS_PUBLISHED
