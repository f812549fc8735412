"""Submission: chunks, repeats, bodies too large, and a service that keeps saying `later`."""

from __future__ import annotations

import dataclasses
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

import pytest
from azure.batch import models

import small_run
from batch_emulator.process import start
from scenefleet.errors import FleetError, NotAuthorisedError
from scenefleet.fleet import progress
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.fleet.pool import check_image, ensure_pool
from scenefleet.fleet.submit import CHUNK, JobSpec, Sent, add_tasks, close_job, create_job
from scenefleet.recipe import Resources
from scenefleet.store import NodeAccess, NodeFile
from scenefleet_task import spec
from witnessing import witnessing


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        witnessing(),
        start() as running,
        connect(Connection(running.endpoint, running.account, running.key)) as client,
    ):
        # no node: these tests are about what the service holds, not what it runs
        ensure_pool(client, local_pool(0) | {"id": "empty"}, needs_identity=False)
        yield client


def job(name: str, **changes: Any) -> JobSpec:
    values: dict[str, Any] = {
        "job": name,
        "pool": "empty",
        "run": "run-1",
        "command": "python3 code.pyz run",
        "files": {"code.pyz": NodeFile("http://127.0.0.1:9/code.pyz?sig=secret")},
        "access": NodeAccess({"SCENEFLEET_STORE": "/x", "SCENEFLEET_STORE_SAS": "sig=secret"}),
        "retries": 1,
        "task_minutes": 60,
        "hours": 1,
    }
    return JobSpec(**values | changes)


def documents(count: int, *, padding: int = 0) -> list[spec.TaskDocument]:
    # random text hardly compresses, so that the task's size in the request is near its own
    noise = b64encode(Random(1).randbytes(padding)).decode()
    return [
        small_run.document(f"s{n}", product="p", properties={"noise": noise + str(n * 31337)})
        for n in range(count)
    ]


def far() -> float:
    return 1e12


def test_every_task_arrives_once_however_often_it_is_sent(client: Any) -> None:
    wanted, tasks = job("often"), documents(250)
    create_job(client, wanted)
    create_job(client, wanted)
    assert add_tasks(client, wanted, tasks[:120], deadline=far()) == Sent(new=120)
    assert add_tasks(client, wanted, tasks, deadline=far()) == Sent(new=130, there=120)
    assert progress.counts(client, "often") == progress.Counts(250, 0, 0, 0)
    assert {t.id for t in client.list_tasks("often")} == {d.id for d in tasks}


def test_a_task_carries_what_the_node_needs(client: Any) -> None:
    wanted, (document,) = job("carries"), documents(1)
    create_job(client, wanted)
    add_tasks(client, wanted, [document], deadline=far())
    task = client.get_task("carries", document.id)
    assert task.command_line == "python3 code.pyz run"
    settings = {s.name: s.value for s in task.environment_settings}
    assert spec.decode(settings["SCENEFLEET_TASK"]) == document
    assert [file.file_path for file in task.resource_files] == ["code.pyz"]
    assert spec.ENV_SCRIPT not in settings
    made = client.get_job("carries")
    assert (task.constraints.max_task_retry_count, made.constraints.max_task_retry_count) == (0, 0)
    assert {s.name: s.value for s in made.common_environment_settings}["SCENEFLEET_RETRIES"] == "1"
    assert "secret" not in repr(wanted)


def test_the_job_tells_its_tasks_what_they_may_take(client: Any) -> None:
    told = Resources(memory="256MB", threads=2).environment
    create_job(client, job("told", resources=told))
    settings = client.get_job("told").common_environment_settings
    assert {setting.name: setting.value for setting in settings} == {
        "SCENEFLEET_MEMORY": "256000000",
        "SCENEFLEET_RETRIES": "1",
        "SCENEFLEET_THREADS": "2",
        "SCENEFLEET_RUN": "run-1",
        "SCENEFLEET_STORE": "/x",
        "SCENEFLEET_STORE_SAS": "sig=secret",
    }


def test_a_task_with_a_script_gets_its_file_and_its_name(client: Any) -> None:
    script = spec.Script(name="x.py", sha256="ab" * 32, bands=("red",), overlap=0, seconds=60.0)
    wanted = job(
        "script",
        files={
            "code.pyz": NodeFile("http://127.0.0.1:9/code.pyz"),
            script.file_name: NodeFile(f"http://127.0.0.1:9/{script.file_name}"),
        },
    )
    (plain,) = documents(1)
    outputs = (dataclasses.replace(plain.outputs[0], formula=None),)
    document = spec.seal(dataclasses.replace(plain, script=script, outputs=outputs))
    create_job(client, wanted)
    add_tasks(client, wanted, [document], deadline=far())
    task = client.get_task("script", document.id)
    settings = {s.name: s.value for s in task.environment_settings}
    assert [file.file_path for file in task.resource_files] == ["code.pyz", f"{'ab' * 32}.py"]
    assert settings[spec.ENV_SCRIPT] == script.file_name
    assert spec.decode(settings[spec.ENV_TASK]) == document


