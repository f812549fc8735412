"""`scenefleet plan`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from scenefleet.cli.options import json_option, read_settings, recipe_argument, settings_option
from scenefleet.cli.show import put_json, put_table, say


@click.command(epilog="Example:  scenefleet plan recipe.yaml --json | jq '.tasks[0]'")
@recipe_argument
@settings_option
@json_option
def command(recipe: Path, settings_path: Path | None, *, as_json: bool) -> None:
    """Show the tasks, what they will take, and every default that applies.

    Nothing is submitted or written. With --json prints the task documents, the estimate and the
    recipe with its defaults.
    """
    from scenefleet.cli.selection import prepare, say_estimate
    from scenefleet.recipe import read_recipe, resolved
    from scenefleet_task import spec

    prepared = prepare(read_recipe(recipe), read_settings(settings_path))
    plan = prepared.plan
    if as_json:
        put_json(
            {
                "run": plan.id,
                "recipe": prepared.source.recipe.model_dump(mode="json"),
                "estimate": dataclasses.asdict(prepared.estimate),
                "tasks": [spec.to_json(document) for document in plan.documents],
                "left_out": [dataclasses.asdict(left) for left in plan.left_out],
            }
        )
        return
    say("The recipe, defaults written out:\n")
    say("\n".join(f"  {line}" for line in resolved(prepared.source.recipe).splitlines()) + "\n")
    rows = [
        (d.id, d.source.datetime[:10], " ".join(sorted({b.rule for b in d.bands})), d.source.id)
        for d in plan.documents
    ]
    put_table(("task", "date", "radiometry", "scene"), rows)
    for left in plan.left_out[5:]:
        say(f"left out: {left.reason}")
    say(f"\nrun {plan.id}")
    say_estimate(prepared)
