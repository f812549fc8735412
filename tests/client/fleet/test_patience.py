"""A service that is busy, silent, or has no job to spare is borne; nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batch_emulator.process import Running, start
from scenefleet.errors import FleetError, SilentFleetError
from scenefleet.fleet import Fleet, PoolChoice
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.patience import Patience
from scenefleet.fleet.pool import ensure_pool
from scenefleet.fleet.submit import JobSpec, Sent, add_tasks, close_job, create_job
from scenefleet.run import Trouble, update, watch
from scenefleet.store import NodeAccess
from scenefleet.store.folder import FolderStore
from small_run import PLAN, begin
from witnessing import witnessing


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with witnessing(), start("--active-jobs=9") as running:
        yield running


@pytest.fixture
def client(service: Running) -> Iterator[Any]:
    """A client without the SDK's own tries, so that each fault reaches ours at once."""
    credential = AzureNamedKeyCredential(service.account, service.key)
    with BatchClient(endpoint=service.endpoint, credential=credential, retry_total=0) as client:
        ensure_pool(client, local_pool(0) | {"id": "empty"}, needs_identity=False)
        yield client
    service.admin.clear_faults()


class Clock:
    """A clock that only pauses move, and what was said meanwhile."""

    def __init__(self) -> None:
        self.time = 0.0
        self.said: list[str] = []
        self.patience = Patience(self.said.append, lambda: self.time, self.pause)

    def pause(self, seconds: float) -> None:
        self.time += seconds


def spec(name: str) -> JobSpec:
    return JobSpec(
        job=name,
        pool="empty",
        run="run",
        command="true",
        files={},
        access=NodeAccess({}),
        retries=0,
        task_minutes=1,
        hours=1,
    )


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("after", [None, 1])
def test_a_busy_service_is_borne(
    service: Running, client: Any, status: int, after: int | None
) -> None:
    clock, wanted = Clock(), spec(f"busy-{status}-{after}")
    service.admin.fail_requests(status, times=4, retry_after=after)
    create_job(client, wanted, patience=clock.patience)
    service.admin.fail_requests(status, times=4, retry_after=after)
    sent = add_tasks(client, wanted, PLAN.documents, deadline=1e9, patience=clock.patience)
    service.admin.fail_requests(status, times=4, retry_after=after)
    close_job(client, wanted.job, patience=clock.patience)
    assert sent == Sent(new=3)
    assert str(status) in clock.said[0]


def test_lost_answers_mean_done(service: Running, client: Any) -> None:
    clock, wanted = Clock(), spec("lost")
    service.admin.drop_requests("after", times=1)
    create_job(client, wanted, patience=clock.patience)
    service.admin.drop_requests("after", times=1)
    sent = add_tasks(client, wanted, PLAN.documents, deadline=1e9, patience=clock.patience)
    service.admin.drop_requests("after", times=1)
    close_job(client, wanted.job, patience=clock.patience)
    assert sent == Sent(there=3)
    assert len(list(client.list_tasks("lost"))) == 3


def test_patience_ends_after_minutes(service: Running, client: Any) -> None:
    clock = Clock()
    service.admin.fail_requests(503, times=1000)
    with pytest.raises(SilentFleetError, match="503"):
        create_job(client, spec("never"), patience=clock.patience)
    assert 200 < clock.time <= 300
    assert len(clock.said) in (4, 5)


def test_a_refusal_is_no_matter_of_patience(client: Any) -> None:
    clock = Clock()
    with pytest.raises(FleetError):
        create_job(client, spec("not a name!"), patience=clock.patience)
    assert clock.time == 0


def test_a_job_quota_is_waited_for_and_told(service: Running, client: Any) -> None:
    clock = Clock()
    with suppress(_FullError):
        for n in range(20):
            create_job(client, spec(f"fill-{n}"), patience=Patience(pause=_stop))
    fleet = Fleet(client, here=True)

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        if clock.time > 4000:
            fleet.cancel("fill-0")

    create_job(
        client, spec("late"), patience=Patience(clock.said.append, lambda: clock.time, pause)
    )
    assert clock.time > 4000
    assert "ActiveJobAndScheduleQuotaReached" in clock.said[0]
    assert len(clock.said) > 50
    for job in list(client.list_jobs(filter="state eq 'active'")):
        fleet.cancel(job.id)


class _FullError(Exception):
    """The account has no job to spare."""


def _stop(_: float) -> None:
    raise _FullError


