"""A task that its own time limit ended has failed; it was not cut off from outside."""

from __future__ import annotations

import time
from typing import Any

from batch_emulator.process import start
from scenefleet.fleet import progress
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.pool import ensure_pool

TASK: Any = {
    "id": "slow",
    "commandLine": "/bin/sleep 60",
    "constraints": {"maxWallClockTime": "PT1S"},
}


def test_a_task_that_its_own_limit_ended_is_not_cut_off() -> None:
    with (
        start("--boot-time=0.05") as running,
        connect(Connection(running.endpoint, running.account, running.key)) as client,
    ):
        ensure_pool(client, local_pool(1) | {"id": "one"}, needs_identity=False)
        made: Any = {"id": "job", "poolInfo": {"poolId": "one"}}
        client.create_job(made)
        client.create_task("job", TASK)
        deadline = time.monotonic() + 30
        while (record := progress.changed_tasks(client, "job", None)[0]).failure is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert (record.succeeded, record.cut_off) == (False, False)
    assert "compute.task_minutes" in record.failure
