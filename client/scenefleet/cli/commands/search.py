"""`scenefleet search`."""

from __future__ import annotations

from pathlib import Path

import click

from scenefleet.cli.narrow import put_fitting
from scenefleet.cli.options import json_option, recipe_argument
from scenefleet.cli.show import count, put_json, say


@click.command(epilog="Example:  scenefleet search recipe.yaml --json > items.json")
@recipe_argument
@click.option("--explain", is_flag=True, help="List what was dropped or united, and why.")
@json_option
def command(recipe: Path, *, explain: bool, as_json: bool) -> None:
    """List the scenes that a recipe selects.

    With --json prints a GeoJSON FeatureCollection of STAC items, which a recipe takes as `catalog`.
    """
    from scenefleet.cli.selection import select
    from scenefleet.recipe import read_recipe

    found = select(read_recipe(recipe), explain=explain)
    if as_json:
        items = [scene.to_json() for whole in found.items for scene in whole.parts]
        put_json({"type": "FeatureCollection", "features": items})
        return
    rows = [(s.datetime[:19], s.collection, _percent(s.cloud_cover), s.id) for s in found.items]
    put_fitting(("datetime", "collection", "cloud %", "id"), rows, spare=(1, 2))
    say(count(len(found.items), "scene"))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
