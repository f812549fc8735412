"""A task's process: whenever its work is ended, nothing of it is left."""

import asyncio
import contextlib
import time

import pytest

from batch_emulator.clock import Clock
from batch_emulator.node.agent_link import AgentLink
from batch_emulator.node.host import Host
from batch_emulator.node.process import run_process
from batch_emulator.node.work import Work
from batch_emulator.options import Options


@pytest.fixture
def host(tmp_path):
    agent = AgentLink(None)
    yield Host(Options(state=tmp_path), Clock(), agent)
    agent.close()


@pytest.mark.parametrize("turns", range(8))
def test_work_that_is_ended_in_any_turn_of_the_loop_leaves_no_process(host, tmp_path, turns, alive):
    (tmp_path / "wd").mkdir()
    line = f"sleep 60 & echo $! >> {tmp_path}/pids; echo $$ >> {tmp_path}/pids; wait"
    work = Work(command=f"/bin/sh -c '{line}'", folder=tmp_path, environment={"PATH": "/bin"})

    async def begin_and_end():
        task = asyncio.ensure_future(run_process(work, host))
        for _ in range(turns):
            await asyncio.sleep(0)
            time.sleep(0.03)  # noqa: ASYNC251 - a busy loop, while the process gets on
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(begin_and_end())
    pids = tmp_path / "pids"
    left = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
    assert turns < 5 or len(left) == 2
    assert [pid for pid in left if alive(pid)] == []
