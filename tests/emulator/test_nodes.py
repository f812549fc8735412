"""Nodes: reboot, reimage, deallocate, start, scheduling, extensions, logs, their 16 states."""

import http.server
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError

from batch_emulator.state.journal import Journal

DOING = {"reboot": "rebooting", "reimage": "reimaging", "deallocate": "deallocating"}
ACTIONS = list(DOING)


@pytest.fixture
def slow(emulator):
    """An emulator whose nodes take long enough that a test sees each of their states."""
    return emulator("--boot-time=0.8")


def node_of(batch, pool):
    return batch.ready(pool, 1)[0].id


def state(batch, pool, node):
    return batch.client.get_node(pool, node).state


def order(batch, pool, node, action, option=None):
    body = {f"node{action.capitalize()}Option": option} if option else None
    return batch.raw("POST", f"/pools/{pool}/nodes/{node}/{action}", json=body)


def disable(batch, pool, node, option="requeue"):
    how = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option=option)
    batch.client.disable_node_scheduling(pool, node, options=how)


def watch(batch, pool, node, last):
    """The states that a node goes through up to one of them."""
    seen = []

    def look():
        now = state(batch, pool, node)
        if now not in seen[-1:]:
            seen.append(now)
        return seen

    batch.until(look, lambda states: states[-1] == last)
    return seen


@pytest.fixture
def busy(batch):
    """A pool of one node on which a long task runs."""
    pool = batch.pool(nodes=1)
    node = node_of(batch, pool)
    job = batch.job(pool)
    task = batch.task(job, "/bin/sleep 60")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    return pool, node, job, task


def test_a_reboot_runs_the_start_task_again_and_keeps_files(slow):
    batch = slow
    pool = batch.pool(
        startTask={"commandLine": "/bin/sh -c 'sleep 0.3; echo up >> ../../shared/n'"}
    )
    node = node_of(batch, pool)
    job = batch.job(pool)
    done = batch.run("/bin/echo kept", job).id
    booted = batch.client.get_node(pool, node).last_boot_time
    how = {"nodeRebootOption": "requeue"}
    batch.client.begin_reboot_node(pool, node, options=how, polling_interval=0)
    assert watch(batch, pool, node, "idle") == [
        "rebooting", "starting", "waitingforstarttask", "idle"]  # fmt: skip
    assert batch.client.get_node(pool, node).last_boot_time > booted
    content = b"".join(batch.client.download_node_file(pool, node, "shared/n"))
    assert content == b"up\nup\n"
    assert batch.text(job, done) == "kept\n"


def test_a_reimage_takes_files_and_users_away(slow):
    batch = slow
    pool = batch.pool()
    node = node_of(batch, pool)
    job = batch.job(pool)
    done = batch.run("/bin/echo lost", job).id
    user = models.BatchNodeUserCreateOptions(name="ann", password="Pa55-word")
    user.ssh_public_key = "ssh-ed25519 QUJD"
    batch.client.create_node_user(pool, node, user)
    assert order(batch, pool, node, "reimage").status_code == 202
    assert watch(batch, pool, node, "idle") == ["reimaging", "starting", "idle"]
    answer = batch.raw("GET", f"/jobs/{job}/tasks/{done}/files/stdout.txt")
    assert (answer.status_code, answer.json()["code"]) == (409, "TaskFilesCleanedup")
    with pytest.raises(ResourceNotFoundError):
        batch.client.delete_node_user(pool, node, "ann")
    assert batch.run("/bin/echo new", job).execution_info.exit_code == 0


def test_a_deallocated_node_stays_in_the_pool_until_it_is_started(slow, refused):
    batch = slow
    pool = batch.pool()
    node = node_of(batch, pool)
    job = batch.job(pool)
    answer = order(batch, pool, node, "start")
    assert (answer.status_code, answer.json()["code"]) == (409, "OperationInvalidForCurrentState")
    assert order(batch, pool, node, "deallocate").status_code == 202
    assert watch(batch, pool, node, "deallocated") == ["deallocating", "deallocated"]
    counts = {c.pool_id: c for c in batch.client.list_pool_node_counts()}[pool].dedicated
    assert (counts.deallocated, counts.idle, counts.total) == (1, 0, 1)
    assert batch.client.get_pool(pool).current_dedicated_nodes == 1
    task = batch.task(job)
    assert refused(lambda: batch.client.begin_deallocate_node(
        pool, node, options={"nodeDeallocateOption": "requeue"})).status_code == 409  # fmt: skip
    assert batch.client.get_task(job, task).state == "active"
    batch.client.begin_start_node(pool, node, polling_interval=0).result()
    assert batch.completed(job, task).execution_info.result == "success"


