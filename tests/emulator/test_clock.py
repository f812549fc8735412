"""The one clock: it can run fast and be moved, and what falls due happens in its order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batch_emulator.admin.client import Admin, AdminError
from batch_emulator.clock import Clock
from batch_emulator.process import start

DAY = 86_400.0


@pytest.fixture
def clock():
    return Clock(wall=lambda: 1000.0, steady=lambda: 0.0)


def test_what_falls_due_on_the_way_happens_in_its_order_at_its_own_time(clock):
    seen: list[tuple[str, float]] = []

    async def every_quarter():
        while True:
            await clock.sleep(900)
            seen.append(("quarter", clock.time() - 1000))

    async def main():
        beside = asyncio.create_task(every_quarter())
        clock.call_later(2000, lambda: seen.append(("once", clock.time() - 1000)))
        clock.call_later(100, lambda: seen.append(("never", 0))).cancel()
        await asyncio.sleep(0)
        await clock.advance(3000)
        beside.cancel()

    asyncio.run(main())
    assert seen == [("quarter", 900), ("quarter", 1800), ("once", 2000), ("quarter", 2700)]
    assert clock.time() == 4000


def test_a_year_of_quarters_of_an_hour_takes_no_time(clock):
    seen = 0

    async def every_quarter():
        nonlocal seen
        while True:
            await clock.sleep(900)
            seen += 1

    async def main():
        beside = asyncio.create_task(every_quarter())
        await asyncio.sleep(0)
        await clock.advance(30 * DAY)
        beside.cancel()

    asyncio.run(main())
    assert seen == 30 * 96


@pytest.mark.parametrize("turns", range(6))
def test_what_is_just_happening_is_over_before_the_clock_moves(clock, turns):
    woken: list[float] = []

    async def due_at_once():
        await clock.sleep(0)
        woken.append(clock.time() - 1000)
        await clock.sleep(60)
        woken.append(clock.time() - 1000)

    async def main():
        beside = asyncio.create_task(due_at_once())
        for _ in range(turns):
            await asyncio.sleep(0)
        await clock.advance(100)
        await beside

    asyncio.run(main())
    assert woken == [0, 60]


def test_who_looks_again_and_again_sees_what_was_between_what_happens(clock):
    looks: list[list[float]] = []

    async def main():
        clock.observe(30, lambda times: looks.append([time - 1000 for time in times]))
        clock.call_later(100, lambda: looks.append([]))
        await clock.advance(150)
        await clock.advance(10 * DAY)

    asyncio.run(main())
    assert looks[:3] == [[30, 60, 90], [], [120, 150]]
    (year,) = looks[3:]
    assert (len(year), year[-1]) == (2880, 150 + 10 * DAY)


def test_a_limit_ends_what_takes_longer_and_leaves_alone_what_does_not(clock):
    async def main():
        async with clock.limit(5):
            pass
        async with clock.limit(None):
            await asyncio.sleep(0)
        waiting = asyncio.create_task(held())
        await asyncio.sleep(0)
        await clock.advance(5)
        with pytest.raises(TimeoutError):
            await waiting

    async def held():
        async with clock.limit(5):
            await asyncio.sleep(60)

    asyncio.run(asyncio.wait_for(main(), 10))


def test_time_runs_by_its_scale(clock):
    steady = 0.0
    fast = Clock(60, wall=lambda: 1000.0, steady=lambda: steady)
    assert fast.time() == 1000
    steady = 2.0
    assert fast.time() == 1120
    fast.move_to(500)
    assert fast.time() == 1120
    assert fast.real().timestamp() == 1000


def test_alarms_follow_the_scale():
    clock = Clock(10_000)

    async def main():
        await asyncio.wait_for(clock.sleep(1000), 5)

    asyncio.run(main())


def test_a_seven_day_retention_takes_no_week(emulator, refused):
    batch = emulator("--boot-time=0.05")
    admin = batch.running.admin
    job = batch.job()
    task = batch.run("/bin/echo here", job).id
    admin.advance(timedelta(days=6, hours=23))
    assert batch.text(job, task) == "here\n"
    admin.advance(timedelta(hours=2))
    gone = batch.until(lambda: _refusal(batch, job, task))
    assert gone == "TaskFilesCleanedup"


def test_limits_go_by_the_clock(emulator):
    batch = emulator("--boot-time=0.05")
    job = batch.job(constraints={"maxWallClockTime": "P3D"})
    short = batch.task(job, "/bin/sleep 60", constraints={"maxWallClockTime": "PT1H"})
    long = batch.task(job, "/bin/sleep 60", constraints={"maxWallClockTime": "P5D"})
    batch.until(lambda: batch.client.get_task(job, short).state, lambda s: s == "running")
    batch.running.admin.advance(timedelta(hours=1))
    ended = batch.completed(job, short)
    failure = ended.execution_info.failure_info
    assert failure.code == "TaskEnded"
    assert "maximum execution time" in failure.details[0].value
    ran = ended.execution_info.end_time - ended.execution_info.start_time
    assert timedelta(hours=1) <= ran < timedelta(hours=1, seconds=5)
    batch.until(lambda: batch.client.get_task(job, long).state, lambda s: s == "running")
    batch.running.admin.advance(timedelta(days=3))
    finished = batch.until(lambda: batch.client.get_job(job), lambda j: j.state == "completed")
    assert finished.execution_info.termination_reason == "MaxWallClockTimeExpiry"


def test_a_client_s_clock_is_held_to_real_time(emulator):
    batch = emulator("--boot-time=0.05")
    batch.running.admin.advance(timedelta(days=400))
    assert list(batch.client.list_pools()) == []


def test_the_clock_is_moved_by_who_has_the_key_alone(batch):
    stranger = Admin(batch.running.endpoint, batch.running.account, "bm90IGl0")
    with pytest.raises(AdminError, match="AuthenticationFailed"):
        stranger.now()


@pytest.mark.parametrize("span", [None, 5, "a week", "P9999D", "-PT5M"])
def test_a_span_that_is_none_is_refused(batch, span):
    with pytest.raises(AdminError, match=r"InvalidPropertyValue.*ISO 8601"):
        batch.running.admin.ask("POST", "clock", {"advance": span})


def test_what_the_clock_does_not_know_is_refused(batch):
    with pytest.raises(AdminError, match="PropertyName: scale"):
        batch.running.admin.ask("POST", "clock", {"advance": "PT0S", "scale": 2})


def test_the_clock_does_not_go_back(batch):
    with pytest.raises(AdminError, match="cannot go back"):
        batch.running.admin.advance(timedelta(hours=-1))


def _refusal(batch, job, task):
    answer = batch.raw("GET", f"/jobs/{job}/tasks/{task}/files")
    return answer.json()["code"] if answer.status_code != 200 else None


def test_the_date_of_an_answer_is_the_time_of_the_clock_that_counted():
    """Of an answer the emulator's own, which a test may move; of a refusal that of signatures."""
    with start() as running:
        running.admin.advance(timedelta(days=3))
        refused = httpx.get(f"{running.endpoint}/jobs", trust_env=False)
        assert refused.status_code == 401
        dates: list[str] = []

        def note(answer):
            dates.append(answer.http_response.headers["Date"])

        credential = AzureNamedKeyCredential(running.account, running.key)
        with BatchClient(endpoint=running.endpoint, credential=credential) as client:
            list(client.list_jobs(raw_response_hook=note))
    assert refused.headers.get_list("date") == [refused.headers["Date"]]
    moved = parsedate_to_datetime(dates[0]) - parsedate_to_datetime(refused.headers["Date"])
    assert timedelta(days=2.9) < moved < timedelta(days=3.1)