def test_chunks_too_large_are_halved(client: Any) -> None:
    wanted, tasks = job("large"), documents(100, padding=20_000)
    assert sum(len(spec.encode(task)) for task in tasks) > 1_000_000, "one call takes 1 MB"
    create_job(client, wanted)
    assert add_tasks(client, wanted, tasks, deadline=far()).new == 100


def test_an_empty_submission_ends_the_job(client: Any) -> None:
    wanted = job("nothing")
    create_job(client, wanted)
    assert add_tasks(client, wanted, [], deadline=far()) == Sent()
    close_job(client, "nothing")
    status = progress.job_status(client, "nothing")
    assert status is not None
    assert status.ended


def test_a_job_that_is_not_there_is_none(client: Any) -> None:
    assert progress.job_status(client, "never") is None


def test_adding_to_a_job_that_is_not_there_says_so(client: Any) -> None:
    with pytest.raises(FleetError, match="JobNotFound"):
        add_tasks(client, job("never"), documents(1), deadline=far())


def test_a_pool_is_reused_if_equal_and_a_conflict_if_not(client: Any) -> None:
    body = local_pool(0) | {"id": "twice"}
    assert ensure_pool(client, body, needs_identity=False)
    assert not ensure_pool(client, body, needs_identity=False)
    with pytest.raises(FleetError, match="vmSize"):
        ensure_pool(client, body | {"vmSize": "Standard_D2s_v5"}, needs_identity=False)
    with pytest.raises(FleetError, match=r"main\.bicep"):
        ensure_pool(client, body | {"id": "other"}, needs_identity=True)


def test_deleting_is_not_advised_for_a_pool_that_only_a_deployment_makes(client: Any) -> None:
    body = local_pool(0) | {"id": "deployed"}
    ensure_pool(client, body, needs_identity=False)
    other = body | {"vmSize": "Standard_D2s_v5"}
    with pytest.raises(FleetError, match="pool delete --pool-id deployed"):
        ensure_pool(client, other, needs_identity=False)
    with pytest.raises(FleetError, match=r"deploy the pool again.*\{id: deployed\}") as caught:
        ensure_pool(client, other, needs_identity=True)
    assert "pool delete" not in str(caught.value)


def test_a_pool_with_more_tasks_on_a_node_than_memory_allows_is_told(client: Any) -> None:
    body = local_pool(0) | {"id": "slots", "taskSlotsPerNode": 3}
    assert ensure_pool(client, body, needs_identity=False)
    assert not ensure_pool(client, body | {"taskSlotsPerNode": 4}, needs_identity=False)
    lowered = body | {"taskSlotsPerNode": 2}
    with pytest.raises(FleetError) as caught:
        ensure_pool(client, lowered, needs_identity=False, note="2 at once and not 4: memory")
    lines = str(caught.value).splitlines()
    assert lines[1:3] == [
        "  taskSlotsPerNode: the pool has 3, and here 2 is the most",
        "  2 at once and not 4: memory",
    ]


def test_an_image_that_the_service_does_not_know(client: Any) -> None:
    check_image(client, local_pool(1))
    body = local_pool(1)
    body["virtualMachineConfiguration"]["imageReference"]["sku"] = "1804"
    with pytest.raises(FleetError, match="ubuntu-hpc:1804"):
        check_image(client, body)


def test_a_wrong_key_is_not_authorised_and_never_shown(client: Any) -> None:
    with start() as running:
        wrong = "d3Jvbmc="
        with (
            connect(Connection(running.endpoint, running.account, wrong)) as other,
            pytest.raises(NotAuthorisedError) as caught,
        ):
            progress.counts(other, "x")
    assert wrong not in str(caught.value)


