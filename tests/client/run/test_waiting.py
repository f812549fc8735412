"""Nodes that cannot work are told of within a minute, and a run does not pay for them for long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batch_emulator.process import Running, start
from scenefleet.fleet import Fleet, PoolHealth
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.pool import ensure_pool
from scenefleet.run import Ended, Nodes, RunState, Stopping, describe, update, watch
from scenefleet.run.waiting import Waiting
from scenefleet.store.folder import FolderStore
from small_run import PLAN, begin
from witnessing import witnessing


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with witnessing(), start("--boot-time=0.1") as running:
        yield running


@pytest.fixture
def client(service: Running) -> Iterator[Any]:
    with connect(Connection(service.endpoint, service.account, service.key)) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


class Clock:
    """A clock that only the pauses of a watch move; it notes no more than its time."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += seconds


def pool(client: Any, name: str, **more: Any) -> None:
    ensure_pool(client, local_pool(1) | {"id": name, **more}, needs_identity=False)


def wait_for(client: Any, name: str, state: str) -> None:
    end = time.monotonic() + 30
    while {str(getattr(n.state, "value", n.state)) for n in client.list_nodes(name)} != {state}:
        assert time.monotonic() < end, [n.state for n in client.list_nodes(name)]
        time.sleep(0.05)


def follow(
    client: Any, store: FolderStore, name: str, minutes: float
) -> tuple[list[tuple[float, Nodes]], Ended]:
    """Watches a run on a moved clock; returns when it told what of the nodes, and its end."""
    run = begin(client, store, job=name, pool=name, command="sleep 60")
    clock, told = Clock(), list[tuple[float, Nodes]]()
    events = watch(
        store,
        Fleet(client, here=True),
        run,
        PLAN,
        pause=clock.pause,
        clock=clock,
        give_up_minutes=minutes,
    )
    for event in events:
        if isinstance(event, Nodes):
            told.append((clock.time, event))
        if isinstance(event, Ended):
            return told, event
        assert clock.time < 7200, "the watch does not give up"
    raise AssertionError("a run's events end with Ended")


def test_a_start_task_that_fails_ends_the_run_with_its_words(
    client: Any, store: FolderStore
) -> None:
    failing = {"commandLine": "/bin/sh -c 'exit 7'", "waitForSuccess": True}
    pool(client, "start", startTask=failing)
    wait_for(client, "start", "starttaskfailed")
    told, ended = follow(client, store, "start", 15)
    assert told[0][0] < 60
    first = "\n".join(describe(told[0][1].health, told[0][1].minutes_left))
    assert "nodes: 0 of 1 can work (1 start task failed)" in first
    assert "exit code 7" in first
    assert "ended in 15 min" in first
    times = [moment for moment, _ in told]
    assert all(later - earlier <= 80 for earlier, later in pairwise(times))
    assert times[-1] + 80 >= 900
    assert ended.run.state == RunState.FAILED
    assert "no node of pool start could work for 15 minutes" in (ended.run.stopped or "")
    assert "exit code 7" in (ended.run.stopped or "")


def test_an_image_that_cannot_be_pulled_is_told_in_dockers_words(
    service: Running, client: Any, store: FolderStore
) -> None:
    pool(client, "image")
    wait_for(client, "image", "idle")
    said = "Error response from daemon: manifest for x:1 not found https://a/b?sig=SECRET"
    service.admin.strike("image", "unusable", count=1, error=("ContainerInvalidImage", said))
    told, ended = follow(client, store, "image", 2)
    text = "\n".join(describe(told[0][1].health))
    assert "1 x ContainerInvalidImage: Error response from daemon: manifest for x:1" in text
    assert "AcrPull" in text
    assert "SECRET" not in text + ended.run.model_dump_json()
    assert "manifest" in (ended.run.stopped or "")


