"""Container settings: needed where the pool has containers, and never pretended."""

import sys
from pathlib import Path

import pytest

POOL = {
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        "containerConfiguration": {"type": "dockerCompatible", "containerImageNames": ["x"]},
    }
}
SETTINGS = {"imageName": "registry.invalid/x@sha256:0", "containerRunOptions": "--rm"}


def test_settings_are_needed_where_the_pool_has_containers(batch, refused):
    job = batch.job(batch.pool(nodes=0, **POOL))
    error = refused(lambda: batch.task(job))
    assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")
    batch.task(job, containerSettings=SETTINGS)


def test_a_container_task_is_refused_by_default(batch):
    task = batch.run("/bin/true", batch.job(batch.pool(**POOL)), containerSettings=SETTINGS)
    info = task.execution_info
    assert (info.result, info.exit_code) == ("failure", None)
    assert "--containers=process" in info.failure_info.message


def test_as_a_process_it_runs_with_this_machine_s_python_and_says_so(emulator):
    batch = emulator("--boot-time=0.05", "--containers=process")
    job = batch.job(batch.pool(**POOL))
    command = "python3 -c 'import sys; print(sys.executable)'"
    task = batch.run(command, job, containerSettings=SETTINGS)
    assert task.execution_info.result == "success"
    assert "not in a container" in task.execution_info.container_info.state
    assert Path(batch.text(job, task.id).strip()).parent == Path(sys.executable).parent


@pytest.mark.parametrize("option", ["--task-path=/opt/own/bin"])
def test_folders_can_be_put_before_the_path_of_tasks(emulator, option):
    batch = emulator("--boot-time=0.05", option)
    job = batch.job()
    task = batch.run("/bin/sh -c 'echo $PATH'", job)
    assert batch.text(job, task.id).startswith("/opt/own/bin:")
