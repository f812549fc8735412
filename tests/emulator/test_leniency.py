"""What the service accepts, the emulator accepts, and fails later where the service does."""

import pytest
from azure.batch import models

SETTINGS = {"imageName": "ubuntu"}
SHORT = "--boot-time=0.05"
IMAGE = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
CONTAINERS = {
    "virtualMachineConfiguration": {
        **MACHINE,
        "containerConfiguration": {"type": "dockerCompatible"},
    }
}
BARE = {"vmSize": "Standard_D2s_v5", "virtualMachineConfiguration": MACHINE}


def test_a_pool_without_targets_is_one_of_no_nodes(batch):
    answer = batch.raw("POST", "/pools", json={"id": "no-targets", **BARE})
    assert answer.status_code == 201, answer.text
    pool = batch.raw("GET", "/pools/no-targets").json()
    assert (pool["targetDedicatedNodes"], pool["targetLowPriorityNodes"]) == (0, 0)


def test_an_auto_pool_without_targets_is_one_of_no_nodes(batch):
    info = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": BARE}}
    answer = batch.raw("POST", "/jobs", json={"id": "auto-none", "poolInfo": info})
    assert answer.status_code == 201, answer.text
    pool = batch.client.get_job("auto-none").execution_info.pool_id
    assert batch.client.get_pool(pool).target_dedicated_nodes == 0


def test_a_new_pool_without_nodes_is_resizing_for_a_moment(emulator):
    batch = emulator("--boot-time=5")
    pool = batch.pool(nodes=0, waits=False)
    assert batch.client.get_pool(pool).allocation_state == "resizing"
    assert batch.until(lambda: batch.client.get_pool(pool).allocation_state == "steady")


def test_a_user_that_the_pool_does_not_know_is_accepted(batch):
    identity = {"username": "carol"}
    work = {"commandLine": "/bin/true", "userIdentity": identity}
    pool = batch.pool(nodes=1, startTask=work)
    manager = {"id": "manager", **work}
    job = batch.job(pool, jobPreparationTask=work, jobReleaseTask=work, jobManagerTask=manager)
    task = batch.task(job, userIdentity=identity)
    assert batch.client.get_task(job, task).user_identity.username == "carol"


@pytest.mark.parametrize(
    ("pool", "settings"), [(CONTAINERS, {}), ({}, {"containerSettings": SETTINGS})]
)
def test_container_settings_that_do_not_fit_fail_the_task(batch, pool, settings):
    job = batch.job(batch.pool(nodes=1, **pool))
    info = batch.run("/bin/true", job, **settings).execution_info
    assert (info.result, info.exit_code) == ("failure", None)
    assert info.failure_info.code == "ContainerTaskSettingsNotFound"


def test_container_settings_that_do_not_fit_fail_instances_and_the_job_manager(batch):
    manager = {"id": "manager", "commandLine": "/bin/true"}
    pool = batch.pool(nodes=2, enableInterNodeCommunication=True, **CONTAINERS)
    job = batch.job(pool, jobManagerTask=manager)
    done = batch.completed(job, "manager").execution_info
    assert done.failure_info.code == "ContainerTaskSettingsNotFound"
    instances = {"numberOfInstances": 2, "coordinationCommandLine": "/bin/true"}
    other = batch.job(pool)
    info = batch.run("/bin/true", other, multiInstanceSettings=instances).execution_info
    assert info.failure_info.code == "ContainerTaskSettingsNotFound"


def test_a_start_task_in_a_container_of_a_pool_without_fails_its_node(batch):
    start = {"commandLine": "/bin/true", "waitForSuccess": True, "containerSettings": SETTINGS}
    pool = batch.pool(nodes=1, startTask=start)
    (node,) = batch.until(lambda: batch.nodes(pool), lambda n: n and n[0].state != "creating")
    failed = batch.until(
        lambda: batch.client.get_node(pool, node.id), lambda n: n.state == "starttaskfailed"
    )
    assert failed.start_task_info.failure_info.code == "ContainerTaskSettingsNotFound"


def test_preparation_and_start_tasks_may_do_without_a_container(batch):
    plain = {"commandLine": "/bin/true", "waitForSuccess": True}
    pool = batch.pool(nodes=1, startTask=plain, **CONTAINERS)
    batch.ready(pool, 1)
    job = batch.job(pool, jobPreparationTask=plain)
    batch.run("/bin/true", job)
    (status,) = batch.client.list_job_preparation_and_release_task_status(job)
    assert status.job_preparation_task_execution_info.result == "success"


@pytest.mark.parametrize("command", ["/bin/true", "/bin/sleep 300"])
def test_ending_a_task_by_request_leaves_its_job_alone(batch, command):
    running = "sleep" in command
    terminate = {"default": {"jobAction": "terminate"}}
    job = batch.job(batch.pool(nodes=int(running)), onTaskFailure="performexitoptionsjobaction")
    task = batch.task(job, command, exitConditions=terminate)
    if running:
        batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    batch.client.terminate_task(job, task)
    assert batch.completed(job, task).execution_info.failure_info.code == "TaskEnded"
    assert batch.client.get_job(job).state == "active"
    batch.client.reactivate_task(job, task)
    assert batch.client.get_task(job, task).state != "completed"


def test_a_job_manager_may_want_more_slots_than_a_node_has(batch):
    manager = {"id": "manager", "commandLine": "/bin/true", "requiredSlots": 5}
    job = batch.job(batch.pool(nodes=0), jobManagerTask=manager)
    assert batch.client.get_task(job, "manager").required_slots == 5
    assert isinstance(batch.client.get_job(job), models.BatchJob)


GALLERY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b"


@pytest.mark.parametrize(
    "image",
    [
        {"sharedGalleryImageId": "/sharedGalleries/a/images/b/versions/1.0.0"},
        {"communityGalleryImageId": "/communityGalleries/a/images/b/versions/latest"},
        {"virtualMachineImageId": GALLERY},
        {"virtualMachineImageId": f"{GALLERY}/versions/1.0.0"},
        {"virtualMachineImageId": GALLERY.replace("galleries/a/", "").lower()},
    ],
)
def test_an_image_of_any_gallery_is_accepted(batch, image):
    machine = {**MACHINE, "imageReference": image}
    pool = batch.pool(nodes=0, virtualMachineConfiguration=machine)
    told = batch.raw("GET", f"/pools/{pool}").json()["virtualMachineConfiguration"]
    assert told["imageReference"] == image


@pytest.mark.parametrize("image", ["x", "/subscriptions/s", f"{GALLERY}/versions/1/2"])
def test_an_image_of_no_documented_form_is_refused(batch, image):
    machine = {**MACHINE, "imageReference": {"virtualMachineImageId": image}}
    body = {**BARE, "id": "p", "virtualMachineConfiguration": machine}
    answer = batch.raw("POST", "/pools", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")


def test_a_user_may_have_expired_already(batch):
    pool = batch.pool(nodes=1)
    (node,) = batch.ready(pool, 1)
    body = {"name": "u", "password": "x", "expiryTime": "2020-01-01T00:00:00Z"}
    answer = batch.raw("POST", f"/pools/{pool}/nodes/{node.id}/users", json=body)
    assert answer.status_code == 201, answer.text


def test_more_nodes_than_any_quota_are_an_error_of_the_resize(emulator):
    batch = emulator(SHORT)
    pool = batch.pool(nodes=2_000_000)
    seen = batch.until(lambda: batch.client.get_pool(pool), lambda p: p.resize_errors)
    assert seen.resize_errors[0].code == "AccountCoreQuotaReached"
