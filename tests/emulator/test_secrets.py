"""Secrets of a request: no answer, error, log, journal or page repeats one."""

import pytest

from batch_emulator.wire.secrets import tellable

SECRET = "s3cret-of-mine"
SETTINGS = {"imageName": "i", "registry": {"username": "u", "password": SECRET}}
SAS = f"https://a.blob.core.windows.net/c?sv=1&sig={SECRET}"
KEY = f"-----BEGIN PRIVATE KEY----- {SECRET}"


def in_pool(**machine):
    return {"virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.debian 12",
            "imageReference": {"publisher": "p", "offer": "o", "sku": "s"}, **machine}}  # fmt: skip


TASKS = [
    {"containerSettings": {"imageName": "i", "registry": {"password": [SECRET]}}},
    {"containerSettings": {"imageName": "i", "registry": SECRET}},
    {"containerSettings": [SETTINGS]},
    {"containerSettings": SECRET},
    {"commandLine": ["login", SECRET]},
    {"environmentSettings": [SECRET]},
    {"environmentSettings": {"name": "PASSWORD", "value": SECRET}},
    {"environmentSettings": [{"name": [f"PASSWORD={SECRET}"], "value": "x"}]},
    {"environmentSettings": [{"name": "PASSWORD", "value": [SECRET]}]},
    {"resourceFiles": SAS},
    {"resourceFiles": [{"httpUrl": [SAS], "filePath": "x"}]},
    {"resourceFiles": [{"httpUrl": f"https://me:{SECRET}@a/b", "filePath": "../x"}]},
    {"resourceFiles": [{"httpUrl": "https://a/b", "filePath": "x", "fileMode": SAS}]},
    {"outputFiles": [{"filePattern": "*", "destination": SAS, "uploadOptions": {}}]},
]  # fmt: skip


@pytest.mark.parametrize("change", TASKS)
def test_an_error_of_a_task_repeats_no_secret(batch, change):
    job = batch.job(batch.pool(nodes=0))
    body = {"id": "t", "commandLine": "/bin/true", **change}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body)
    assert answer.status_code == 400
    assert SECRET not in answer.text
    group = batch.raw("POST", f"/jobs/{job}/addtaskcollection", json={"value": [body]})
    assert SECRET not in group.text
    assert SECRET not in batch.raw("POST", f"/jobs/{job}/tasks", json=[body]).text


@pytest.mark.parametrize(
    "change",
    [
        {"userAccounts": [{"name": "a", "password": {"is": SECRET}}]},
        {"userAccounts": [SECRET]},
        {"userAccounts": [{"name": "a", "password": "x",
                           "linuxUserConfiguration": {"sshPrivateKey": [SECRET]}}]},
        {"mountConfiguration": [{"cifsMountConfiguration": {"password": [SECRET]}}]},
        {"mountConfiguration": [{"cifsMountConfiguration": SECRET}]},
        {"mountConfiguration": [{"azureBlobFileSystemConfiguration": {"sasKey": [SECRET]}}]},
        {"mountConfiguration": [{"azureFileShareConfiguration": {"accountKey": 5, "x": SECRET}}]},
        in_pool(containerConfiguration={"type": "dockerCompatible",
                                        "containerRegistries": {"password": SECRET}}),
        in_pool(extensions=[{"name": "e", "publisher": "p", "type": "t",
                             "protectedSettings": SECRET}]),
        in_pool(windowsConfiguration=[{"password": SECRET}]),
        {"startTask": {"commandLine": "x", "containerSettings": [SETTINGS]}},
        {"startTask": [{"commandLine": f"login {SECRET}"}]},
    ],
)  # fmt: skip
def test_an_error_of_a_pool_repeats_no_secret(batch, change):
    body = {"id": "p", "vmSize": "Standard_D2s_v5", **in_pool(), **change}
    answer = batch.raw("POST", "/pools", json=body)
    assert answer.status_code == 400, answer.text
    assert SECRET not in answer.text


def test_a_private_key_given_for_the_public_one_is_not_repeated(batch):
    pool = batch.pool(nodes=1)
    (node,) = batch.ready(pool, 1)
    body = {"name": "u", "sshPublicKey": KEY}
    answer = batch.raw("POST", f"/pools/{pool}/nodes/{node.id}/users", json=body)
    assert answer.status_code == 400
    assert SECRET not in answer.text


def test_a_pool_answers_without_keys_of_mounts_and_extensions(batch):
    blob = {"accountName": "a", "containerName": "c", "relativeMountPath": "m"}
    share = {"accountName": "a", "azureFileUrl": "https://a/f", "relativeMountPath": "f"}
    cifs = {"username": "u", "source": "s", "relativeMountPath": "n", "password": SECRET}
    extension = {"name": "e", "publisher": "p", "type": "t", "protectedSettings": {"k": SECRET}}
    mounts = [
        {"azureBlobFileSystemConfiguration": {**blob, "sasKey": SECRET}},
        {"azureBlobFileSystemConfiguration": {**blob, "accountKey": SECRET}},
        {"azureFileShareConfiguration": {**share, "accountKey": SECRET}},
        {"cifsMountConfiguration": cifs},
    ]
    body = {"id": "mounts", "vmSize": "Standard_D2s_v5", "mountConfiguration": mounts}
    answer = batch.raw("POST", "/pools", json={**body, **in_pool(extensions=[extension])})
    assert answer.status_code == 201, answer.text
    for path in ("/pools", "/pools/mounts", "/pools/mounts?$select=mountConfiguration"):
        told = batch.raw("GET", path)
        assert "relativeMountPath" in told.text
        assert SECRET not in told.text


def test_what_is_no_secret_is_told(batch):
    job = batch.job(batch.pool(nodes=0))
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json={"id": "a b", "commandLine": "x"})
    assert {"key": "PropertyValue", "value": "a b"} in answer.json()["values"]
    assert tellable("value", 101) == 101
    assert tellable("poolInfo", {"poolId": "p"}) == {"poolId": "p"}
