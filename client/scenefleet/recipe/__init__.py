"""What the user asks for: a typed model, read from YAML or made in Python."""

from scenefleet.recipe.collections import BandPart, CollectionPart, MaskPart
from scenefleet.recipe.indices import IndexWish, NamedIndex, find_index, known, resolve
from scenefleet.recipe.model import Budget, Compute, OutputPart, PoolId, Recipe
from scenefleet.recipe.process import GridPart, Masking, MaskKind, Process
from scenefleet.recipe.published import ProviderPart, PublishedPart
from scenefleet.recipe.read import (
    RecipeFile,
    json_schema,
    parse,
    read_recipe,
    resolved,
    shown,
    with_compute,
)
from scenefleet.recipe.resources import Resources
from scenefleet.recipe.script import ScriptPart
from scenefleet.recipe.search import Search

__all__ = [
    "BandPart",
    "Budget",
    "CollectionPart",
    "Compute",
    "GridPart",
    "IndexWish",
    "MaskKind",
    "MaskPart",
    "Masking",
    "NamedIndex",
    "OutputPart",
    "PoolId",
    "Process",
    "ProviderPart",
    "PublishedPart",
    "Recipe",
    "RecipeFile",
    "Resources",
    "ScriptPart",
    "Search",
    "find_index",
    "json_schema",
    "known",
    "parse",
    "read_recipe",
    "resolve",
    "resolved",
    "shown",
    "with_compute",
]
