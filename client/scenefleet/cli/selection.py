"""From a recipe to its scenes and plan, for the verbs that begin there."""

from __future__ import annotations

import os
from dataclasses import dataclass

from scenefleet.catalog import WELL_KNOWN, SearchResult, search
from scenefleet.cli.show import count, hours, say, size
from scenefleet.errors import CatalogError
from scenefleet.fleet import choose_pool
from scenefleet.plan import Estimate, Plan, estimate, plan, vm_cores
from scenefleet.recipe import RecipeFile
from scenefleet.settings import Settings


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe, its scenes, its plan and what that will come to."""

    source: RecipeFile
    found: SearchResult
    plan: Plan
    estimate: Estimate


def select(source: RecipeFile) -> SearchResult:
    """The recipe's scenes; says what the catalogue did that the user should know.

    Raises:
        CatalogError: if there is not one, with what filtered them out.
    """
    query = source.recipe.search
    bounds = (query.area, query.dates, query.filter, query.limit)
    if query.catalog in WELL_KNOWN and all(bound is None for bound in bounds):
        raise CatalogError(
            f"{source.path}: `search` has neither area (or bbox) nor dates, filter or limit, which "
            f"means all of {', '.join(query.collections)} in {query.catalog}: millions of scenes. "
            "Write at least one of them."
        )
    found = search(query, base=source.base)
    if not found.items:
        raise CatalogError(
            f"{source.path}: no scene of {', '.join(query.collections)} in {query.catalog} matches "
            "the search.\n" + "\n".join(found.notes)
        )
    for note in found.notes:
        say(f"note: {note}")
    return found


def prepare(source: RecipeFile, settings: Settings) -> Prepared:
    """Searches, plans and estimates."""
    found = select(source)
    planned = plan(source.recipe, found.items)
    for left in planned.left_out[:5]:
        say(f"left out: {left.reason}")
    if len(planned.left_out) > 5:
        say(f"left out: {count(len(planned.left_out) - 5, 'more scene')}; `plan` lists them all")
    guess = estimate(planned, found.items, source.recipe, cores=node_cores(source, settings))
    return Prepared(source, found, planned, guess)


def node_cores(source: RecipeFile, settings: Settings) -> int:
    """Cores of one node, which is also how many tasks it runs at once in our templates."""
    if source.recipe.compute.backend == "local":
        return source.recipe.compute.slots or os.cpu_count() or 1
    return vm_cores(str(choose_pool(source, settings).body["vmSize"]))


def say_estimate(prepared: Prepared) -> None:
    """The estimate in one or two lines."""
    guess, recipe = prepared.estimate, prepared.source.recipe
    text = (
        f"{count(guess.tasks, 'task')}: reads up to {size(guess.bytes_in)}, writes about "
        f"{size(guess.bytes_out)}, about {hours(guess.core_hours)} of one core"
    )
    if recipe.compute.backend == "local":
        say(f"{text}, {hours(guess.hours)} on this machine")
        return
    text += (
        f"; {hours(guess.hours)} on {count(guess.nodes, 'node')}, {guess.node_hours:.2f} node hours"
    )
    if guess.cost is None:
        text += "; write `budget: {node_price: ...}`, a node's price an hour, to see what it costs"
    else:
        text += f"; cost about {guess.cost:.2f}"
    say(text)
