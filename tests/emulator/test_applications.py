"""Application packages: a folder of zip files, installed on nodes for pools and tasks."""

from __future__ import annotations

import uuid
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
)

from batch_emulator.options import AUTO_STORAGE_VARIABLE

FULL = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/devaccount"
    "/applications/"
)


@pytest.fixture
def packages(tmp_path):
    """Makes packages in a folder."""
    folder = tmp_path / "applications"
    folder.mkdir()

    def make(name, version, text="#!/bin/sh\necho $0\n", default=False):
        place = folder / name
        place.mkdir(exist_ok=True)
        with zipfile.ZipFile(place / f"{version}.zip", "w") as archive:
            program = zipfile.ZipInfo("bin/run")
            program.external_attr = 0o755 << 16
            archive.writestr(program, text)
            archive.writestr("../outside", "x")
        if default:
            (place / "default").write_text(version)

    make.folder = folder
    return make


@pytest.fixture
def batch(emulator, packages):
    return emulator("--boot-time=0.05", f"--applications={packages.folder}")


def reference(name, version=None):
    return {"applicationId": name, **({"version": version} if version else {})}


def variables(batch, job, **rest):
    """The variables of packages that a task sees."""
    task = batch.run("/usr/bin/env", job, **rest)
    lines = batch.text(job, task.id).splitlines()
    pairs = (line.partition("=")[::2] for line in lines if line.startswith("AZ_BATCH_APP_"))
    return {name.removeprefix("AZ_BATCH_APP_PACKAGE_"): value for name, value in pairs}


def test_applications_are_listed_with_their_versions(batch, packages, refused):
    assert list(batch.client.list_applications()) == []
    for name, version in (("blender", "2.7"), ("blender", "2.76b"), ("Agent-x64", "1")):
        packages(name, version)
    (packages.folder / "empty").mkdir()
    found = list(batch.client.list_applications(max_results=1))
    assert [(one.id, one.display_name) for one in found] == [
        ("Agent-x64", "Agent-x64"),
        ("blender", "blender"),
    ]
    one = batch.client.get_application("BLENDER")
    assert (one.id, one.versions) == ("blender", ["2.7", "2.76b"])
    for name in ("none", "empty", "..", "."):
        error = refused(lambda n=name: batch.client.get_application(f"x{n}"))
        assert (error.status_code, error.error.code) == (404, "ApplicationNotFound")


def test_without_a_folder_there_are_none(emulator, refused):
    batch = emulator()
    assert list(batch.client.list_applications()) == []
    error = refused(lambda: batch.client.get_application("x"))
    assert error.error.code == "ApplicationNotFound"


def test_a_pools_packages_are_there_for_every_task_of_its_nodes(batch, packages):
    packages("Agent-linux-x64", "1.1.46.0")
    packages("blender", "2.7", default=True)
    references = [reference(FULL + "agent-LINUX-x64", "1.1.46.0"), reference(FULL + "blender")]
    pool = batch.pool(
        nodes=1,
        applicationPackageReferences=references,
        startTask={"commandLine": "/bin/sh -c '$AZ_BATCH_APP_PACKAGE_blender/bin/run'"},
    )
    given = batch.client.get_pool(pool).application_package_references
    assert [one.as_dict() for one in given] == references
    (node,) = batch.ready(pool, 1)
    assert node.start_task_info.result == "success"
    job = batch.job(pool)
    seen = variables(batch, job)
    assert set(seen) == {"Agent_linux_x64_1_1_46_0", "agent_linux_x64_1_1_46_0", "blender"}
    assert seen["blender"].endswith("/applications/blender/2.7")
    run = "/bin/sh -c '$AZ_BATCH_APP_PACKAGE_agent_linux_x64_1_1_46_0/bin/run'"
    task = batch.run(run, job)
    assert batch.text(job, task.id) == f"{seen['agent_linux_x64_1_1_46_0']}/bin/run\n"
    files = batch.client.list_node_files(pool, node.id, recursive=True)
    outside = [file.name for file in files if file.name.endswith("outside")]
    assert sorted(outside) == [
        "applications/Agent-linux-x64/1.1.46.0/outside",
        "applications/blender/2.7/outside",
    ]


def test_a_tasks_packages_are_its_own_and_installed_once(batch, packages):
    packages("tool", "1")
    job = batch.job(batch.pool(nodes=1, taskSlotsPerNode=4))
    refs = [reference("tool", "1")]
    tasks = [
        batch.task(job, "/bin/sh -c 'cat $AZ_BATCH_APP_PACKAGE_tool_1/bin/run'",
            applicationPackageReferences=refs)
        for _ in range(4)
    ]  # fmt: skip
    for task in tasks:
        assert batch.completed(job, task).execution_info.result == "success"
        assert batch.text(job, task).startswith("#!/bin/sh")
    assert variables(batch, job) == {}
    packages("tool", "1", "changed")
    task = batch.run(
        "/bin/sh -c 'cat $AZ_BATCH_APP_PACKAGE_tool_1/bin/run'",
        job,
        applicationPackageReferences=refs,
    )
    assert "changed" not in batch.text(job, task.id)


