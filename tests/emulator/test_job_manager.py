"""Job manager tasks: they come with their job, go first, and by default end it."""

from __future__ import annotations

import pytest
from azure.batch import models


def managed(batch, command="/bin/true", pool=None, job=None, **manager):
    """A job with a job manager."""
    body = {"id": "manager", "commandLine": command, **manager}
    return batch.job(pool or batch.pool(nodes=1), jobManagerTask=body, **(job or {}))


def over(batch, job):
    return batch.until(lambda: batch.client.get_job(job), lambda j: j.state == "completed")


def running(batch, job, task):
    return batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")


def hold(batch, job, count, **rest):
    """Tasks that run until their job ends."""
    return [batch.task(job, "/bin/sleep 300", **rest) for _ in range(count)]


def test_the_manager_is_a_task_of_its_job_and_ends_it(batch):
    job = managed(
        batch,
        "/bin/sh -c 'echo $AZ_BATCH_JOB_ID $AZ_BATCH_TASK_ID $OWN $COMMON'",
        job={"commonEnvironmentSettings": [{"name": "COMMON", "value": "all"}]},
        environmentSettings=[{"name": "OWN", "value": "mine"}],
        displayName="the manager",
        constraints={"maxTaskRetryCount": 2},
    )
    done = batch.completed(job, "manager")
    assert done.execution_info.result == "success"
    assert (done.display_name, done.constraints.max_task_retry_count) == ("the manager", 2)
    assert batch.text(job, "manager").split() == [job, "manager", "mine", "all"]
    ended = over(batch, job)
    assert ended.execution_info.termination_reason == "JMComplete"
    assert [task.id for task in batch.client.list_tasks(job)] == ["manager"]


def test_what_is_not_said_of_a_manager_has_the_service_s_defaults(batch):
    job = managed(batch, pool=batch.pool(nodes=0))
    manager = batch.client.get_job(job).job_manager_task
    assert (manager.id, manager.command_line, manager.required_slots) == ("manager", "/bin/true", 1)
    assert manager.kill_job_on_completion
    assert manager.run_exclusive
    assert manager.allow_low_priority_node


def test_its_end_ends_the_other_tasks(batch):
    pool = batch.pool(nodes=2)
    job = managed(batch, "/bin/sh -c 'until test -f go; do sleep 0.05; done'", pool=pool)
    (other,) = hold(batch, job, 1)
    running(batch, job, "manager")
    running(batch, job, other)
    waiting = batch.task(job, "/bin/true", requiredSlots=1)
    batch.client.terminate_task(job, "manager")
    assert over(batch, job).execution_info.termination_reason == "JMComplete"
    failure = batch.client.get_task(job, other).execution_info.failure_info
    assert failure.code == "TaskEnded"
    # A task that had not begun stays as it was, as with any end of a job.
    assert batch.client.get_task(job, waiting).state == "active"


def test_its_failure_ends_the_job_too_after_its_retries(batch):
    job = managed(batch, "/bin/sh -c 'exit 3'", constraints={"maxTaskRetryCount": 1})
    assert over(batch, job).execution_info.termination_reason == "JMComplete"
    info = batch.client.get_task(job, "manager").execution_info
    assert (info.exit_code, info.retry_count, info.result) == (3, 1, "failure")


def test_it_may_leave_the_job_to_its_tasks(batch):
    job = managed(batch, killJobOnCompletion=False)
    assert batch.completed(job, "manager").execution_info.result == "success"
    assert batch.client.get_job(job).state == "active"
    batch.run("/bin/true", job)
    assert batch.client.get_job(job).state == "active"


def test_with_all_tasks_complete_the_job_waits_for_those_that_the_manager_adds(batch):
    job = managed(
        batch,
        "/bin/sleep 0.5",
        pool=batch.pool(nodes=1, taskSlotsPerNode=2),
        job={"onAllTasksComplete": "terminatejob"},
        killJobOnCompletion=False,
        runExclusive=False,
    )
    added = batch.task(job, "/bin/true")
    ended = over(batch, job)
    assert ended.execution_info.termination_reason == "AllTasksComplete"
    assert {t.id: t.execution_info.result for t in batch.client.list_tasks(job)} == {
        "manager": "success",
        added: "success",
    }


def test_a_manager_that_fails_without_ending_the_job_is_a_task_like_others(batch):
    job = managed(
        batch,
        "/bin/false",
        job={"onTaskFailure": "performexitoptionsjobaction"},
        killJobOnCompletion=False,
    )
    assert over(batch, job).execution_info.termination_reason == "TaskFailed"


def test_it_has_its_node_for_itself(batch):
    pool = batch.pool(nodes=1, taskSlotsPerNode=4)
    job = managed(batch, "/bin/sleep 300", pool=pool, killJobOnCompletion=False)
    running(batch, job, "manager")
    neighbour = batch.job(pool)
    others = [batch.task(job, "/bin/true"), batch.task(neighbour, "/bin/true")]
    node = batch.nodes(pool)[0]
    assert (node.running_tasks_count, node.running_task_slots_count) == (1, 1)
    # A pool that is looked at after them has scheduled its task: theirs were looked at too.
    batch.run("/bin/true", batch.job(batch.pool(nodes=1)))
    assert batch.client.get_task(job, others[0]).state == "active"
    assert batch.client.get_task(neighbour, others[1]).state == "active"
    batch.client.terminate_task(job, "manager")
    batch.completed(job, others[0])
    batch.completed(neighbour, others[1])


