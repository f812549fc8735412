"""What `run`, `retry` and `demo` do: submit what is left, follow it, publish what came out."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import chain

import click

from scenefleet.cli.anew import Redone, redone, say_redone
from scenefleet.cli.ending import conclude, publish, summary
from scenefleet.cli.follow import follow
from scenefleet.cli.options import Desk, desk_of
from scenefleet.cli.reach import reach, say_held
from scenefleet.cli.selection import prepare, say_estimate, say_slots
from scenefleet.cli.show import count, put_json, say
from scenefleet.cli.waiting import entering, waiting
from scenefleet.errors import BudgetError, CancelledError, FleetError, UsageError
from scenefleet.fleet import (
    Fleet,
    check_addresses,
    check_azure,
    claim,
    is_held,
    join_fleet,
    open_fleet,
)
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile
from scenefleet.run import (
    Ended,
    Run,
    RunState,
    alone,
    cancel,
    create,
    find,
    find_superseded,
    is_active,
    key,
    load,
    load_plan,
    look,
    remaining,
    settle,
    submit,
    watch,
)
from scenefleet.settings import Settings
from scenefleet.store import check_store
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
    check_store(source.recipe.output.store, base=source.base)  # before a long search
    prepared = prepare(source, settings)
    say_estimate(prepared)
    check_budget(prepared.estimate.cost, source)
    if not local:
        check_addresses(prepared.plan.documents, settings)
    desk = desk_of(source, settings)
    with _claimed(desk, prepared.plan.id, local=local) as mine:
        if not mine:
            say(f"{prepared.plan.id} is running already, by another command: following it")
            return watch_run(desk, prepared.plan.id, as_json=as_json)
        plan = prepared.plan
        mine_alone = alone(desk.store, plan.id, plan.name, settings, local=local)
        with entering(f"the store {desk.store.address}", mine_alone):
            with waiting(f"the store {desk.store.address}"):
                left = remaining(desk.store, plan.id, plan, failed=False)
                older = find_superseded(desk.store, left, source.recipe)
            if left:  # asked before anything is written: a no leaves all as it is
                anew = redone(prepared, older)
                say_redone(prepared, anew)
                ask(source, len(left), yes=yes, anew=anew)
            with waiting(f"the store {desk.store.address}", "writing the plan"):
                run = create(desk.store, source, plan, prepared.found.items)
            if not left:
                return finish(desk, run, plan, as_json=as_json)
            return go(desk, run, plan, left, source=source, detach=detach, as_json=as_json)


def retry_run(desk: Desk, run: Run, source: RecipeFile, *, yes: bool, as_json: bool) -> int:
    """The verb `retry`; returns the exit code."""
    with waiting(f"the store {desk.store.address}"):
        plan = load_plan(desk.store, run)
    with _claimed(desk, run.id, local=run.backend == "local") as mine:
        with reach(desk, run, ended_too=True) as fleet:
            if not mine or is_active(fleet, run):
                raise UsageError(
                    f"{run.id} is still running, and its failed scenes can be redone once it has "
                    "ended: wait for it by `scenefleet watch`, or end it by `scenefleet cancel`"
                )
        here = source.recipe.compute.backend == "local"
        mine_alone = alone(desk.store, run.id, run.name, desk.settings, local=here)
        with entering(f"the store {desk.store.address}", mine_alone):
            with waiting(f"the store {desk.store.address}"):
                left = remaining(desk.store, run.id, plan, failed=True)
            if not left:
                return finish(desk, run, plan, as_json=as_json)
            say_slots(source, desk.settings)
            ask(source, len(left), yes=yes)
            say(f"{run.id}: {count(len(left), 'scene')} to redo")
            return go(desk, run, plan, left, source=source, detach=False, as_json=as_json)


def watch_run(desk: Desk, run_id: str, *, as_json: bool) -> int:
    """The verb `watch`; returns the exit code."""
    told: list[str] = []
    try:
        _wait_until_begun(desk, run_id)
        run = load(desk.store, run_id)
        plan = load_plan(desk.store, run)
        with reach(desk, run, ended_too=True) as fleet:
            if fleet is None or not run.jobs:
                ended = settle(desk.store, None, run, plan, {})
            else:
                events = watch(desk.store, fleet, run, plan, interval=_pace(run))
                ended = follow(events, total=run.tasks, told=told)
    except KeyboardInterrupt:
        say(f"\nNo longer watching; {run_id} goes on.")
        return 5
    except FleetError:
        run = load(desk.store, run_id)
        if run.backend == "azure" or is_held(key(desk.store, run_id)):
            raise
        # its emulator ended with its client: the outputs tell the rest
        ended = settle(desk.store, None, run, load_plan(desk.store, run), {})
    return conclude(desk, ended, publish(desk, ended), as_json=as_json, told=told)


def _wait_until_begun(desk: Desk, run_id: str) -> None:
    """Waits while another client of this machine holds the run and has not made its job yet."""
    name = key(desk.store, run_id)
    while is_held(name):
        run = find(desk.store, run_id)
        with join_fleet("local", desk.settings, key=name) as fleet:
            if run is not None and is_active(fleet, run):
                return
        time.sleep(0.3)


def finish(desk: Desk, run: Run, plan: Plan, *, as_json: bool) -> int:
    """Nothing is left to submit: settles the run by its outputs, once its job has ended."""
    say(f"{run.id}: nothing to submit")
    told: list[str] = []
    with reach(desk, run, ended_too=run.backend == "azure") as fleet:
        if fleet is not None and is_active(fleet, run):
            if fleet.job(run.jobs[-1]) is not None:  # else another command is about to make it
                fleet.close(run.jobs[-1])  # of a submission that was cut off before it did this
            events = watch(desk.store, fleet, run, plan, interval=_pace(run))
            try:
                ended = follow(events, total=run.tasks, told=told)
            except KeyboardInterrupt:
                return interrupted(desk, fleet, run, plan, as_json=as_json)
        else:
            ended = settle(desk.store, None, run, plan, {})
    return conclude(desk, ended, publish(desk, ended), as_json=as_json, told=told)


def go(
    desk: Desk,
    run: Run,
    plan: Plan,
    left: Sequence[TaskDocument],
    *,
    source: RecipeFile,
    detach: bool,
    as_json: bool,
) -> int:
    """Submits, follows, publishes; returns the exit code."""
    name = key(desk.store, run.id)
    told: list[str] = []
    fleet_of_run = open_fleet(source, desk.settings, key=name, notice=say_held)
    with entering("the service that runs tasks", fleet_of_run) as fleet:
        try:
            with waiting("the Batch service", "submitting", alone=False):
                run, submitted = submit(
                    desk.store,
                    fleet,
                    run,
                    left,
                    source=source,
                    settings=desk.settings,
                    notice=say_held,
                )
            if detach:
                tasks = count(submitted.new, "task")
                say(f"submitted {tasks}; follow with: scenefleet watch {run.id}")
                hours = f"{source.recipe.compute.max_hours:g}"
                say(
                    f"until somebody watches, only compute.max_hours ends it, after {hours} h, "
                    "also if no node can work (compute.give_up_minutes) or every scene fails "
                    "(compute.stop_after)"
                )
                if as_json:
                    put_json(summary(desk, run, None))
                return 0
            events = watch(desk.store, fleet, run, plan, interval=_pace(run))
            events = chain([submitted], events)
            ended = follow(events, total=run.tasks, told=told)
        except CancelledError as error:
            say(str(error))
            run = load(desk.store, run.id)
            ended = Ended(run, look(desk.store, None, run, plan))
        except KeyboardInterrupt:
            run = load(desk.store, run.id)
            return interrupted(desk, fleet, run, plan, as_json=as_json)
    return conclude(desk, ended, publish(desk, ended), as_json=as_json, told=told)


def interrupted(desk: Desk, fleet: Fleet, run: Run, plan: Plan, *, as_json: bool) -> int:
    """Ctrl-C: ends a run on this machine; leaves one on Azure alone, and says so."""
    if run.backend == "azure" and run.state is not RunState.RUNNING:
        say(f"\nNothing was submitted; {run.id} is as it was before.")
        return 5
    if run.backend == "azure" and run.jobs:
        there = shlex.quote(desk.store.address)
        say(
            f"\nNo longer watching; what was submitted of {run.id} goes on in Azure.\n"
            f"follow it again:  scenefleet watch {run.id} --store {there}\n"
            f"or end it:        scenefleet cancel {run.id} --store {there}"
        )
        return 5
    say("\ncancelling; finished scenes stand ...")
    run = cancel(desk.store, fleet, run)
    ended = Ended(run, look(desk.store, None, run, plan))
    return conclude(desk, ended, publish(desk, ended), as_json=as_json)


@contextmanager
def _claimed(desk: Desk, run_id: str, *, local: bool) -> Generator[bool]:
    """Holds a run on this machine; on Azure the service itself keeps two clients apart."""
    if not local:
        yield True
        return
    with claim(key(desk.store, run_id)) as mine:
        yield mine


def _pace(run: Run) -> float:
    """Seconds between looks: the emulator is near, and scenes may be small."""
    return 0.3 if run.backend == "local" else 2.0


def check_budget(cost: float | None, source: RecipeFile) -> None:
    """Refuses an estimate above the budget.

    Raises:
        BudgetError: if it is.
    """
    most = source.recipe.budget.max_cost
    if most is not None and cost is not None and cost > most:
        raise BudgetError(
            f"the estimate is {cost:.4g}, above the budget of {most:.4g} (`budget.max_cost` in "
            f"{source.label}). Take fewer scenes or a smaller area, or raise the budget."
        )


def ask(source: RecipeFile, tasks: int, *, yes: bool, anew: Sequence[Redone] = ()) -> None:
    """Spending money asks, unless told so or under the budget; redoing finished work always does.

    Args:
        source: for where it is computed, and the budget.
        tasks: how many are submitted.
        yes: the answer, given beforehand.
        anew: finished scenes that are computed anew. Those of another recipe are the user's own
            wish; those of another version of scenefleet are not.

    Raises:
        UsageError: if there is no terminal to ask on.
    """
    recipe = source.recipe
    if yes:
        return
    upgrades = [one for one in anew if one.cause != "other recipe"]
    local = recipe.compute.backend == "local"
    if not upgrades and (local or recipe.budget.max_cost is not None):
        return
    if not sys.stdin.isatty():
        raise UsageError(_refusal(upgrades))
    question = f"Submit {count(tasks, 'task')}{'' if local else ' to Azure Batch'}?"
    if upgrades:
        again = count(sum(one.estimate.tasks for one in upgrades), "finished scene")
        question = f"Compute {again} anew? {question}"
    click.confirm(question, abort=True, err=True)


def _refusal(upgrades: Sequence[Redone]) -> str:
    if upgrades:
        return (
            f"{' '.join(one.text for one in upgrades)} There is no terminal to ask on whether to "
            "compute them anew: add --yes to do so. To keep them, give the recipe another `name`, "
            "or go on with the version of scenefleet that made them."
        )
    return (
        "this run spends money, and there is no terminal to ask on: add --yes, or a "
        "`budget` with `max_cost` and `node_price` to the recipe"
    )
