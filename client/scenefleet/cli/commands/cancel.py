"""`scenefleet cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options
from scenefleet.cli.show import put_json, say
from scenefleet.cli.waiting import waiting

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet cancel ndvi-netherlands-1a2b3c4d5e")
@run_options
@json_option
def command(
    desk: Desk,
    run: Run,
    *,
    as_json: bool,
) -> None:
    """End a run [default: the newest]; what is finished stands, and `run` can go on later."""
    from scenefleet.cli.reach import reach
    from scenefleet.run import cancel, is_active

    place = "the store" if run.backend == "local" else "the Batch service"
    with waiting(place, "ending the run", alone=False), reach(desk, run, ended_too=True) as fleet:
        over = run.ended is not None and not is_active(fleet, run)
        run = cancel(desk.store, fleet, run)
    if as_json:
        put_json(run.model_dump(mode="json"))
    elif over:
        say(f"{run.id} had ended already ({run.state}, {run.ended}): there is nothing to cancel")
    else:
        say(f"{run.id}: {run.state}")
