"""What the user asks for: a typed model read from YAML."""

from scenefleet.recipe.model import MaskKind, Recipe, Search
from scenefleet.recipe.read import (
    RecipeFile,
    json_schema,
    parse,
    read_recipe,
    resolved,
    with_compute,
)

__all__ = [
    "MaskKind",
    "Recipe",
    "RecipeFile",
    "Search",
    "json_schema",
    "parse",
    "read_recipe",
    "resolved",
    "with_compute",
]
