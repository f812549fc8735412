"""Auto pools: made for a job or for a schedule's jobs, and gone with them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from azure.batch import models

HOUR = timedelta(hours=1)
POOL = {
    "vmSize": "Standard_D4s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "microsoft-dsvm",
            "offer": "ubuntu-hpc",
            "sku": "2404",
            "version": "latest",
        },
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    },
    "targetDedicatedNodes": 1,
}
GUID = r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


def auto(lifetime="job", pool=None, **rest):
    """A `poolInfo`; the pool has one node unless told otherwise."""
    specification = {**POOL, **(pool or {})}
    option = {"poolLifetimeOption": lifetime, "pool": specification, **rest}
    return {"autoPoolSpecification": option}


def make_job(batch, info, **rest):
    job = batch.name("job")
    batch.client.create_job(models.BatchJobCreateOptions({"id": job, "poolInfo": info, **rest}))
    return job


def make_schedule(batch, info, job=None, **times):
    schedule = batch.name("schedule")
    specification = {"poolInfo": info, **(job or {})}
    body = {"id": schedule, "schedule": times, "jobSpecification": specification}
    batch.client.create_job_schedule(models.BatchJobScheduleCreateOptions(body))
    return schedule


def pool_of(batch, job):
    return batch.client.get_job(job).execution_info.pool_id


def end(batch, job):
    batch.raw("POST", f"/jobs/{job}/terminate")
    batch.until(lambda: batch.client.get_job(job).state, lambda s: s == "completed")


def gone(batch, pool):
    return batch.until(lambda: batch.raw("HEAD", f"/pools/{pool}").status_code == 404)


def stays(batch, pool):
    return batch.client.get_pool(pool).state == "active"


def test_a_job_gets_a_pool_and_takes_it_along(batch):
    job = make_job(batch, auto(autoPoolIdPrefix="mine"))
    pool = pool_of(batch, job)
    assert re.fullmatch(f"mine_{GUID}", pool)
    found = batch.client.get_job(job)
    assert found.pool_info.pool_id is None
    assert found.pool_info.auto_pool_specification.auto_pool_id_prefix == "mine"
    assert [j.id for j in batch.client.list_jobs(filter=f"executionInfo/poolId eq '{pool}'")] == [
        job
    ]
    task = batch.run("/bin/sh -c 'echo $AZ_BATCH_POOL_ID'", job)
    assert batch.text(job, task.id).strip() == pool
    assert task.node_info.pool_id == pool
    end(batch, job)
    assert gone(batch, pool)
    assert pool_of(batch, job) == pool


def test_the_pool_is_as_specified(batch):
    start = {"commandLine": "/bin/sh -c 'touch $AZ_BATCH_NODE_SHARED_DIR/here'"}
    specification = {
        "displayName": "auto",
        "taskSlotsPerNode": 2,
        "taskSchedulingPolicy": {"nodeFillType": "pack"},
        "targetLowPriorityNodes": 1,
        "resizeTimeout": "PT20M",
        "startTask": start,
        "metadata": [{"name": "a", "value": "b"}],
    }
    job = make_job(batch, auto(pool=specification))
    pool = batch.client.get_pool(pool_of(batch, job))
    assert re.fullmatch(GUID, pool.id)
    assert (pool.display_name, pool.task_slots_per_node) == ("auto", 2)
    assert pool.task_scheduling_policy.node_fill_type == "pack"
    assert (pool.target_dedicated_nodes, pool.target_low_priority_nodes) == (1, 1)
    assert pool.resize_timeout == timedelta(minutes=20)
    assert pool.metadata[0].value == "b"
    batch.run("/bin/sh -c 'test -f $AZ_BATCH_NODE_SHARED_DIR/here'", job)
    batch.raw("DELETE", f"/jobs/{job}")
    assert gone(batch, pool.id)


def test_the_pool_may_scale_by_itself(batch):
    info = auto()
    specification = info["autoPoolSpecification"]["pool"]
    del specification["targetDedicatedNodes"]
    specification |= {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes = 2;"}
    job = make_job(batch, info)
    pool = pool_of(batch, job)
    batch.ready(pool, 2)
    assert batch.client.get_pool(pool).enable_auto_scale
    end(batch, job)
    assert gone(batch, pool)


def test_a_pool_that_is_to_stay_alive_stays(batch):
    job = make_job(batch, auto(keepAlive=True))
    pool = pool_of(batch, job)
    batch.pools.append(pool)
    end(batch, job)
    batch.raw("DELETE", f"/jobs/{job}")
    batch.until(lambda: batch.raw("GET", f"/jobs/{job}").status_code == 404)
    assert stays(batch, pool)


def test_keep_alive_can_change_and_nothing_else(batch):
    job = make_job(batch, auto())
    pool = pool_of(batch, job)
    batch.pools.append(pool)

    def patch(**change):
        body = {"poolInfo": {"autoPoolSpecification": change}}
        answer = batch.raw("PATCH", f"/jobs/{job}", json=body)
        return answer.status_code, answer.json()["code"] if answer.content else None

    refused = (400, "InvalidPropertyValue")
    assert patch(keepAlive=True) == refused, "the job has to be disabled"
    batch.raw("POST", f"/jobs/{job}/disable", json={"disableTasks": "requeue"})
    assert patch(autoPoolIdPrefix="other") == refused
    assert patch(poolLifetimeOption="jobschedule") == refused
    assert patch(keepAlive=True) == (200, None)
    assert batch.client.get_job(job).pool_info.auto_pool_specification.keep_alive
    end(batch, job)
    assert stays(batch, pool)


def test_a_job_may_leave_its_pool_for_another_but_not_the_other_way_round(batch):
    job, other = make_job(batch, auto()), batch.pool(nodes=1)
    pool = pool_of(batch, job)
    batch.raw("POST", f"/jobs/{job}/disable", json={"disableTasks": "requeue"})
    batch.client.update_job(job, models.BatchJobUpdateOptions({"poolInfo": {"poolId": other}}))
    assert pool_of(batch, job) == other
    assert gone(batch, pool)
    back = batch.raw("PATCH", f"/jobs/{job}", json={"poolInfo": auto()})
    assert (back.status_code, back.json()["code"]) == (400, "InvalidPropertyValue")
    batch.raw("POST", f"/jobs/{job}/enable")
    assert batch.run("/bin/true", job).node_info.pool_id == other


def test_each_job_of_a_schedule_gets_a_pool_of_its_own(emulator):
    batch = emulator("--boot-time=0.05")
    schedule = make_schedule(batch, auto("job"), recurrenceInterval="PT1H")
    first = pool_of(batch, f"{schedule}:job-1")
    end(batch, f"{schedule}:job-1")
    assert gone(batch, first)
    batch.running.admin.advance(HOUR)
    second = pool_of(batch, f"{schedule}:job-2")
    assert second != first
    assert stays(batch, second)
    batch.raw("DELETE", f"/jobschedules/{schedule}")
    assert gone(batch, second)


@pytest.mark.parametrize("verb", ["terminate", "delete"])
def test_jobs_of_a_schedule_share_a_pool_that_lasts_as_long(emulator, verb):
    batch = emulator("--boot-time=0.05")
    schedule = make_schedule(batch, auto("jobschedule"), recurrenceInterval="PT1H")
    first = pool_of(batch, f"{schedule}:job-1")
    end(batch, f"{schedule}:job-1")
    assert stays(batch, first)
    batch.running.admin.advance(HOUR)
    assert pool_of(batch, f"{schedule}:job-2") == first
    batch.raw("DELETE", f"/jobs/{schedule}:job-2")
    batch.running.admin.advance(HOUR)
    assert pool_of(batch, f"{schedule}:job-3") == first
    path = f"/jobschedules/{schedule}"
    batch.raw("POST", f"{path}/terminate") if verb == "terminate" else batch.raw("DELETE", path)
    assert gone(batch, first)


def test_a_schedule_s_pool_is_kept_alive_if_it_says_so(emulator):
    batch = emulator("--boot-time=0.05")
    schedule = make_schedule(batch, auto("jobschedule", keepAlive=True))
    pool = pool_of(batch, f"{schedule}:job-1")
    batch.client.begin_delete_job_schedule(schedule).result()
    assert batch.raw("HEAD", f"/jobschedules/{schedule}").status_code == 404
    assert stays(batch, pool)


def test_a_schedule_s_new_pool_specification_is_for_the_next_job(emulator):
    batch = emulator("--boot-time=0.05")
    schedule = make_schedule(batch, auto("jobschedule"), recurrenceInterval="PT1H")
    old = pool_of(batch, f"{schedule}:job-1")
    change = {"jobSpecification": {"poolInfo": auto("jobschedule", autoPoolIdPrefix="new")}}
    batch.client.update_job_schedule(schedule, models.BatchJobScheduleUpdateOptions(change))
    assert stays(batch, old), "its job is on it still"
    end(batch, f"{schedule}:job-1")
    assert gone(batch, old)
    batch.running.admin.advance(HOUR)
    new = pool_of(batch, f"{schedule}:job-2")
    assert new.startswith("new_")
    end(batch, f"{schedule}:job-2")
    change = {"jobSpecification": {"poolInfo": {"poolId": "mine"}}}
    batch.client.update_job_schedule(schedule, models.BatchJobScheduleUpdateOptions(change))
    assert gone(batch, new)


def test_without_room_for_a_pool_a_job_is_over_and_says_why(emulator, refused):
    batch = emulator("--boot-time=0.05", "--pools=1")
    pool = batch.pool(nodes=0)
    assert refused(lambda: batch.pool(nodes=0)).error.code == "PoolQuotaReached"
    job = make_job(batch, auto(), jobManagerTask={"id": "jm", "commandLine": "/bin/true"})
    found = batch.client.get_job(job)
    assert found.state == "completed"
    assert found.execution_info.pool_id is None
    error = found.execution_info.scheduling_error
    assert (error.code, error.category) == ("AutoPoolCreationFailedWithQuotaReached", "usererror")
    assert list(batch.client.list_tasks(job)) == []
    schedule = make_schedule(batch, auto("jobschedule"), recurrenceInterval="PT1H")
    batch.running.admin.advance(HOUR)
    assert [j.state for j in batch.client.list_jobs_from_schedule(schedule)] == ["completed"] * 2
    batch.raw("DELETE", f"/pools/{pool}")
    assert gone(batch, pool)
    batch.running.admin.advance(HOUR)
    assert stays(batch, pool_of(batch, f"{schedule}:job-3"))


def without(info, name):
    info["autoPoolSpecification"].pop(name)
    return info


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ({**auto(), "poolId": "p"}, "InvalidPropertyValue"),
        (auto("jobschedule"), "InvalidPropertyValue"),
        (auto(autoPoolIdPrefix="x" * 21), "InvalidPropertyValue"),
        (auto(autoPoolIdPrefix="a/b"), "InvalidPropertyValue"),
        (without(auto(), "pool"), "MissingRequiredProperty"),
        (without(auto(), "poolLifetimeOption"), "MissingRequiredProperty"),
        (auto(pool={"vmSize": " "}), "InvalidPropertyValue"),
        (auto(pool={"id": "mine"}), "InvalidRequestBody"),
        (auto(pool={"enableAutoScale": True}), "InvalidAutoScalingSettings"),
        (auto(pool={"taskSlotsPerNode": 1000}), "InvalidPropertyValue"),
    ],
)
def test_what_cannot_be_is_refused(batch, info, code):
    job = batch.name("job")
    answer = batch.raw("POST", "/jobs", json={"id": job, "poolInfo": info})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert batch.raw("GET", f"/jobs/{job}").status_code == 404


def test_pools_go_with_their_jobs_after_kill_9_too(emulator, tmp_path):
    options = ("--boot-time=0.05", f"--state={tmp_path}")
    batch = emulator(*options)
    own, kept = make_job(batch, auto()), make_job(batch, auto(keepAlive=True))
    schedule = make_schedule(batch, auto("jobschedule"), recurrenceInterval="PT1H")
    jobs = (own, kept, f"{schedule}:job-1")
    pools = [pool_of(batch, job) for job in jobs]
    ending = make_job(batch, auto())
    batch.run("/bin/true", ending)
    last = pool_of(batch, ending)
    batch.raw("POST", f"/jobs/{ending}/terminate")
    batch.running.process.kill()
    batch.running.process.wait(10)
    again = emulator(*options)
    assert [pool_of(again, job) for job in jobs] == pools
    assert gone(again, last)
    assert again.run("/bin/true", own).node_info.pool_id == pools[0]
    for job in jobs:
        end(again, job)
    assert gone(again, pools[0])
    assert stays(again, pools[1])
    assert stays(again, pools[2])
    again.running.admin.advance(HOUR)
    assert pool_of(again, f"{schedule}:job-2") == pools[2]
    again.raw("DELETE", f"/jobschedules/{schedule}")
    assert gone(again, pools[2])
