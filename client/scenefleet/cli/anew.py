"""Tells and asks, for `plan` and `run`, about finished scenes that would be computed anew."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from scenefleet.cli.options import desk_of
from scenefleet.cli.selection import Prepared, estimate_text, price
from scenefleet.cli.show import count, say
from scenefleet.cli.waiting import waiting
from scenefleet.errors import NotAuthorisedError, StoreError
from scenefleet.plan import Estimate, documents_of
from scenefleet.run import Standing, Superseded, find_standing, find_superseded
from scenefleet.settings import Settings
from scenefleet.store import check_store
from scenefleet_task.spec import VERSION

_T = TypeVar("_T")
_PATIENCE = 10.0
"""Seconds that `plan`, which needs no store otherwise, waits for one that does not answer."""


@dataclass(frozen=True, slots=True)
class Redone:
    """Finished scenes that are computed anew for one cause, and what that will come to."""

    cause: str
    """`earlier version`, `later version`, `other version` or `other recipe`."""
    text: str
    """What they are, for a person."""
    estimate: Estimate
    changed: tuple[str, ...] = ()
    """Keys of the recipe that differ from the earlier run's: `process.negative: keep -> mask`."""


def redone(prepared: Prepared, superseded: Superseded) -> tuple[Redone, ...]:
    """Groups what is computed anew by cause: first another version, then another recipe."""
    found: list[Redone] = []
    if superseded.other_version:
        word = _word(superseded.versions)
        met = ", ".join("none" if n is None else str(n) for n in superseded.versions)
        scenes = count(len(superseded.other_version), "finished scene")
        text = (
            f"{scenes} {_were(superseded.other_version)} made by {word} version of scenefleet "
            f"(version of the task {met}; this is {VERSION}), and pixels may differ."
        )
        cause = f"{word.split()[-1]} version"
        found.append(Redone(cause, text, price(prepared, superseded.other_version)))
    if superseded.other_recipe:
        scenes = count(len(superseded.other_recipe), "finished scene")
        why = "whose recipe or scene's metadata were others"
        if superseded.changed:
            why = "whose recipe was another"
        if superseded.added:
            why = f"of a recipe without {', '.join(superseded.added)}"
        keys = "; ".join(f"`{key}`" for key in superseded.changed)
        text = (
            f"{scenes} of this name {_were(superseded.other_recipe)} made by other tasks, {why}"
            f"{f' ({keys})' if keys else ''}."
        )
        cost = price(prepared, superseded.other_recipe)
        found.append(Redone("other recipe", text, cost, superseded.changed))
    return tuple(found)


def say_redone(prepared: Prepared, found: tuple[Redone, ...]) -> None:
    """Tells of each cause in two sentences."""
    for one in found:
        cost = estimate_text(one.estimate, prepared.source.recipe)
        they = "It is" if one.estimate.tasks == 1 else "They are"
        say(f"note: {one.text} {they} computed anew, and replaced: {cost}")


def look_into_store(prepared: Prepared, settings: Settings) -> tuple[Standing | None, Superseded]:
    """What is done in the recipe's store, and what is computed anew, for `plan`.

    Says so where the store cannot be asked.
    `plan` itself needs no store and no credential for one, so that is no error.
    """
    address = prepared.source.recipe.output.store

    try:
        check_store(address, base=prepared.source.base)
    except (StoreError, NotAuthorisedError) as error:
        say(f"note: `run` would be refused: {error}")
        return None, Superseded()

    def look() -> tuple[Standing | None, Superseded]:
        store, plan = desk_of(prepared.source, settings).store, prepared.plan
        standing = find_standing(store, plan)
        left = documents_of(plan.documents, standing.left | standing.failed)
        return standing, find_superseded(store, left, prepared.source.recipe)

    try:
        with waiting(f"the store {address}"):
            return _within(_PATIENCE, look)
    except (StoreError, NotAuthorisedError, TimeoutError) as error:
        why = str(error).partition("\n")[0] or f"no answer in {_PATIENCE:.0f} s"
        say(f"note: which scenes are finished in {address} is not known: {why}")
        return None, Superseded()


def to_json(found: tuple[Redone, ...]) -> list[dict[str, Any]]:
    """The same as JSON values."""
    return [dataclasses.asdict(one) for one in found]


def _word(versions: tuple[int | None, ...]) -> str:
    if all(number is None or number < VERSION for number in versions):
        return "an earlier"
    return "a later" if all(number and number > VERSION for number in versions) else "another"


def _were(ids: frozenset[str]) -> str:
    return "was" if len(ids) == 1 else "were"


def _within(seconds: float, work: Callable[[], _T]) -> _T:
    """What `work` returns or raises; TimeoutError where it takes longer."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def attempt() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            errors.append(error)

    thread = threading.Thread(target=attempt, name="superseded", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
