"""What the service accepts, the emulator accepts, and fails later where the service does."""

from pathlib import Path

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
    batch.raw("DELETE", "/jobs/auto-none")


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
        {"virtualMachineImageId": GALLERY.lower()},
    ],
)
def test_an_image_of_any_gallery_is_accepted(batch, image):
    machine = {**MACHINE, "imageReference": image}
    pool = batch.pool(nodes=0, virtualMachineConfiguration=machine)
    told = batch.raw("GET", f"/pools/{pool}").json()["virtualMachineConfiguration"]
    assert told["imageReference"] == image


MANAGED = GALLERY.replace("galleries/a/", "")


@pytest.mark.parametrize("image", ["x", "/subscriptions/s", f"{GALLERY}/versions/1/2", MANAGED])
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


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ({"commandLine": ""}, "CommandLaunchFailed"),
        ({"commandLine": "  "}, "CommandLaunchFailed"),
        ({"commandLine": "/bin/echo \0"}, "CommandLaunchFailed"),
        ({"environmentSettings": [{"name": "A=B", "value": "c"}]}, "CommandLaunchFailed"),
        ({"environmentSettings": [{"name": "", "value": "c"}]}, "CommandLaunchFailed"),
        ({"environmentSettings": [{"name": "A", "value": "\0"}]}, "CommandLaunchFailed"),
    ],
)
def test_a_command_that_cannot_be_started_fails_on_its_node(batch, work, code):
    job = batch.job(batch.pool(nodes=1))
    body = {"id": "t", "commandLine": "/bin/true", **work}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body)
    assert answer.status_code == 201, answer.text
    info = batch.completed(job, "t").execution_info
    assert (info.result, info.failure_info.code) == ("failure", code)
    batch.turn()


def test_a_range_that_ends_before_it_begins_holds_nothing(batch):
    options = {"exitOptions": {"dependencyAction": "satisfy"}}
    job = batch.job(batch.pool(nodes=1), usesTaskDependencies=True)
    conditions = {"exitCodeRanges": [{"start": 9, "end": 1, **options}]}
    depends = {"taskIdRanges": [{"start": 9, "end": 1}]}
    task = batch.run("/bin/true", job, exitConditions=conditions, dependsOn=depends)
    assert task.execution_info.result == "success"


def test_a_schedule_that_ends_before_it_begins_makes_no_job(batch):
    body = {
        "id": batch.name("schedule"),
        "schedule": {
            "doNotRunUntil": "2030-01-02T00:00:00Z",
            "doNotRunAfter": "2030-01-01T00:00:00Z",
        },
        "jobSpecification": {"poolInfo": {"poolId": "none"}},
    }
    assert batch.raw("POST", "/jobschedules", json=body).status_code == 201
    found = batch.client.get_job_schedule(body["id"])
    assert found.state == "completed"
    assert not list(batch.client.list_jobs_from_schedule(body["id"]))


def test_two_users_of_one_name_and_names_without_letters_are_accepted(batch):
    users = [{"name": name, "password": "p"} for name in ("a", "A", "a", "")]
    pool = batch.pool(nodes=1, userAccounts=users)
    assert [user.name for user in batch.client.get_pool(pool).user_accounts] == ["a", "A", "a", ""]
    (node,) = batch.ready(pool, 1)
    for name in ("carol the second of her name", "dave\nnode idle -> unusable"):
        answer = batch.raw("POST", f"/pools/{pool}/nodes/{node.id}/users", json={"name": name})
        assert answer.status_code == 201, answer.text
    logs = next(node_logs(batch, pool, node.id))
    assert "\nnode idle -> unusable" not in logs


def node_logs(batch, pool, node):
    """The text of a node's log files, as they lie beside its folder."""
    root = batch.run('/bin/sh -c "echo $AZ_BATCH_NODE_ROOT_DIR"', batch.job(pool))
    job = root.url.split("/jobs/")[1].split("/")[0]
    folder = batch.text(job, root.id).strip()
    assert node in folder
    yield from (file.read_text() for file in Path(f"{folder}.logs").iterdir())


def test_stopping_what_does_not_go_on_changes_nothing(batch):
    pool = batch.pool(nodes=0)
    before = batch.raw("GET", f"/pools/{pool}").json()
    for verb, status in (("stopresize", 202), ("disableautoscale", 200)):
        assert batch.raw("POST", f"/pools/{pool}/{verb}").status_code == status
    assert batch.raw("POST", f"/pools/{pool}/resize", json={}).status_code == 202
    batch.steady(pool)
    after = batch.raw("GET", f"/pools/{pool}").json()
    assert {**after, "eTag": "", "lastModified": ""} == {**before, "eTag": "", "lastModified": ""}


