"""Container tasks: in an engine, by default in one that works, and never pretended.

The same tests run with podman and docker, where they work, and with an engine of our own that is
but processes.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from batch_emulator.process import start
from container_engines import IMAGE, IMAGE_OF_A_USER, docker, fake, podman

SETTINGS = {"imageName": IMAGE}
SHORT = "--boot-time=0.05"


def pool_with(images=(), **more):
    configuration = {"type": "dockerCompatible", "containerImageNames": list(images), **more}
    return {
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"},
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
            "containerConfiguration": configuration,
        }
    }


POOL = pool_with()


@pytest.fixture(scope="module", params=[fake, podman, docker], ids=lambda make: make.__name__)
def engine(request):
    # A short path: engines put sockets in it, whose names hold 108 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    engine = request.param(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in engine.environment.items():
            patch.setenv(name, value)
        yield engine
    engine.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def real(engine):
    if engine.kept:
        pytest.skip("only a real engine shows it")


@pytest.fixture(scope="module")
def running(engine):
    with start(SHORT, "--allow-file-urls", engine.option) as running:
        yield running


@pytest.fixture
def inside(running, connected):
    """An emulator whose tasks run in the engine; its pools go after the test."""
    batch = connected(running)
    yield batch
    for pool in batch.pools:
        batch.raw("DELETE", f"/pools/{pool}")


@pytest.fixture
def job(inside):
    return inside.job(inside.pool(**POOL))


def no_container_is_left(batch, engine):
    assert batch.until(lambda: not engine.containers())


def test_a_task_runs_in_a_container(inside, job, engine, tmp_path):
    (tmp_path / "in").write_text("given")
    files = [{"httpUrl": (tmp_path / "in").as_uri(), "filePath": "in.txt"}]
    command = "/bin/sh -c 'cat in.txt; echo made > out.txt; echo why >&2'"
    task = inside.run(command, job, containerSettings=SETTINGS, resourceFiles=files)
    info = task.execution_info
    assert (info.exit_code, info.failure_info) == (0, None)
    assert (info.container_info.state, info.container_info.error) == ("exited", None)
    assert len(info.container_info.container_id) == 64
    assert inside.text(job, task.id) == "given"
    assert inside.text(job, task.id, "stderr.txt") == "why\n"
    assert inside.text(job, task.id, "wd/out.txt") == "made\n"
    no_container_is_left(inside, engine)


@pytest.mark.usefixtures("real")
def test_paths_in_it_are_the_service_s(inside, job):
    command = "/bin/sh -c 'pwd; echo $AZ_BATCH_NODE_ROOT_DIR $AZ_BATCH_TASK_WORKING_DIR'"
    task = inside.run(command, job, containerSettings=SETTINGS)
    place = f"/mnt/batch/tasks/workitems/{job}/job-1/{task.id}/wd"
    assert inside.text(job, task.id) == f"{place}\n/mnt/batch/tasks {place}\n"


def test_its_environment_is_the_task_s_and_not_this_machine_s(inside, job):
    odd = [{"name": "ODD", "value": "two\n\"lines\" $HOME 'x'"}, {"name": "PATH", "value": "/bin"}]
    task = inside.run("/bin/env", job, containerSettings=SETTINGS, environmentSettings=odd)
    text = inside.text(job, task.id)
    assert "ODD=two\n\"lines\" $HOME 'x'\n" in text
    assert "PATH=/bin\n" in text
    assert f"AZ_BATCH_TASK_ID={task.id}\n" in text
    assert "TMPDIR" not in text
    assert str(Path(sys.executable).parent) not in text


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(("options", "code"), [("", 0), ("--user 10001", 1)])
def test_the_folder_is_the_task_s_whatever_user_the_image_has(inside, job, options, code):
    settings = {"imageName": IMAGE_OF_A_USER, "containerRunOptions": options}
    task = inside.run("/bin/touch made", job, containerSettings=settings)
    assert task.execution_info.exit_code == code


def test_exit_codes_and_retries(inside, job, engine):
    task = inside.run("/bin/sh -c 'exit 3'", job, containerSettings=SETTINGS,
                      constraints={"maxTaskRetryCount": 1})  # fmt: skip
    info = task.execution_info
    assert (info.exit_code, info.retry_count, info.result) == (3, 1, "failure")
    assert info.failure_info.code == "FailureExitCode"
    no_container_is_left(inside, engine)


def test_an_empty_command_line_is_the_image_s_own(inside, job):
    task = inside.run("", job, containerSettings=SETTINGS)
    assert inside.text(job, task.id) == "default\n"


def test_a_program_that_the_image_does_not_have(inside, job, engine):
    task = inside.run("/bin/nothing-here", job, containerSettings=SETTINGS,
                      constraints={"maxTaskRetryCount": 3})  # fmt: skip
    info = task.execution_info
    assert (info.exit_code, info.retry_count) == (None, 0)
    assert info.failure_info.code == "CommandProgramNotFound"
    no_container_is_left(inside, engine)


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"imageName": "registry.invalid/missing"}, "ContainerInvalidImage"),
     ({**SETTINGS, "containerRunOptions": "--nonsense"}, "ContainerInvalidSettings"),
     ({**SETTINGS, "containerRunOptions": "'"}, "ContainerInvalidSettings"),
     ({"imageName": "registry.invalid/missing", "registry": {
         "registryServer": "registry.invalid", "identityReference": {"resourceId": "/x"}}},
      "ContainerInvalidRegistry")],
)  # fmt: skip
def test_what_cannot_be_had_fails_the_task_without_a_retry(inside, job, settings, code):
    task = inside.run("/bin/true", job, containerSettings=settings,
                      constraints={"maxTaskRetryCount": 3})  # fmt: skip
    info = task.execution_info
    assert (info.failure_info.code, info.exit_code, info.retry_count) == (code, None, 0)
    if "--nonsense" in str(settings):
        assert "unknown flag: --nonsense" in info.failure_info.message


def test_a_container_ends_at_its_limit_of_time(inside, job, engine):
    task = inside.run("/bin/sleep 60", job, containerSettings=SETTINGS,
                      constraints={"maxWallClockTime": "PT4S"})  # fmt: skip
    info = task.execution_info
    assert (info.exit_code, info.failure_info.code) == (137, "TaskEnded")
    assert info.container_info.state == "exited"
    no_container_is_left(inside, engine)


def at_work(batch, job, task):
    """A task's container, once it has said that it is at work."""

    def look():
        return batch.client.get_task(job, task).execution_info.container_info

    container = batch.until(look, lambda seen: seen and seen.state == "running")
    batch.until(lambda: batch.text(job, task) == "at work\n")
    return container


