"""Pools and nodes: creation, resizing, deallocation, start tasks, deletion."""

from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError


def test_a_pool_comes_up_and_tells_its_state(batch):
    pool_id = batch.pool(nodes=2, targetLowPriorityNodes=1, metadata=[{"name": "a", "value": "b"}])
    new = batch.client.get_pool(pool_id)
    assert (new.state, new.allocation_state) == ("active", "resizing")
    assert (new.current_dedicated_nodes, new.target_dedicated_nodes) == (0, 2)
    nodes = batch.ready(pool_id, 3)
    assert sorted(node.is_dedicated for node in nodes) == [False, True, True]
    assert {node.state for node in nodes} == {"idle"}
    pool = batch.client.get_pool(pool_id)
    assert pool.allocation_state == "steady"
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (2, 1)
    assert pool.virtual_machine_configuration.node_agent_sku_id == "batch.node.ubuntu 24.04"
    assert pool.metadata[0].value == "b"
    assert (pool.task_slots_per_node, pool.enable_auto_scale) == (1, False)
    assert pool.resize_timeout.total_seconds() == 900
    node = batch.client.get_node(pool_id, nodes[0].id)
    assert (node.id, node.vm_size) == (nodes[0].id, "Standard_D4s_v5")
    counts = {c.pool_id: c for c in batch.client.list_pool_node_counts()}[pool_id]
    assert (counts.dedicated.idle, counts.low_priority.idle, counts.dedicated.total) == (2, 1, 2)


def test_nodes_are_created_then_starting_then_idle(emulator):
    batch = emulator("--boot-time=1")
    pool = batch.pool()
    seen = []

    def look():
        states = [node.state for node in batch.nodes(pool)]
        if states and (not seen or seen[-1] != states[0]):
            seen.append(states[0])
        return seen

    batch.until(look, lambda states: states[-1:] == ["idle"])
    assert seen == ["creating", "starting", "idle"]


def create(batch, **change):
    """What creating a pool is answered with that may be, but for what is changed of it."""
    body = {
        "id": batch.name("pool"),
        "vmSize": "Standard_D4s_v5",
        "targetDedicatedNodes": 0,
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "a", "offer": "b", "sku": "c"},
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
        **change,
    }
    return batch.raw("POST", "/pools", json=body)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"virtualMachineConfiguration": None}, "MissingRequiredProperty"),
        ({"vmSize": None}, "MissingRequiredProperty"),
        ({"targetDedicatedNodes": -1}, "InvalidPropertyValue"),
        ({"resizeTimeout": "PT4M"}, "InvalidPropertyValue"),
        ({"taskSlotsPerNode": 17}, "InvalidPropertyValue"),
        ({"targetNodeCommunicationMode": "simplified"}, "InvalidRequestBody"),
        ({"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes=1"},
         "InvalidAutoScalingSettings"),
        ({"autoScaleFormula": "$TargetDedicatedNodes=1"}, "InvalidAutoScalingSettings"),
        ({"enableAutoScale": True, "targetDedicatedNodes": None}, "MissingRequiredProperty"),
        ({"enableAutoScale": True, "targetDedicatedNodes": None, "autoScaleFormula": "$Target="},
         "AutoScalingFormulaSyntaxError"),
        ({"enableAutoScale": True, "targetDedicatedNodes": None,
          "autoScaleFormula": "$TargetDedicatedNodes=1", "autoScaleEvaluationInterval": "PT4M"},
         "InvalidPropertyValue"),
        ({"virtualMachineConfiguration": {"imageReference": {"offer": "x"}, "nodeAgentSKUId": "y"}},
         "MissingRequiredProperty"),
        ({"virtualMachineConfiguration": {"imageReference": {"virtualMachineImageId": "x"},
          "nodeAgentSKUId": "batch.node.debian 12", "windowsConfiguration": {}}},
         "InvalidPropertyValue"),
        ({"startTask": {"commandLine": "true", "maxTaskRetryCount": -5}}, "InvalidPropertyValue"),
        ({"displayName": "x" * 1025}, "InvalidPropertyValue"),
        ({"metadata": [{"name": "", "value": "v"}]}, "EmptyMetadataKey"),
    ],
)  # fmt: skip
def test_pools_that_the_service_would_not_create(batch, change, code):
    answer = create(batch, **change)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text


