"""What a task sees and leaves: environment, folders, exit codes, retries, limits."""

import base64
import time
from pathlib import Path

import pytest
from azure.batch import models


def test_a_pool_without_nodes_runs_nothing_until_it_has_one(batch):
    pool = batch.pool(nodes=0)
    job = batch.job(pool)
    task = batch.task(job)
    batch.turn()
    assert batch.client.get_task(job, task).state == "active"
    assert batch.counts(job).active == 1

    batch.client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    done = batch.completed(job, task)
    assert done.execution_info.exit_code == 0
    assert done.execution_info.result == "success"
    assert done.execution_info.failure_info is None
    assert done.execution_info.start_time <= done.execution_info.end_time
    assert done.node_info.pool_id == pool
    counts = batch.counts(job)
    assert (counts.active, counts.running, counts.completed) == (0, 0, 1)
    assert (counts.succeeded, counts.failed) == (1, 0)


def test_environment_holds_the_service_s_variables_and_ours_and_no_more(batch):
    job = batch.job(commonEnvironmentSettings=[{"name": "COMMON", "value": "job"},
                                               {"name": "BOTH", "value": "job"}])  # fmt: skip
    task = batch.run(
        "/usr/bin/env", job, environmentSettings=[{"name": "BOTH", "value": "task"}]
    ).id
    lines = batch.text(job, task).splitlines()
    env = dict(line.split("=", 1) for line in lines)
    node = batch.client.get_task(job, task).node_info
    root = Path(env["AZ_BATCH_NODE_ROOT_DIR"])
    folder = root / "workitems" / job / "job-1" / task
    assert env["COMMON"] == "job"
    assert env["BOTH"] == "task"
    assert env["AZ_BATCH_JOB_ID"] == job
    assert env["AZ_BATCH_TASK_ID"] == task
    assert env["AZ_BATCH_POOL_ID"] == node.pool_id
    assert env["AZ_BATCH_NODE_ID"] == node.node_id
    assert env["AZ_BATCH_TASK_DIR"] == str(folder)
    assert env["AZ_BATCH_TASK_WORKING_DIR"] == str(folder / "wd") == env["HOME"]
    assert env["AZ_BATCH_NODE_SHARED_DIR"] == str(root / "shared")
    assert env["AZ_BATCH_ACCOUNT_NAME"] == "devaccount"
    assert env["AZ_BATCH_ACCOUNT_URL"] == batch.running.endpoint + "/"
    assert env["AZ_BATCH_NODE_IS_DEDICATED"] == "true"
    own = {name for name in env if not name.startswith("AZ_BATCH_")} - {"COMMON", "BOTH"}
    assert own <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "REQUESTS_CA_BUNDLE",
                   "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
                   *(f"{p}_PROXY" for p in ("HTTP", "HTTPS", "NO", "ALL")),
                   *(f"{p}_proxy" for p in ("http", "https", "no", "all"))}  # fmt: skip


def test_a_task_finds_the_account_s_key_nowhere_in_the_environments_it_can_read(emulator):
    key = base64.b64encode(b"a key of this test alone").decode()
    batch = emulator("--boot-time=0.05", key=key)
    process = f"/proc/{batch.running.process.pid}"
    job = batch.job()
    task = batch.run(f"/bin/sh -c 'env; cat {process}/environ {process}/cmdline'", job)
    text = batch.text(job, task.id)
    assert f"AZ_BATCH_TASK_ID={task.id}" in text
    assert "batch_emulator" in text
    assert key not in text


def test_no_shell_unless_asked_for(batch):
    job = batch.job()
    plain = batch.run("/bin/echo $AZ_BATCH_TASK_ID 'two words' > x", job).id
    assert batch.text(job, plain) == "$AZ_BATCH_TASK_ID two words > x\n"
    shell = batch.run("/bin/sh -c 'echo $AZ_BATCH_TASK_ID; echo oops >&2'", job).id
    assert batch.text(job, shell) == f"{shell}\n"
    assert batch.text(job, shell, "stderr.txt") == "oops\n"


def test_a_non_zero_exit_code_is_a_failure(batch):
    task = batch.run("/bin/sh -c 'exit 7'")
    info = task.execution_info
    assert (info.exit_code, info.result, info.retry_count) == (7, "failure", 0)
    assert info.failure_info.code == "FailureExitCode"
    assert info.failure_info.category == "usererror"