@contextmanager
def service(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[Any]:
    """A service that answers every task collection by `answer`: what no emulator does of itself."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            data = json.dumps({"value": [answer(task) for task in body["value"]]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json; odata=minimalmetadata")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        with connect(Connection(endpoint, "a", "a2V5")) as client:
            yield client
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("scripted", [False, True])
def test_tasks_are_on_the_wire_as_the_sdk_writes_them(scripted: bool) -> None:
    script = spec.Script(name="x.py", sha256="ab" * 32, bands=("red",), overlap=0, seconds=60.0)
    wanted = job(
        "wire",
        files={
            "code.pyz": NodeFile("https://example.org/code.pyz?sig=x"),
            "other": NodeFile("https://example.org/o", "/subscriptions/1/identity"),
        },
        image="example.org/image:1",
    )
    (document,) = documents(1)
    if scripted:
        outputs = (dataclasses.replace(document.outputs[0], formula=None),)
        document = spec.seal(dataclasses.replace(document, script=script, outputs=outputs))
    settings = {spec.ENV_TASK: spec.encode(document)}
    if scripted:
        settings[spec.ENV_SCRIPT] = script.file_name
    theirs = models.BatchTaskCreateOptions(
        id=document.id,
        display_name=document.source.id,
        command_line=wanted.command,
        container_settings=models.BatchTaskContainerSettings(
            image_name="example.org/image:1", container_run_options="--rm"
        ),
        resource_files=[
            models.ResourceFile(
                http_url="https://example.org/code.pyz?sig=x", file_path="code.pyz"
            ),
            models.ResourceFile(
                http_url="https://example.org/o",
                file_path="other",
                identity_reference=models.BatchNodeIdentityReference(
                    resource_id="/subscriptions/1/identity"
                ),
            ),
        ],
        environment_settings=[
            models.EnvironmentSetting(name=name, value=value) for name, value in settings.items()
        ],
        constraints=models.BatchTaskConstraints(
            max_wall_clock_time=timedelta(minutes=60),
            max_task_retry_count=0,
            retention_time=timedelta(days=7),
        ),
    )
    came: list[dict[str, Any]] = []

    def keep(task: dict[str, Any]) -> dict[str, Any]:
        came.append(task)
        return {"taskId": task["id"], "status": "success"}

    with service(keep) as client:
        assert add_tasks(client, wanted, [document], deadline=far()) == Sent(new=1)
        client.create_tasks("wire", [theirs])
    assert came[0] == came[1]


def test_documents_are_taken_as_they_come() -> None:
    """Few more than the calls under way are taken at a time, so that few are in memory."""
    taken = answered = most = 0
    lock = threading.Lock()

    def lazily() -> Iterator[spec.TaskDocument]:
        nonlocal taken, most
        for document in many:
            with lock:
                taken += 1
                most = max(most, taken - answered)
            yield document

    def answer(task: dict[str, Any]) -> dict[str, Any]:
        nonlocal answered
        with lock:
            answered += 1
        return {"taskId": task["id"], "status": "success"}

    many = documents(3000)
    with service(answer) as client:
        assert add_tasks(client, job("lazy"), lazily(), deadline=far()) == Sent(new=3000)
    assert most <= 10 * CHUNK


def test_a_task_that_must_come_later_is_sent_again() -> None:
    seen: dict[str, int] = {}

    def answer(task: dict[str, Any]) -> dict[str, Any]:
        seen[task["id"]] = seen.get(task["id"], 0) + 1
        busy = seen[task["id"]] < 2
        return {"taskId": task["id"], "status": "servererror" if busy else "success"}

    with service(answer) as client:
        assert add_tasks(client, job("busy"), documents(3), deadline=far()).new == 3
    assert set(seen.values()) == {2}


def test_a_service_that_never_takes_a_task_meets_the_deadline() -> None:
    with (
        service(lambda task: {"taskId": task["id"], "status": "servererror"}) as client,
        pytest.raises(FleetError, match="deadline"),
    ):
        add_tasks(client, job("never"), documents(3), deadline=0.0, clock=lambda: 1.0)


def test_a_task_that_is_refused_is_named() -> None:
    (document,) = documents(1)

    def refuse(task: dict[str, Any]) -> dict[str, Any]:
        error = {
            "code": "InvalidPropertyValue",
            "message": {"lang": "en", "value": "no good: http://x/y?sv=1&sig=SECRET%3D"},
        }
        return {"taskId": task["id"], "status": "clienterror", "error": error}

    with service(refuse) as client, pytest.raises(FleetError) as caught:
        add_tasks(client, job("bad"), [document], deadline=far())
    assert document.id in str(caught.value)
    assert "no good" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_task_that_somebody_ended_is_cut_off(client: Any) -> None:
    (task,) = documents(1)
    wanted = job("ended-early")
    create_job(client, wanted)
    add_tasks(client, wanted, [task], deadline=far())
    client.terminate_task("ended-early", task.id)
    (record,) = progress.changed_tasks(client, "ended-early", None)
    assert (record.stage, record.succeeded, record.cut_off) == ("completed", False, True)


def test_the_reason_of_a_job_that_somebody_ended_is_read(client: Any) -> None:
    create_job(client, job("ended"))
    options: Any = {"terminateReason": "UserTerminate"}
    client.begin_terminate_job("ended", options=options).result()
    status = progress.job_status(client, "ended")
    assert status is not None
    assert (status.ended, status.reason) == (True, "UserTerminate")
