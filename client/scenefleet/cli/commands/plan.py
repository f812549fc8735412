"""`scenefleet plan`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import json_option, read_settings, recipe_argument, settings_option
from scenefleet.cli.show import count, hours, put_json, put_table, say, size

if TYPE_CHECKING:
    from scenefleet.cli.selection import Prepared


@click.command(epilog="Example:  scenefleet plan recipe.yaml --json | jq '.tasks[0]'")
@recipe_argument
@settings_option
@json_option
def command(recipe: Path, settings_path: Path | None, *, as_json: bool) -> None:
    """Show the tasks, what they will take, and every default that applies.

    Nothing is submitted or written. With --json prints the task documents, the estimate and the
    recipe with its defaults.
    """
    from scenefleet.cli.selection import prepare
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


def say_estimate(prepared: Prepared) -> None:
    """The estimate in one or two lines."""
    guess, recipe = prepared.estimate, prepared.source.recipe
    text = (
        f"{count(guess.tasks, 'task')}: reads up to {size(guess.bytes_in)}, writes about "
        f"{size(guess.bytes_out)}, about {hours(guess.core_hours)} of one core"
    )
    if recipe.compute.backend == "local":
        say(f"{text}, {hours(guess.hours)} on this machine")
        return
    text += (
        f"; {hours(guess.hours)} on {count(guess.nodes, 'node')}, {guess.node_hours:.2f} node hours"
    )
    if guess.cost is None:
        text += "; write `budget: {node_price: ...}`, a node's price an hour, to see what it costs"
    else:
        text += f"; cost about {guess.cost:.2f}"
    say(text)