def nat(**change):
    """A NAT pool that may be, but for what is changed of it."""
    return {"name": "web", "protocol": "tcp", "backendPort": 8080,
            "frontendPortRangeStart": 15000, "frontendPortRangeEnd": 15039, **change}  # fmt: skip


def rules(*priorities):
    return [{"priority": p, "access": "allow", "sourceAddressPrefix": "*"} for p in priorities]


@pytest.mark.parametrize(
    ("pools", "word"),
    [
        ([nat(backendPort=29876)], "backendPort"),
        ([nat(backendPort=0)], "backendPort"),
        ([nat(frontendPortRangeEnd=15038)], "frontendPortRangeEnd"),
        ([nat(frontendPortRangeStart=49_990, frontendPortRangeEnd=50_050)], "50000 to 55000"),
        ([nat(frontendPortRangeStart=1, frontendPortRangeEnd=65_535)], "1 to 65534"),
        ([nat(name="web-")], "name"),
        ([nat(name="x" * 78)], "name"),
        ([nat(), nat(backendPort=81, frontendPortRangeStart=1, frontendPortRangeEnd=90)], "name"),
        ([nat(), nat(name="b", frontendPortRangeStart=1, frontendPortRangeEnd=90)], "backendPort"),
        ([nat(), nat(name="b", backendPort=81)], "overlaps"),
        ([nat(networkSecurityGroupRules=rules(149))], "priority"),
        ([nat(networkSecurityGroupRules=rules(150, 150))], "priority"),
        ([nat(networkSecurityGroupRules=rules(*range(150, 176)))], "At most 25"),
        ([nat(name=f"n{n}", backendPort=n, frontendPortRangeStart=100 * n,
              frontendPortRangeEnd=100 * n + 50) for n in range(1, 7)], "At most 5"),
    ],
)  # fmt: skip
def test_nat_pools_that_the_service_would_not_make(batch, pools, word):
    network = {"endpointConfiguration": {"inboundNATPools": pools}}
    answer = create(batch, networkConfiguration=network)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")
    assert word in answer.text


def test_a_pool_s_id_is_taken_once(batch, refused):
    pool = batch.pool(nodes=0)
    answer = batch.raw("POST", "/pools", json=batch.client.get_pool(pool).as_dict())
    assert answer.status_code == 400  # it has read-only members
    error = refused(lambda: batch.client.create_pool(models.BatchPoolCreateOptions(
        {"id": pool.upper(), "vmSize": "Standard_D2s_v5", "targetDedicatedNodes": 0,
         "virtualMachineConfiguration": {
             "imageReference": {"publisher": "a", "offer": "b", "sku": "c"},
             "nodeAgentSKUId": "x"}})))  # fmt: skip
    assert (error.status_code, error.error.code) == (409, "PoolExists")


def test_patch_changes_what_it_names(batch, refused):
    pool = batch.pool(nodes=1)
    batch.ready(pool, 1)
    batch.client.update_pool(
        pool,
        models.BatchPoolUpdateOptions(metadata=[models.BatchMetadataItem(name="k", value="v")]),
    )
    assert batch.client.get_pool(pool).metadata[0].name == "k"
    only_of_empty_pools = [
        {"task_slots_per_node": 2}, {"display_name": "x"}, {"user_accounts": []},
        {"enable_inter_node_communication": True}, {"mount_configuration": []},
        {"network_configuration": {}}, {"upgrade_policy": {"mode": "manual"}},
    ]  # fmt: skip
    for change in only_of_empty_pools:
        options = models.BatchPoolUpdateOptions(**change)
        error = refused(lambda options=options: batch.client.update_pool(pool, options))
        assert error.error.code == "OperationNotValidOnPool"
    empty = batch.pool(nodes=0)
    batch.client.update_pool(empty, models.BatchPoolUpdateOptions(display_name="x"))
    assert batch.client.get_pool(empty).display_name == "x"


