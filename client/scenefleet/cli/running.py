"""What `run`, `retry` and `demo` do: submit what is left, follow it, publish what came out."""

from __future__ import annotations

import sys
from itertools import chain

import click

from scenefleet.cli.ending import conclude, publish, summary
from scenefleet.cli.follow import follow
from scenefleet.cli.options import Desk, desk_of
from scenefleet.cli.selection import Prepared, prepare, say_estimate
from scenefleet.cli.show import count, put_json, say
from scenefleet.errors import BudgetError, UsageError
from scenefleet.fleet import Fleet, check_azure, is_going_on, join_fleet, open_fleet
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile
from scenefleet.run import (
    Ended,
    Run,
    cancel,
    create,
    load,
    load_plan,
    look,
    remaining,
    settle,
    submit,
    watch,
)
from scenefleet.settings import Settings
from scenefleet_task.spec import TaskDocument


def run_recipe(
    source: RecipeFile, settings: Settings, *, yes: bool, detach: bool, as_json: bool
) -> int:
    """The verb `run`; returns the exit code."""
    local = source.recipe.compute.backend == "local"
    if local and detach:
        raise UsageError(
            "--detach: a run on this machine ends with the client; leave it out, or use `backend: "
            "azure`"
        )
    if not local:
        check_azure(source, settings)
    prepared = prepare(source, settings)
    say_estimate(prepared)
    _check_budget(prepared)
    _ask(prepared, yes=yes)
    desk = desk_of(source, settings)
    if local and is_going_on(prepared.plan.id):
        say(f"{prepared.plan.id} is running already, started by another command: following it")
        return watch_run(desk, load(desk.store, prepared.plan.id), as_json=as_json)
    run = create(desk.store, source, prepared.plan, prepared.found.items)
    left = remaining(desk.store, run, prepared.plan, failed=False)
    if not left:
        return finish(desk, run, prepared.plan, as_json=as_json)
    return go(desk, run, prepared.plan, left, source=source, detach=detach, as_json=as_json)


def retry_run(desk: Desk, run: Run, source: RecipeFile, *, as_json: bool) -> int:
    """The verb `retry`; returns the exit code."""
    plan = load_plan(desk.store, run)
    left = remaining(desk.store, run, plan, failed=True)
    if not left:
        return finish(desk, run, plan, as_json=as_json)
    with join_fleet(run.backend, desk.settings, run=run.id) as fleet:
        status = fleet.job(run.jobs[-1]) if fleet and run.jobs else None
    if status is not None and not status.ended:
        raise UsageError(
            f"{run.id} is still running, and its failed scenes can be redone once it has ended: "
            "wait for it by `scenefleet watch`, or end it by `scenefleet cancel`"
        )
    say(f"{run.id}: {count(len(left), 'scene')} to redo")
    return go(desk, run, plan, left, source=source, detach=False, as_json=as_json)


def watch_run(desk: Desk, run: Run, *, as_json: bool) -> int:
    """The verb `watch`; returns the exit code."""
    plan = load_plan(desk.store, run)
    with join_fleet(run.backend, desk.settings, run=run.id) as fleet:
        if fleet is None or not run.jobs:
            ended = settle(desk.store, None, run, plan, {})
        else:
            try:
                events = watch(desk.store, fleet, run, plan, interval=_pace(run))
                ended = follow(events, total=run.tasks)
            except KeyboardInterrupt:
                say(f"\nNo longer watching; {run.id} goes on.")
                return 5
    return conclude(desk, ended, publish(desk, ended), as_json=as_json)


def finish(desk: Desk, run: Run, plan: Plan, *, as_json: bool) -> int:
    """Nothing is left to submit: settles the run by its outputs."""
    say(f"{run.id}: nothing to submit")
    ended = settle(desk.store, None, run, plan, {})
    return conclude(desk, ended, publish(desk, ended), as_json=as_json)


def go(
    desk: Desk,
    run: Run,
    plan: Plan,
    left: list[TaskDocument],
    *,
    source: RecipeFile,
    detach: bool,
    as_json: bool,
) -> int:
    """Submits, follows, publishes; returns the exit code."""
    with open_fleet(source, desk.settings, run=run.id) as fleet:
        run, submitted = submit(desk.store, fleet, run, left, source=source, settings=desk.settings)
        if detach:
            say(f"submitted {count(submitted.new, 'task')}; follow with: scenefleet watch {run.id}")
            if as_json:
                put_json(summary(desk, run, None))
            return 0
        try:
            events = chain([submitted], watch(desk.store, fleet, run, plan, interval=_pace(run)))
            ended = follow(events, total=run.tasks)
        except KeyboardInterrupt:
            return interrupted(desk, fleet, run, plan, as_json=as_json)
    return conclude(desk, ended, publish(desk, ended), as_json=as_json)


def interrupted(desk: Desk, fleet: Fleet, run: Run, plan: Plan, *, as_json: bool) -> int:
    """Ctrl-C: ends a run on this machine; leaves one on Azure alone, and says so."""
    if run.backend == "azure":
        say(
            f"\nNo longer watching; {run.id} goes on in Azure.\n"
            f"follow it again:  scenefleet watch {run.id} --store {desk.store.address}\n"
            f"or end it:        scenefleet cancel {run.id} --store {desk.store.address}"
        )
        return 5
    say("\ncancelling; finished scenes stand ...")
    run = cancel(desk.store, fleet, run)
    ended = Ended(run, look(desk.store, None, run, plan))
    return conclude(desk, ended, publish(desk, ended), as_json=as_json)


def _pace(run: Run) -> float:
    """Seconds between looks: the emulator is near, and scenes may be small."""
    return 0.3 if run.backend == "local" else 2.0


def _check_budget(prepared: Prepared) -> None:
    most, cost = prepared.source.recipe.budget.max_cost, prepared.estimate.cost
    if most is not None and cost is not None and cost > most:
        raise BudgetError(
            f"the estimate is {cost:.4g}, above the budget of {most:.4g} (`budget.max_cost` in "
            f"{prepared.source.path}). Take fewer scenes or a smaller area, or raise the budget."
        )


def _ask(prepared: Prepared, *, yes: bool) -> None:
    """Spending money asks, unless told so or under the budget.

    Raises:
        UsageError: if there is no terminal to ask on.
    """
    recipe = prepared.source.recipe
    if recipe.compute.backend == "local" or yes or recipe.budget.max_cost is not None:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "this run spends money, and there is no terminal to ask on: add --yes, or a "
            "`budget` with `max_cost` and `node_price` to the recipe"
        )
    tasks = count(prepared.estimate.tasks, "task")
    click.confirm(f"Submit up to {tasks} to Azure Batch?", abort=True, err=True)
