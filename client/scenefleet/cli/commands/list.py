"""`scenefleet list`."""

from __future__ import annotations

from pathlib import Path

import click

from scenefleet.cli.narrow import put_fitting
from scenefleet.cli.options import find_desk, json_option, store_options
from scenefleet.cli.show import count, put_json, say


@click.command(epilog="Example:  scenefleet list --store ./results")
@store_options
@json_option
def command(
    recipe: Path | None, address: str | None, settings_path: Path | None, *, as_json: bool
) -> None:
    """List the runs of a store, the newest first."""
    from scenefleet.cli.waiting import waiting
    from scenefleet.run import list_runs

    desk = find_desk(recipe, address, settings_path)
    with waiting(f"the store {desk.store.address}"):
        runs = list_runs(desk.store)
    if as_json:
        put_json([run.model_dump(mode="json") for run in runs])
        return
    rows = [(r.id, r.state, r.created, r.tasks, r.backend) for r in runs]
    put_fitting(("run", "state", "created", "scenes", "backend"), rows, name=0, spare=(4, 3, 2))
    say(f"{count(len(runs), 'run')} in {desk.store.address}")