def test_a_resize_has_the_time_that_it_asks_for_or_the_usual(batch):
    pool = batch.pool(nodes=0, resizeTimeout="PT30M")
    assert batch.client.get_pool(pool).resize_timeout == timedelta(minutes=30)
    more = models.BatchPoolResizeOptions(target_dedicated_nodes=1)
    batch.client.begin_resize_pool(pool, more)
    assert batch.client.get_pool(pool).resize_timeout == timedelta(minutes=15)


def test_resize_and_its_conflicts(batch, refused):
    pool = batch.pool(nodes=1)
    more = models.BatchPoolResizeOptions(target_dedicated_nodes=2)
    error = refused(lambda: batch.client.begin_resize_pool(pool, more))
    assert (error.status_code, error.error.code) == (409, "PoolBeingResized")
    batch.ready(pool, 1)
    batch.client.begin_resize_pool(pool, more, polling_interval=0).result()
    assert batch.client.get_pool(pool).current_dedicated_nodes == 2
    fewer = models.BatchPoolResizeOptions(target_dedicated_nodes=0)
    batch.client.begin_resize_pool(pool, fewer, polling_interval=0).result()
    assert batch.nodes(pool) == []


def test_a_resize_that_is_stopped_says_so(emulator):
    batch = emulator("--boot-time=2")
    pool = batch.pool(nodes=3)
    stop = batch.client.begin_stop_pool_resize(pool, polling_interval=0)
    stopping = batch.client.get_pool(pool)
    assert stopping.allocation_state == "stopping"
    wanted = {"targetDedicatedNodes": 1}
    again = batch.raw("POST", f"/pools/{pool}/resize", json=wanted)
    assert (again.status_code, again.json()["code"]) == (409, "PoolBeingResized")
    stop.result()
    stopped = batch.client.get_pool(pool)
    assert stopped.allocation_state == "steady"
    assert stopped.resize_errors[0].code == "ResizeStopped"
    assert stopped.current_dedicated_nodes == 0


def test_a_resize_that_is_being_stopped_is_stopped_after_a_kill(emulator, tmp_path):
    options = "--boot-time=5", f"--state={tmp_path}"
    batch = emulator(*options)
    pool = batch.pool(nodes=3)
    assert batch.raw("POST", f"/pools/{pool}/stopresize").status_code == 202
    batch.running.process.kill()
    batch.running.process.wait()
    stopped = emulator(*options).client.get_pool(pool)
    assert (stopped.allocation_state, stopped.current_dedicated_nodes) == ("steady", 0)
    assert stopped.resize_errors[0].code == "ResizeStopped"


def test_the_account_s_quota_of_nodes_bounds_pools(emulator):
    batch = emulator("--boot-time=0.05", "--nodes=2")
    pool = batch.pool(nodes=5)
    batch.ready(pool, 2)
    steady = batch.client.get_pool(pool)
    assert steady.current_dedicated_nodes == 2
    assert steady.resize_errors[0].code == "AccountCoreQuotaReached"


@pytest.fixture
def busy(batch):
    """A pool of one node on which a long task runs."""
    pool = batch.pool(nodes=1)
    job = batch.job(pool)
    task = batch.task(job, "/bin/sleep 60")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    batch.until(lambda: batch.client.get_pool(pool).allocation_state, lambda s: s == "steady")
    return pool, job, task


def shrink(batch, pool, option):
    batch.client.begin_resize_pool(
        pool,
        models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option=option),
        polling_interval=0,
    )


def test_requeue_sends_running_tasks_back(batch, busy):
    pool, job, task = busy
    shrink(batch, pool, "requeue")
    batch.until(lambda: batch.nodes(pool), lambda nodes: not nodes)
    waiting = batch.client.get_task(job, task)
    assert waiting.state == "active"
    assert waiting.execution_info.retry_count == 0
    assert waiting.execution_info.requeue_count == 1
    assert waiting.execution_info.last_requeue_time