def test_a_container_ends_with_its_task(inside, job, engine):
    task = inside.task(job, "/bin/sh -c 'echo at work; sleep 60'", containerSettings=SETTINGS)
    assert len(at_work(inside, job, task).container_id) == 64
    assert engine.containers()
    inside.client.terminate_task(job, task)
    info = inside.completed(job, task).execution_info
    assert (info.failure_info.code, info.container_info.state) == ("TaskEnded", "exited")
    no_container_is_left(inside, engine)


@pytest.mark.parametrize("agent_too", [False, True], ids=["emulator", "agent too"])
def test_no_container_outlives_the_emulator(emulator, engine, tmp_path, agent_too):
    options = SHORT, f"--state={tmp_path}", engine.option
    batch = emulator(*options)
    job = batch.job(batch.pool(**POOL))
    done = batch.run("/bin/true", job, containerSettings=SETTINGS)
    task = batch.task(job, "/bin/sh -c 'echo at work; sleep 60'", containerSettings=SETTINGS)
    at_work(batch, job, task)
    (left,) = engine.containers()
    pid = batch.running.process.pid
    agents = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if agent_too else []
    for killed in (pid, *map(int, agents)):
        os.kill(killed, signal.SIGKILL)
    batch.running.process.wait()
    if agent_too:  # nobody is left to see to it, until an emulator has the state again
        assert engine.containers() == [left]
    else:
        no_container_is_left(batch, engine)
    again = emulator(*options)
    assert left not in engine.containers()
    kept = again.client.get_task(job, done.id).execution_info.container_info
    assert kept.container_id == done.execution_info.container_info.container_id
    again.client.terminate_task(job, task)
    again.completed(job, task)
    no_container_is_left(again, engine)
    assert not list((tmp_path / "containers").iterdir())


