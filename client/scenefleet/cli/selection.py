"""From a recipe to its scenes and plan, for the verbs that begin there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scenefleet.catalog import Scene, SearchResult, search
from scenefleet.catalog.cql2 import both
from scenefleet.catalog.header import read_header
from scenefleet.catalog.model import Dropped, NoUsableItemError
from scenefleet.catalog.select import interval
from scenefleet.catalog.sign_in import sign_in_note
from scenefleet.catalog.swapped import swap_hint
from scenefleet.cli.bounds import check_bounds
from scenefleet.cli.show import count, hours, say, size
from scenefleet.cli.waiting import waiting, waiting_for_catalogue
from scenefleet.errors import CatalogError, UsageError
from scenefleet.fleet import PoolChoice, choose_pool, read_pool, script_notes
from scenefleet.plan import Estimate, Plan, documents_of, estimate, plan
from scenefleet.plan.sizes import WORDS
from scenefleet.plan.untold import scale_notes
from scenefleet.recipe import Recipe, RecipeFile
from scenefleet.recipe.indices import redefinition_notes
from scenefleet.recipe.model import Budget
from scenefleet.run import Standing
from scenefleet.settings import Settings
from scenefleet.store import folder_of, hosts_of
from scenefleet_task.spec import TaskDocument

_ACQUISITION = timedelta(minutes=20)
"""Items of one acquisition lie nearer in time: a datatake of Sentinel-2 takes a quarter of an hour
at most."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe, its scenes, its plan and what that will come to."""

    source: RecipeFile
    found: SearchResult
    plan: Plan
    estimate: Estimate
    choice: PoolChoice
    """Where its tasks would run."""


def with_radiometry(source: RecipeFile, mode: str | None) -> RecipeFile:
    """The recipe with another `process.radiometry`; None leaves it as it is written."""
    if mode is None:
        return source
    process = source.recipe.process.model_copy(update={"radiometry": mode})
    return replace(source, recipe=source.recipe.model_copy(update={"process": process}))


def select(source: RecipeFile, *, explain: bool = False) -> SearchResult:
    """The recipe's scenes; says what the catalogue did that the user should know.

    Args:
        source: the recipe.
        explain: also says of each item that was dropped or united why, even if none is left.

    Raises:
        CatalogError: if there is not one, with what filtered them out.
    """
    query = source.recipe.search
    check_bounds(source)
    with waiting_for_catalogue(query.catalog) as patience:
        try:
            found = search(query, base=source.base, patience=patience)
        except NoUsableItemError as error:
            if explain:
                _say_dropped(error.dropped)
            raise
        hint = None if found.items else swap_hint(query, base=source.base, patience=patience)
    if explain:
        _say_dropped(found.dropped)
        for part in found.united:
            reason = part.rule.replace("-", " ")
            say(f"united {part.item} with {part.scene}: {reason} (rule {part.rule})")
    if not found.items:
        raise CatalogError(
            f"{source.label}: no scene of {', '.join(query.collections)} in {query.catalog} "
            "matches the search.\n" + "\n".join((*found.notes, *([hint] if hint else [])))
        )
    for note in found.notes:
        say(f"note: {note}")
    if note := sign_in_note(found.items[0]):
        say(f"note: {found.items[0].collection or 'the first scene'}: {note}")
    return found


def _say_dropped(dropped: Iterable[Dropped]) -> None:
    for one in dropped:
        say(f"dropped {one.item}: {one.reason}")


def plan_one(source: RecipeFile, item: str | None, settings: Settings) -> TaskDocument:
    """The task of one scene, the same as in a run of the recipe.

    Args:
        source: the recipe.
        item: the scene's id; None takes the first scene that can be computed.
        settings: name the store's own hosts.

    Raises:
        UsageError: if the search has no such scene, with the ids nearest to it.
        CatalogError: if there is no scene at all, or it cannot be computed.
    """
    _say_script_notes(source, settings)
    for note in redefinition_notes(source.recipe.process.indices):
        say(f"note: {note}")
    scenes = select(source).items if item is None else (_scene(source, item),)
    own = hosts_of(source.recipe.output.store, settings)
    for scene in scenes:
        with suppress(CatalogError):
            return plan(source.recipe, (scene,), hosts=own).documents[0]
    return plan(source.recipe, scenes, hosts=own).documents[0]  # raises, with all reasons


def _scene(source: RecipeFile, item: str) -> Scene:
    """The scene that an item is, or is a part of.

    Two narrow searches in place of all that the recipe lists: for when the item was taken, and for
    the items of that time, since others may fill or replace it.
    """
    check_bounds(source)
    query = source.recipe.search.model_copy(update={"limit": None})
    of_id = both(query.filter, {"op": "=", "args": [{"property": "id"}, item]})
    with waiting_for_catalogue(query.catalog) as patience:
        by_id = query.model_copy(update={"filter": of_id})
        met = search(by_id, base=source.base, patience=patience).items
        if met:
            query = query.model_copy(update={"dates": _around(met[0], query.dates)})
        found = search(query, base=source.base, patience=patience)
    for scene in found.items:
        if any(part.id == item for part in scene.parts):
            return scene
    why = next((d.reason for d in found.dropped if d.item == item), None)
    if why is not None:
        raise UsageError(f"--item {item}: {source.label} does not select it: {why}")
    ids = [part.id for scene in found.items for part in scene.parts]
    near = difflib.get_close_matches(item, ids, n=5, cutoff=0)
    there = "\n  ".join(("nearest are", *near)) if near else "it selects none at all"
    raise UsageError(f"--item {item}: {source.label} selects no such scene; {there}")