def test_a_node_of_a_pool_that_scales_itself_can_be_removed(batch):
    pool = batch.pool(enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes=2;")
    first, _ = batch.ready(pool, 2)
    batch.steady(pool)
    answer = batch.raw("POST", f"/pools/{pool}/removenodes", json={"nodeList": [first.id]})
    assert answer.status_code == 202, answer.text
    batch.until(lambda: first.id not in [node.id for node in batch.client.list_nodes(pool)])


def test_a_resize_may_take_longer_than_a_week(batch):
    pool = batch.pool(nodes=0, resizeTimeout="P30D")
    assert batch.raw("GET", f"/pools/{pool}").json()["resizeTimeout"] == "P30D"


def test_a_disabled_job_can_be_disabled_again(batch):
    """Only in other states than active, disabling and disabled does it fail, says the model."""
    job = batch.job(batch.pool(nodes=0))
    for _ in range(2):
        answer = batch.raw("POST", f"/jobs/{job}/disable", json={"disableTasks": "wait"})
        assert answer.status_code == 202, answer.text
        batch.until(lambda: batch.client.get_job(job).state == "disabled")


@pytest.mark.parametrize(
    "how",
    [
        {"identityReference": {"resourceId": "/x"}},
        {"containerUrl": "no address"},
        {"containerUrl": "http://["},
        {"endTime": "2020-01-01T00:00:00Z"},
    ],
)
def test_logs_that_cannot_be_sent_are_told_of_in_the_log(batch, how):
    pool = batch.pool(nodes=1)
    (node,) = batch.ready(pool, 1)
    body = {"containerUrl": "http://127.0.0.1:1/c", "startTime": "2020-01-02T00:00:00Z", **how}
    answer = batch.raw("POST", f"/pools/{pool}/nodes/{node.id}/uploadbatchservicelogs", json=body)
    assert answer.status_code == 200, answer.text
    sent = answer.json()["numberOfFilesUploaded"]
    assert sent == (0 if "endTime" in how else 1)
    if sent:
        batch.until(lambda: any("not sent: " in text for text in node_logs(batch, pool, node.id)))


@pytest.mark.parametrize(
    ("size", "most"),
    [("standard_d3_v2", 16), ("Standard_DS14", 64), ("Standard_A8m_v2", 32), ("Standard_F2s", 8)],
)
def test_sizes_that_are_numbered_have_the_slots_of_their_cores(batch, size, most):
    for slots, status in ((most, 201), (most + 1, 400)):
        body = {**BARE, "id": batch.name("pool"), "vmSize": size, "taskSlotsPerNode": slots}
        assert batch.raw("POST", "/pools", json=body).status_code == status
        batch.raw("DELETE", f"/pools/{body['id']}")


NOBODY = "00000000-0000-0000-0000-000000000000"
SOMEBODY = "6f1d2c5e-1111-2222-3333-444444444444"


@pytest.mark.parametrize(("subscription", "status"), [(NOBODY, 400), (SOMEBODY, 201)])
def test_a_subnet_of_nobody_s_subscription_is_refused(batch, subscription, status):
    network = {"subnetId": f"/subscriptions/{subscription}/resourceGroups/g/providers/m/subnets/s"}
    pool, job = batch.name("pool"), batch.name("job")
    requests = {
        "/pools": {**BARE, "id": pool, "networkConfiguration": network},
        "/jobs": {
            "id": job,
            "poolInfo": {"poolId": pool},
            "networkConfiguration": {**network, "skipWithdrawFromVNet": True},
        },
    }
    for path, body in requests.items():
        answer = batch.raw("POST", path, json=body)
        assert answer.status_code == status, answer.text
        assert status == 201 or answer.json()["code"] == "InvalidPropertyValue"


def test_errors_within_a_collection_carry_the_request_s_id(batch):
    job = batch.job(batch.pool(nodes=0))
    body = {"value": [{"id": "a b", "commandLine": "/bin/true"}]}
    answer = batch.raw("POST", f"/jobs/{job}/addtaskcollection", json=body)
    (result,) = answer.json()["value"]
    assert f"RequestId:{answer.headers['request-id']}\n" in result["error"]["message"]["value"]
    assert {value["key"] for value in result["error"]["values"]} >= {"PropertyName", "Reason"}


def test_durations_come_back_as_the_service_writes_them(batch):
    longest = "P10675199DT2H48M5.4775807S"
    constraints = {"maxWallClockTime": "PT90M", "retentionTime": longest}
    task = batch.task(job := batch.job(batch.pool(nodes=0)), constraints=constraints)
    told = batch.raw("GET", f"/jobs/{job}/tasks/{task}").json()["constraints"]
    assert told == {"maxTaskRetryCount": 0, "maxWallClockTime": "PT1H30M", "retentionTime": longest}


def test_statistics_and_whatever_else_is_expanded_stay_out(batch):
    assert batch.raw("GET", "/jobs?$expand=stats,pool").status_code == 200
