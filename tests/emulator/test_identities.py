"""Users of pools and tasks, wishes for a node, and the auto-storage account."""

from __future__ import annotations

import getpass

from azure.batch import models

ACCOUNTS = [
    {"name": "Alice", "password": "s3cret-a", "elevationLevel": "admin"},
    {
        "name": "bob",
        "password": "s3cret-b",
        "linuxUserConfiguration": {"uid": 12345, "gid": 98765, "sshPrivateKey": "s3cret-key"},
    },
]


def test_tasks_run_as_a_pools_user_by_name_and_are_the_emulators_own(batch):
    pool = batch.pool(nodes=1, userAccounts=ACCOUNTS)
    job = batch.job(pool)
    identities = [
        {"username": "alice"},
        {"autoUser": {"scope": "task", "elevationLevel": "admin"}},
        {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
    ]
    for identity in identities:
        task = batch.run("/usr/bin/id -un", job, userIdentity=identity)
        assert task.user_identity.as_dict() == identity
        assert batch.text(job, task.id).strip() == getpass.getuser()


def test_passwords_and_keys_are_never_told_nor_kept(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool = batch.pool(nodes=0, userAccounts=ACCOUNTS)
    body = {"autoPoolSpecification": {
        "poolLifetimeOption": "job",
        "pool": {
            "vmSize": "Standard_D4s_v5",
            "virtualMachineConfiguration": batch.client.get_pool(
                pool
            ).virtual_machine_configuration.as_dict(),
            "userAccounts": ACCOUNTS,
            "targetDedicatedNodes": 0,
        },
    }}  # fmt: skip
    job = batch.name("job")
    batch.client.create_job(models.BatchJobCreateOptions({"id": job, "poolInfo": body}))
    told = [batch.raw("GET", path) for path in (f"/pools/{pool}", f"/jobs/{job}", "/pools")]
    assert all(answer.status_code == 200 for answer in told)
    assert all("s3cret" not in answer.text for answer in told)
    assert [a["name"] for a in told[0].json()["userAccounts"]] == ["Alice", "bob"]
    assert told[0].json()["userAccounts"][1]["linuxUserConfiguration"]["uid"] == 12345
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"Alice" in path.read_bytes() for path in files)
    assert not any(b"s3cret" in path.read_bytes() for path in files)


def test_a_user_that_cannot_be_is_refused(batch, refused):
    identity = {"username": "alice", "autoUser": {"scope": "pool"}}
    pool = batch.pool(nodes=0, userAccounts=ACCOUNTS)
    job = batch.job(pool)
    start = {"commandLine": "/bin/true", "userIdentity": identity}
    attempts = [
        lambda: batch.task(job, userIdentity=identity),
        lambda: batch.pool(nodes=0, userAccounts=ACCOUNTS, startTask=start),
        lambda: batch.job(pool, jobPreparationTask=start),
        lambda: batch.job(pool, jobManagerTask={"id": "manager", **start}),
    ]
    for attempt in attempts:
        error = refused(attempt)
        assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")
    error = refused(lambda: batch.task(job, userIdentity={}))
    assert error.error.code == "MissingRequiredProperty"


def test_accounts_that_cannot_be_are_refused(batch, refused):
    cases = [
        [{"name": "a" * 21, "password": "x"}],
        [{"name": "a", "password": "x", "linuxUserConfiguration": {"uid": 1}}],
        [{"name": "a", "password": "x", "windowsUserConfiguration": {"loginMode": "batch"}}],
    ]
    for accounts in cases:
        error = refused(lambda a=accounts: batch.pool(nodes=0, userAccounts=a))
        assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue"), accounts


def test_a_pool_that_is_not_there_yet_is_no_reason_to_refuse_a_name(batch):
    job = batch.job("pool-of-later")
    batch.task(job, userIdentity={"username": "anyone"})


def test_a_task_goes_to_the_node_it_would_like_or_elsewhere(batch):
    pool = batch.pool(nodes=3)
    batch.ready(pool, 3)
    job = batch.job(pool)
    for node in batch.nodes(pool) * 2:
        task = batch.run("/bin/true", job, affinityInfo={"affinityId": node.affinity_id})
        assert task.node_info.node_id == node.id
        again = batch.run("/bin/true", job, affinityInfo={"affinityId": task.node_info.affinity_id})
        assert again.node_info.node_id == node.id
    busy = batch.task(job, "/bin/sleep 300", affinityInfo={"affinityId": node.affinity_id})
    batch.until(lambda: batch.client.get_task(job, busy).state, lambda s: s == "running")
    task = batch.run("/bin/true", job, affinityInfo={"affinityId": node.affinity_id})
    assert task.node_info.node_id != node.id
    batch.client.terminate_task(job, busy)
    anywhere = batch.run("/bin/true", job, affinityInfo={"affinityId": "no such node"})
    assert anywhere.execution_info.result == "success"


def test_there_is_no_authentication_token_for_tasks(batch):
    job = batch.job(batch.pool(nodes=0))
    body = {"id": "t", "commandLine": "x", "authenticationTokenSettings": {"access": ["job"]}}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidRequestBody")


def test_auto_storage_is_refused_where_there_is_none(batch, refused):
    files = [{"autoStorageContainerName": "inputs"}]
    pool = batch.pool(nodes=0)
    job = batch.job(pool)
    start = {"commandLine": "/bin/true", "resourceFiles": files}
    settings = {"coordinationCommandLine": "/bin/true", "commonResourceFiles": files}
    attempts = [
        lambda: batch.task(job, resourceFiles=files),
        lambda: batch.task(job, multiInstanceSettings=settings),
        lambda: batch.pool(nodes=0, startTask=start),
        lambda: batch.job(pool, jobPreparationTask=start),
    ]
    for attempt in attempts:
        error = refused(attempt)
        assert (error.status_code, error.error.code) == (404, "StorageAccountNotFound")