@pytest.mark.parametrize("action", ACTIONS)
def test_requeued_tasks_run_again_and_count_no_retry(batch, busy, action):
    pool, node, job, task = busy
    first = batch.client.get_task(job, task).execution_info.start_time
    assert order(batch, pool, node, action, "requeue").status_code == 202
    if action == "deallocate":
        batch.until(lambda: state(batch, pool, node), lambda s: s == "deallocated")
        assert batch.client.get_task(job, task).state == "active"
        assert order(batch, pool, node, "start").status_code == 202
    again = batch.until(
        lambda: batch.client.get_task(job, task),
        lambda t: t.state == "running" and t.execution_info.start_time > first,
    )
    info = again.execution_info
    assert (info.retry_count, info.requeue_count) == (0, 1)


@pytest.mark.parametrize("action", ACTIONS)
def test_terminated_tasks_complete(batch, busy, action):
    pool, node, job, task = busy
    assert order(batch, pool, node, action, "terminate").status_code == 202
    assert batch.completed(job, task).execution_info.failure_info.code == "TaskEnded"


@pytest.mark.parametrize("action", ACTIONS)
def test_taskcompletion_lets_tasks_end_and_starts_no_more(batch, action):
    pool = batch.pool(taskSlotsPerNode=2)
    node = node_of(batch, pool)
    job = batch.job(pool)
    first = batch.task(job, "/bin/sleep 0.8")
    batch.until(lambda: batch.client.get_task(job, first).state, lambda s: s == "running")
    assert order(batch, pool, node, action, "taskcompletion").status_code == 202
    second = batch.task(job)
    assert state(batch, pool, node) == DOING[action]
    assert batch.client.get_task(job, second).state == "active"
    assert batch.completed(job, first).execution_info.result == "success"
    if action == "deallocate":
        batch.until(lambda: state(batch, pool, node), lambda s: s == "deallocated")
        order(batch, pool, node, "start")
    ended = batch.completed(job, second).execution_info
    assert ended.start_time > batch.client.get_task(job, first).execution_info.end_time


def test_retaineddata_waits_until_files_may_go(emulator):
    batch = emulator("--boot-time=0.05")
    pool = batch.pool()
    node = node_of(batch, pool)
    job = batch.job(pool)
    task = batch.run("/bin/true", job, constraints={"retentionTime": "P3D"})
    assert order(batch, pool, node, "reimage", "retaineddata").status_code == 202
    batch.running.admin.advance(timedelta(days=2))
    assert state(batch, pool, node) == "reimaging"
    assert batch.text(job, task.id) == ""
    batch.running.admin.advance(timedelta(days=1, minutes=1))
    batch.until(lambda: state(batch, pool, node), lambda s: s == "idle")


def test_what_a_node_s_state_does_not_allow(slow):
    batch = slow
    pool = batch.pool()
    node = batch.until(lambda: batch.nodes(pool, "creating"))[0].id
    codes = {"creating": "NodeBeingCreated", "starting": "NodeBeingStarted"}
    for at, code in codes.items():
        batch.until(lambda: state(batch, pool, node), lambda s, at=at: s == at)
        answer = order(batch, pool, node, "reboot")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    node_of(batch, pool)
    assert order(batch, pool, node, "reboot", "someday").status_code == 400
    assert order(batch, pool, node, "reboot").status_code == 202
    assert order(batch, pool, node, "reboot").json()["code"] == "NodeBeingRebooted"
    node_of(batch, pool)
    assert order(batch, pool, node, "reimage").status_code == 202
    assert order(batch, pool, node, "deallocate").json()["code"] == "NodeBeingReimaged"
    assert order(batch, pool, "tvm-none", "reboot").json()["code"] == "NodeNotFound"


