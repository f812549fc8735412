"""Jobs: how they end, wait, go on, and what they do with their tasks."""

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError


def test_a_job_tells_what_it_was_made_with(batch):
    job_id = batch.job(batch.pool(nodes=0), priority=10, metadata=[{"name": "a", "value": "b"}])
    job = batch.client.get_job(job_id)
    assert (job.state, job.priority, job.metadata[0].value) == ("active", 10, "b")
    assert (job.all_tasks_complete_mode, job.uses_task_dependencies) == ("noaction", False)
    assert job.execution_info.start_time is not None


def test_a_job_s_id_is_taken_once(batch, refused):
    pool = batch.pool(nodes=0)
    job = batch.job(pool)
    options = models.BatchJobCreateOptions(id=job, pool_info=models.BatchPoolInfo(pool_id=pool))
    error = refused(lambda: batch.client.create_job(options))
    assert (error.status_code, error.error.code) == (409, "JobExists")


def test_a_job_may_be_made_before_its_pool(batch):
    job = batch.job("not-there-yet")
    task = batch.task(job)
    body = batch.client.get_pool(batch.pool(nodes=0)).virtual_machine_configuration
    batch.client.create_pool(
        models.BatchPoolCreateOptions(
            id="not-there-yet",
            vm_size="Standard_D2s_v5",
            virtual_machine_configuration=body,
            target_dedicated_nodes=1,
        )
    )
    batch.pools.append("not-there-yet")
    assert batch.completed(job, task).execution_info.result == "success"


def test_a_job_ends_when_all_tasks_have(batch):
    job = batch.job()
    for _ in range(3):
        batch.task(job)
    patch = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
    batch.client.update_job(job, patch)
    ended = batch.until(lambda: batch.client.get_job(job), lambda j: j.state == "completed")
    assert ended.execution_info.termination_reason == "AllTasksComplete"
    assert ended.execution_info.end_time is not None
    assert batch.counts(job).succeeded == 3


def test_an_empty_job_counts_as_complete(batch):
    job = batch.job(batch.pool(nodes=0))
    assert batch.client.get_job(job).state == "active"
    patch = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
    batch.client.update_job(job, patch)
    assert batch.client.get_job(job).state == "completed"


def test_a_job_that_ends_with_its_tasks_goes_on_doing_so(batch, refused):
    job = batch.job(batch.pool(nodes=0))
    batch.task(job)
    wanted = models.BatchJobUpdateOptions
    batch.client.update_job(job, wanted(all_tasks_complete_mode="terminatejob"))
    batch.client.update_job(job, wanted(priority=5))
    back = wanted(all_tasks_complete_mode="noaction")
    error = refused(lambda: batch.client.update_job(job, back))
    assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")
    # what a replacement leaves out gets its default
    pool = {"poolInfo": {"poolId": batch.client.get_job(job).pool_info.pool_id}}
    answer = batch.raw("PUT", f"/jobs/{job}", json=pool)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")
    told = batch.client.get_job(job)
    assert (told.all_tasks_complete_mode, told.priority) == ("terminatejob", 5)


def test_terminate_ends_running_tasks_and_leaves_waiting_ones(batch, refused):
    job = batch.job()
    first, second = batch.task(job, "/bin/sleep 60"), batch.task(job)
    batch.until(lambda: batch.client.get_task(job, first).state, lambda s: s == "running")
    options = {"terminateReason": "enough"}
    batch.client.begin_terminate_job(job, options=options, polling_interval=0).result()
    ended = batch.client.get_job(job)
    assert (ended.state, ended.execution_info.termination_reason) == ("completed", "enough")
    task = batch.client.get_task(job, first)
    assert (task.state, task.execution_info.failure_info.code) == ("completed", "TaskEnded")
    assert batch.client.get_task(job, second).state == "active"
    assert refused(lambda: batch.task(job)).error.code == "JobCompleted"


def test_delete_takes_tasks_and_files(batch):
    job = batch.job()
    batch.task(job, "/bin/sleep 60")
    batch.until(lambda: batch.counts(job).running)
    batch.client.begin_delete_job(job, polling_interval=0).result()
    with pytest.raises(ResourceNotFoundError):
        batch.client.get_job(job)


@pytest.mark.parametrize(
    ("option", "state"), [("requeue", "active"), ("terminate", "completed"), ("wait", "running")]
)
def test_disable(batch, option, state):
    job = batch.job()
    task = batch.task(job, "/bin/sleep 60" if option != "wait" else "/bin/sleep 1")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    batch.client.begin_disable_job(
        job, models.BatchJobDisableOptions(disable_tasks=option), polling_interval=0
    )
    later = batch.task(job)
    if option == "wait":
        assert batch.client.get_job(job).state == "disabling"
    batch.until(lambda: batch.client.get_job(job).state, lambda s: s == "disabled")
    assert batch.client.get_task(job, task).state == ("completed" if option == "wait" else state)
    batch.turn()
    assert batch.client.get_task(job, later).state == "active"
    batch.client.terminate_task(job, task) if option == "requeue" else None
    batch.client.begin_enable_job(job, polling_interval=0).result()
    assert batch.completed(job, later).execution_info.result == "success"


def test_a_job_s_wall_clock_ends_it(batch):
    job = batch.job(constraints={"maxWallClockTime": "PT0.5S"})
    batch.task(job, "/bin/sleep 60")
    ended = batch.until(lambda: batch.client.get_job(job), lambda j: j.state == "completed")
    assert ended.execution_info.termination_reason == "MaxWallClockTimeExpiry"


def test_higher_priority_goes_first(batch):
    pool = batch.pool(nodes=0)
    low, high = batch.job(pool, priority=-5), batch.job(pool, priority=5)
    first, second = batch.task(low), batch.task(high)
    batch.client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    started = {
        job: batch.completed(job, task).execution_info.start_time
        for job, task in ((low, first), (high, second))
    }
    assert started[high] < started[low]


def test_max_parallel_tasks(batch):
    pool = batch.pool(taskSlotsPerNode=4)
    job = batch.job(pool, maxParallelTasks=2)
    for _ in range(4):
        batch.task(job, "/bin/sleep 30")
    batch.until(lambda: batch.counts(job).running, lambda n: n == 2)
    batch.turn()
    assert batch.counts(job).running == 2


def test_the_quota_of_active_jobs(emulator, refused):
    batch = emulator("--active-jobs=1")
    job = batch.job("no-pool")
    error = refused(lambda: batch.job("no-pool"))
    assert (error.status_code, error.error.code) == (409, "ActiveJobAndScheduleQuotaReached")
    options = {"terminateReason": "done"}
    batch.client.begin_terminate_job(job, options=options, polling_interval=0).result()
    batch.job("no-pool")


def test_replace_resets_what_is_not_given(batch):
    pool = batch.pool(nodes=0)
    job_id = batch.job(pool, priority=7)
    job = batch.client.get_job(job_id)
    job.priority = None
    batch.client.replace_job(job_id, job)
    assert batch.client.get_job(job_id).priority == 0