def test_a_pool_that_changes_gives_them_to_nodes_that_boot(batch, packages):
    packages("tool", "1")
    packages("tool", "2")
    pool = batch.pool(nodes=1, applicationPackageReferences=[reference("tool", "1")])
    job = batch.job(pool)
    (node,) = batch.ready(pool, 1)
    change = {"applicationPackageReferences": [reference("tool", "2")]}
    batch.client.update_pool(pool, models.BatchPoolUpdateOptions(change))
    assert set(variables(batch, job)) == {"tool_1"}
    before = node.last_boot_time
    options = {"nodeRebootOption": "requeue"}
    batch.client.begin_reboot_node(pool, node.id, options=options, polling_interval=0)
    batch.until(lambda: batch.client.get_node(pool, node.id).last_boot_time, lambda t: t != before)
    assert set(variables(batch, job)) == {"tool_2"}


def test_references_to_what_is_not_there_are_refused(batch, packages, refused):
    packages("tool", "1")
    job = batch.job(batch.pool(nodes=0))
    for wanted in (reference("none", "1"), reference("tool", "2"), reference("tool")):
        error = refused(
            lambda r=wanted: batch.pool(nodes=0, applicationPackageReferences=[r]),
        )
        assert (error.status_code, error.error.code) == (409, "InvalidApplicationPackageReferences")
    for wanted in (reference("none"), reference("tool", "2")):
        error = refused(lambda r=wanted: batch.task(job, applicationPackageReferences=[r]))
        assert (error.status_code, error.error.code) == (409, "InvalidApplicationPackageReferences")
    many = [reference("tool", "1")] * 11
    error = refused(lambda: batch.pool(nodes=0, applicationPackageReferences=many))
    assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")


def test_a_task_without_a_default_version_fails_before_its_command(batch, packages):
    packages("tool", "1")
    job = batch.job(batch.pool(nodes=1))
    task = batch.run("/bin/true", job, applicationPackageReferences=[reference("tool")])
    failure = task.execution_info.failure_info
    assert (failure.code, task.execution_info.exit_code) == ("ApplicationPackageError", None)
    assert {d.name: d.value for d in failure.details}["ApplicationId"] == "tool"


def test_a_package_that_cannot_be_unpacked_makes_the_node_unusable(batch, packages):
    packages("tool", "1")
    (packages.folder / "tool" / "1.zip").write_bytes(b"no zip")
    pool = batch.pool(nodes=1, applicationPackageReferences=[reference("tool", "1")])
    (node,) = batch.until(lambda: batch.nodes(pool, "unusable"))
    assert node.errors[0].code == "ApplicationPackageError"
    packages("tool", "1")
    resize = {"targetDedicatedNodes": 2}
    batch.client.begin_resize_pool(pool, resize, polling_interval=0.02).result()
    batch.ready(pool, 1)
    assert set(variables(batch, batch.job(pool))) == {"tool_1"}


def test_packages_are_there_again_after_kill_9(emulator, packages, tmp_path):
    packages("tool", "1")
    options = (
        "--boot-time=0.05",
        f"--applications={packages.folder}",
        f"--state={tmp_path / 'state'}",
    )
    batch = emulator(*options)
    pool = batch.pool(nodes=1, applicationPackageReferences=[reference("tool", "1")])
    job = batch.job(pool)
    seen = variables(batch, job)
    batch.running.process.kill()
    batch.running.process.wait(10)
    assert variables(emulator(*options), job) == seen


def test_resource_files_from_the_auto_storage_account(emulator, azurite, monkeypatch):
    name = f"auto-{uuid.uuid4().hex[:8]}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_container(name)
        for blob in ("in/a.txt", "other.txt"):
            service.get_blob_client(name, blob).upload_blob(blob)
    sas = generate_account_sas(
        azurite.account,
        account_key=azurite.key,
        resource_types=ResourceTypes(container=True, object=True),
        permission=AccountSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    monkeypatch.setenv(AUTO_STORAGE_VARIABLE, f"{azurite.blob_endpoint}?{sas}")
    batch = emulator("--boot-time=0.05")
    files = [{"autoStorageContainerName": name, "blobPrefix": "in/"}]
    start = {"commandLine": "/bin/cat in/a.txt", "resourceFiles": files}
    pool = batch.pool(nodes=1, startTask=start)
    assert batch.ready(pool, 1)[0].start_task_info.result == "success"
    job = batch.job(pool, jobPreparationTask=start)
    task = batch.run("/bin/sh -c 'find . -type f; cat in/a.txt'", job, resourceFiles=files)
    assert batch.text(job, task.id) == "./in/a.txt\nin/a.txt"
    assert [file.as_dict() for file in task.resource_files] == files
    process = f"/proc/{batch.running.process.pid}"
    told = batch.run(f"/bin/sh -c 'env; cat {process}/environ {process}/cmdline'", job)
    assert sas not in batch.text(job, told.id)


def test_the_folder_has_to_be_there(emulator, tmp_path, capfd):
    from batch_emulator.process import StartError

    with pytest.raises(StartError):
        emulator(f"--applications={tmp_path / 'none'}")
    assert "--applications" in capfd.readouterr().err
