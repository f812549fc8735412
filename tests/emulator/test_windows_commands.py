"""What samples run on Windows nodes, on nodes that are this machine."""

import pytest

WINDOWS = {
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "microsoftwindowsserver",
            "offer": "windowsserver",
            "sku": "2022-datacenter-smalldisk",
        },
        "nodeAgentSKUId": "batch.node.windows amd64",
    }
}
SAMPLES = [
    ('cmd /c "echo hello world"', "hello world\n"),
    ("cmd.exe /C echo Hello from the Batch task", "Hello from the Batch task\n"),
    ("cmd /c echo %AZ_BATCH_JOB_ID%", "{job}\n"),
    ('cmd /c echo "it\'s" $HOME `id` %NOBODY%', '"it\'s" $HOME `id` \n'),
    ("cmd /c set AZ_BATCH_JOB & timeout /t 0 > NUL", "AZ_BATCH_JOB_ID={job}\n"),
    ('cmd /c "md a\\b && echo x > a\\b\\c.txt && type a\\b\\c.txt"', "x\n"),
    ('cmd /c "ping 127.0.0.1 -n 1 > nul && cd %AZ_BATCH_TASK_WORKING_DIR% & dir /b"', ""),
    ("ping 127.0.0.1 -n 1", ""),
    ('cmd /q /c "set A=b && echo %A%"', "b\n"),
]


@pytest.fixture(scope="module")
def pool(shared_emulator, a_pool, signed):
    signed(
        shared_emulator,
        "POST",
        "/pools",
        json=a_pool("windows", targetDedicatedNodes=2, taskSlotsPerNode=8, **WINDOWS),
    )
    yield "windows"
    signed(shared_emulator, "DELETE", "/pools/windows")


@pytest.mark.parametrize(("command", "said"), SAMPLES)
def test_a_few_words_of_cmd_are_understood(batch, pool, command, said):
    job = batch.job(pool)
    task = batch.run(command, job)
    assert task.execution_info.exit_code == 0, batch.text(job, task.id, "stderr.txt")
    assert batch.text(job, task.id) == said.format(job=job)


def test_a_folder_is_never_listed_as_nothing(batch, pool):
    job = batch.job(pool)
    assert batch.text(job, batch.run("cmd /c dir /s", job).id)


def test_its_exit_code_is_the_task_s(batch, pool):
    assert batch.run("cmd /c exit /b 3", batch.job(pool)).execution_info.exit_code == 3


def test_other_programs_of_windows_fail_the_task(batch, pool):
    info = batch.run("powershell -c ls", batch.job(pool)).execution_info
    assert info.failure_info.code == "CommandProgramNotFound"
    assert batch.run("cmd /c nobody.exe", batch.job(pool)).execution_info.exit_code == 127


def test_a_start_task_is_understood_too(batch):
    start = {"commandLine": 'cmd /c "echo ready"', "waitForSuccess": True}
    pool = batch.pool(nodes=1, startTask=start, **WINDOWS)
    batch.ready(pool, 1)


def test_a_linux_node_has_no_cmd(batch):
    info = batch.run("cmd /c echo x").execution_info
    assert info.failure_info.code == "CommandProgramNotFound"
