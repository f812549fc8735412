"""What recordings of the Azure CLI's own tests show of the service: asked and answered the same."""

from urllib.parse import quote

import pytest

CLI = "2022-01-01.15.0"
MACHINE = {
    "vmSize": "STANDARD_D2S_V3",
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "microsoftwindowsserver",
            "offer": "windowsserver",
            "sku": "2022-datacenter",
            "version": "latest",
            "virtualMachineImageId": None,
            "exactVersion": "latest",
        },
        "nodeAgentSKUId": "batch.node.windows amd64",
        "nodePlacementConfiguration": {"policy": "regional"},
        "osDisk": {
            "caching": "none",
            "managedDisk": {"storageAccountType": "premium_lrs"},
            "diskSizeGB": None,
            "writeAcceleratorEnabled": None,
        },
    },
}
USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
UNLIMITED = "P10675199DT2H48M5.4775807S"


def test_years_and_months_are_of_365_and_30_days(batch):
    job = batch.job(batch.pool(nodes=0))
    body = {"constraints": {"maxWallClockTime": "P3Y6M4DT12H30M5S"}}
    assert batch.raw("PATCH", f"/jobs/{job}", json=body).status_code == 200
    told = batch.raw("GET", f"/jobs/{job}").json()["constraints"]
    assert told == {"maxWallClockTime": "P1279DT12H30M5S", "maxTaskRetryCount": 0}
    assert batch.raw("PUT", f"/jobs/{job}", json={"poolInfo": {"poolId": "p"}}).status_code == 400


def test_a_job_manager_is_told_with_its_limits_and_user(batch):
    manager = {"id": "JobManager", "commandLine": "cmd /c set AZ_BATCH_TASK_ID"}
    limits = {"maxTaskRetryCount": 5}
    job = batch.job(batch.pool(nodes=0), jobManagerTask=manager, constraints=limits)
    # the job's limits change, and the manager's do not
    batch.raw("PATCH", f"/jobs/{job}", json={"constraints": {"maxWallClockTime": "P1D"}})
    told = batch.raw("GET", f"/jobs/{job}").json()
    assert told["constraints"]["maxTaskRetryCount"] == 0
    assert told["jobManagerTask"] == {
        **manager,
        "constraints": {
            "maxWallClockTime": UNLIMITED,
            "retentionTime": "P7D",
            "maxTaskRetryCount": 5,
        },
        "requiredSlots": 1,
        "userIdentity": USER,
        "runExclusive": True,
        "allowLowPriorityNode": True,
        "killJobOnCompletion": True,
    }
    assert batch.client.get_task(job, "JobManager").constraints.max_task_retry_count == 5


def test_a_start_task_is_told_with_its_user(batch):
    pool = batch.pool(nodes=1, startTask={"commandLine": "/bin/true"})
    (node,) = batch.ready(pool, 1)
    for path in (f"/pools/{pool}", f"/pools/{pool}/nodes/{node.id}"):
        assert batch.raw("GET", path).json()["startTask"]["userIdentity"] == USER


def test_a_package_that_is_not_there_is_named(batch):
    given = {"applicationPackageReferences": [{"applicationId": "does-not-exist"}]}
    answer = batch.raw("POST", "/pools", json={"id": "p", **MACHINE, **given})
    assert (answer.status_code, answer.json()["code"]) == (
        409,
        "InvalidApplicationPackageReferences",
    )
    assert answer.json()["values"] == [
        {"key": "does-not-exist", "value": "The specified application package does not exist."}
    ]


def test_nodes_are_counted_by_the_pools_ids(emulator):
    batch = emulator()
    for pool in ("xplatCreatedPool", "pool_image1", "Pool_a"):
        assert batch.raw("POST", "/pools", json={"id": pool, **MACHINE}).status_code == 201
    counted = batch.client.list_pool_node_counts(max_results=1)
    assert [one.pool_id for one in counted] == ["Pool_a", "pool_image1", "xplatCreatedPool"]
    told = batch.raw("GET", "/nodecounts").json()
    assert told["odata.metadata"].endswith("/$metadata#poolnodecounts")


@pytest.mark.parametrize(("version", "told"), [("2024-02-01.19.0", False), ("2025-06-01", True)])
def test_the_order_of_jobs_is_told_to_later_versions(batch, version, told):
    pool = batch.pool(nodes=0)
    for path in (f"/pools/{pool}", f"/pools?$filter=id eq '{pool}'"):
        answer = batch.raw("GET", path, version=version).json()
        (one,) = answer.get("value", [answer])
        assert ("jobDefaultOrder" in one["taskSchedulingPolicy"]) is told


def test_a_file_s_address_is_encoded_in_its_header(batch):
    task = batch.run("/bin/true", job := batch.job())
    answer = batch.raw("HEAD", f"/jobs/{job}/tasks/{task.id}/files/stdout.txt")
    address = f"{batch.running.endpoint}/jobs/{job}/tasks/{task.id}/files/stdout.txt"
    assert answer.headers["ocp-batch-file-url"] == quote(address, safe="")
    assert answer.headers["ocp-batch-file-isdirectory"] == "False"


@pytest.mark.parametrize("size", ["thisisinvalid", "small", "", "Standard"])
def test_a_size_that_is_none_is_refused(batch, size):
    answer = batch.raw("POST", "/pools", json={"id": "p", **MACHINE, "vmSize": size})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")


@pytest.mark.parametrize(
    ("retired", "code"),
    [
        (
            {
                "certificateReferences": [
                    {"thumbprint": "0123456789ABCDEF", "thumbprintAlgorithm": "sha1"}
                ]
            },
            "InvalidCertificatesInAutoPool",
        ),
        ({"cloudServiceConfiguration": {"osFamily": "4"}}, "InvalidAutoPoolSettings"),
    ],
)
def test_a_job_fails_whose_pool_no_pool_can_be_any_more(batch, retired, code):
    machine = {} if "cloudServiceConfiguration" in retired else MACHINE
    auto = {
        "autoPoolIdPrefix": "TestSpecPrefix",
        "poolLifetimeOption": "jobschedule",
        "keepAlive": False,
        "pool": {"vmSize": "Standard_D2", **machine, **retired},
    }
    schedule = {
        "id": batch.name("schedule"),
        "schedule": {"recurrenceInterval": "P2D"},
        "jobSpecification": {"poolInfo": {"autoPoolSpecification": auto}},
    }
    answer = batch.raw("POST", "/jobschedules", json=schedule, version=CLI)
    assert answer.status_code == 201, answer.text
    path = f"/jobschedules/{schedule['id']}/jobs"
    (job,) = batch.raw("GET", path, version=CLI).json()["value"]
    assert job["state"] == "completed"
    error = job["executionInfo"]["schedulingError"]
    assert error["code"] == code
    if "certificateReferences" in retired:
        assert error["details"] == [
            {
                "name": "sha1-0123456789abcdef",
                "value": "The specified certificate does not exist.",
            }
        ]
    batch.raw("DELETE", f"/jobschedules/{schedule['id']}")
