"""Usage metrics: core hours of pools by half hours, and what may be asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def worked(emulator):
    """An emulator with a pool of two nodes of 4 cores for an hour and more, then none."""
    batch = emulator("--boot-time=0.05", "--pools=5")
    now = batch.running.admin.now()
    past = (now.timestamp() + 1) % 1800
    batch.running.admin.advance(timedelta(seconds=1800 - past + 1))
    pool = batch.pool(2)
    batch.ready(pool, 2)
    return batch, pool


def totals(batch, **asked) -> dict[str, float]:
    """Core hours, by pool."""
    found: dict[str, float] = {}
    for entry in batch.client.list_pool_usage_metrics(**asked):
        found[entry.pool_id] = found.get(entry.pool_id, 0) + entry.total_core_hours
    return found


def test_core_hours_also_of_a_pool_that_is_gone(worked):
    batch, pool = worked
    start = batch.running.admin.now()
    batch.running.admin.advance(2 * HALF_HOUR)
    batch.client.begin_delete_pool(pool).wait()
    idle = batch.pool(0)
    batch.running.admin.advance(timedelta(hours=6))
    hour = start.replace(minute=start.minute // 30 * 30, second=0, microsecond=0)
    asked = {"start_time": hour, "end_time": hour + timedelta(hours=3)}
    used = totals(batch, **asked)
    assert used[pool] == pytest.approx(8.0, abs=0.3)
    assert used[idle] == 0
    assert set(totals(batch, **asked, filter=f"poolId eq '{pool}'")) == {pool}
    entries = list(batch.client.list_pool_usage_metrics(**asked, max_results=1))
    assert [e.start_time for e in entries if e.pool_id == pool][:2] == [hour, hour + HALF_HOUR]
    assert all(e.end_time - e.start_time == HALF_HOUR for e in entries)
    assert {e.vm_size for e in entries} == {"Standard_D4s_v5"}


def test_without_a_range_it_is_the_last_half_hour_that_is_known(worked):
    batch, pool = worked
    assert totals(batch) == {}
    batch.running.admin.advance(timedelta(hours=4))
    now = batch.running.admin.now()
    (entry,) = batch.client.list_pool_usage_metrics()
    assert entry.pool_id == pool
    assert entry.total_core_hours == pytest.approx(4.0)
    assert now - timedelta(hours=2, minutes=30) < entry.end_time <= now - timedelta(hours=2)


def test_usage_outlasts_the_emulator(emulator, tmp_path):
    with_state = ("--boot-time=0.05", f"--state={tmp_path}")
    batch = emulator(*with_state)
    pool = batch.pool(1)
    batch.ready(pool, 1)
    batch.running.admin.advance(timedelta(hours=4))
    batch.pool(0)  # so that the time is saved with something
    batch.running.process.kill()
    batch.running.process.wait()
    (entry,) = emulator(*with_state).client.list_pool_usage_metrics()
    assert (entry.pool_id, entry.total_core_hours) == (pool, pytest.approx(2.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("startTime", timedelta(hours=-2)),
        ("endtime", timedelta(hours=-1)),
        ("startTime", "yesterday"),
        ("$filter", "vmSize eq 'x'"),
        ("maxresults", "0"),
    ],
)
def test_what_may_not_be_asked(batch, name, value):
    if isinstance(value, timedelta):
        value = (batch.running.admin.now() + value).isoformat()
    answer = batch.raw("GET", f"/poolusagemetrics?{quote(name, safe='$')}={quote(value)}")
    assert answer.status_code == 400
    assert {"key": "QueryParameterName", "value": name} in [
        {**v, "value": v["value"].replace("endTime", "endtime")} for v in answer.json()["values"]
    ]


def test_an_end_before_the_start(batch, refused):
    day = timedelta(days=1)
    now: datetime = batch.running.admin.now()
    ask = batch.client.list_pool_usage_metrics
    error = refused(lambda: list(ask(start_time=now - day, end_time=now - 2 * day)))
    assert error.error.code == "InvalidQueryParameterValue"
