"""Tasks as resources: adding many, dependencies, exit conditions, ending, trying again."""

from datetime import timedelta

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError


@pytest.fixture
def waiting_job(batch):
    """A job whose pool has no nodes, so that its tasks wait."""
    return batch.job(batch.pool(nodes=0), usesTaskDependencies=True)


def options(*ids, command="/bin/true"):
    return [models.BatchTaskCreateOptions(id=i, command_line=command) for i in ids]


def test_a_collection_has_a_result_for_each_task(batch, waiting_job):
    batch.task(waiting_job, name="old")
    group = models.BatchTaskGroup(task_values=options("new", "old", "bad id"))
    results = {
        r.task_id: r for r in batch.client.create_task_collection(waiting_job, group).result_values
    }
    assert results["new"].status == "success"
    assert results["new"].location.endswith(f"/jobs/{waiting_job}/tasks/new")
    assert (results["old"].status, results["old"].error.code) == ("clienterror", "TaskExists")
    assert results["bad id"].error.code == "InvalidPropertyValue"
    assert batch.counts(waiting_job).active == 2


def test_trap_submitting_again_is_safe(batch, waiting_job):
    for _ in range(2):
        batch.client.create_tasks(waiting_job, options(*(f"t{n}" for n in range(150))))
    assert batch.counts(waiting_job).active == 150


def test_101_tasks_are_too_many(batch, waiting_job, refused):
    group = models.BatchTaskGroup(task_values=options(*(f"t{n}" for n in range(101))))
    error = refused(lambda: batch.client.create_task_collection(waiting_job, group))
    assert error.status_code == 400


def test_a_body_over_1_mb_is_too_large_and_the_client_halves_it(batch, waiting_job, refused):
    large = options(*(f"t{n}" for n in range(40)), command="/bin/echo " + "x" * 40_000)
    group = models.BatchTaskGroup(task_values=large)
    error = refused(lambda: batch.client.create_task_collection(waiting_job, group))
    assert (error.status_code, error.error.code) == (413, "RequestBodyTooLarge")
    batch.client.create_tasks(waiting_job, large)
    assert batch.counts(waiting_job).active == 40


