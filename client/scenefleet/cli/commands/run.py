"""`scenefleet run`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scenefleet.cli.options import (
    json_option,
    radiometry_option,
    read_settings,
    recipe_argument,
    settings_option,
)


@click.command(epilog="Example:  scenefleet run recipe.yaml")
@recipe_argument
@settings_option
@click.option(
    "-y",
    "--yes",
    is_flag=True,
    help="Spend money, and redo scenes of another version of scenefleet, without asking.",
)
@click.option("--detach", is_flag=True, help="Return once submitted (on Azure only).")
@radiometry_option
@json_option
def command(
    recipe: Path,
    settings_path: Path | None,
    *,
    yes: bool,
    detach: bool,
    radiometry: str | None,
    as_json: bool,
) -> None:
    """Compute a recipe's scenes; continues where an earlier run was cut off.

    The same recipe over the same scenes is the same run: scenes whose outputs are there are not
    submitted again, so running twice is safe. Ctrl-C cancels a run on this machine; of a run on
    Azure it ends the watching only.
    """
    from scenefleet.cli.running import run_recipe
    from scenefleet.cli.selection import with_radiometry
    from scenefleet.recipe import read_recipe

    code = run_recipe(
        with_radiometry(read_recipe(recipe), radiometry),
        read_settings(settings_path),
        yes=yes,
        detach=detach,
        as_json=as_json,
    )
    sys.exit(code)
