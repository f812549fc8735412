"""What became of a run is folded from outputs, results and records, outputs first."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import small_run
from scenefleet.errors import StoreError, UsageError
from scenefleet.fleet import TaskRecord
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run import (
    RunState,
    create,
    key,
    list_runs,
    load,
    load_plan,
    load_recipe,
    remaining,
    settle,
    update,
)
from scenefleet.run.attempts import last_logs, read_attempts, read_task, write_attempt
from scenefleet.run.finished import find_finished, item_path
from scenefleet.run.outcomes import fold, verdict
from scenefleet.store.folder import FolderStore
from scenefleet_task import spec
from scenefleet_task.result import Result
from small_run import put_output

TEXT = "version: 1\nname: test\nsearch: {bbox: [1, 2, 3, 4], dates: 2023}\n"


def document(name: str) -> spec.TaskDocument:
    return small_run.document(name, properties={"eo:cloud_cover": 12})


PLAN = Plan(name="test", documents=(document("a"), document("b"), document("c")))
A, B, C = PLAN.documents


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


def result(one: spec.TaskDocument, exit_: spec.Exit, attempt: str = "1") -> Result:
    return Result(
        task=one.id,
        item=one.source.id,
        attempt=f"2026010{attempt}T000000Z-abcd",
        exit=exit_.name.lower(),
        code=exit_.value,
        message="why",
        started="2026-01-01T00:00:00Z",
        seconds=1.5,
        cpu_seconds=1.0,
        peak_memory_mb=100.0,
    )


def record(one: spec.TaskDocument, stage: Any, **changes: Any) -> TaskRecord:
    values: dict[str, Any] = {
        "id": one.id,
        "stage": stage,
        "changed": datetime(2026, 1, 2, tzinfo=UTC),
        "exit_code": None,
        "succeeded": None,
        "retries": 0,
        "failure": None,
        "node": None,
    }
    return TaskRecord(**values | changes)


def source() -> RecipeFile:
    return RecipeFile(parse(TEXT, Path("r.yaml")), Path("r.yaml"), TEXT)


def test_only_whole_outputs_of_the_very_task_are_done(store: FolderStore) -> None:
    for one in PLAN.documents:
        put_output(store, one)
    assert set(find_finished(store, PLAN.documents, deep=True)) == {A.id, B.id, C.id}
    store.write("products/test/a/ndvi.tif", b"pixelS")  # same size, other bytes
    item = json.loads(store.read(item_path(B)))
    item["properties"]["scenefleet:task"] = A.id
    store.write(item_path(B), json.dumps(item).encode())
    (store.root / "products/test/c/ndvi.tif").unlink()
    assert find_finished(store, PLAN.documents, deep=True) == {}
    assert set(find_finished(store, PLAN.documents, deep=False)) == {A.id}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"properties": {}}', '{"properties": 3}'])
def test_a_damaged_item_is_no_output(store: FolderStore, text: str) -> None:
    put_output(store, A)
    store.write(item_path(A), text.encode())
    assert find_finished(store, [A], deep=True) == {}


def test_run_sends_what_is_missing_and_retry_what_failed_too(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    put_output(store, A)
    write_attempt(store, run.id, result(B, spec.Exit.SOURCE_MISSING))
    assert remaining(store, run.id, PLAN, failed=False) == [C]
    assert remaining(store, run.id, PLAN, failed=True) == [B, C]


def test_a_stopped_attempt_is_not_a_failure(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    write_attempt(store, run.id, result(A, spec.Exit.SOURCE_MISSING, "1"))
    write_attempt(store, run.id, result(A, spec.Exit.STOPPED, "2"))
    write_attempt(store, run.id, result(B, spec.Exit.STOPPED, "1"))
    write_attempt(store, run.id, result(B, spec.Exit.KILLED, "2"))
    assert remaining(store, run.id, PLAN, failed=False) == [A, C]


def test_outcomes_believe_outputs_first(store: FolderStore) -> None:
    put_output(store, A)
    attempts = {A.id: [result(A, spec.Exit.KILLED)], B.id: [result(B, spec.Exit.SOURCE_DENIED)]}
    records = {
        A.id: record(A, "completed", succeeded=False),
        C.id: record(C, "completed", succeeded=False, failure="TaskEnded: ran out of time"),
    }
    found = fold(PLAN, find_finished(store, PLAN.documents, deep=True), attempts, records)
    assert [(o.state, o.exit, o.message) for o in found] == [
        ("done", "killed", None),
        ("failed", "source_denied", "why"),
        ("failed", None, "TaskEnded: ran out of time"),
    ]
    assert found[0].valid_percent == 50.0
    assert found[0].outputs == {"ndvi": "products/test/a/ndvi.tif"}
    assert verdict(found, cancelled=False) == RunState.PARTIAL
    assert verdict(found[1:], cancelled=False) == RunState.FAILED
    assert verdict(found, cancelled=True) == RunState.CANCELLED
    assert verdict(found[:1], cancelled=True) == RunState.DONE


def test_a_task_at_work_again_is_running_whatever_it_did_before(store: FolderStore) -> None:
    attempts = {A.id: [result(A, spec.Exit.KILLED)]}
    (first, *_) = fold(PLAN, {}, attempts, {A.id: record(A, "running")})
    assert (first.state, first.message) == ("running", None)


def test_a_run_is_made_once_and_found_again(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    assert create(store, source(), PLAN, []) == run
    assert load(store, run.id) == run
    assert load_plan(store, run) == PLAN
    assert load_recipe(store, run).recipe == source().recipe
    assert [r.id for r in list_runs(store)] == [run.id]
    with pytest.raises(UsageError, match=run.id):
        load(store, "another")


def test_a_run_whose_files_were_deleted_while_it_was_at_work_has_them_again(
    store: FolderStore,
) -> None:
    run = create(store, source(), PLAN, [])
    for file in (store.root / "runs" / run.id).iterdir():
        if file.name != "run.json":
            file.unlink()
    assert create(store, source(), PLAN, []) == run
    assert load_plan(store, run) == PLAN
    assert load_recipe(store, run).recipe == source().recipe


def test_a_damaged_record_is_told_by_its_path(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    store.write(f"runs/{run.id}/run.json", b"{}")
    with pytest.raises(StoreError, match=r"run\.json"):
        load(store, run.id)
    run_two = create(FolderStore(store.root / "two"), source(), PLAN, [])
    two = FolderStore(store.root / "two")
    two.write(f"runs/{run.id}/plan.jsonl", b'{"id": 1}\n')
    with pytest.raises(StoreError, match=r"plan\.jsonl"):
        load_plan(two, run_two)


def test_a_result_cut_off_in_writing_is_passed_over(store: FolderStore) -> None:
    store.write("runs/r/logs/t/1/result.json", b'{"task": "t", "ex')
    store.write("runs/r/logs/t/1/log.txt", b"said\n")
    assert read_attempts(store, "r") == {}
    assert last_logs(store, "r", "t") == "said\n"
    assert last_logs(store, "r", "u") is None


def test_a_watcher_of_an_old_job_changes_nothing(store: FolderStore) -> None:
    old = update(store, create(store, source(), PLAN, []), state=RunState.RUNNING, jobs=("one",))
    new = update(store, old, jobs=("one", "two"))
    assert settle(store, None, old, PLAN, {}).run == new
    assert load(store, new.id) == new


def test_a_run_is_settled_once(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    for one in PLAN.documents:
        put_output(store, one)
    first = settle(store, None, run, PLAN, {}).run
    assert first.state == RunState.DONE
    assert settle(store, None, first, PLAN, {}).run == first


def test_a_run_in_another_store_has_another_key(store: FolderStore, tmp_path: Path) -> None:
    other = FolderStore(tmp_path / "other")
    assert key(store, "run-1") != key(other, "run-1")
    assert len(key(store, f"{'n' * 40}-0123456789")) + len("-1234") <= 64, "Batch takes 64"


def test_a_damaged_record_does_not_hide_the_others(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    store.write("runs/broken/run.json", b"{")
    assert [known.id for known in list_runs(store)] == [run.id]


def test_a_task_that_was_cut_off_waits(store: FolderStore) -> None:
    records = {
        A.id: record(A, "completed", succeeded=False, failure="TaskEnded: x", cut_off=True),
        B.id: record(B, "completed", succeeded=False, exit_code=int(spec.Exit.STOPPED)),
    }
    attempts = {C.id: [result(C, spec.Exit.STOPPED)]}
    found = fold(PLAN, {}, attempts, records)
    assert [(o.state, o.message) for o in found] == [("waiting", None)] * 3
    assert verdict(found, cancelled=False) == RunState.CANCELLED


def test_a_task_that_its_own_limit_ended_has_failed(store: FolderStore) -> None:
    words = "TaskEnded: Max wall clock time expired"
    records = {A.id: record(A, "completed", succeeded=False, failure=words)}
    (first, *_) = fold(PLAN, {}, {A.id: [result(A, spec.Exit.STOPPED)]}, records)
    assert first.state == "failed"


def test_a_task_cut_off_between_two_attempts_is_sent_again(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    first = replace(result(A, spec.Exit.SOURCE_UNREACHABLE), further=True)
    write_attempt(store, run.id, first)
    assert A in remaining(store, run.id, PLAN, failed=False)
    assert fold(PLAN, {}, read_attempts(store, run.id), {})[0].state == "waiting"
    write_attempt(store, run.id, result(A, spec.Exit.SOURCE_UNREACHABLE, "2"))
    assert A not in remaining(store, run.id, PLAN, failed=False)


def test_a_cut_off_task_gets_no_result_and_is_sent_again(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    cut = record(A, "completed", succeeded=False, failure="TaskEnded: x", cut_off=True)
    assert settle(store, None, run, PLAN, {A.id: cut}).run.state == RunState.CANCELLED
    assert read_attempts(store, run.id) == {}
    assert A in remaining(store, run.id, PLAN, failed=False)


def test_the_results_of_one_task_are_found_in_their_order(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    assert read_task(store, run.id, A.id) == []
    write_attempt(store, run.id, result(A, spec.Exit.KILLED, "2"))
    write_attempt(store, run.id, result(A, spec.Exit.SCRIPT, "1"))
    write_attempt(store, run.id, result(B, spec.Exit.SCRIPT, "3"))
    assert [one.exit for one in read_task(store, run.id, A.id)] == ["script", "killed"]


def test_a_task_that_could_not_keep_its_result_has_failed_for_good(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    refused = record(A, "completed", succeeded=False, exit_code=int(spec.Exit.STORE_DENIED))
    settle(store, None, run, PLAN, {A.id: refused})
    (outcome, *_) = fold(PLAN, {}, read_attempts(store, run.id), {})  # the job is gone
    assert (outcome.state, outcome.exit) == ("failed", "store_denied")
    assert "exit code 31" in (outcome.message or "")
    settle(store, None, run, PLAN, {A.id: refused})
    assert len(read_attempts(store, run.id)[A.id]) == 1


def test_run_sends_again_what_found_the_store_full(store: FolderStore) -> None:
    run = create(store, source(), PLAN, [])
    write_attempt(store, run.id, result(A, spec.Exit.STORE_FULL))
    write_attempt(store, run.id, result(B, spec.Exit.STORE_DENIED))
    assert remaining(store, run.id, PLAN, failed=False) == [A, C]