@pytest.mark.usefixtures("real")
def test_what_of_the_node_is_mounted(inside, job):
    chosen = [{"source": "Shared", "isReadOnly": True}, {"source": "Task"}]
    command = (
        "/bin/sh -c 'echo x > wd-is-mine; touch $AZ_BATCH_NODE_SHARED_DIR/x || echo read only; "
        "cat $AZ_BATCH_NODE_STARTUP_DIR/x || echo not there'"
    )
    settings = {**SETTINGS, "containerHostBatchBindMounts": chosen}
    task = inside.run(command, job, containerSettings=settings)
    assert inside.text(job, task.id) == "read only\nnot there\n"
    assert inside.text(job, task.id, "wd/wd-is-mine") == "x\n"
    settings = {**SETTINGS, "containerHostBatchBindMounts": []}
    task = inside.run("/bin/sh -c 'cat /mnt/batch/tasks || echo none'", job,
                      containerSettings=settings)  # fmt: skip
    assert inside.text(job, task.id) == "none\n"


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    ("more", "place"),
    [({"workingDirectory": "containerImageDefault"}, "/"),
     ({"containerRunOptions": "--rm --workdir /etc"}, "/etc")],
)  # fmt: skip
def test_where_it_begins(inside, job, more, place):
    task = inside.run("/bin/pwd", job, containerSettings={**SETTINGS, **more})
    assert inside.text(job, task.id) == f"{place}\n"


def test_start_preparation_and_release_tasks_in_containers(inside, engine):
    def noting(name):
        return {
            "commandLine": f"/bin/sh -c 'echo {name} >> $AZ_BATCH_NODE_SHARED_DIR/notes'",
            "containerSettings": SETTINGS,
        }

    pool = inside.pool(startTask={**noting("start"), "waitForSuccess": True}, **POOL)
    job = inside.job(pool, jobPreparationTask=noting("preparation"),
                     jobReleaseTask=noting("release"))  # fmt: skip
    inside.run("/bin/true", job, containerSettings=SETTINGS)
    (node,) = inside.ready(pool, 1)
    assert node.start_task_info.container_info.state == "exited"
    (status,) = inside.client.list_job_preparation_and_release_task_status(job)
    prepared = status.job_preparation_task_execution_info
    assert (prepared.result, prepared.container_info.state) == ("success", "exited")
    inside.client.begin_terminate_job(job, options={"terminateReason": "x"})

    def notes():
        return b"".join(inside.client.download_node_file(pool, node.id, "shared/notes")).decode()

    inside.until(notes, lambda text: text == "start\npreparation\nrelease\n")
    no_container_is_left(inside, engine)


def test_a_node_without_its_pool_s_images_is_unusable(inside):
    pool = inside.pool(**pool_with(["registry.invalid/missing"]))
    (node,) = inside.until(lambda: inside.nodes(pool, "unusable"))
    assert node.errors[0].code == "ContainerInvalidImage"


def test_a_node_has_its_pool_s_images(inside):
    inside.ready(inside.pool(**pool_with([IMAGE])), 1)


@pytest.fixture
def own_fake(tmp_path, monkeypatch):
    """Makes a fake engine of the test's own, under these names."""

    def make(*names):
        engine = fake(tmp_path, *names)
        for name, value in engine.environment.items():
            monkeypatch.setenv(name, value)
        return engine

    return make


