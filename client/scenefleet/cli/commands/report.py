"""`scenefleet report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenefleet.cli.options import Desk, json_option, run_options
from scenefleet.cli.show import put_json, safe, say
from scenefleet.cli.waiting import waiting

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet report --to report.html")
@run_options
@click.option(
    "--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="Copy it to this file."
)
@json_option
def command(
    desk: Desk,
    run: Run,
    target: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write a run's report [default: the newest run's], one HTML file that opens anywhere."""
    from scenefleet.cli.ending import publish
    from scenefleet.cli.reach import reach
    from scenefleet.results.report_copy import copy_report
    from scenefleet.run import Ended, load_plan, look, state_now

    with waiting(f"the store {desk.store.address}", alone=False), reach(desk, run) as fleet:
        outcomes = look(desk.store, fleet, run, load_plan(desk.store, run))
    run = run.model_copy(update={"state": state_now(run.state, outcomes)})
    path = publish(desk, Ended(run, outcomes))
    if target is not None and not copy_report(desk.store, path, target):
        say("note: the copy has no links to the results: they lie in Azure; `fetch` copies them")
    where = str(target) if target else f"{desk.store.address}/{path}"
    if as_json:
        put_json({"report": where})
    else:
        click.echo(safe(where))
