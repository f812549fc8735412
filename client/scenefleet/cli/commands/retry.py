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
@json_option
def command(
    desk: Desk,
    run: Run,
    *,
    as_json: bool,
) -> None:
    """Redo the failed scenes of a run [default: the newest]; finished scenes stand."""
    from scenefleet.cli.running import retry_run
    from scenefleet.run import load_recipe

    sys.exit(retry_run(desk, run, load_recipe(desk.store, run), as_json=as_json))