def test_trap_create_tasks_sends_the_last_first(batch, waiting_job):
    batch.client.create_tasks(waiting_job, options("a", "b", "c"))
    assert [task.id for task in batch.client.list_tasks(waiting_job)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"commandLine": None}, "MissingRequiredProperty"),
        ({"constraints": {"maxTaskRetryCount": -2}}, "InvalidPropertyValue"),
        ({"requiredSlots": 0}, "InvalidPropertyValue"),
        ({"resourceFiles": [{"filePath": "x"}]}, "InvalidPropertyValue"),
        ({"resourceFiles": [{"httpUrl": "http://x/y"}]}, "MissingRequiredProperty"),
        ({"resourceFiles": [{"httpUrl": "http://x/y", "filePath": "../y"}]},
         "InvalidPropertyValue"),
        ({"resourceFiles": [{"httpUrl": "http://x/y", "filePath": "/y"}]}, "InvalidPropertyValue"),
        ({"resourceFiles": [{"httpUrl": "http://x/y", "storageContainerUrl": "http://x/c",
                             "filePath": "y"}]}, "InvalidPropertyValue"),
        ({"exitConditions": {"default": {"jobAction": "terminate"}}}, "InvalidPropertyValue"),
    ],
)  # fmt: skip
def test_tasks_that_the_service_would_not_take(batch, waiting_job, change, code):
    body = {"id": "t", "commandLine": "/bin/true", **change}
    answer = batch.raw("POST", f"/jobs/{waiting_job}/tasks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text


def test_dependencies_need_a_job_that_uses_them(batch, refused):
    job = batch.job(batch.pool(nodes=0))
    error = refused(lambda: batch.task(job, dependsOn={"taskIds": ["a"]}))
    assert error.error.code == "TaskDependenciesNotSpecifiedOnJob"


def test_ids_of_dependencies_are_bounded_by_their_characters(batch, refused):
    job = batch.job(batch.pool(nodes=0), usesTaskDependencies=True)
    ids = [f"{number:064}" for number in range(1001)]
    error = refused(lambda: batch.task(job, dependsOn={"taskIds": ids}))
    assert (error.status_code, error.error.code) == (400, "TaskDependencyListTooLong")
    batch.task(job, dependsOn={"taskIds": ids[1:]})


def test_dependants_run_after_all_their_parents(batch):
    job = batch.job(batch.pool(nodes=2), usesTaskDependencies=True)
    last = batch.task(job, dependsOn={"taskIds": ["a"], "taskIdRanges": [{"start": 1, "end": 3}]})
    for parent in ("a", "1", "2"):
        assert batch.completed(job, batch.task(job, name=parent)).execution_info.result == "success"
    batch.turn()
    assert batch.client.get_task(job, last).state == "active"
    third = batch.completed(job, batch.task(job, name="3"))
    done = batch.completed(job, last)
    assert done.execution_info.start_time >= third.execution_info.end_time


def test_a_dependant_added_after_its_parents_have_ended_runs(batch):
    job = batch.job(usesTaskDependencies=True)
    batch.completed(job, batch.task(job, name="1"))
    child = batch.task(job, dependsOn={"taskIds": ["1"], "taskIdRanges": [{"start": 1, "end": 1}]})
    assert batch.completed(job, child).execution_info.result == "success"


@pytest.mark.parametrize(("action", "state"), [(None, "active"), ("satisfy", "completed")])
def test_a_failed_parent_blocks_unless_told_otherwise(batch, action, state):
    job = batch.job(usesTaskDependencies=True)
    conditions = {"exitCodes": [{"code": 9, "exitOptions": {"dependencyAction": action}}]}
    parent = batch.task(job, "/bin/sh -c 'exit 9'", exitConditions=conditions if action else {})
    child = batch.task(job, dependsOn={"taskIds": [parent]})
    batch.completed(job, parent)
    if action:
        batch.completed(job, child)
    batch.turn()
    assert batch.client.get_task(job, child).state == state


@pytest.mark.parametrize(
    ("conditions", "code", "state"),
    [
        ({}, 5, "completed"),
        ({"exitCodeRanges": [{"start": 4, "end": 6, "exitOptions": {"jobAction": "none"}}]}, 5,
         "active"),
        ({"default": {"jobAction": "disable"}}, 5, "disabled"),
        ({"exitCodes": [{"code": 5, "exitOptions": {"jobAction": "none"}}],
          "default": {"jobAction": "terminate"}}, 5, "active"),
        ({}, 0, "active"),
    ],
)  # fmt: skip
def test_exit_conditions_act_on_the_job(batch, conditions, code, state):
    job = batch.job(onTaskFailure="performexitoptionsjobaction")
    batch.run(f"/bin/sh -c 'exit {code}'", job, exitConditions=conditions)
    ended = batch.until(lambda: batch.client.get_job(job), lambda j: j.state == state)
    if state == "completed":
        assert ended.execution_info.termination_reason == "TaskFailed"


def test_terminate_ends_a_running_and_a_waiting_task(batch, refused):
    job = batch.job()
    running, waiting = batch.task(job, "/bin/sleep 60"), batch.task(job)
    batch.until(lambda: batch.client.get_task(job, running).state, lambda s: s == "running")
    for task in (waiting, running):
        batch.client.terminate_task(job, task)
        assert batch.completed(job, task).execution_info.failure_info.code == "TaskEnded"
    error = refused(lambda: batch.client.terminate_task(job, running))
    assert (error.status_code, error.error.code) == (409, "TaskCompleted")
    assert batch.counts(job).failed == 2


def test_delete_ends_a_running_task(batch):
    job = batch.job()
    task = batch.task(job, "/bin/sleep 60")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    batch.client.delete_task(job, task)
    with pytest.raises(ResourceNotFoundError):
        batch.client.get_task(job, task)
    assert batch.run("/bin/true", job).execution_info.result == "success"
    counts = batch.counts(job)
    assert (counts.active, counts.running, counts.completed) == (0, 0, 1)


def test_reactivate_runs_a_failed_task_again(batch, refused):
    job = batch.job()
    command = "/bin/sh -c 'test -e again || { touch again; exit 1; }'"
    task = batch.run(command, job).id
    batch.client.reactivate_task(job, task)
    done = batch.until(
        lambda: batch.client.get_task(job, task),
        lambda t: t.state == "completed" and t.execution_info.result == "success",
    )
    assert (done.execution_info.retry_count, done.execution_info.requeue_count) == (0, 0)
    assert batch.counts(job).completed == 1
    error = refused(lambda: batch.client.reactivate_task(job, task))
    assert error.error.code == "TaskSucceeded"
    waiting = batch.task(batch.job(batch.pool(nodes=0)))
    error = refused(lambda: batch.client.reactivate_task(job, waiting))
    assert error.status_code == 404


def test_many_tasks_run_once_each(batch):
    job = batch.job(batch.pool(nodes=2, taskSlotsPerNode=4))
    mark = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_TASK_ID"
    command = f"/bin/sh -c 'echo x >> {mark}; cat {mark}'"
    batch.client.create_tasks(job, options(*(f"t{n}" for n in range(200)), command=command))
    batch.until(lambda: batch.counts(job), lambda c: c.completed == 200)
    assert batch.counts(job).succeeded == 200
    assert {batch.text(job, f"t{n}") for n in (0, 57, 199)} == {"x\n"}


def test_a_dependant_that_is_deleted_holds_up_nobody(batch):
    job = batch.job(batch.pool(nodes=0), usesTaskDependencies=True)
    wanted = {"taskIds": ["parent"], "taskIdRanges": [{"start": 1, "end": 2}]}
    for child in ("child", "other"):
        batch.task(job, name=child, dependsOn=wanted)
    batch.client.delete_task(job, "child")
    for parent in ("parent", "1", "2"):
        batch.task(job, name=parent)
    pool = batch.client.get_job(job).pool_info.pool_id
    batch.client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    assert batch.completed(job, "other").execution_info.result == "success"
    counts = batch.counts(job)
    assert (counts.active, counts.running, counts.completed) == (0, 0, 4)
    assert batch.run("/bin/true").state == "completed"  # elsewhere too


def test_ids_with_zeros_before_them_are_numbers_of_a_range_once(batch):
    job = batch.job(batch.pool(nodes=1), usesTaskDependencies=True)
    child = batch.task(job, dependsOn={"taskIdRanges": [{"start": 1, "end": 2}]})
    for parent in ("01", "001"):
        batch.completed(job, batch.task(job, name=parent))
    assert batch.client.get_task(job, child).state == "active"
    batch.completed(job, batch.task(job, name="2"))
    assert batch.completed(job, child).execution_info.result == "success"


def test_a_reactivated_dependant_waits_for_its_parents_after_a_restart_too(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    job = batch.job(batch.pool(nodes=1), usesTaskDependencies=True)
    children = [batch.task(job, dependsOn={"taskIds": ["parent"]}) for _ in range(2)]
    for child in children:
        batch.client.terminate_task(job, child)
    batch.client.reactivate_task(job, children[0])
    batch.running.process.kill()
    batch.running.process.wait(10)
    again = emulator("--boot-time=0.05", f"--state={tmp_path}")
    again.client.reactivate_task(job, children[1])
    assert again.run("/bin/true", job).state == "completed"  # those who need not wait go before
    assert [again.client.get_task(job, child).state for child in children] == ["active"] * 2
    again.task(job, name="parent")
    for child in children:
        assert again.completed(job, child).execution_info.result == "success"


def test_a_task_of_a_deleted_one_s_id_has_a_folder_of_its_own(emulator):
    batch = emulator("--boot-time=0.05")
    job = batch.job()
    hour = {"retentionTime": "PT1H"}
    many = "/bin/sh -c 'mkdir d; cd d; seq 1 5000 | xargs touch'"
    batch.task(job, many, "same", constraints=hour)
    assert batch.completed(job, "same").execution_info.exit_code == 0
    batch.client.delete_task(job, "same")
    batch.task(job, "/bin/sh -c 'ls -A; sleep 1; echo mine > mine'", "same")
    assert batch.completed(job, "same").execution_info.exit_code == 0
    assert batch.text(job, "same") == ""
    batch.running.admin.advance(timedelta(hours=2))  # the first one's time is over
    assert batch.text(job, "same", "wd/mine") == "mine\n"


def test_a_task_of_more_slots_than_a_node_has_never_runs_and_holds_up_no_other(batch):
    pool = batch.pool(nodes=1, taskSlotsPerNode=2)
    job = batch.job(pool)
    large = batch.task(job, requiredSlots=3)
    assert batch.run("/bin/true", job).execution_info.result == "success"
    assert batch.client.get_task(job, large).state == "active"


def test_a_large_task_of_a_job_before_others_gets_its_slots(batch):
    pool = batch.pool(nodes=1, taskSlotsPerNode=2)
    small, large = batch.job(pool), batch.job(pool, priority=500)
    first = [batch.task(small, "/bin/sleep 0.4"), batch.task(small, "/bin/sleep 0.8")]
    batch.until(lambda: batch.counts(small).running == 2)
    rest = [batch.task(small, "/bin/sleep 0.4") for _ in range(3)]
    batch.task(large, name="large", requiredSlots=2)
    began = batch.completed(large, "large").execution_info.start_time
    for task in first:
        assert batch.completed(small, task).execution_info.start_time < began
    for task in rest:
        assert batch.completed(small, task).execution_info.start_time > began


def test_a_task_that_waits_again_has_no_start_time(batch):
    job = batch.job()
    task = batch.task(job, "/bin/sleep 60")
    batch.until(lambda: batch.client.get_task(job, task).state == "running")
    assert batch.client.get_task(job, task).execution_info.start_time is not None
    how = models.BatchJobDisableOptions(disable_tasks="requeue")
    batch.client.begin_disable_job(job, how, polling_interval=0).result()
    told = batch.client.get_task(job, task)
    assert (told.state, told.execution_info.start_time) == ("active", None)


def test_a_retry_whose_node_reboots_began_when_it_did(batch):
    pool = batch.pool(nodes=1)
    job = batch.job(pool)
    command = "/bin/sh -c 'test -e tried && exec sleep 60; touch tried; exit 1'"
    task = batch.task(job, command, constraints={"maxTaskRetryCount": 1})

    def seen(before=None):
        told = batch.client.get_task(job, task)
        info = told.execution_info
        again = told.state == "running" and info.retry_count == 1
        return info if again and info.start_time != before else None

    first = batch.until(seen)
    assert first.last_retry_time == first.start_time
    batch.raw("POST", f"/pools/{pool}/nodes/{batch.nodes(pool)[0].id}/reboot")
    second = batch.until(lambda: seen(first.start_time))
    assert second.last_retry_time == first.last_retry_time


def test_files_go_when_their_retention_is_over(batch, refused):
    job = batch.job()
    task = batch.run("/bin/true", job, constraints={"retentionTime": "PT0.2S"}).id

    def gone():
        answer = batch.raw("GET", f"/jobs/{job}/tasks/{task}/files/stdout.txt")
        return answer.status_code == 409 and answer.json()["code"] == "TaskFilesCleanedup"

    batch.until(gone)
    assert batch.client.get_task(job, task).state == "completed"
