"""`scenefleet doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from scenefleet.cli.completion import recipes
from scenefleet.cli.narrow import put_fitting
from scenefleet.cli.options import json_option, settings_option
from scenefleet.cli.show import put_json, say


@click.command(epilog="Example:  scenefleet doctor --recipe recipe.yaml")
@click.option(
    "-r",
    "--recipe",
    type=click.Path(path_type=Path, dir_okay=False),
    shell_complete=recipes,
    help="Also check what this recipe reaches.",
)
@settings_option
@json_option
def command(recipe: Path | None, settings_path: Path | None, *, as_json: bool) -> None:
    """Check this machine, the settings, and what they reach.

    With --recipe also its catalogue, store and Batch account; nothing is submitted. Exits with 4
    if a credential is refused, 1 if something else is wrong.
    """
    from scenefleet.cli.health import examine

    checks = examine(recipe, settings_path)
    if as_json:
        put_json([asdict(check) for check in checks])
    else:
        rows = [(c.name, c.verdict, c.text) for c in checks]
        put_fitting(("check", "", "what was found"), rows, below=True)
    wrong = [check for check in checks if check.verdict == "wrong"]
    if wrong and not as_json:
        say(f"\n{len(wrong)} of {len(checks)} checks failed")
    sys.exit(max((check.code for check in checks), default=0))