def test_the_command_line(own_fake, emulator):
    engine = own_fake("docker")
    batch = emulator(SHORT, "--containers=docker")
    settings = {**SETTINGS, "containerRunOptions": "--rm --cpus 2 --network=none"}
    task = batch.run("/bin/sh -c 'echo \"a b\"'", batch.job(batch.pool(**POOL)),
                     containerSettings=settings,
                     environmentSettings=[{"name": "SECRET", "value": "hidden"}])  # fmt: skip
    assert task.execution_info.result == "success"
    (line,) = engine.asked("create")
    assert line[line.index("--cpus") :] == ["--cpus", "2", "--network=none", "--entrypoint=/bin/sh",
                                            IMAGE, "-c", 'echo "a b"']  # fmt: skip
    assert "--rm" not in line
    assert "--network=host" not in line
    assert "--env=SECRET" in line
    assert "hidden" not in str(line)
    place = task.node_info
    target = f"/mnt/batch/tasks/{place.task_root_directory}/wd"
    assert f"--workdir={target}" in line
    (mount,) = [word for word in line if word.startswith("--mount=")]
    assert mount.startswith("--mount=type=bind,source=/")
    assert mount.endswith(f"/{place.node_id},target=/mnt/batch/tasks")


def test_a_private_registry_s_credentials_are_in_a_file_that_goes(own_fake, emulator):
    engine = own_fake("podman")
    batch = emulator(SHORT, "--containers=podman")
    registry = {"registryServer": "registry.invalid", "username": "me", "password": "hush"}
    private = {"imageName": "registry.invalid/private/x"}
    plain = batch.job(batch.pool(**POOL))
    refused = batch.run("/bin/true", plain, containerSettings=private)
    assert refused.execution_info.failure_info.code == "ContainerInvalidRegistry"
    known = batch.job(batch.pool(**pool_with(containerRegistries=[registry])))
    task = batch.run("/bin/true", known, containerSettings=private)
    assert task.execution_info.result == "success"
    assert json.loads((engine.kept / "credentials").read_text()) == {
        "auths": {"registry.invalid": {"auth": "bWU6aHVzaA=="}}
    }
    assert "hush" not in (engine.kept / "log").read_text()
    *_, authfile, _image = engine.asked("--authfile")[0]
    assert not Path(authfile).exists()


def test_an_engine_that_does_not_work_is_said(own_fake, emulator):
    engine = own_fake("podman", "docker")
    (engine.kept / "broken").touch()
    batch = emulator(SHORT)
    job = batch.job(batch.pool(**pool_with(["x"])))
    failure = batch.run("/bin/true", job, containerSettings=SETTINGS).execution_info.failure_info
    assert failure.code == "ContainerMiscError"
    assert "podman does not work: Error: Cannot connect to the daemon" in failure.message
    (engine.kept / "broken").unlink()
    task = batch.run("/bin/true", job, containerSettings=SETTINGS)
    assert task.execution_info.result == "success"


def test_a_container_task_can_be_refused(emulator):
    batch = emulator(SHORT, "--containers=refuse")
    task = batch.run("/bin/true", batch.job(batch.pool(**POOL)), containerSettings=SETTINGS)
    info = task.execution_info
    assert (info.result, info.exit_code, info.container_info) == ("failure", None, None)
    assert "--containers=process" in info.failure_info.message


def test_as_a_process_it_runs_with_this_machine_s_python_and_says_so(emulator):
    batch = emulator(SHORT, "--containers=process")
    job = batch.job(batch.pool(**POOL))
    command = "python3 -c 'import sys; print(sys.executable)'"
    task = batch.run(command, job, containerSettings=SETTINGS)
    assert task.execution_info.result == "success"
    assert "not in a container" in task.execution_info.container_info.state
    assert Path(batch.text(job, task.id).strip()).parent == Path(sys.executable).parent


def test_folders_can_be_put_before_the_path_of_tasks(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--task-path={tmp_path}")
    job = batch.job()
    task = batch.run("/bin/sh -c 'echo $PATH'", job)
    assert batch.text(job, task.id).startswith(f"{tmp_path}:")


def test_a_registry_s_password_is_never_given_back(batch):
    registry = {"registryServer": "r.example", "username": "u", "password": "hidden-from-all"}
    pool = batch.pool(nodes=0, **pool_with(containerRegistries=[registry]))
    job = batch.job(pool)
    task = batch.task(job, containerSettings={"imageName": "i", "registry": registry})
    for path in ("/pools", f"/pools/{pool}", f"/jobs/{job}/tasks", f"/jobs/{job}/tasks/{task}"):
        told = batch.raw("GET", path).text
        assert "r.example" in told
        assert "hidden-from-all" not in told
