"""`scenefleet fetch`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options
from scenefleet.cli.show import count, put_json, say, size

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet fetch --to ./ndvi")
@run_options
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to copy to; made if it is not there.",
)
@json_option
def command(
    desk: Desk,
    run: Run,
    folder: Path,
    *,
    as_json: bool,
) -> None:
    """Copy a run's results [default: the newest run's] to a folder, as a STAC catalogue.

    Files that are there with the right checksum are not copied again.
    """
    from scenefleet.cli.waiting import waiting
    from scenefleet.results.fetch import fetch
    from scenefleet.run import RunState, describe_product, load_plan

    about = describe_product(desk.store, run, desk.source)
    with waiting(f"the store {desk.store.address}", "copying", alone=False):
        copied = fetch(desk.store, load_plan(desk.store, run), folder, about)
    if as_json:
        put_json({"folder": str(folder), **asdict(copied)})
        return
    say(
        f"{folder}: {count(copied.files, 'file')} of {count(copied.scenes, 'scene')} copied "
        f"({size(copied.bytes)}), {copied.there:,} there already"
    )
    if copied.missing:
        of = count(copied.scenes + copied.missing, "scene")
        verb = "is" if copied.missing == 1 else "are"
        is_now = f"is {run.state}" if run.state != RunState.DONE else "was done and is so no more"
        say(
            f"note: {copied.missing:,} of {of} {verb} not done, so the copy does not have all; run "
            f"{run.id} {is_now}, and `scenefleet status` lists its scenes. The same `fetch` adds "
            "what is done later"
        )
