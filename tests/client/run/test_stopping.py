"""A run that a rule ends: the job carries the reason, and any client records it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch_emulator.process import start
from scenefleet.fleet import Fleet
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.pool import ensure_pool
from scenefleet.run import RunState, cancel, load, settle, stop, update
from scenefleet.run.outcomes import fold, verdict
from scenefleet.store.folder import FolderStore
from small_run import PLAN, begin, put_output
from witnessing import witnessing

WHY = "no node could work for 15 minutes"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        witnessing(),
        start() as running,
        connect(Connection(running.endpoint, running.account, running.key)) as client,
    ):
        ensure_pool(client, local_pool(0) | {"id": "empty"}, needs_identity=False)
        yield client


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


def test_another_client_finds_why_the_run_was_stopped(client: Any, store: FolderStore) -> None:
    fleet = Fleet(client, here=True)
    run = begin(client, store, job="stopped", pool="empty")
    put_output(store, PLAN.documents[0])
    assert stop(store, fleet, run, WHY).stopped == WHY
    stop(store, fleet, run, WHY)  # safe to repeat
    update(store, run, stopped=None)  # as if the client had been killed before it recorded this
    records = {record.id: record for record in fleet.changed_tasks("stopped", None)}
    ended = settle(store, fleet, run, PLAN, records)
    assert (ended.run.state, ended.run.stopped) == (RunState.PARTIAL, WHY)
    assert load(store, run.id) == ended.run
    assert settle(store, None, ended.run, PLAN, {}).run == ended.run  # its service is gone


def test_a_stopped_run_with_nothing_done_has_failed(client: Any, store: FolderStore) -> None:
    fleet = Fleet(client, here=True)
    run = begin(client, store, job="nothing", pool="empty")
    stop(store, fleet, run, "x" * 5000)
    ended = settle(store, fleet, run, PLAN, {})
    assert ended.run.state == RunState.FAILED
    assert (ended.run.stopped or "").startswith("xxx")


def test_a_cancelled_run_was_not_stopped(client: Any, store: FolderStore) -> None:
    fleet = Fleet(client, here=True)
    run = begin(client, store, job="cancelled", pool="empty")
    cancel(store, fleet, run)
    ended = settle(store, fleet, run, PLAN, {})
    assert (ended.run.state, ended.run.stopped) == (RunState.CANCELLED, None)


def test_a_run_that_was_done_before_its_job_was_stopped_is_done(
    client: Any, store: FolderStore
) -> None:
    fleet = Fleet(client, here=True)
    run = begin(client, store, job="done", pool="empty")
    for document in PLAN.documents:
        put_output(store, document)
    ended = settle(store, fleet, stop(store, fleet, run, WHY), PLAN, {})
    assert (ended.run.state, ended.run.stopped) == (RunState.DONE, None)


def test_a_stop_is_no_cancel() -> None:
    outcomes = fold(PLAN, {}, {}, {})
    assert verdict(outcomes, cancelled=False, stopped=True) == RunState.FAILED
    assert verdict(outcomes, cancelled=False) == RunState.CANCELLED
