"""Job preparation and release tasks: before a job's first task on a node, and after its last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.batch import models


def prepared(command: str = "/bin/true", **rest):
    return {"jobPreparationTask": {"commandLine": f"/bin/sh -c '{command}'", **rest}}


def released(command: str, **rest):
    return {"jobReleaseTask": {"commandLine": f"/bin/sh -c '{command}'", **rest}}


def status(batch, job, **options):
    return list(batch.client.list_job_preparation_and_release_task_status(job, **options))


def end(batch, job):
    options = {"terminateReason": "done"}
    batch.client.begin_terminate_job(job, options=options, polling_interval=0.02).result()
    return batch.client.get_job(job)


def node_text(batch, pool, node, path):
    return b"".join(batch.client.download_node_file(pool, node, path)).decode()


def test_preparation_runs_once_on_a_node_before_the_jobs_tasks(batch):
    pool = batch.pool(nodes=1)
    command = "echo $COLOUR >> kept; printenv AZ_BATCH_TASK_ID; printenv AZ_BATCH_JOB_PREP_DIR"
    job = batch.job(
        pool,
        commonEnvironmentSettings=[{"name": "COLOUR", "value": "red"}],
        **prepared(command + "; exit 0"),
    )
    show = "/bin/sh -c 'cat $AZ_BATCH_JOB_PREP_WORKING_DIR/kept $AZ_BATCH_JOB_PREP_DIR/stdout.txt'"
    first, second = batch.run(show, job), batch.run(show, job)
    assert batch.text(job, first.id) == "red\njobpreparation\n"
    assert batch.text(job, second.id) == "red\njobpreparation\n"
    (visit,) = status(batch, job)
    run = visit.job_preparation_task_execution_info
    assert (visit.pool_id, visit.node_id) == (pool, first.node_info.node_id)
    assert (run.state, run.result, run.exit_code, run.retry_count) == ("completed", "success", 0, 0)
    assert run.task_root_directory == f"workitems/{job}/job-1/jobpreparation"
    assert run.start_time <= run.end_time <= first.execution_info.start_time
    assert visit.job_release_task_execution_info is None
    text = node_text(batch, pool, visit.node_id, f"{run.task_root_directory}/stdout.txt")
    assert text == "jobpreparation\n"


def test_a_task_is_preparing_meanwhile_and_counts_as_running(batch, tmp_path):
    pool = batch.pool(nodes=1, taskSlotsPerNode=2)
    gate = tmp_path / "gate"
    job = batch.job(pool, **prepared(f"while [ ! -e {gate} ]; do sleep 0.02; done"))
    tasks = [batch.task(job), batch.task(job)]
    for task in tasks:
        batch.until(lambda t=task: batch.client.get_task(job, t).state, lambda s: s == "preparing")
    assert batch.client.get_task(job, tasks[0]).execution_info.start_time is None
    assert batch.counts(job).running == 2
    assert status(batch, job)[0].job_preparation_task_execution_info.state == "running"
    gate.touch()
    for task in tasks:
        assert batch.completed(job, task).execution_info.result == "success"
    assert len(status(batch, job)) == 1


def test_without_waiting_tasks_run_beside_it_whatever_becomes_of_it(batch, tmp_path):
    pool = batch.pool(nodes=1)
    gate, seen = tmp_path / "gate", tmp_path / "seen"
    wait = f"while [ ! -e {gate} ]; do sleep 0.02; done; exit 3"
    job = batch.job(pool, **prepared(wait, waitForSuccess=False), **released(f"touch {seen}"))
    assert batch.run("/bin/true", job).execution_info.result == "success"
    assert status(batch, job)[0].job_preparation_task_execution_info.state == "running"
    gate.touch()
    run = batch.until(
        lambda: status(batch, job)[0].job_preparation_task_execution_info,
        lambda run: run.state == "completed",
    )
    assert (run.result, run.exit_code, run.failure_info.code) == ("failure", 3, "FailureExitCode")
    assert batch.run("/bin/true", job).execution_info.result == "success"
    end(batch, job)
    assert seen.exists()


def test_a_failed_preparation_gives_the_task_back_and_the_node_no_more_of_the_job(batch, tmp_path):
    pool = batch.pool(nodes=2)
    batch.ready(pool, 2)
    # The first node that tries finds the folder missing, and makes it: so one fails, one does not.
    job = batch.job(pool, **prepared(f"mkdir {tmp_path}/first && exit 1; true"))
    task = batch.completed(job, batch.task(job))
    assert task.execution_info.result == "success"
    assert task.execution_info.retry_count == 0
    runs = {v.node_id: v.job_preparation_task_execution_info for v in status(batch, job)}
    assert sorted(run.result for run in runs.values()) == ["failure", "success"]
    assert runs[task.node_info.node_id].result == "success"
    more = [batch.task(job) for _ in range(3)]
    nodes = {batch.completed(job, one).node_info.node_id for one in more}
    assert nodes == {task.node_info.node_id}
    (bad,) = set(runs) - nodes
    other = batch.run("/bin/true", batch.job(pool), affinityInfo={"affinityId": f"TVM:{bad}"})
    assert other.node_info.node_id == bad


def test_where_no_node_can_be_prepared_the_task_stays_active(batch):
    job = batch.job(batch.pool(nodes=1), **prepared("exit 5", constraints={"maxTaskRetryCount": 2}))
    task = batch.task(job)
    (visit,) = batch.until(
        lambda: status(batch, job),
        lambda found: found and found[0].job_preparation_task_execution_info.end_time,
    )
    run = visit.job_preparation_task_execution_info
    assert (run.retry_count, run.exit_code, run.result) == (2, 5, "failure")
    assert run.last_retry_time == run.start_time
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "active")
    counts = batch.counts(job)
    assert (counts.active, counts.running) == (1, 0)
    assert end(batch, job).state == "completed"


def test_release_runs_where_tasks_ran_and_the_job_waits_for_it(batch, tmp_path):
    pool = batch.pool(nodes=2)
    batch.ready(pool, 2)
    gate = tmp_path / "gate"
    job = batch.job(
        pool,
        **prepared("echo made > kept"),
        **released(
            f"cat $AZ_BATCH_JOB_PREP_WORKING_DIR/kept; while [ ! -e {gate} ]; do sleep 0.02; done",
            id="tidy",
        ),
    )
    node = batch.run("/bin/true", job).node_info.node_id
    batch.client.begin_terminate_job(job, options={"terminateReason": "done"}, polling_interval=0)
    (visit,) = batch.until(
        lambda: status(batch, job), lambda found: found[0].job_release_task_execution_info
    )
    assert visit.job_release_task_execution_info.state == "running"
    assert batch.client.get_job(job).state == "terminating"
    gate.touch()
    ended = batch.until(lambda: batch.client.get_job(job), lambda j: j.state == "completed")
    assert ended.execution_info.termination_reason == "done"
    (visit,) = status(batch, job)
    run = visit.job_release_task_execution_info
    assert (visit.node_id, run.result, run.exit_code) == (node, "success", 0)
    assert run.task_root_directory == f"workitems/{job}/job-1/tidy"
    text = node_text(batch, pool, node, f"{run.task_root_directory}/stdout.txt")
    assert text == "made\n"
    assert run.end_time <= ended.execution_info.end_time


def test_deletion_releases_too_but_not_twice(batch, tmp_path):
    pool = batch.pool(nodes=1)
    mark = tmp_path / "mark"
    for terminated in (False, True):
        job = batch.job(pool, **prepared(), **released(f"echo x >> {mark}"))
        batch.run("/bin/true", job)
        if terminated:
            end(batch, job)
        batch.client.begin_delete_job(job, polling_interval=0.02).result()
        batch.until(lambda j=job: batch.raw("GET", f"/jobs/{j}").status_code, lambda c: c == 404)
    assert mark.read_text() == "x\nx\n"


def test_a_release_that_takes_too_long_is_ended(batch):
    job = batch.job(batch.pool(nodes=1), **prepared(), **released("sleep 300"))
    batch.run("/bin/true", job)
    batch.client.begin_terminate_job(job, options={"terminateReason": "x"}, polling_interval=0)
    batch.until(lambda: status(batch, job)[0].job_release_task_execution_info)
    batch.running.admin.advance(timedelta(minutes=14))
    assert batch.client.get_job(job).state == "terminating"
    batch.running.admin.advance(timedelta(minutes=2))
    batch.until(lambda: batch.client.get_job(job).state, lambda s: s == "completed")
    run = status(batch, job)[0].job_release_task_execution_info
    assert (run.result, run.failure_info.code) == ("failure", "TaskEnded")


def test_termination_ends_a_preparation_and_needs_no_release(batch, alive, tmp_path):
    pid = tmp_path / "pid"
    job = batch.job(
        batch.pool(nodes=1),
        **prepared(f"echo $$ > {pid}; sleep 300"),
        **released(f"touch {tmp_path}/released"),
    )
    task = batch.task(job)
    number = int(batch.until(lambda: pid.exists() and pid.read_text()))
    assert end(batch, job).state == "completed"
    assert batch.client.get_task(job, task).execution_info.failure_info.code == "TaskEnded"
    batch.until(lambda: not alive(number))
    run = status(batch, job)[0].job_preparation_task_execution_info
    assert (run.state, run.failure_info.code) == ("completed", "TaskEnded")
    assert not (tmp_path / "released").exists()


def test_a_node_that_leaves_holds_no_job_up(batch):
    pool = batch.pool(nodes=1)
    job = batch.job(pool, **prepared(), **released("sleep 300"))
    batch.run("/bin/true", job)
    batch.client.begin_terminate_job(job, options={"terminateReason": "x"}, polling_interval=0)
    batch.until(lambda: status(batch, job)[0].job_release_task_execution_info)
    batch.client.begin_delete_pool(pool, polling_interval=0.02).result()
    batch.until(lambda: batch.client.get_job(job).state, lambda s: s == "completed")
    assert len(status(batch, job)) == 1


@pytest.mark.parametrize(("rerun", "times"), [(True, 2), (False, 1)])
def test_after_a_reboot_it_runs_again_unless_told_not_to(batch, tmp_path, rerun, times):
    pool = batch.pool(nodes=1)
    mark = tmp_path / "mark"
    job = batch.job(pool, **prepared(f"echo x >> {mark}", rerunOnNodeRebootAfterSuccess=rerun))
    node = batch.run("/bin/true", job).node_info.node_id
    before = batch.client.get_node(pool, node).last_boot_time
    batch.client.begin_reboot_node(
        pool, node, options={"nodeRebootOption": "requeue"}, polling_interval=0
    )
    batch.until(lambda: batch.client.get_node(pool, node).last_boot_time, lambda t: t != before)
    assert batch.run("/bin/true", job).execution_info.result == "success"
    assert mark.read_text() == "x\n" * times


def test_after_a_reimage_a_node_is_prepared_anew_though_it_failed_before(batch, tmp_path):
    pool = batch.pool(nodes=1)
    job = batch.job(pool, **prepared(f"test -e {tmp_path}/ready"), **released("true"))
    task = batch.task(job)
    batch.until(
        lambda: status(batch, job),
        lambda found: found and found[0].job_preparation_task_execution_info.end_time,
    )
    (tmp_path / "ready").touch()
    (node,) = batch.nodes(pool)
    batch.client.begin_reimage_node(pool, node.id, options={"nodeReimageOption": "requeue"})
    assert batch.completed(job, task).execution_info.result == "success"


def test_folders_stay_for_their_retention_after_the_jobs_end(emulator):
    batch = emulator("--boot-time=0.05")
    pool = batch.pool(nodes=1)
    job = batch.job(
        pool,
        **prepared(constraints={"retentionTime": "PT1H"}),
        **released("true", retentionTime="PT2H"),
    )
    node = batch.run("/bin/true", job).node_info.node_id

    def folders():
        files = batch.client.list_node_files(pool, node, recursive=True)
        return {f.name.rpartition("/")[2] for f in files if f.is_directory}

    batch.running.admin.advance(timedelta(hours=3))
    end(batch, job)
    assert {"jobpreparation", "jobrelease"} <= folders()
    batch.running.admin.advance(timedelta(minutes=61))
    batch.until(folders, lambda found: "jobpreparation" not in found and "jobrelease" in found)
    batch.running.admin.advance(timedelta(minutes=61))
    batch.until(folders, lambda found: "jobrelease" not in found)


def test_it_goes_before_the_job_manager_of_a_schedules_job(batch):
    schedule = batch.name("schedule")
    manager = {
        "id": "manager",
        "commandLine": "/bin/sh -c 'cat $AZ_BATCH_JOB_PREP_WORKING_DIR/kept'",
    }
    body = {
        "id": schedule,
        "schedule": {},
        "jobSpecification": {
            "poolInfo": {"poolId": batch.pool(nodes=1)},
            "jobManagerTask": manager,
            **prepared("echo ready > kept"),
            **released("true"),
        },
    }
    batch.client.create_job_schedule(models.BatchJobScheduleCreateOptions(body))
    job = f"{schedule}:job-1"
    batch.until(lambda: batch.client.get_job(job).state, lambda s: s == "completed")
    assert batch.text(job, "manager") == "ready\n"
    (visit,) = status(batch, job)
    root = f"workitems/{schedule}/job-1"
    run, last = visit.job_preparation_task_execution_info, visit.job_release_task_execution_info
    assert run.task_root_directory == f"{root}/jobpreparation"
    assert (last.task_root_directory, last.result) == (f"{root}/jobrelease", "success")


def test_the_status_is_paged_filtered_and_selected(batch):
    pool = batch.pool(nodes=2)
    batch.ready(pool, 2)
    job = batch.job(pool, **prepared(), **released("true"))
    for node in batch.nodes(pool):
        batch.run("/bin/true", job, affinityInfo={"affinityId": node.affinity_id})
    one, two = status(batch, job, max_results=1)
    assert one.node_id != two.node_id
    name = f"nodeId eq '{one.node_id}' and poolId eq '{pool}'"
    assert [v.node_id for v in status(batch, job, filter=name)] == [one.node_id]
    done = "jobPreparationTaskExecutionInfo/state eq 'completed'"
    good = "jobPreparationTaskExecutionInfo/result eq 'success'"
    assert len(status(batch, job, filter=f"{done} and {good}")) == 2
    assert status(batch, job, filter="jobReleaseTaskExecutionInfo/exitCode eq 0") == []
    assert set(status(batch, job, select=["nodeId"])[0].as_dict()) == {"nodeId"}


def test_a_job_tells_what_the_service_adds(batch):
    job = batch.client.get_job(batch.job(batch.pool(nodes=0), **prepared(), **released("true")))
    first, last = job.job_preparation_task, job.job_release_task
    assert (first.id, first.wait_for_success, first.rerun_on_node_reboot_after_success) == (
        "jobpreparation",
        True,
        True,
    )
    assert (last.id, last.max_wall_clock_time) == ("jobrelease", timedelta(minutes=15))
    assert last.retention_time == timedelta(days=7)


def test_what_cannot_be_is_refused(batch, refused):
    pool = batch.pool(nodes=0)
    cases = [
        ("MissingRequiredProperty", released("true")),
        ("InvalidPropertyValue", prepared(id="a b")),
        ("InvalidPropertyValue", {**prepared(id="x"), **released("true", id="X")}),
        ("InvalidPropertyValue", {**prepared(), **released("true", maxWallClockTime="PT16M")}),
        ("InvalidPropertyValue", prepared(constraints={"maxTaskRetryCount": -2})),
    ]
    for code, properties in cases:
        error = refused(lambda p=properties: batch.job(pool, **p))
        assert (error.status_code, error.error.code) == (400, code), properties
    plain = batch.job(pool)
    error = refused(lambda: status(batch, plain))
    assert (error.status_code, error.error.code) == (409, "JobPreparationTaskNotSpecified")
    job = batch.job(pool, **prepared(), **released("true", id="tidy"))
    error = refused(lambda: batch.task(job, name="JobPreparation"))
    assert (error.status_code, error.error.code) == (409, "TaskIdSameAsJobPreparationTask")
    error = refused(lambda: batch.task(job, name="tidy"))
    assert (error.status_code, error.error.code) == (409, "TaskIdSameAsJobReleaseTask")
    error = refused(lambda: status(batch, job, filter="state eq 'x'"))
    assert error.error.code == "InvalidQueryParameterValue"


def test_it_all_goes_on_after_kill_9(emulator, tmp_path):
    state, gate, mark = (tmp_path / name for name in ("state", "gate", "mark"))

    def begin():
        return emulator("--boot-time=0.05", f"--state={state}")

    batch = begin()
    pool = batch.pool(nodes=1)
    waiting = batch.job(
        pool, **prepared(f"echo x >> {mark}; while [ ! -e {gate} ]; do sleep 0.02; done")
    )
    ended = batch.job(
        pool, priority=1, **prepared(), **released(f"while [ ! -e {gate} ]; do sleep 0.02; done")
    )
    batch.run("/bin/true", ended)
    task = batch.task(waiting)
    batch.until(lambda: batch.client.get_task(waiting, task).state, lambda s: s == "preparing")
    batch.client.begin_terminate_job(ended, options={"terminateReason": "x"}, polling_interval=0)
    batch.until(lambda: status(batch, ended)[0].job_release_task_execution_info)
    before = status(batch, ended)[0].job_preparation_task_execution_info
    batch.until(mark.exists)
    batch.running.process.kill()
    batch.running.process.wait(10)
    again = begin()
    after = status(again, ended)[0].job_preparation_task_execution_info
    assert (after.end_time, after.exit_code) == (before.end_time, before.exit_code)
    assert again.client.get_job(ended).state == "terminating"
    again.until(mark.read_text, lambda text: text == "x\nx\n")
    gate.touch()
    assert again.completed(waiting, task).execution_info.result == "success"
    again.until(lambda: again.client.get_job(ended).state, lambda s: s == "completed")
    assert status(again, ended)[0].job_release_task_execution_info.result == "success"
