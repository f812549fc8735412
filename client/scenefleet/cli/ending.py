"""What a verb says and returns when a run has ended."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from scenefleet.cli.options import Desk
from scenefleet.cli.show import count, put_json, say, without_scene
from scenefleet.cli.waiting import waiting
from scenefleet.results import write_collection, write_report
from scenefleet.results.advice import remedies
from scenefleet.results.caveats import caveat_lines, much_cut, much_negative, much_outside
from scenefleet.run import (
    Ended,
    Run,
    RunState,
    TaskOutcome,
    describe_product,
    group_failures,
    load_plan,
)
from scenefleet.run.repetition import kind_of

EXIT = {
    RunState.DONE: 0,
    RunState.PARTIAL: 3,
    RunState.FAILED: 3,
    RunState.OUTDATED: 3,
    RunState.CANCELLED: 5,
}
"""Exit code by final state."""
_NEAR = 8
"""Failures told of while a run went on that a person still sees at its end."""


def publish(desk: Desk, ended: Ended) -> str:
    """Writes the product's collection and the run's report; returns the report's store path."""
    with waiting(f"the store {desk.store.address}", "writing the collection and the report"):
        return _publish(desk, ended)


def _publish(desk: Desk, ended: Ended) -> str:
    about = describe_product(desk.store, ended.run, desk.source)
    if any(outcome.state == "done" for outcome in ended.outcomes):
        write_collection(desk.store, ended.run.name, about)
    plan = load_plan(desk.store, ended.run)
    notes = [f"Left out: {left.item}: {left.reason}" for left in plan.left_out]
    return write_report(desk.store, ended.run, ended.outcomes, plan_notes=notes, about=about)


def conclude(
    desk: Desk, ended: Ended, report: str, *, as_json: bool, told: Sequence[str] = ()
) -> int:
    """Says how the run ended and what to do next; returns the exit code.

    Outputs without a valid pixel are told of and leave the code as it is: clouds are no fault.

    Args:
        desk: the store and the settings.
        ended: the run and its outcomes.
        report: the report's store path.
        as_json: whether it is written as JSON instead.
        told: kinds of failures that stand above in full, as `kind_of` names them.
    """
    run, states = ended.run, Counter(outcome.state for outcome in ended.outcomes)
    code = EXIT.get(run.state, 1)
    if as_json:
        put_json(summary(desk, run, ended) | {"report": report})
        return code
    failed = states["failed"]
    tail = f", {failed} failed" if failed else ""
    tail += f", {states['waiting']} waiting" if states["waiting"] else ""
    say(f"{run.id}: {run.state}: {count(states['done'], 'scene')} done{tail}")
    if run.stopped:
        say(f"stopped  {run.stopped}")
    for outcome, number in group_failures(ended.outcomes)[:5]:
        why = f"{outcome.exit or 'failed'}: {outcome.message or 'no reason given'}"
        above = kind_of("", why, {outcome.item}) in told and len(told) <= _NEAR
        why = f"{outcome.exit}, as above" if above else without_scene(why, outcome.item)
        more = f" (and {number - 1} more in the same way)" if number > 1 else ""
        say(f"  {outcome.item}: {why}{more}")
        failed -= number
    if failed:
        say(f"  ... and {failed} more in other ways; the report lists them all")
    for line in caveat_lines(ended.outcomes):
        say(line)
    address, there = desk.store.address, shlex.quote(desk.store.address)
    if states["done"]:
        say(f"results  {address}/products/{run.name}/collection.json")
    say(f"report   {address}/{report}")
    if run.state in (RunState.PARTIAL, RunState.FAILED):
        say(f"next     scenefleet logs {run.id} --store {there}    (what the failed tasks said)")
        exits = {o.exit for o in ended.outcomes if o.state == "failed"}
        for line in remedies(exits, run.id, there, _file(desk)):
            say(f"         {line}")
    if run.state == RunState.CANCELLED or run.stopped:
        say(f"next     {run_again(desk)}    (goes on with the scenes that are left)")
    say_lost(desk, ended.outcomes)
    return code


def say_lost(desk: Desk, outcomes: Sequence[TaskOutcome]) -> None:
    """Says how many scenes were done and are so no more, why, and what to do."""
    lost = [outcome for outcome in outcomes if outcome.lost]
    if not lost:
        return
    whys = Counter((outcome.message or "").partition(":")[0].partition(";")[0] for outcome in lost)
    told = ", ".join(f"{number} {why}" for why, number in whys.most_common(3))
    they = "was" if len(lost) == 1 else "were"
    say(f"lost     {count(len(lost), 'scene')} {they} done and {_IS[they]} so no more: {told}")
    say(f"next     {run_again(desk)}    (computes them again; replaces what is there)")
    if any(why.startswith("replaced") for why in whys):
        say("note: two recipes have this run's name; give one another `name` to keep both results")


_IS = {"was": "is", "were": "are"}


def run_again(desk: Desk) -> str:
    """Returns the command that computes the recipe again, ready to be pasted into a shell.

    Where the store was named instead of a recipe, no file is known, and FILE stands for it.
    """
    return f"scenefleet run {_file(desk)}"


def _file(desk: Desk) -> str:
    path = None if desk.source is None else desk.source.path
    return "FILE" if path is None else shlex.quote(str(path))


def summary(desk: Desk, run: Run, ended: Ended | None) -> dict[str, object]:
    """A run for `--json`.

    `empty` holds the ids of scenes that are done and have no valid pixel; `cut` the outputs of
    which int16 could not hold a share worth telling; `outside_range` the outputs with more than 1%
    of their values outside the index's own range; `negative` the scenes with more than 1% of their
    valid pixels at or below zero reflectance.
    """
    value: dict[str, object] = {**run.model_dump(mode="json"), "store": desk.store.address}
    if ended is not None:
        states = Counter(outcome.state for outcome in ended.outcomes)
        value["counts"] = {s: states[s] for s in ("waiting", "running", "done", "failed")}
        value["empty"] = [outcome.item for outcome in ended.outcomes if outcome.is_empty]
        value["cut"] = [
            {"item": ended.outcomes[n].item, "output": output, "percent": percent}
            for n, output, percent in much_cut(ended.outcomes)
        ]
        value["outside_range"] = [
            {"item": ended.outcomes[n].item, "output": output, "percent": percent}
            for n, output, percent in much_outside(ended.outcomes)
        ]
        value["negative"] = [
            {"item": ended.outcomes[n].item, "percent": percent}
            for n, percent in much_negative(ended.outcomes)
        ]
        value["scenes"] = [outcome.model_dump(mode="json") for outcome in ended.outcomes]
    return value
