"""`scenefleet status`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from scenefleet.cli.narrow import put_rows, width
from scenefleet.cli.options import Desk, json_option, run_options
from scenefleet.cli.show import put_json, say, without_scene
from scenefleet.cli.waiting import waiting

if TYPE_CHECKING:
    from scenefleet.run import Run


@click.command(epilog="Example:  scenefleet status --json | jq .counts")
@run_options
@json_option
def command(
    desk: Desk,
    run: Run,
    *,
    as_json: bool,
) -> None:
    """Show how far a run [default: the newest] has come, a row a scene."""
    from scenefleet.cli.ending import run_again, say_lost, summary
    from scenefleet.cli.reach import reach
    from scenefleet.results.caveats import caveat_lines, describe_empty
    from scenefleet.run import (
        Ended,
        RunState,
        describe,
        is_active,
        is_submitting,
        load_plan,
        look,
        settle,
        state_now,
    )

    running = run.state == RunState.RUNNING
    service = " and the Batch service" if running and run.backend == "azure" else ""
    with (
        waiting(f"the store {desk.store.address}{service}", alone=False),
        reach(desk, run) as fleet,
    ):
        plan = load_plan(desk.store, run)
        health = None
        outcomes = look(desk.store, fleet, run, plan)
        lost = running and fleet is None
        if running and fleet is not None and not is_active(fleet, run):
            run = settle(desk.store, fleet, run, plan, {}).run  # it ended while nobody watched
        elif running and fleet is not None and run.pool:
            health = fleet.pool_health(run.pool)
        run = run.model_copy(update={"state": state_now(run.state, outcomes)})
    if as_json:
        nodes = {"nodes": None if health is None else health.document}
        put_json(summary(desk, run, Ended(run, outcomes)) | nodes)
        return
    rows = [
        (
            (
                o.state,
                o.datetime[:10],
                "" if o.seconds is None else f"{o.seconds:.1f}",
                "" if o.valid_percent is None else f"{o.valid_percent:.1f}",
                o.attempts,
                o.item,
            ),
            describe_empty(o) if o.is_empty else without_scene(o.message or "", o.item),
        )
        for o in outcomes
    ]
    headers = ("state", "date", "seconds", "valid %", "tries", "scene")
    put_rows(headers, rows, name=5, spare=(4, 2, 3), most=width())
    states = Counter(outcome.state for outcome in outcomes)
    say(f"{run.id}: {run.state}: " + ", ".join(f"{n} {s}" for s, n in sorted(states.items())))
    if run.stopped:
        say(f"stopped  {run.stopped}")
    if is_submitting(run):
        say(f"held up  another command submits this run: {run.submitting}")
    for line in [] if health is None else describe(health):
        say(line)
    for line in caveat_lines(outcomes):
        say(line)
    say_lost(desk, outcomes)
    if lost:
        say(f"Its client was cut off; `{run_again(desk)}` goes on with what is left.")