def _around(scene: Scene, dates: str | None) -> str:
    """The time of a scene's acquisition, as far as it is within the recipe's `dates`."""
    moment = datetime.fromisoformat(scene.datetime)
    first, last = interval(dates) if dates else (None, None)
    start = max(moment - _ACQUISITION, first or moment - _ACQUISITION)
    end = min(moment + _ACQUISITION, last or moment + _ACQUISITION)
    if dates and start > end:  # of a span of days, which began before
        return dates
    return f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"


def prepare(source: RecipeFile, settings: Settings) -> Prepared:
    """Searches, plans and estimates."""
    found = select(source)
    own = hosts_of(source.recipe.output.store, settings)
    folder = folder_of(source.recipe.output.store, base=source.base)
    planned = plan(source.recipe, found.items, hosts=own, folder=folder)
    untold = scale_notes(planned, found.items, source.recipe, read_header)
    for note in (*planned.notes, *untold):
        say(f"note: {note}")
    for left in planned.left_out[:5]:
        say(f"left out: {left.reason}")
    if len(planned.left_out) > 5:
        say(f"left out: {count(len(planned.left_out) - 5, 'more scene')}; `plan` lists them all")
    choice = say_slots(source, settings)
    _say_script_notes(source, settings)
    guess = estimate(
        planned,
        found.items,
        source.recipe,
        slots=choice.slots,
        cores=choice.cores,
        most_nodes=choice.nodes,
        headers=read_header,
    )
    return Prepared(source, found, planned, guess, choice)


def _say_script_notes(source: RecipeFile, settings: Settings) -> None:
    for note in script_notes(source, settings):
        say(f"note: {note}")


def say_slots(source: RecipeFile, settings: Settings) -> PoolChoice:
    """The recipe's pool; says why fewer tasks run on it at once than was asked for, if so.

    A pool that others made is read, and what does not fit is said.
    """
    with waiting("the Batch account"):
        choice = read_pool(choose_pool(source, settings), settings)
    for note in choice.notes:
        say(f"note: {note}")
    return choice


def price(prepared: Prepared, ids: AbstractSet[str]) -> Estimate:
    """The estimate of some of a plan's tasks, by their ids."""
    whole = prepared.plan
    part = Plan(name=whole.name, documents=documents_of(whole.documents, ids))
    return estimate(
        part,
        prepared.found.items,
        prepared.source.recipe,
        slots=prepared.choice.slots,
        cores=prepared.choice.cores,
        most_nodes=prepared.choice.nodes,
        headers=read_header,
    )


def say_rest(prepared: Prepared, standing: Standing) -> None:
    """Says how many tasks are done in the store already, and what the others will come to."""
    total, done, failed = len(prepared.plan.documents), len(standing.done), len(standing.failed)
    if not done and not failed:
        return
    rest = price(prepared, standing.left)
    say(
        f"{done} of {count(total, 'task')} {'is' if done == 1 else 'are'} done already; left: "
        + (estimate_text(rest, prepared.source.recipe) if standing.left else "none to submit")
    )
    if failed:
        say(
            f"{count(failed, 'task')} failed before: `scenefleet retry` sends those, `run` does not"
        )


def say_estimate(prepared: Prepared) -> None:
    """Says the estimate in one or two lines, and where a budget has no effect."""
    recipe = prepared.source.recipe
    say(estimate_text(prepared.estimate, recipe))
    if recipe.compute.backend == "local" and recipe.budget != Budget():
        keys = " and ".join(f"`budget.{key}`" for key, value in recipe.budget if value is not None)
        say(
            f"note: {keys} {'has' if ' and ' not in keys else 'have'} no effect with `backend: "
            "local`: a run on this machine costs nothing"
        )
    told = prepared.estimate.sizes
    say(
        f"sizes of {count(sum(told.values()), 'raster')}: "
        + ", ".join(f"{number:,} {WORDS[origin]}" for origin, number in sorted(told.items()))
    )


def estimate_text(guess: Estimate, recipe: Recipe) -> str:
    """An estimate in a line: tasks, bytes, hours and, with a price, what they cost."""
    text = (
        f"{count(guess.tasks, 'task')}: reads about {size(guess.bytes_in)}, writes about "
        f"{size(guess.bytes_out)}, about {hours(guess.core_hours)} of one core"
    )
    if recipe.compute.backend == "local":
        return f"{text}, {hours(guess.hours)} on this machine"
    text += (
        f"; {hours(guess.hours)} on {count(guess.nodes, 'node')}, {guess.node_hours:.2f} node hours"
    )
    if guess.cost is None:
        return (
            f"{text}; write `budget: {{node_price: ...}}`, a node's price an hour, to see what it "
            "costs"
        )
    return f"{text}; cost about {guess.cost:.2f}"