CALLS: dict[str, Callable[[Fleet], object]] = {
    "making a pool": lambda fleet: fleet.ensure_pool(choice("made")),
    "reading a pool": lambda fleet: fleet.pool_slots("empty"),
    "reading images": lambda fleet: fleet.check_image(choice("empty")),
    "reading a job": lambda fleet: fleet.job("calls"),
    "closing a job": lambda fleet: fleet.close("calls"),
    "counting": lambda fleet: fleet.counts("calls"),
    "listing tasks": lambda fleet: fleet.changed_tasks("calls", None),
    "nodes": lambda fleet: fleet.pool_health("empty"),
    "cancelling": lambda fleet: fleet.cancel("calls"),
    "stopping": lambda fleet: fleet.stop("calls", "a rule"),
}
FAULTS: dict[str, Callable[[Running], object]] = {
    "429": lambda service: service.admin.fail_requests(429, times=3),
    "429, later": lambda service: service.admin.fail_requests(429, times=3, retry_after=40),
    "503": lambda service: service.admin.fail_requests(503, times=3),
    "lost": lambda service: service.admin.drop_requests("before", times=2),
    "lost answers": lambda service: service.admin.drop_requests("after", times=2),
    "late error": lambda service: service.admin.fail_requests(500, when="after", times=2),
}


def choice(name: str) -> PoolChoice:
    """A pool without nodes, as a recipe would choose it."""
    body = local_pool(0) | {"id": name}
    return PoolChoice(body=body, image=None, identity=None, slots=1, cores=1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_every_call_bears_a_busy_service(
    service: Running, client: Any, call: str, fault: str
) -> None:
    clock = Clock()
    create_job(client, spec("calls"))  # made once: it is there for all
    FAULTS[fault](service)
    CALLS[call](Fleet(client, here=False, patience=clock.patience))
    assert clock.said, "the user was told nothing"
    assert 0 < clock.time < 200


@pytest.mark.parametrize("call", CALLS)
def test_no_call_bears_it_for_ever(service: Running, client: Any, call: str) -> None:
    clock = Clock()
    service.admin.fail_requests(503, times=None)
    with pytest.raises(SilentFleetError, match="503"):
        CALLS[call](Fleet(client, here=False, patience=clock.patience))
    assert 200 < clock.time <= 300


def test_who_asks_again_by_himself_asks_once(service: Running, client: Any) -> None:
    clock = Clock()
    service.admin.fail_requests(503, times=1)
    with pytest.raises(SilentFleetError):
        Fleet(client, here=False, patience=clock.patience).impatient.job("calls")
    assert clock.time == 0


def test_a_server_that_asks_for_days_does_not_keep_the_user_in_silence(service: Running) -> None:
    clock = Clock()
    began = time.monotonic()
    with connect(Connection(service.endpoint, service.account, service.key)) as sdk:
        service.admin.fail_requests(429, times=None, retry_after=86_400)
        with pytest.raises(SilentFleetError) as error:
            Fleet(sdk, here=False, patience=clock.patience).counts("calls")
    service.admin.clear_faults()
    assert error.value.retry_after == 86_400
    assert time.monotonic() - began < 20, "the SDK waited by itself"
    assert clock.time <= 300
    assert "429" in clock.said[0]


def test_an_emulator_that_is_gone_is_not_waited_for() -> None:
    with start() as gone:
        connection = Connection(gone.endpoint, gone.account, gone.key)
    credential = AzureNamedKeyCredential(str(connection.account), str(connection.key))
    clock = Clock()
    with BatchClient(endpoint=gone.endpoint, credential=credential, retry_total=0) as sdk:
        patience = replace(clock.patience, unreachable=False)
        with pytest.raises(SilentFleetError, match="cannot be reached"):
            Fleet(sdk, here=True, patience=patience).job("calls")
    assert clock.time == 0


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results")


def test_watching_survives_twenty_minutes_of_silence(
    service: Running, client: Any, store: FolderStore
) -> None:
    fleet = Fleet(client, here=True)
    run = begin(client, store, job="silent", pool="empty")
    run = update(store, run, backend="azure")
    clock, said = Clock(), list[str]()
    silent = False

    def pause(seconds: float) -> None:
        nonlocal silent
        clock.pause(seconds)
        if not silent and clock.time > 100:
            service.admin.fail_requests(503, times=1_000_000)
            silent = True
        if clock.time > 1200:
            service.admin.clear_faults()
        if clock.time > 1300:
            fleet.cancel("silent")

    for event in watch(store, fleet, run, PLAN, pause=pause, clock=clock_of(clock)):
        if isinstance(event, Trouble):
            said.append(event.text)
    assert any("no answer for 15 min" in text and "scenefleet watch" in text for text in said)
    assert "Azure Batch answers again" in said


def test_watching_ends_after_that_and_says_how_to_come_back(
    service: Running, client: Any, store: FolderStore
) -> None:
    fleet = Fleet(client, here=True)
    run = update(store, begin(client, store, job="gone", pool="empty"), backend="azure")
    service.admin.fail_requests(503, times=1_000_000)
    clock = Clock()
    with pytest.raises(SilentFleetError, match=r"go on without this client.*scenefleet watch"):
        list(watch(store, fleet, run, PLAN, pause=clock.pause, clock=clock_of(clock)))
    assert clock.time > 1200


def clock_of(clock: Clock) -> Any:
    return lambda: clock.time
