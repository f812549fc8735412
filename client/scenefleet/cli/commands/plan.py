"""`scenefleet plan`."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scenefleet.cli.cells import columns_of
from scenefleet.cli.narrow import put_fitting
from scenefleet.cli.options import (
    json_option,
    radiometry_option,
    read_settings,
    recipe_argument,
    settings_option,
)
from scenefleet.cli.show import WAYS, count, put_json, say

if TYPE_CHECKING:
    from scenefleet.cli.selection import Prepared
    from scenefleet.plan import Alike
    from scenefleet.run import Standing
    from scenefleet_task.spec import TaskDocument


_LONGEST_WORD = 16
"""Columns that a line of YAML may go on after it was to end."""


@click.command(epilog="Example:  scenefleet plan recipe.yaml --json | jq '.tasks[0]'")
@recipe_argument
@settings_option
@radiometry_option
@click.option("--explain", is_flag=True, help="Say how each task will read its pixels, and why.")
@json_option
def command(
    recipe: Path,
    settings_path: Path | None,
    *,
    radiometry: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Show the tasks, what they will take, and every default that applies.

    Nothing is submitted or written. With --json prints the task documents, the estimate and the
    recipe with its defaults; `left` has what is done in the store, and the estimate of the rest.
    """
    from scenefleet.cli.anew import look_into_store, redone, say_redone, to_json
    from scenefleet.cli.selection import prepare, say_estimate, say_rest, with_radiometry
    from scenefleet.plan import explain as explained
    from scenefleet.recipe import read_recipe, shown
    from scenefleet_task import spec

    source = with_radiometry(read_recipe(recipe), radiometry)
    settings = read_settings(settings_path)
    prepared = prepare(source, settings)
    plan = prepared.plan
    standing, superseded = look_into_store(prepared, settings)
    anew = redone(prepared, superseded)
    alike = explained(plan, prepared.found.items) if explain else ()
    if as_json:
        put_json(
            {
                "run": plan.id,
                "recipe": prepared.source.recipe.model_dump(mode="json"),
                "estimate": dataclasses.asdict(prepared.estimate),
                "left": None if standing is None else _left(prepared, standing),
                "anew": to_json(anew),
                "tasks": [spec.to_json(document) for document in plan.documents],
                "left_out": [dataclasses.asdict(left) for left in plan.left_out],
                **({"read": [dataclasses.asdict(one) for one in alike]} if explain else {}),
            }
        )
        return
    say("The recipe, defaults written out:\n")
    columns = columns_of(sys.stderr, os.environ) if sys.stderr.isatty() else 80
    text = shown(prepared.source.recipe, max(20, columns - _LONGEST_WORD))
    say("\n".join(f"  {line}" for line in text.splitlines()) + "\n")
    rows = [
        (d.id, d.source.datetime[:10], " ".join(sorted(_rules(d))), d.source.id)
        for d in plan.documents
    ]
    put_fitting(("task", "date", "radiometry", "scene"), rows, spare=(0, 2))
    for left in plan.left_out[5:]:
        say(f"left out: {left.reason}")
    if explain:
        _say_reading(alike)
    say(f"\nrun {plan.id}")
    say_estimate(prepared)
    if standing is not None:
        say_rest(prepared, standing)
    say_redone(prepared, anew)


def _left(prepared: Prepared, standing: Standing) -> dict[str, Any]:
    """How many tasks are done, failed before and are left, with the estimate of those left."""
    from scenefleet.cli.selection import price

    return {
        "done": len(standing.done),
        "failed": len(standing.failed),
        "tasks": len(standing.left),
        "estimate": dataclasses.asdict(price(prepared, standing.left)),
    }


def _say_reading(alike: Sequence[Alike]) -> None:
    """How pixels will be read: a line for all sources of all tasks that are alike in it."""
    from scenefleet.plan.explain import RULE

    say("")
    for group in alike:
        lines: dict[tuple[str, str], list[str]] = {}
        for one in group.sources:
            lines.setdefault((one.way, one.why), []).append(one.asset)
        for (way, why), assets in lines.items():
            say(f"{count(group.tasks, 'task')}: {', '.join(assets)} {WAYS[way]}: {why}")
    if any(one.way == "tiles" for group in alike for one in group.sources):
        say(RULE)


def _rules(document: TaskDocument) -> set[str]:
    """The rules by which the scene's numbers are read; a `?` where its pixels must tell."""
    disputed = any(p.check and p.check.said == "disputed" for p in document.parts)
    rules = {band.rule for part in document.parts for band in part.bands}
    return {f"{rule}?" for rule in rules} if disputed else rules
