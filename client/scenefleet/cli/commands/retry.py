"""`scenefleet retry`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet retry ndvi-netherlands-1a2b3c4d5e")
@run_options
@click.option("-y", "--yes", is_flag=True, help="Spend money without asking.")
@json_option
def command(
    desk: Desk,
    run: Run,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Redo the failed scenes of a run [default: the newest]; finished scenes stand.

    What is computed was frozen with the run. On what, how often and how long (`compute`) is taken
    from the recipe that was named, if it is of the same name, else it too is the run's.
    """
    from scenefleet.cli.running import retry_run
    from scenefleet.recipe import with_compute
    from scenefleet.run import load_recipe

    source = load_recipe(desk.store, run)
    if desk.source is not None and desk.source.recipe.name == run.name:
        source = with_compute(source, desk.source)
    sys.exit(retry_run(desk, run, source, yes=yes, as_json=as_json))