def test_scheduling_is_disabled_and_enabled(batch, busy, refused):
    pool, node, job, task = busy
    disable(batch, pool, node)
    offline = batch.until(lambda: batch.client.get_node(pool, node), lambda n: n.state == "offline")
    assert offline.scheduling_state == "disabled"
    assert batch.client.get_task(job, task).state == "active"
    again = refused(lambda: disable(batch, pool, node))
    assert (again.status_code, again.error.code) == (409, "NodeAlreadyInTargetSchedulingState")
    batch.client.enable_node_scheduling(pool, node)
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    assert batch.client.get_node(pool, node).scheduling_state == "enabled"
    error = refused(lambda: batch.client.enable_node_scheduling(pool, node))
    assert error.error.code == "NodeAlreadyInTargetSchedulingState"


def test_a_node_is_offline_once_its_tasks_have_ended(batch):
    pool = batch.pool()
    node = node_of(batch, pool)
    job = batch.job(pool)
    task = batch.task(job, "/bin/sleep 0.5")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    disable(batch, pool, node, "taskcompletion")
    now = batch.client.get_node(pool, node)
    assert (now.state, now.scheduling_state) == ("running", "disabled")
    assert batch.completed(job, task).execution_info.result == "success"
    batch.until(lambda: state(batch, pool, node), lambda s: s == "offline")


def test_a_failed_start_task_makes_the_node_useless_until_a_reboot(batch, tmp_path):
    gate = tmp_path / "gate"
    pool = batch.pool(startTask={
        "commandLine": f"/usr/bin/test -e {gate}", "maxTaskRetryCount": 1})  # fmt: skip
    failed = batch.until(lambda: batch.nodes(pool, "starttaskfailed"))[0]
    info = failed.start_task_info
    assert (info.state, info.result, info.exit_code) == ("completed", "failure", 1)
    assert (info.retry_count, info.failure_info.category) == (1, "usererror")
    assert info.last_retry_time == info.start_time
    counts = {c.pool_id: c for c in batch.client.list_pool_node_counts()}[pool].dedicated
    assert (counts.start_task_failed, counts.idle) == (1, 0)
    assert order(batch, pool, failed.id, "deallocate").json()["code"] == "NodeStateUnusable"
    gate.touch()
    assert order(batch, pool, failed.id, "reboot").status_code == 202
    node = batch.ready(pool, 1)[0]
    assert (node.start_task_info.result, node.start_task_info.retry_count) == ("success", 0)


def test_a_start_task_not_waited_for_may_fail(batch):
    pool = batch.pool(startTask={"commandLine": "/bin/false", "waitForSuccess": False})
    node = node_of(batch, pool)
    batch.until(lambda: batch.client.get_node(pool, node).start_task_info)
    batch.until(lambda: batch.client.get_node(pool, node).start_task_info.result)
    info = batch.client.get_node(pool, node).start_task_info
    assert (info.result, state(batch, pool, node)) == ("failure", "idle")


def test_a_reboot_ends_a_start_task_that_runs(batch, alive):
    line = "/bin/sh -c 'echo $$ >> ../../shared/pids; sleep 60'"
    pool = batch.pool(startTask={"commandLine": line, "waitForSuccess": False})
    node = node_of(batch, pool)

    def pids():
        names = [f.name for f in batch.client.list_node_files(pool, node, recursive=True)]
        if "shared/pids" not in names:
            return []
        text = b"".join(batch.client.download_node_file(pool, node, "shared/pids"))
        return [int(line) for line in text.split()]

    (first,) = batch.until(pids)
    assert order(batch, pool, node, "reboot").status_code == 202
    _, second = batch.until(pids, lambda found: len(found) == 2)
    assert (alive(first), alive(second)) == (False, True)


def test_a_node_keeps_the_start_task_that_it_booted_with(batch):
    pool = batch.pool(startTask={"commandLine": "/bin/true"})
    node = node_of(batch, pool)
    batch.client.update_pool(pool, models.BatchPoolUpdateOptions(
        start_task=models.BatchStartTask(command_line="/bin/echo new")))  # fmt: skip
    assert batch.client.get_node(pool, node).start_task.command_line == "/bin/true"
    order(batch, pool, node, "reboot")
    batch.until(
        lambda: batch.client.get_node(pool, node).start_task.command_line,
        lambda line: line == "/bin/echo new",
    )


def test_at_most_a_hundred_nodes_are_removed_at_once(batch):
    pool = batch.pool(nodes=0)
    batch.until(lambda: batch.client.get_pool(pool).allocation_state, lambda s: s == "steady")
    for names, code in (["n"] * 101, 400), (["tvm-none"], 404), ([], 202):
        answer = batch.raw("POST", f"/pools/{pool}/removenodes", json={"nodeList": names})
        assert answer.status_code == code, answer.text


