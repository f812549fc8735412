"""`scenefleet logs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenefleet.cli.completion import runs_then_scenes
from scenefleet.cli.options import Desk, as_recipe, find_desk, find_run, store_options
from scenefleet.cli.show import safe, say

if TYPE_CHECKING:
    from scenefleet.run import Run, TaskOutcome


@click.command(epilog="Example:  scenefleet logs S2B_MSIL2A_20240825T173909_R098_T13TDE")
@click.argument(
    "names", metavar="[RUN|RECIPE] [SCENE|TASK]", nargs=-1, shell_complete=runs_then_scenes
)
@store_options
def command(
    names: tuple[str, ...], recipe: Path | None, address: str | None, settings_path: Path | None
) -> None:
    """Show what tasks said: those of one scene or task, or of all that failed.

    Means the newest run unless one is named. Logs are kept in the store after the nodes are gone;
    of a task that runs now, what it said so far is read from its node.
    """
    from scenefleet.cli.reach import reach
    from scenefleet.cli.tasklog import read_log
    from scenefleet.run import load_plan, look

    if names:
        first, recipe = as_recipe(names[0], recipe)
        names = names if first else names[1:]
    desk = find_desk(recipe, address, settings_path)
    run, which = _named(desk, names)
    plan = load_plan(desk.store, run)
    with reach(desk, run) as fleet:
        chosen = _choose(look(desk.store, fleet, run, plan), run, which)
        for outcome in chosen:
            text = read_log(desk.store, fleet, run, outcome.task)
            say(f"==> {outcome.item} ({outcome.task}): {outcome.state} <==")
            silent = outcome.message or "the task has not said anything"
            click.echo(safe(text or f"(no log: {silent})"))
    if not chosen:
        say(f"{run.id}: no task has failed; name a scene to see its log")


def _named(desk: Desk, names: tuple[str, ...]) -> tuple[Run, str | None]:
    """The run and the scene that the words mean; one word alone may be either."""
    from scenefleet.errors import UsageError
    from scenefleet.run import find

    if len(names) > 2:
        raise UsageError(
            f"{len(names)} names were given; name a run, a scene, or a run and a scene"
        )
    if len(names) == 1 and find(desk.store, names[0]) is None:
        return find_run(desk, None), names[0]
    return find_run(desk, names[0] if names else None), names[1] if len(names) == 2 else None


def _choose(outcomes: Sequence[TaskOutcome], run: Run, which: str | None) -> list[TaskOutcome]:
    from scenefleet.errors import UsageError
    from scenefleet.recipe.part import near

    if which is None:
        return [outcome for outcome in outcomes if outcome.state == "failed"]
    chosen = [outcome for outcome in outcomes if which in (outcome.task, outcome.item)]
    if not chosen:
        hint = near(which, [name for one in outcomes for name in (one.item, one.task)])
        raise UsageError(
            f"{which!r} is no run, and no scene or task of {run.id}{hint} "
            "`scenefleet status` lists them"
        )
    return chosen