def test_it_waits_until_it_can_have_a_node_for_itself(batch):
    pool = batch.pool(nodes=1, taskSlotsPerNode=2)
    first = batch.job(pool)
    (busy,) = hold(batch, first, 1)
    running(batch, first, busy)
    job = managed(batch, pool=pool)
    after = batch.job(pool)
    # The slot beside the busy one is of no use to the manager.
    batch.run("/bin/true", after)
    assert batch.client.get_task(job, "manager").state == "active"
    batch.client.terminate_task(first, busy)
    assert over(batch, job).execution_info.termination_reason == "JMComplete"


def test_unless_it_is_not_to_be_exclusive(batch):
    pool = batch.pool(nodes=1, taskSlotsPerNode=3)
    job = managed(batch, "/bin/sleep 300", pool=pool, runExclusive=False, requiredSlots=2)
    running(batch, job, "manager")
    assert batch.run("/bin/true", job).execution_info.result == "success"
    assert batch.nodes(pool)[0].running_task_slots_count == 2
    batch.raw("POST", f"/jobs/{job}/terminate")


def test_it_keeps_off_low_priority_nodes_if_told_so(batch):
    pool = batch.pool(nodes=0, targetLowPriorityNodes=1)
    batch.ready(pool, 1)
    avoiding = managed(batch, pool=pool, allowLowPriorityNode=False)
    taking = managed(batch, pool=pool)
    over(batch, taking)
    assert batch.client.get_task(avoiding, "manager").state == "active"
    batch.raw("POST", f"/pools/{pool}/resize", json={"targetDedicatedNodes": 1})
    over(batch, avoiding)
    node = batch.client.get_task(avoiding, "manager").node_info.node_id
    assert batch.client.get_node(pool, node).is_dedicated


def test_it_goes_before_the_other_tasks_of_its_job(batch):
    pool = batch.pool(nodes=0)
    job = managed(batch, pool=pool, killJobOnCompletion=False)
    other = batch.task(job)
    batch.raw("POST", f"/pools/{pool}/resize", json={"targetDedicatedNodes": 1})
    first, second = batch.completed(job, "manager"), batch.completed(job, other)
    assert first.execution_info.end_time <= second.execution_info.start_time


def test_ending_it_in_a_disabled_job_ends_the_job(batch):
    job = managed(batch, pool=batch.pool(nodes=0))
    batch.raw("POST", f"/jobs/{job}/disable", json={"disableTasks": "requeue"})
    assert batch.client.get_job(job).state == "disabled"
    batch.client.terminate_task(job, "manager")
    assert over(batch, job).execution_info.termination_reason == "JMComplete"


def test_every_job_of_a_schedule_has_one(batch):
    pool = batch.pool(nodes=1)
    schedule = batch.name("schedule")
    body = {
        "id": schedule,
        "schedule": {},
        "jobSpecification": {
            "poolInfo": {"poolId": pool},
            "jobManagerTask": {"id": "manager", "commandLine": "/bin/sh -c 'exit 0'"},
        },
    }
    batch.client.create_job_schedule(models.BatchJobScheduleCreateOptions(body))
    batch.until(lambda: batch.client.get_job_schedule(schedule).state, lambda s: s == "completed")
    job = batch.client.get_job(f"{schedule}:job-1")
    assert job.execution_info.termination_reason == "JMComplete"
    batch.client.begin_delete_job_schedule(schedule).result()


def test_it_runs_again_and_ends_the_job_after_kill_9(emulator, tmp_path):
    options = ("--boot-time=0.05", f"--state={tmp_path}")
    batch = emulator(*options)
    pool = batch.pool(nodes=1, taskSlotsPerNode=2)
    marks = tmp_path / "marks"
    command = f"/bin/sh -c 'echo begun >> {marks}; test -f {marks}.go || sleep 300'"
    job = managed(batch, command, pool=pool)
    other = batch.task(job, "/bin/sleep 300")
    batch.until(marks.exists)
    batch.running.process.kill()
    batch.running.process.wait(10)
    (tmp_path / "marks.go").touch()
    again = emulator(*options)
    assert over(again, job).execution_info.termination_reason == "JMComplete"
    assert marks.read_text() == "begun\nbegun\n"
    assert again.client.get_task(job, other).state in ("active", "completed")


@pytest.mark.parametrize(
    ("manager", "code"),
    [
        ({"id": "m"}, "MissingRequiredProperty"),
        ({"commandLine": "/bin/true"}, "MissingRequiredProperty"),
        ({"id": "a b", "commandLine": "/bin/true"}, "InvalidPropertyValue"),
        ({"id": "m", "commandLine": "x", "requiredSlots": 0}, "InvalidPropertyValue"),
        (
            {"id": "m", "commandLine": "x", "constraints": {"maxTaskRetryCount": -2}},
            "InvalidPropertyValue",
        ),
        ({"id": "m", "commandLine": "x", "exitConditions": {}}, "InvalidRequestBody"),
    ],
)
def test_what_cannot_be_is_refused(batch, manager, code):
    job = batch.name("job")
    body = {"id": job, "poolInfo": {"poolId": batch.pool(nodes=0)}, "jobManagerTask": manager}
    answer = batch.raw("POST", "/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert batch.raw("GET", f"/jobs/{job}").status_code == 404


def test_its_id_is_taken(batch, refused):
    job = managed(batch, pool=batch.pool(nodes=0))
    assert refused(lambda: batch.task(job, name="Manager")).error.code == "TaskExists"