@pytest.mark.parametrize("fault", ["unknown", "offline"])
def test_a_node_that_is_lost_is_paid_for(
    service: Running, client: Any, store: FolderStore, fault: Any
) -> None:
    pool(client, fault)
    wait_for(client, fault, "idle")
    service.admin.strike(fault, fault, count=1)
    told, ended = follow(client, store, fault, 1)
    assert told[0][1].health.counts == {fault: 1}
    assert ended.run.state == RunState.FAILED


def test_a_quota_is_told_with_a_remedy_and_costs_no_patience(service: Running, client: Any) -> None:
    service.admin.set_quotas(dedicated_nodes=0)
    try:
        pool(client, "quota")
    finally:
        end, fleet = time.monotonic() + 30, Fleet(client, here=True)
        while not (health := fleet.pool_health("quota")).troubles:
            assert time.monotonic() < end
            time.sleep(0.05)
        service.admin.set_quotas(dedicated_nodes=None)
    assert any(
        "QuotaReached" in text and "Quotas of the account" in text for text in health.troubles
    )
    waiting = Waiting(15, 0.0)
    for minute in range(24 * 60):
        assert waiting.note(health, 60.0 * minute) is not None  # told each minute
        assert waiting.verdict(60.0 * minute) is None
    assert "costs nothing" in "\n".join(describe(health))


def test_a_pool_that_was_deleted_is_told_of(client: Any) -> None:
    health = Fleet(client, here=True).pool_health("never")
    assert "was deleted" in "\n".join(describe(health))


def health(**counts: int) -> PoolHealth:
    return PoolHealth(pool="p", wanted=3, counts=counts, errors={}, troubles=())


def test_preempted_nodes_cost_nothing_and_are_waited_for() -> None:
    waiting = Waiting(15, 0.0)
    assert waiting.note(health(preempted=3), 0) is not None
    waiting.note(health(preempted=3), 10_000)
    assert waiting.verdict(10_000) is None


def test_patience_begins_anew_when_a_node_could_work() -> None:
    waiting = Waiting(15, 0.0)
    waiting.note(health(unusable=3), 0)
    waiting.note(health(rebooting=3), 600)  # still paid for, and no node can work
    assert waiting.verdict(901) is not None
    waiting.note(health(unusable=2, idle=1), 902)
    assert waiting.verdict(5000) is None
    waiting.note(health(unusable=3), 5000)
    assert waiting.verdict(5001) is None


def test_nodes_that_only_start_are_not_given_up() -> None:
    waiting = Waiting(15, 0.0)
    waiting.note(health(starting=3), 0)
    assert waiting.verdict(5000) is None


def test_a_healthy_pool_says_nothing_and_partial_capacity_says_so_once() -> None:
    waiting = Waiting(15, 0.0)
    assert waiting.note(health(running=3), 15) is None
    assert waiting.note(health(running=2, idle=1), 30) is None
    assert waiting.note(health(running=1, unusable=2), 45) is not None
    assert waiting.note(health(running=1, unusable=2), 900) is None
    assert waiting.note(health(running=3), 915) is not None  # all is well again


# --- the service's own clock


def working_pool(client: Any, name: str) -> None:
    pool(client, name)
    wait_for(client, name, "idle")


def break_node(service: Running, name: str) -> None:
    said = "One or more container images specified are invalid"
    service.admin.strike(name, "unusable", count=1, error=("ContainerInvalidImage", said))


def first_look(client: Any, store: FolderStore, run: Any) -> tuple[Nodes, float]:
    """Watches until something is told of the nodes; returns that, and how long it took."""
    clock = Clock()
    events = watch(store, Fleet(client, here=True), run, PLAN, pause=clock.pause, clock=clock)
    for event in events:
        if isinstance(event, Nodes):
            return event, clock.time
    raise AssertionError("nothing was told of the nodes")


