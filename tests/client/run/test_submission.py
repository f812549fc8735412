"""While a submission waits, other clients see that, tell why, and can cancel it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any, Self

import pytest

from batch_emulator.process import Running, start
from scenefleet.errors import CancelledError
from scenefleet.fleet import Fleet
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.patience import Patience
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run import (
    Progress,
    Run,
    RunState,
    Trouble,
    cancel,
    create,
    is_active,
    is_submitting,
    key,
    load,
    look,
    settle,
    submit,
    update,
    watch,
)
from scenefleet.settings import read_settings
from scenefleet.store.folder import FolderStore
from small_run import PLAN, source
from witnessing import witnessing

FULL = "ActiveJobAndScheduleQuotaReached"


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with witnessing(), start("--active-jobs=1", "--allow-file-urls", "--nodes=1") as running:
        yield running


@pytest.fixture
def open_client(service: Running) -> Iterator[Callable[[], Any]]:
    """Opens clients of an account that has room for one job, and has none."""

    def open_one() -> Any:
        return connect(Connection(service.endpoint, service.account, service.key))

    yield open_one
    with open_one() as client:
        for job in list(client.list_jobs()):
            client.begin_delete_job(job.id).result()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


class Waiting:
    """A client that submits a run while the account has no job to spare."""

    def __init__(self, client: Any, store: FolderStore, recipe: RecipeFile) -> None:
        self.client, self.store, self.recipe = client, store, recipe
        self.time, self.said = 0.0, list[str]()
        self.go_on, self.error = Flag(), None
        self.run = create(store, recipe, PLAN, [])
        self.thread = Thread(target=self._submit)

    def __enter__(self) -> Self:
        self.thread.start()
        end = time.monotonic() + 30
        while not self.said:
            assert time.monotonic() < end
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self.thread.join(timeout=60)
        assert not self.thread.is_alive()

    def _submit(self) -> None:
        patience = Patience(self.said.append, lambda: self.time, self._pause)
        fleet = Fleet(self.client, here=True, patience=patience)
        try:
            self.run, _ = submit(
                self.store,
                fleet,
                self.run,
                PLAN.documents,
                source=self.recipe,
                settings=read_settings(None, {}),
                notice=self.said.append,
            )
        except CancelledError as error:
            self.error = error

    def _pause(self, seconds: float) -> None:
        self.time += seconds
        time.sleep(0.05)


def fill(client: Any) -> None:
    """Takes the only job that the account has."""
    client.create_job({"id": "fill", "poolInfo": {"poolId": "none"}})


def test_other_clients_see_that_a_submission_waits(
    open_client: Callable[[], Any], store: FolderStore
) -> None:
    with open_client() as one, open_client() as two:
        fill(one)
        other = Fleet(two, here=True)
        with Waiting(one, store, source()) as waiting:
            run = load(store, waiting.run.id)
            assert run.state is RunState.RUNNING
            assert is_submitting(run)
            assert FULL in (run.submitting or "")
            assert is_active(other, run)
            # settling, as `status` and `watch` did, leaves it as it is
            assert settle(store, other, run, PLAN, {}).run.state is RunState.RUNNING
            assert [one.state for one in look(store, other, run, PLAN)] == ["waiting"] * 3
            events = watch(store, other, run, PLAN, pause=lambda _: time.sleep(0.05))
            first = next(events)
            assert isinstance(first, Trouble)
            assert "another command submits this run" in first.text
            assert FULL in first.text
            other.cancel("fill")  # the account has a job again
            assert any(isinstance(event, Progress) for event in events)  # it goes on by itself
        assert waiting.error is None
        run = load(store, waiting.run.id)
        assert run.submitting is None
        assert run.jobs == (f"{key(store, run.id)}-1",)
        assert len(list(two.list_tasks(run.jobs[0]))) == 3


def test_a_submission_that_waits_can_be_cancelled_from_another_terminal(
    open_client: Callable[[], Any], store: FolderStore
) -> None:
    with open_client() as one, open_client() as two:
        fill(one)
        other = Fleet(two, here=True)
        with Waiting(one, store, source()) as waiting:
            cancelled = cancel(store, other, load(store, waiting.run.id))
            assert cancelled.state is RunState.CANCELLED
        assert isinstance(waiting.error, CancelledError)
        assert "was cancelled by another command" in str(waiting.error)
        assert load(store, waiting.run.id).state is RunState.CANCELLED
        assert [job.id for job in two.list_jobs()] == ["fill"]


def test_a_submission_that_was_killed_while_it_waited_is_not_waited_for(
    open_client: Callable[[], Any], store: FolderStore
) -> None:
    run = create(store, source(), PLAN, [])
    job = f"{key(store, run.id)}-1"
    run = update(store, run, state=RunState.RUNNING, jobs=(job,), submitting="a quota")
    assert is_submitting(run)
    later = datetime.now(UTC) + timedelta(minutes=6)
    assert not is_submitting(run, later)
    old = (datetime.now(UTC) - timedelta(minutes=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    store.write(
        f"runs/{run.id}/run.json",
        run.model_copy(update={"updated": old}).model_dump_json().encode(),
    )
    with open_client() as client:
        fleet = Fleet(client, here=True)
        run = load(store, run.id)
        assert not is_active(fleet, run)
        assert settle(store, fleet, run, PLAN, {}).run.state is RunState.CANCELLED
        # whoever goes on takes the name that the other had, so that two never make two jobs
        run = update(store, run, state=RunState.RUNNING, submitting="a quota")
        sent, _ = _send(client, store, run)
        assert sent.jobs == (job,)


def _send(client: Any, store: FolderStore, run: Run) -> Any:
    return submit(
        store,
        Fleet(client, here=True),
        run,
        PLAN.documents,
        source=source(),
        settings=read_settings(None, {}),
    )


def test_a_submission_records_the_rules_of_the_recipe_that_it_was_given(
    open_client: Callable[[], Any], store: FolderStore
) -> None:
    run = create(store, source(), PLAN, [])
    text = source().text + "compute: {stop_after: 0, give_up_minutes: 3}\n"
    edited = RecipeFile(parse(text, Path("r.yaml")), Path("r.yaml"), text)
    with open_client() as client:
        sent, _ = submit(
            store,
            Fleet(client, here=True),
            run,
            PLAN.documents,
            source=edited,
            settings=read_settings(None, {}),
        )
    rules = load(store, sent.id).rules
    assert rules is not None
    assert (rules.stop_after, rules.give_up_minutes) == (0, 3)