def test_terminate_ends_running_tasks(batch, busy):
    pool, job, task = busy
    shrink(batch, pool, "terminate")
    ended = batch.completed(job, task)
    assert ended.execution_info.failure_info.code == "TaskEnded"
    batch.until(lambda: batch.nodes(pool), lambda nodes: not nodes)


def test_taskcompletion_waits_for_running_tasks_and_starts_no_more(batch):
    pool = batch.pool(nodes=1)
    job = batch.job(pool)
    first = batch.task(job, "/bin/sleep 1")
    batch.until(lambda: batch.client.get_task(job, first).state, lambda s: s == "running")
    batch.until(lambda: batch.client.get_pool(pool).allocation_state, lambda s: s == "steady")
    second = batch.task(job)
    shrink(batch, pool, "taskcompletion")
    batch.until(lambda: batch.nodes(pool, "leavingpool"))
    assert batch.completed(job, first).execution_info.result == "success"
    batch.until(lambda: batch.nodes(pool), lambda nodes: not nodes)
    assert batch.client.get_task(job, second).state == "active"


def test_certain_nodes_can_be_removed(batch):
    pool = batch.pool(nodes=2)
    first, second = batch.ready(pool, 2)
    options = models.BatchNodeRemoveOptions(node_ids=[first.id])
    batch.client.begin_remove_nodes(pool, options, polling_interval=0).result()
    assert [node.id for node in batch.nodes(pool)] == [second.id]
    assert batch.client.get_pool(pool).target_dedicated_nodes == 1


def test_deleting_a_pool_leaves_its_jobs_which_run_on_the_next_of_its_name(batch, busy):
    pool, job, task = busy
    batch.client.begin_delete_pool(pool, polling_interval=0).result()
    with pytest.raises(ResourceNotFoundError):
        batch.client.get_pool(pool)
    assert batch.client.get_job(job).state == "active"
    assert batch.client.get_task(job, task).state == "active"


def test_a_start_task_runs_before_any_task(batch):
    pool = batch.pool(
        startTask={"commandLine": "/bin/sh -c 'echo ready > $AZ_BATCH_NODE_SHARED_DIR/sign'",
                   "waitForSuccess": True}
    )  # fmt: skip
    job = batch.job(pool)
    task = batch.run("/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/sign'", job).id
    assert batch.text(job, task) == "ready\n"
    [node] = batch.nodes(pool)
    assert (node.start_task_info.state, node.start_task_info.result) == ("completed", "success")


def test_a_node_whose_start_task_fails_gets_no_tasks(batch):
    pool = batch.pool(
        startTask={"commandLine": "/bin/sh -c 'echo x >> tries; exit 4'", "waitForSuccess": True,
                   "maxTaskRetryCount": 1}
    )  # fmt: skip
    job = batch.job(pool)
    task = batch.task(job)
    [node] = batch.until(lambda: batch.nodes(pool, "starttaskfailed"))
    info = node.start_task_info
    assert (info.exit_code, info.retry_count, info.result) == (4, 1, "failure")
    assert batch.client.get_task(job, task).state == "active"


def test_a_node_s_folder_goes_with_it(batch, refused):
    pool = batch.pool()
    job = batch.job(pool)
    task = batch.run("/bin/pwd", job).id
    folder = Path(batch.text(job, task).strip())
    assert folder.is_dir()
    batch.until(lambda: batch.client.get_pool(pool).allocation_state, lambda s: s == "steady")
    shrink(batch, pool, "requeue")
    batch.until(lambda: not folder.exists())
    error = refused(lambda: batch.text(job, task))
    assert (error.status_code, error.error.code) == (409, "TaskFilesUnavailable")


def test_images_of_today(batch):
    images = list(
        batch.client.list_supported_images(filter="nodeAgentSKUId eq 'batch.node.ubuntu 24.04'")
    )
    assert ("microsoft-dsvm", "ubuntu-hpc", "2404") in {
        (i.image_reference.publisher, i.image_reference.offer, i.image_reference.sku)
        for i in images
    }
    assert all(image.os_type == "linux" for image in images)
