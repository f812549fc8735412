"""What a GET answer holds that the client did not send."""

UNLIMITED = "P10675199DT2H48M5.4775807S"
USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
WINDOWS = {"publisher": "p", "offer": "o", "sku": "s"}


def machine(agent="batch.node.debian 12", **more):
    return {"imageReference": WINDOWS, "nodeAgentSKUId": agent, **more}


def test_disks_networks_users_and_images_have_the_service_s_defaults(batch):
    rule = {"priority": 150, "access": "allow", "sourceAddressPrefix": "*"}
    nat = {"name": "web", "protocol": "tcp", "backendPort": 8080, "frontendPortRangeStart": 15000,
           "frontendPortRangeEnd": 15100, "networkSecurityGroupRules": [rule]}  # fmt: skip
    pool = batch.pool(
        nodes=0,
        virtualMachineConfiguration=machine(
            "batch.node.windows amd64", dataDisks=[{"lun": 0, "diskSizeGB": 5}]
        ),
        networkConfiguration={"endpointConfiguration": {"inboundNATPools": [nat]}},
        userAccounts=[{"name": "a", "password": "x"}],
    )
    told = batch.raw("GET", f"/pools/{pool}").json()
    (disk,) = told["virtualMachineConfiguration"]["dataDisks"]
    assert disk == {"lun": 0, "diskSizeGB": 5, "caching": "readwrite",
                    "managedDisk": {"storageAccountType": "standard_lrs"}}  # fmt: skip
    image = told["virtualMachineConfiguration"]["imageReference"]
    assert (image["version"], image["exactVersion"]) == ("latest", "latest")
    network = told["networkConfiguration"]
    assert network["dynamicVNetAssignmentScope"] == "none"
    assert network["enableAcceleratedNetworking"] is False
    (told_nat,) = network["endpointConfiguration"]["inboundNATPools"]
    assert told_nat["networkSecurityGroupRules"] == [{**rule, "sourcePortRanges": ["*"]}]
    assert told["userAccounts"][0]["windowsUserConfiguration"] == {"loginMode": "batch"}


def test_what_the_client_sent_is_told_as_it_was(batch):
    disk = {"lun": 0, "diskSizeGB": 5, "caching": "none",
            "managedDisk": {"storageAccountType": "premium_lrs"}}  # fmt: skip
    network = {"dynamicVNetAssignmentScope": "job", "enableAcceleratedNetworking": True}
    pool = batch.pool(
        nodes=0,
        virtualMachineConfiguration=machine(dataDisks=[disk]),
        networkConfiguration=network,
        userAccounts=[{"name": "a", "password": "x"}],
    )
    told = batch.raw("GET", f"/pools/{pool}").json()
    assert told["virtualMachineConfiguration"]["dataDisks"] == [disk]
    assert told["networkConfiguration"] == network
    assert "windowsUserConfiguration" not in told["userAccounts"][0]


def test_preparation_and_release_tasks_have_limits_and_a_user(batch):
    work = {"commandLine": "/bin/true"}
    job = batch.job(batch.pool(nodes=0), jobPreparationTask=work, jobReleaseTask=work)
    told = batch.raw("GET", f"/jobs/{job}").json()
    assert told["jobPreparationTask"]["userIdentity"] == USER
    assert told["jobPreparationTask"]["constraints"] == {
        "maxWallClockTime": UNLIMITED, "retentionTime": "P7D", "maxTaskRetryCount": 0,
    }  # fmt: skip
    assert told["jobReleaseTask"]["userIdentity"] == USER


def test_an_auto_pool_has_defaults_and_can_be_sent_back(batch):
    account = {"name": "a", "password": "x"}
    pool = {"vmSize": "Standard_D2s_v5", "virtualMachineConfiguration": machine(),
            "userAccounts": [account]}  # fmt: skip
    info = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}
    job = batch.name("job")
    assert batch.raw("POST", "/jobs", json={"id": job, "poolInfo": info}).status_code == 201
    told = batch.raw("GET", f"/jobs/{job}").json()["poolInfo"]
    auto = told["autoPoolSpecification"]
    assert auto["keepAlive"] is False
    expected = {
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": 0,
        "targetLowPriorityNodes": 0,
        "taskSlotsPerNode": 1,
    }
    assert {name: auto["pool"][name] for name in expected} == expected
    same = batch.raw("PATCH", f"/jobs/{job}", json={"poolInfo": told})
    assert same.status_code == 200, same.text
    auto["pool"]["targetDedicatedNodes"] = 5
    other = batch.raw("PATCH", f"/jobs/{job}", json={"poolInfo": told})
    assert (other.status_code, other.json()["code"]) == (400, "InvalidPropertyValue")
