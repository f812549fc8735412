"""`scenefleet cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options
from scenefleet.cli.show import put_json, say

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
    from scenefleet.run import cancel

    with reach(desk, run, ended_too=True) as fleet:
        run = cancel(desk.store, fleet, run)
    if as_json:
        put_json(run.model_dump(mode="json"))
    else:
        say(f"{run.id}: {run.state}")
