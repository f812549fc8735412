"""A run whose scenes fail one after the other in one way is stopped; what is done stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batch_emulator.process import start
from scenefleet.errors import RecipeError
from scenefleet.fleet import Fleet
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.pool import ensure_pool
from scenefleet.recipe import parse
from scenefleet.run import Ended, RunState, Stopping, load, remaining, update, watch
from scenefleet.run.attempts import last_logs, read_attempts
from scenefleet.run.model import Rules
from scenefleet.run.repetition import Repetition, kind_of
from scenefleet.store.folder import FolderStore
from small_run import begin, plan_of
from witnessing import witnessing

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = plan_of(40)


class Ends:
    """Tasks that end one after the other, a second apart."""

    def __init__(self, stop_after: int | None = 20) -> None:
        self.repetition = Repetition(stop_after)
        self.number = count()

    def fail(self, times: int = 1, kind: str = "script: x") -> None:
        for n in (next(self.number) for _ in range(times)):
            self.repetition.fail(f"t{n}", START + timedelta(seconds=n), kind, kind)

    def succeed(self, times: int = 1) -> None:
        for n in (next(self.number) for _ in range(times)):
            self.repetition.succeed(f"t{n}", START + timedelta(seconds=n))


def test_equal_failures_in_a_row_are_enough() -> None:
    ends = Ends()
    ends.fail(19)
    assert ends.repetition.verdict() is None
    ends.fail()
    assert "the last 20 scenes failed in the same way" in (ends.repetition.verdict() or "")


def test_at_least_half_of_what_has_ended_must_have_failed_so() -> None:
    ends = Ends()
    ends.succeed(30)
    ends.fail(29)
    assert ends.repetition.verdict() is None
    ends.fail()
    assert ends.repetition.verdict() is not None


def test_a_success_or_another_failure_breaks_the_row() -> None:
    ends = Ends(5)
    ends.fail(4)
    ends.succeed()
    ends.fail(4)
    assert ends.repetition.verdict() is None
    ends.fail(1, "killed: y")
    ends.fail(4)
    assert ends.repetition.verdict() is None
    ends.fail()
    assert ends.repetition.verdict() is not None


def test_the_order_is_that_of_ends_and_not_of_arrivals() -> None:
    ends = Ends(3)
    ends.fail(3)
    ends.repetition.succeed("late", START + timedelta(seconds=1, microseconds=5))
    assert ends.repetition.verdict() is None
    ends.fail()
    assert ends.repetition.verdict() is None
    ends.fail()
    assert ends.repetition.verdict() is not None


def test_a_task_that_runs_again_does_not_count() -> None:
    ends = Ends(3)
    ends.fail(3)
    ends.repetition.forget("t1")
    assert ends.repetition.verdict() is None


@pytest.mark.parametrize("never", [0, None])
def test_it_can_be_switched_off(never: int | None) -> None:
    ends = Ends(never)
    ends.fail(1000)
    assert ends.repetition.verdict() is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("B04 of S2B_1 is missing (404)", "B08 of S2A_2 is missing (404)"),
        ("https://a.example/S2B_1/B04.tif: HTTP 403", "https://a.example/S2A_2/B04.tif: HTTP 403"),
        ("killed at 523 MB", "killed at 512 MB"),
        ("alpha: red.tif is no raster", "beta: green.tif is no raster"),
        ("could not read '/data/x/one.tif'", "could not read '/data/y/two.tif'"),
        ("RequestId 0f3c-77aa at 2026-01-01T00:00:00Z", "RequestId 9b1e-22cc at 2027-01-01"),
    ],
)
def test_failures_are_equal_but_for_their_own_names_and_numbers(one: str, other: str) -> None:
    first = kind_of("source_missing", one, {"alpha", "red.tif", "S2B_1"})
    second = kind_of("source_missing", other, {"beta", "green.tif", "S2A_2"})
    assert first == second
    assert kind_of("killed", one, {"alpha"}) != first


def test_other_words_are_another_failure() -> None:
    assert kind_of("script", "S2B_1: no such name x", {"S2B_1"}) != kind_of(
        "script", "S2B_1: division by zero", {"S2B_1"}
    )


def test_a_scene_named_like_a_word_does_not_change_messages() -> None:
    assert kind_of("script", "a: not a number", {"a"}) == kind_of(
        "script", "b: not a number", {"b"}
    )


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_the_recipe_says_what_is_allowed(value: str) -> None:
    text = (
        f"version: 1\nname: t\nsearch: {{bbox: [1, 2, 3, 4]}}\ncompute: {{stop_after: {value}}}\n"
    )
    with pytest.raises(RecipeError, match="stop_after"):
        parse(text, Path("r.yaml"))


# --- on the emulator


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        witnessing(),
        start("--boot-time=0.1") as running,
        connect(Connection(running.endpoint, running.account, running.key)) as client,
    ):
        ensure_pool(client, local_pool(1) | {"id": "one"}, needs_identity=False)
        yield client


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


FAILING = "/bin/sh -c 'sleep 0.1; echo $AZ_BATCH_TASK_ID broke >&2; exit 23'"


def follow(client: Any, store: FolderStore, run: Any, **more: Any) -> tuple[list[Stopping], Ended]:
    events = watch(
        store, Fleet(client, here=True), run, PLAN, pause=lambda _: time.sleep(0.05), **more
    )
    told: list[Stopping] = []
    for event in events:
        if isinstance(event, Stopping):
            told.append(event)
        if isinstance(event, Ended):
            return told, event
    raise AssertionError("a run's events end with Ended")


def test_a_run_of_scenes_that_all_fail_is_stopped_and_the_next_goes_on(
    client: Any, store: FolderStore
) -> None:
    run = begin(client, store, job="all", pool="one", command=FAILING, plan=PLAN)
    told, ended = follow(client, store, run, stop_after=6)
    (stopping,) = told
    assert "the last 6 scenes failed in the same way (compute.stop_after)" in stopping.reason
    assert "broke" in stopping.reason
    assert ended.run.stopped == stopping.reason
    assert load(store, run.id).state is RunState.FAILED
    states = [outcome.state for outcome in ended.outcomes]
    assert states.count("failed") >= 6
    assert states.count("waiting") >= 20
    attempts = read_attempts(store, run.id)
    assert "broke" in (last_logs(store, run.id, next(iter(attempts))) or "")
    # what was not computed waits, and what failed is for `retry`
    left = remaining(store, run.id, PLAN, failed=False)
    assert len(left) == states.count("waiting")
    assert len(remaining(store, run.id, PLAN, failed=True)) == 40

    # failures before the stop do not stop what is sent after it
    again = begin(client, store, job="again", pool="one", plan=PLAN)
    told, ended = follow(client, store, update(store, again, stopped=None), stop_after=6)
    assert told == []


def test_the_submission_says_when_and_a_watcher_of_another_terminal_heeds_it(
    client: Any, store: FolderStore
) -> None:
    run = begin(client, store, job="rules", pool="one", command=FAILING, plan=PLAN)
    run = update(store, run, rules=Rules(give_up_minutes=15, stop_after=3))
    found: list[tuple[list[Stopping], Ended]] = []
    watchers = [Thread(target=lambda: found.append(follow(client, store, run))) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join(timeout=60)
    assert sum(len(told) for told, _ in found) in (1, 2)
    assert {ended.run.state for _, ended in found} == {RunState.FAILED}
    assert "the last 3 scenes" in (load(store, run.id).stopped or "")


def test_a_run_that_has_ended_meanwhile_was_not_stopped(client: Any, store: FolderStore) -> None:
    run = begin(client, store, job="over", pool="one", command="/bin/false", plan=PLAN)
    end = time.monotonic() + 60
    while str(getattr(client.get_job("over").state, "value", "")) != "completed":
        assert time.monotonic() < end
        time.sleep(0.1)
    told, ended = follow(client, store, run, stop_after=5)
    assert (told, ended.run.stopped) == ([], None)
    assert {outcome.state for outcome in ended.outcomes} == {"failed"}


def test_never_means_never(client: Any, store: FolderStore) -> None:
    run = begin(client, store, job="never", pool="one", command="/bin/false", plan=PLAN)
    told, ended = follow(client, store, run, stop_after=0)
    assert told == []
    assert {outcome.state for outcome in ended.outcomes} == {"failed"}
