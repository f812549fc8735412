"""What was done and is so no more is told of with its cause, and the run is not called done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scenefleet.cli.ending import say_lost
from scenefleet.cli.options import Desk
from scenefleet.plan import Plan
from scenefleet.run import Run, RunState, create, load, look, settle, state_now, update
from scenefleet.run.attempts import write_attempt
from scenefleet.run.finished import item_path
from scenefleet.settings import read_settings
from scenefleet.store.folder import FolderStore
from scenefleet_task import spec
from scenefleet_task.result import Result
from small_run import PLAN, put_output, source

A, B, C = PLAN.documents
AGAIN = "`scenefleet run` computes it again"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


@pytest.fixture
def done(store: FolderStore) -> Run:
    """A run that is recorded as done, with all its outputs."""
    run = create(store, source(), PLAN, [])
    for one in PLAN.documents:
        put_output(store, one)
    return update(store, run, state=RunState.DONE, ended="2026-01-01T00:00:00Z")


def other_plan() -> Plan:
    """The same scenes by another recipe of the same name."""
    outputs = (replace(A.outputs[0], formula="red * 2"),)
    documents = tuple(spec.seal(replace(one, outputs=outputs)) for one in PLAN.documents)
    return Plan(name="test", documents=documents)


def test_whole_outputs_are_done(store: FolderStore, done: Run) -> None:
    outcomes = look(store, None, done, PLAN)
    assert [(one.state, one.lost, one.message) for one in outcomes] == [("done", False, None)] * 3
    assert state_now(done.state, outcomes) is RunState.DONE


def test_another_run_of_the_name_is_told_by_its_id(store: FolderStore, done: Run) -> None:
    plan = other_plan()
    other = create(store, source(), plan, [])
    assert other.id != done.id
    for one in plan.documents:
        put_output(store, one)
    outcomes = look(store, None, done, PLAN)
    why = f"replaced by run {other.id}; {AGAIN}"
    assert [(one.state, one.lost, one.message) for one in outcomes] == [("waiting", True, why)] * 3
    assert state_now(done.state, outcomes) is RunState.OUTDATED
    for path in (store.root / f"runs/{other.id}").iterdir():
        path.unlink()
    assert look(store, None, done, PLAN)[0].message == f"replaced by a task of another run; {AGAIN}"


def test_files_that_are_missing_or_changed_are_named(store: FolderStore, done: Run) -> None:
    (store.root / "products/test/a/ndvi.tif").unlink()
    store.write("products/test/b/ndvi.tif", b"half")
    store.write(item_path(C), b"{")
    whys = [one.message for one in look(store, None, done, PLAN)]
    assert whys == [
        f"file missing: products/test/a/ndvi.tif; {AGAIN}",
        f"file changed: products/test/b/ndvi.tif; {AGAIN}",
        f"file changed: products/test/c/c.json; {AGAIN}",
    ]
    (store.root / item_path(A)).unlink()
    assert look(store, None, done, PLAN)[0].message == f"file missing: {item_path(A)}; {AGAIN}"


@pytest.mark.parametrize("text", ["[]", "3", '{"properties": {}}', '{"properties": 3}', "null"])
def test_an_item_that_is_none_was_changed(store: FolderStore, done: Run, text: str) -> None:
    store.write(item_path(A), text.encode())
    assert look(store, None, done, PLAN)[0].message == f"file changed: {item_path(A)}; {AGAIN}"


def test_settling_leaves_the_record_of_a_run_that_was_done(store: FolderStore, done: Run) -> None:
    (store.root / "products/test/a/ndvi.tif").unlink()
    ended = settle(store, None, done, PLAN, {})
    assert ended.run.state is RunState.OUTDATED
    assert load(store, done.id) == done
    put_output(store, A)
    assert settle(store, None, done, PLAN, {}).run.state is RunState.DONE


def test_a_partial_run_tells_it_of_what_it_had_done(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    run = update(store, run, state=RunState.PARTIAL)
    for one, code in ((A, spec.Exit.DONE), (B, spec.Exit.SOURCE_MISSING)):
        ended = Result(
            task=one.id, item=one.source.id, attempt="20260101T000000Z-abcd",
            exit=code.name.lower(), code=code.value, message="why",
            started="2026-01-01T00:00:00Z", seconds=1.5, cpu_seconds=1.0, peak_memory_mb=100.0,
        )  # fmt: skip
        write_attempt(store, run.id, ended)
    first, second, third = look(store, None, run, PLAN)
    assert (first.state, first.lost) == ("waiting", True)
    assert (second.state, second.lost, second.message) == ("failed", False, "why")
    assert (third.state, third.lost, third.message) == ("waiting", False, None)


def test_status_says_how_many_and_what_to_do(
    store: FolderStore, done: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text("")
    desk = Desk(store, read_settings(tmp_path / "settings.toml", {}), source())
    say_lost(desk, look(store, None, done, PLAN))
    assert capsys.readouterr().err == ""
    (store.root / item_path(A)).unlink()
    for one in other_plan().documents[1:]:
        put_output(store, one)
    say_lost(desk, look(store, None, done, PLAN))
    assert capsys.readouterr().err.splitlines() == [
        "lost     3 scenes were done and are so no more: 2 replaced by a task of another run, 1 "
        "file missing",
        "next     scenefleet run r.yaml    (computes them again; replaces what is there)",
        "note: two recipes have this run's name; give one another `name` to keep both results",
    ]


def test_a_record_never_says_outdated(done: Run) -> None:
    assert json.loads(done.model_dump_json())["state"] == "done"
    assert RunState("outdated") is RunState.OUTDATED