def test_minutes_count_from_when_the_service_saw_the_node_break(
    service: Running, client: Any, store: FolderStore
) -> None:
    working_pool(client, "clock")
    run = begin(client, store, job="clock", pool="clock", command="sleep 60")
    break_node(service, "clock")
    service.admin.advance(timedelta(minutes=10))
    # two clients that begin to watch at different times, or one that was started again
    first, _ = first_look(client, store, run)
    assert first.minutes_left == pytest.approx(5, abs=0.5)
    service.admin.advance(timedelta(minutes=3))
    second, _ = first_look(client, store, run)
    assert second.minutes_left == pytest.approx(2, abs=0.5)
    service.admin.advance(timedelta(minutes=3))
    told, ended = [], None
    clock = Clock()
    for event in watch(store, Fleet(client, here=True), run, PLAN, pause=clock.pause, clock=clock):
        told.append(event)
        ended = event if isinstance(event, Ended) else ended
    assert clock.time < 120
    assert any(isinstance(event, Stopping) for event in told)
    assert ended is not None
    assert "could work for 15 minutes (compute.give_up_minutes)" in (ended.run.stopped or "")
    assert "ContainerInvalidImage" in (ended.run.stopped or "")


def test_a_node_that_was_broken_before_the_run_gives_it_all_its_minutes(
    service: Running, client: Any, store: FolderStore
) -> None:
    working_pool(client, "before")
    break_node(service, "before")
    service.admin.advance(timedelta(hours=2))
    run = begin(client, store, job="before", pool="before", command="sleep 60")
    event, took = first_look(client, store, run)
    assert took < 60
    assert event.minutes_left == pytest.approx(15, abs=0.5)


def test_minutes_without_an_answer_do_not_end_a_run(
    service: Running, client: Any, store: FolderStore
) -> None:
    working_pool(client, "outage")
    run = begin(client, store, job="outage", pool="outage", command="sleep 60")
    run = update(store, run, backend="azure")
    break_node(service, "outage")
    clock, silent = Clock(), [False, False]

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        if clock.time > 100 and not silent[0]:
            service.admin.fail_requests(503, times=None)
            silent[0] = True
        if clock.time > 1200 and not silent[1]:
            service.admin.clear_faults()
            service.admin.advance(timedelta(seconds=1100))  # the service's clock went on, too
            silent[1] = True

    with connect_once(service) as hasty:
        events = watch(store, Fleet(hasty, here=False), run, PLAN, pause=pause, clock=clock)
        for event in events:
            if isinstance(event, Nodes) and silent[1]:
                assert event.minutes_left == pytest.approx(13, abs=1.5)
                break
            assert not isinstance(event, Stopping | Ended)
        ended = [event for event in events if isinstance(event, Ended)]
    assert clock.time > 1800
    assert "compute.give_up_minutes" in (ended[0].run.stopped or "")


def connect_once(service: Running) -> Any:
    """A client without the SDK's own tries, so that an outage takes no real time."""
    credential = AzureNamedKeyCredential(service.account, service.key)
    return BatchClient(endpoint=service.endpoint, credential=credential, retry_total=0)


def test_a_node_that_worked_a_moment_ago_begins_the_minutes_anew() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    waiting = Waiting(15, 0.0)
    seen = replace(health(unusable=1), broken_since=noon, now=noon + timedelta(minutes=30))
    event = waiting.note(seen, 15, after=noon + timedelta(minutes=28))  # a task ended then
    assert event is not None
    assert event.minutes_left == pytest.approx(13)
    waiting = Waiting(15, 0.0)
    waiting.note(replace(health(unusable=1, idle=1), now=noon + timedelta(minutes=29)), 15)
    event = waiting.note(seen, 75)
    assert event is not None
    assert event.minutes_left == pytest.approx(14)


def test_an_outage_in_which_the_node_broke_counts_for_nothing() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    waiting = Waiting(15, 0.0)
    waiting.note(replace(health(running=1), now=noon), 0)
    waiting.lose()
    later = noon + timedelta(minutes=20)
    seen = replace(health(unusable=1), broken_since=noon + timedelta(minutes=4), now=later)
    event = waiting.note(seen, 1200)
    assert event is not None
    assert event.minutes_left == pytest.approx(15)
    assert waiting.verdict(1200) is None
    assert waiting.verdict(1200 + 901) is not None
