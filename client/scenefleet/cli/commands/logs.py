"""`scenefleet logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, run_options
from scenefleet.cli.show import say

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet logs RUN S2B_MSIL2A_20240825T173909_R098_T13TDE")
@run_options
@click.argument("which", metavar="[SCENE|TASK]", required=False)
def command(
    desk: Desk,
    run: Run,
    which: str | None,
) -> None:
    """Show what tasks said: those of one scene or task, or of all that failed.

    Logs are kept in the store after the nodes are gone; of a task that runs now, what it said so
    far is read from its node.
    """
    from scenefleet.cli.tasklog import read_log
    from scenefleet.errors import UsageError
    from scenefleet.fleet import join_fleet
    from scenefleet.run import load_plan, look

    plan = load_plan(desk.store, run)
    with join_fleet(
        run.backend if run.ended is None else "local", desk.settings, run=run.id
    ) as fleet:
        outcomes = look(desk.store, fleet, run, plan)
        if which is None:
            chosen = [o for o in outcomes if o.state == "failed"]
        else:
            chosen = [o for o in outcomes if which in (o.task, o.item)]
        if which is not None and not chosen:
            raise UsageError(
                f"run {run.id} has no scene or task {which!r}; `scenefleet status` lists"
            )
        for outcome in chosen:
            text = read_log(desk.store, fleet, run, outcome.task)
            say(f"==> {outcome.item} ({outcome.task}): {outcome.state} <==")
            click.echo(text if text is not None else "(no log: the task has not said anything)")
    if not chosen:
        say(f"{run.id}: no task has failed; name a scene to see its log")
