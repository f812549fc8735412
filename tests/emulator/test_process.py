"""A task's process: whenever its work is ended, nothing of it is left."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

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


def test_work_that_is_ended_just_as_it_ends_by_itself_is_ended(host, tmp_path):
    async def begin_and_end():
        folders = [tmp_path / name for name in "ab"]
        works = [Work("/bin/true", folder, {"PATH": "/bin"}) for folder in folders]
        one, other = (asyncio.ensure_future(run_process(work, host)) for work in works)
        for _ in range(3):
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(one.cancel)
        time.sleep(0.5)  # noqa: ASYNC251 - a busy loop, which hears of both ends after it
        done, _ = await asyncio.wait([one, other], timeout=10)
        assert done == {one, other}
        assert one.cancelled()
        assert other.result().exit_code == 0

    asyncio.run(begin_and_end())


def test_a_process_that_runs_has_its_output_s_files(batch):
    job = batch.job(batch.pool(nodes=4))
    for _ in range(10):
        task = batch.task(job, "/bin/sleep 0.2")
        batch.until(lambda task=task: batch.client.get_task(job, task).state != "active")
        assert batch.text(job, task) == ""


def test_an_agent_that_is_killed_is_replaced_and_its_tasks_fail(emulator, alive):
    own = emulator("--boot-time=0.05")
    job = own.job()
    task = own.task(job, "/bin/sh -c 'echo $$; sleep 300'")
    pid = int(own.until(lambda: own.raw("GET", f"/jobs/{job}/tasks/{task}/files/stdout.txt").text
                        if own.client.get_task(job, task).state == "running" else ""))  # fmt: skip
    emulator_pid = own.running.process.pid
    children = Path(f"/proc/{emulator_pid}/task/{emulator_pid}/children").read_text().split()
    (agent,) = [int(child) for child in children]
    os.kill(agent, signal.SIGKILL)
    failed = own.completed(job, task).execution_info.failure_info
    assert (failed.code, failed.category) == ("UnknownError", "servererror")
    own.until(lambda: not alive(pid))
    assert own.run("/bin/true", job).execution_info.result == "success"


def test_no_process_of_a_task_goes_on_beside_its_next_try(emulator, tmp_path, alive):
    options = "--boot-time=0.05", f"--state={tmp_path}"
    own = emulator(*options)
    job = own.job()
    task = own.task(job, "/bin/sh -c 'sleep 300 & echo $! $$; wait'")
    told = own.until(lambda: own.raw("GET", f"/jobs/{job}/tasks/{task}/files/stdout.txt").text
                     if own.client.get_task(job, task).state == "running" else "")  # fmt: skip
    pids = [int(pid) for pid in told.split()]
    emulator_pid = own.running.process.pid
    children = Path(f"/proc/{emulator_pid}/task/{emulator_pid}/children").read_text().split()
    # as `pkill -9` would; stopped first, so that neither sees the other's end and acts on it
    for sent in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (emulator_pid, *map(int, children)):
            os.kill(pid, sent)
    own.running.process.wait(10)
    assert all(map(alive, pids))
    again = emulator(*options)
    assert not any(map(alive, pids))
    again.until(lambda: again.client.get_task(job, task).state == "running")


def test_a_task_does_not_hold_the_lock_on_the_state(emulator, tmp_path):
    own = emulator("--boot-time=0.05", f"--state={tmp_path}")
    job = own.job()
    held = own.text(job, own.run("/bin/ls -l /proc/self/fd", job).id)
    assert "stdout.txt" in held
    assert "lock" not in held