def test_extensions_are_the_pool_s_and_say_that_they_did_not_run(batch, refused):
    extension = {
        "name": "secure", "publisher": "Microsoft.Azure", "type": "X", "typeHandlerVersion": "1.0",
        "settings": {"a": "b"}, "protectedSettings": {"secret": "s3cret"},
    }  # fmt: skip
    machine = {
        "imageReference": {"publisher": "a", "offer": "b", "sku": "c"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        "extensions": [extension, {**extension, "name": "other"}],
    }
    pool = batch.pool(virtualMachineConfiguration=machine)
    node = node_of(batch, pool)
    names = [e.vm_extension.name for e in batch.client.list_node_extensions(pool, node)]
    assert names == ["batchNodeExtension", "secure", "other"]
    paged = batch.client.list_node_extensions(pool, node, max_results=1)
    assert len(list(paged)) == 3
    one = batch.client.get_node_extension(pool, node, "secure")
    assert (one.provisioning_state, one.vm_extension.settings) == ("Succeeded", {"a": "b"})
    assert "installs no extensions" in one.instance_view.statuses[0].message
    assert one.vm_extension.protected_settings is None
    error = refused(lambda: batch.client.get_node_extension(pool, node, "none"))
    assert (error.status_code, error.error.code) == (404, "ResourceNotFound")


@contextmanager
def blob_store(status=201):
    """Takes blobs; returns its address and what it took."""
    taken = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            taken[self.path] = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/account/logs?sig=s3cret", taken
        finally:
            server.shutdown()


def upload(batch, pool, node, url, **span):
    start = span.pop("start", datetime.now(UTC) - timedelta(minutes=5))
    options = models.UploadBatchServiceLogsOptions(container_url=url, start_time=start, **span)
    return batch.client.upload_node_logs(pool, node, options)


def test_a_node_s_logs_tell_what_befell_it(batch):
    pool = batch.pool()
    node = node_of(batch, pool)
    job = batch.job(pool)
    task = batch.run("/bin/true", job).id
    with blob_store() as (url, taken):
        result = upload(batch, pool, node, url)
        assert result.number_of_files_uploaded == 1
        path = f"/account/logs/{result.virtual_directory_name}/agent-debug.log?sig=s3cret"
        log = batch.until(lambda: taken.get(path))
    assert result.virtual_directory_name.startswith(f"{pool}/{node}/")
    assert f"job {job} task {task} begins" in log
    assert "node creating -> starting" in log
    late = upload(batch, pool, node, "http://127.0.0.1:9/c", start=datetime.now(UTC)
                  + timedelta(hours=1))  # fmt: skip
    assert late.number_of_files_uploaded == 0


def test_an_upload_that_fails_stands_in_the_log_without_the_signature(batch):
    pool = batch.pool()
    node = node_of(batch, pool)
    with blob_store(403) as (url, taken):
        upload(batch, pool, node, url)
        batch.until(lambda: taken)
    with blob_store() as (url, taken):
        told = "not sent: HTTP status 403"
        batch.until(
            lambda: upload(batch, pool, node, url) and any(told in log for log in taken.values())
        )
    assert not any("s3cret" in log for log in taken.values())


def test_logs_are_bounded_and_chosen_by_their_time(tmp_path):
    journal = Journal(tmp_path / "logs")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(12):
        journal.note(start + timedelta(hours=hour), "x" * 1_000_000)
    assert sum(file.stat().st_size for file in journal.folder.iterdir()) < 10_000_000
    both = journal.files(start, None)
    assert [file.name for file in both] == ["agent-debug.1.log", "agent-debug.log"]
    late = journal.files(start + timedelta(hours=11), None)
    assert [file.name for file in late] == ["agent-debug.log"]
    assert journal.files(start, start + timedelta(minutes=30)) == []
    assert journal.files(start + timedelta(days=1), None) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"containerUrl": 1}, "InvalidPropertyValue"),
        ({"containerUrl": None}, "MissingRequiredProperty"),
        ({"startTime": None}, "MissingRequiredProperty"),
    ],
)
def test_logs_that_cannot_be_sent(batch, change, code):
    pool = batch.pool()
    node = node_of(batch, pool)
    body = {"containerUrl": "http://127.0.0.1/c", "startTime": "2026-01-01T00:00:00Z", **change}
    answer = batch.raw("POST", f"/pools/{pool}/nodes/{node}/uploadbatchservicelogs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_endpoints_are_ssh_and_those_of_nat_pools_by_the_node_s_number(batch):
    nat = {"name": "web", "protocol": "tcp", "backendPort": 8080,
           "frontendPortRangeStart": 15000, "frontendPortRangeEnd": 15100}  # fmt: skip
    network = {"endpointConfiguration": {"inboundNATPools": [nat]}}
    pool = batch.pool(nodes=2, networkConfiguration=network)
    told = {
        (e.name, e.protocol, e.public_ip_address, e.frontend_port, e.backend_port)
        for node in batch.ready(pool, 2)
        for e in node.endpoint_configuration.inbound_endpoints
    }
    assert told == {
        ("SSHRule.0", "tcp", "127.0.0.1", 50000, 22),
        ("SSHRule.1", "tcp", "127.0.0.1", 50001, 22),
        ("web.0", "tcp", "127.0.0.1", 15000, 8080),
        ("web.1", "tcp", "127.0.0.1", 15001, 8080),
    }


def test_a_new_node_takes_the_number_of_one_that_is_gone(batch):
    pool = batch.pool(nodes=2)
    first = next(n for n in batch.ready(pool, 2) if ssh(n) == "SSHRule.0")
    body = {"nodeList": [first.id]}
    assert batch.raw("POST", f"/pools/{pool}/removenodes", json=body).status_code == 202
    batch.until(lambda: batch.client.get_pool(pool).allocation_state == "steady")
    resized = batch.raw("POST", f"/pools/{pool}/resize", json={"targetDedicatedNodes": 2})
    assert resized.status_code == 202
    batch.until(lambda: batch.client.get_pool(pool).allocation_state == "steady")
    assert {ssh(n) for n in batch.ready(pool, 2)} == {"SSHRule.0", "SSHRule.1"}


def ssh(node):
    (endpoint,) = node.endpoint_configuration.inbound_endpoints
    return endpoint.name


def test_a_pool_of_two_families_of_addresses_tells_both(batch):
    address = {"ipFamilies": ["IPv4", "IPv6"]}
    network = {"publicIPAddressConfiguration": address}
    pool = batch.pool(nodes=1, networkConfiguration=network)
    (node,) = batch.ready(pool, 1)
    told = batch.raw("GET", f"/pools/{pool}/nodes/{node.id}").json()
    assert told["ipv6Address"] == "::1"
    login = batch.raw("GET", f"/pools/{pool}/nodes/{node.id}/remoteloginsettings").json()
    assert (login["ipv6RemoteLoginIPAddress"], login["ipv6RemoteLoginPort"]) == ("::1", 22)


def test_actions_under_way_go_on_after_kill_9(emulator, tmp_path):
    slow, quick = "--boot-time=600", "--boot-time=0.05"
    batch = emulator(quick, f"--state={tmp_path}")
    pool = batch.pool(nodes=4)
    reboot, reimage, deallocate, offline = (n.id for n in batch.ready(pool, 4))
    disable(batch, pool, offline)
    job = batch.job(pool)
    done = batch.run("/bin/true", job)
    kill(batch)
    batch = emulator(slow, f"--state={tmp_path}")
    batch.running.admin.advance(timedelta(seconds=700))
    batch.ready(pool, 3)
    assert state(batch, pool, offline) == "offline"
    for node, action in (reboot, "reboot"), (reimage, "reimage"), (deallocate, "deallocate"):
        assert order(batch, pool, node, action).status_code == 202
    before = {n.id: n.state for n in batch.nodes(pool)}
    assert before[deallocate] == "deallocating"
    kill(batch)
    batch = emulator(quick, f"--state={tmp_path}")
    ready = {node.id for node in batch.ready(pool, 2)}
    assert ready == {reboot, reimage}
    batch.until(lambda: state(batch, pool, deallocate), lambda s: s == "deallocated")
    batch.until(lambda: state(batch, pool, offline), lambda s: s == "offline")
    assert batch.client.get_node(pool, offline).scheduling_state == "disabled"
    assert batch.client.get_task(job, done.id).state == "completed"


def kill(batch):
    batch.running.process.kill()
    batch.running.process.wait(10)
