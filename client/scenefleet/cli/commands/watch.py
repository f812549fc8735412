"""`scenefleet watch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options

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
    from scenefleet.cli.running import watch_run

    sys.exit(watch_run(desk, run.id, as_json=as_json))