def test_results_are_absent_while_a_task_runs(batch):
    job = batch.job()
    task = batch.task(job, "/bin/sleep 30")
    running = batch.until(lambda: batch.client.get_task(job, task), lambda t: t.state == "running")
    info = running.execution_info
    assert info.start_time is not None
    assert (info.exit_code, info.end_time, info.result, info.failure_info) == (None,) * 4
    assert batch.counts(job).running == 1


def test_max_task_retry_count_n_means_n_plus_1_tries(batch):
    job = batch.job()
    # The working directory stays: each try leaves a mark in it.
    task = batch.run(
        "/bin/sh -c 'echo x >> tries; exit 3'", job, constraints={"maxTaskRetryCount": 2}
    )
    assert batch.text(job, task.id, "wd/tries").count("x") == 3
    assert task.execution_info.retry_count == 2
    assert task.execution_info.last_retry_time is not None
    assert batch.counts(job).failed == 1


def test_retries_end_with_the_first_success_and_jobs_give_the_default(batch):
    job = batch.job(constraints={"maxTaskRetryCount": -1})
    task = batch.run("/bin/sh -c 'echo x >> tries; test $(wc -l < tries) -ge 3'", job)
    assert task.execution_info.result == "success"
    assert task.execution_info.retry_count == 2


def test_wall_clock_limit_kills_the_whole_group_and_is_not_retried(batch):
    job = batch.job()
    started = time.monotonic()
    task = batch.run(
        "/bin/sh -c 'sleep 60 & echo $!; wait'",
        job,
        constraints={"maxWallClockTime": "PT0.3S", "maxTaskRetryCount": 5},
    )
    assert time.monotonic() - started < 10
    assert task.execution_info.result == "failure"
    assert task.execution_info.retry_count == 0
    assert "maximum execution time" in task.execution_info.failure_info.details[0].value
    child = int(batch.text(job, task.id))
    batch.until(lambda: not alive(child))


def alive(pid: int) -> bool:
    """Whether a process runs: one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_children_left_behind_end_with_the_task(batch):
    job = batch.job()
    task = batch.run("/bin/sh -c 'sleep 60 & echo $!'", job)
    assert task.execution_info.exit_code == 0
    child = int(batch.text(job, task.id))
    batch.until(lambda: not alive(child))


@pytest.mark.parametrize(
    ("command", "code"),
    [("/no/such/program", "CommandProgramNotFound"), ("/etc/passwd", "CommandLaunchFailed"),
     ("/bin/echo 'open quote", "CommandLaunchFailed")],
)  # fmt: skip
def test_a_command_that_cannot_start_is_not_retried(batch, command, code):
    task = batch.run(command, constraints={"maxTaskRetryCount": 3})
    info = task.execution_info
    assert (info.failure_info.code, info.exit_code, info.retry_count) == (code, None, 0)


def test_a_signal_is_told_as_shells_do(batch):
    assert batch.run("/bin/sh -c 'kill -9 $$'").execution_info.exit_code == 137


def test_slots_bound_how_many_run_at_once(batch):
    pool = batch.pool(nodes=1, taskSlotsPerNode=4)
    job = batch.job(pool)
    for slots in (3, 1, 2):
        batch.task(job, "/bin/sleep 30", requiredSlots=slots)
    batch.until(lambda: batch.counts(job).running, lambda n: n == 2)
    batch.turn()
    counts = batch.client.get_job_task_counts(job)
    assert (counts.task_counts.running, counts.task_counts.active) == (2, 1)
    assert (counts.task_slot_counts.running, counts.task_slot_counts.active) == (4, 2)
    [node] = batch.nodes(pool)
    assert node.running_task_slots_count == 4


@pytest.mark.parametrize(("fill", "used"), [("spread", [2, 2]), ("pack", [0, 4])])
def test_spread_and_pack(batch, fill, used):
    pool = batch.pool(nodes=2, taskSlotsPerNode=4, taskSchedulingPolicy={"nodeFillType": fill})
    batch.ready(pool, 2)
    job = batch.job(pool)
    for _ in range(4):
        batch.task(job, "/bin/sleep 30")
    batch.until(lambda: batch.counts(job).running, lambda n: n == 4)
    assert sorted(n.running_tasks_count for n in batch.nodes(pool)) == used
