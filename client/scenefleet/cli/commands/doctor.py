"""`scenefleet doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenefleet.cli.completion import recipes
from scenefleet.cli.narrow import Growing
from scenefleet.cli.options import json_option, settings_option
from scenefleet.cli.show import put_json, say

if TYPE_CHECKING:
    from scenefleet.cli.health import Check


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
    from scenefleet.cli.health import NAMES, VERDICTS, examine

    checks: list[Check] = []
    table = Growing(("check", "", "what was found"), (NAMES, VERDICTS))
    for check in examine(recipe, settings_path):
        checks.append(check)
        if not as_json:
            table.put((check.name, check.verdict, check.text))
    if as_json:
        put_json([asdict(check) for check in checks])
    wrong = [check for check in checks if check.verdict == "wrong"]
    if wrong and not as_json:
        say(f"\n{len(wrong)} of {len(checks)} checks failed")
    sys.exit(max((check.code for check in checks), default=0))
