"""`scenefleet watch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options
from scenefleet.cli.show import say

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet watch && echo all scenes done")
@run_options
@json_option
def command(
    desk: Desk,
    run: Run,
    *,
    as_json: bool,
) -> None:
    """Follow a run [default: the newest] until it ends; the exit code says how it ended."""
    from scenefleet.cli.ending import conclude, publish
    from scenefleet.cli.follow import follow
    from scenefleet.fleet import join_fleet
    from scenefleet.run import load_plan, settle, watch

    plan = load_plan(desk.store, run)
    with join_fleet(run.backend, desk.settings, run=run.id) as fleet:
        if fleet is None or not run.jobs:
            ended = settle(desk.store, None, run, plan, {})
        else:
            try:
                ended = follow(watch(desk.store, fleet, run, plan), total=run.tasks)
            except KeyboardInterrupt:
                say(f"\nNo longer watching; {run.id} goes on.")
                sys.exit(5)
    sys.exit(conclude(desk, ended, publish(desk, ended), as_json=as_json))
