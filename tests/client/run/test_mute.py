"""Tasks that left no result tell all the same: what they wrote is fetched when they are seen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from batch_emulator.process import Running, start
from scenefleet.fleet import Fleet
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.pool import ensure_pool
from scenefleet.run import Ended, Event, Run, TaskChanged, look, remaining, watch
from scenefleet.run.attempts import last_logs, read_attempts
from scenefleet.store import NodeFile
from scenefleet.store.folder import FolderStore
from scenefleet_task.result import Result, to_line
from small_run import PLAN, begin
from witnessing import witnessing


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with witnessing(), start("--boot-time=0.1") as running:
        yield running


@pytest.fixture
def client(service: Running) -> Iterator[Any]:
    with connect(Connection(service.endpoint, service.account, service.key)) as client:
        ensure_pool(client, local_pool(3) | {"id": "three"}, needs_identity=False)
        yield client


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


def follow(
    client: Any, store: FolderStore, run: Run, then: Callable[[Event], None] = lambda _: None
) -> Ended:
    for event in watch(
        store, Fleet(client, here=True), run, PLAN, pause=lambda _: time.sleep(0.05)
    ):
        then(event)
        if isinstance(event, Ended):
            return event
    raise AssertionError("a run's events end with Ended")


def shell(text: str) -> str:
    return f"/bin/sh -c '{text}'"


def test_stderr_is_kept_at_once_and_outlives_the_node(client: Any, store: FolderStore) -> None:
    saying = shell("echo it broke, sig=SECRET >&2; exit 77")
    run = begin(client, store, job="gone", pool="three", command=saying)
    told: list[TaskChanged] = []

    def see(event: Event) -> None:
        if isinstance(event, TaskChanged) and event.state == "failed":
            # kept before it is told: the node may go at any moment from here on
            assert "it broke" in (last_logs(store, run.id, event.task) or "")
            told.append(event)

    follow(client, store, run, see)
    assert len(told) == 3
    assert "exit code 77" in (told[0].message or "")
    assert "it broke" in (told[0].message or "")
    client.begin_delete_job("gone").result()
    log = last_logs(store, run.id, PLAN.documents[0].id) or ""
    assert "it broke" in log
    assert "SECRET" not in log
    (outcome, *_) = look(store, None, run, PLAN)  # all from the store
    assert outcome.state == "failed"
    assert "it broke" in (outcome.message or "")


def test_the_result_that_a_task_printed_is_its_result(
    client: Any, store: FolderStore, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.mkdir()
    for document in PLAN.documents:
        result = Result(
            task=document.id,
            item=document.source.id,
            attempt="20260101T000000Z-abcd",
            exit="store_denied",
            code=31,
            message="HTTP 403 (AuthorizationFailure). Let the firewall admit the nodes. sig=SECRET",
            started="2026-01-01T00:00:00Z",
            seconds=2.5,
            cpu_seconds=1.0,
            peak_memory_mb=90.0,
        )
        (lines / document.id).write_text(to_line(result) + "\n")
    run = begin(
        client,
        store,
        job="printed",
        pool="three",
        command=shell(f"cat {lines}/$AZ_BATCH_TASK_ID; exit 31"),
    )
    ended = follow(client, store, run)
    (outcome, *_) = ended.outcomes
    assert (outcome.exit, outcome.seconds) == ("store_denied", 2.5)
    assert "firewall" in (outcome.message or "")
    assert "SECRET" not in (outcome.message or "")
    assert len(read_attempts(store, run.id)[outcome.task]) == 1


def test_a_line_that_names_another_task_or_path_is_no_result(
    client: Any, store: FolderStore, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.mkdir()
    for document, task, attempt in zip(
        PLAN.documents, ("other", None, None), ("20260101T000000Z-abcd", "../../x", ""), strict=True
    ):
        said = {"task": task or document.id, "item": "a", "exit": "done", "code": 31}
        said |= {"message": "", "started": "", "attempt": attempt}
        said |= {"seconds": 1, "cpu_seconds": 1, "peak_memory_mb": 1}
        (lines / document.id).write_text(json.dumps(said))
    command = shell(f"cat {lines}/$AZ_BATCH_TASK_ID; exit 31")
    run = begin(client, store, job="lying", pool="three", command=command)
    ended = follow(client, store, run)
    assert {outcome.exit for outcome in ended.outcomes} == {"store_denied"}
    assert {
        one.attempt[-8:] for tries in read_attempts(store, run.id).values() for one in tries
    } == {"-service"}


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("KILL", "want of memory: raise `resources.memory`"),
        ("SEGV", "SIGSEGV"),
        ("TERM", "SIGTERM"),
    ],
)
def test_a_task_that_was_killed_is_told_with_what_helps(
    client: Any, store: FolderStore, signal: str, words: str
) -> None:
    run = begin(client, store, job=f"s-{signal}", pool="three", command=shell(f"kill -{signal} $$"))
    ended = follow(client, store, run)
    assert {outcome.state for outcome in ended.outcomes} == {"failed"}
    assert words in (ended.outcomes[0].message or "")


def test_a_task_that_its_own_limit_ended_has_failed_and_says_which(
    service: Running, client: Any, store: FolderStore
) -> None:
    command = shell("echo still at it >&2; sleep 600")
    run = begin(client, store, job="limit", pool="three", command=command, minutes=5)
    moved: list[bool] = []

    def see(event: Event) -> None:
        running = isinstance(event, TaskChanged) and event.state == "running"
        if running and not moved:
            moved.append(True)
            end = time.monotonic() + 30
            while "still at it" not in str(
                Fleet(client, here=True).read_file("limit", event.task, "stderr.txt")
            ):
                assert time.monotonic() < end
                time.sleep(0.05)
            service.admin.advance(timedelta(minutes=6))

    ended = follow(client, store, run, see)
    failed = [outcome for outcome in ended.outcomes if outcome.state == "failed"]
    assert failed
    assert "raise compute.task_minutes" in (failed[0].message or "")
    assert "still at it" in (last_logs(store, run.id, failed[0].task) or "")


def test_what_a_fault_of_the_node_cut_off_waits_and_says_why(
    client: Any, store: FolderStore
) -> None:
    files = {"code.pyz": NodeFile("http://127.0.0.1:9/code.pyz")}  # nothing answers there
    run = begin(client, store, job="fault", pool="three", files=files)
    told: list[TaskChanged] = []

    def see(event: Event) -> None:
        if isinstance(event, TaskChanged) and event.state == "waiting" and event.message:
            told.append(event)

    ended = follow(client, store, run, see)
    assert len(told) == 3
    client.begin_delete_job("fault").result()
    for outcomes in (ended.outcomes, look(store, None, run, PLAN)):
        assert {outcome.state for outcome in outcomes} == {"waiting"}
        assert "BlobDownload" in (outcomes[0].message or "")
    assert len(remaining(store, run.id, PLAN, failed=False)) == 3, "the same run sends them"


def test_what_a_cancel_cut_off_needs_no_words(client: Any, store: FolderStore) -> None:
    run = begin(client, store, job="cancel", pool="three", command=shell("sleep 30"))

    def see(event: Event) -> None:
        if isinstance(event, TaskChanged) and event.state == "running":
            Fleet(client, here=True).cancel("cancel")

    ended = follow(client, store, run, see)
    assert [(o.state, o.message) for o in ended.outcomes] == [("waiting", None)] * 3
    assert read_attempts(store, run.id) == {}
