"""Files: those a task gets, those it leaves, and those it sends."""

import contextlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from email.utils import formatdate
from pathlib import Path

import pytest

from raw_http import connect, signed_head


@pytest.fixture
def web():
    """A server of what its dictionary holds: path -> (status, body); notes what was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.before()
            status, body = self.server.content.get(self.path.partition("?")[0], (404, b""))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content = {}
        server.before = lambda: None
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_resource_files_are_there_before_the_command_runs(batch, web):
    web.content = {"/a": (200, b"alpha"), "/tool": (200, b"#!/bin/sh\ncat in/a\n")}
    job = batch.job()
    files = [
        {"httpUrl": f"{web.url}/a?sig=secret", "filePath": "in/a"},
        {"httpUrl": f"{web.url}/tool", "filePath": "tool", "fileMode": "0755"},
    ]
    task = batch.run("/bin/sh -c ./tool", job, resourceFiles=files)
    assert batch.text(job, task.id) == "alpha"


def test_files_whose_names_are_alike_are_all_there(batch, web):
    web.content = {"/a": (200, b"1"), "/b": (200, b"2")}
    files = [
        {"httpUrl": f"{web.url}/b", "filePath": "a.part"},
        {"httpUrl": f"{web.url}/a", "filePath": "a"},
    ]
    job = batch.job()
    task = batch.run("/bin/sh -c 'cat a a.part; ls -A | wc -l'", job, resourceFiles=files)
    assert batch.text(job, task.id) == "122\n"


def test_the_limit_of_time_counts_from_the_first_file_on(batch, web):
    slow = threading.Event()
    web.content = {"/a": (200, b"1")}
    web.before = lambda: slow.wait(1.2)
    files = [{"httpUrl": f"{web.url}/a", "filePath": "a"}]
    job = batch.job()
    task = batch.run("/bin/sleep 1", job, resourceFiles=files,
                     constraints={"maxWallClockTime": "PT2S"})  # fmt: skip
    info = task.execution_info
    assert (info.failure_info.code, info.exit_code) == ("TaskEnded", 137)
    assert "maximum execution time" in info.failure_info.details[0].value
    task = batch.run("/bin/sleep 1", job, resourceFiles=files,
                     constraints={"maxWallClockTime": "PT1S"})  # fmt: skip
    info = task.execution_info
    assert (info.failure_info.code, info.exit_code) == ("TaskEnded", None)


@pytest.mark.parametrize("url", ["http://[::1/x", "http://127.0.0.1:99999/x", "gopher://a/x"])
def test_a_resource_file_whose_address_is_none(batch, url):
    files = [{"httpUrl": url, "filePath": "x"}]
    info = batch.run("/bin/true", resourceFiles=files).execution_info
    assert (info.failure_info.code, info.exit_code) == ("BlobDownloadMiscError", None)


@pytest.mark.parametrize(
    ("status", "code", "category"),
    [(404, "BlobNotFound", "usererror"), (403, "BlobAccessDenied", "usererror"),
     (500, "BlobDownloadMiscError", "servererror")],
)  # fmt: skip
def test_a_resource_file_that_cannot_be_had_fails_the_task_without_a_retry(
    batch, web, status, code, category
):
    web.content = {"/a": (status, b"")}
    task = batch.run(
        "/bin/true",
        resourceFiles=[{"httpUrl": f"{web.url}/a?sig=secret", "filePath": "a"}],
        constraints={"maxTaskRetryCount": 3},
    )
    info = task.execution_info
    assert (info.failure_info.code, info.failure_info.category) == (code, category)
    assert (info.exit_code, info.retry_count, info.result) == (None, 0, "failure")
    assert {d.name: d.value for d in info.failure_info.details}["FilePath"] == "a"
    assert "secret" not in str(task.execution_info)


def test_a_server_that_is_not_there(batch):
    files = [{"httpUrl": "http://127.0.0.1:1/a", "filePath": "a"}]
    task = batch.run("/bin/true", resourceFiles=files)
    assert task.execution_info.failure_info.code == "BlobDownloadMiscError"


def test_file_urls_where_allowed(batch, tmp_path):
    source = tmp_path / "an input.txt"
    source.write_text("local")
    job = batch.job()
    task = batch.run(
        "/bin/cat in.txt", job, resourceFiles=[{"httpUrl": source.as_uri(), "filePath": "in.txt"}]
    )
    assert batch.text(job, task.id) == "local"
    missing = {"httpUrl": (tmp_path / "no").as_uri(), "filePath": "x"}
    task = batch.run("/bin/true", job, resourceFiles=[missing])
    assert task.execution_info.failure_info.code == "BlobNotFound"


def test_file_urls_are_refused_by_default(emulator, tmp_path):
    batch = emulator("--boot-time=0.05")
    source = tmp_path / "a"
    source.write_text("x")
    task = batch.run("/bin/true", resourceFiles=[{"httpUrl": source.as_uri(), "filePath": "a"}])
    assert "--allow-file-urls" in task.execution_info.failure_info.message


@pytest.fixture
def done(batch):
    """A job and a task that left files."""
    job = batch.job()
    task = batch.run("/bin/sh -c 'mkdir -p a/b; printf 0123456789 > a/b/ten; echo hi'", job).id
    return job, task


def test_listing(batch, done):
    top = {f.name: f for f in batch.client.list_task_files(*done)}
    assert set(top) == {"stdout.txt", "stderr.txt", "wd"}
    assert (top["wd"].is_directory, top["stdout.txt"].is_directory) == (True, False)
    assert top["stdout.txt"].properties.content_length == 3
    deep = {f.name for f in batch.client.list_task_files(*done, recursive=True, max_results=2)}
    assert deep == {"stdout.txt", "stderr.txt", "wd", "wd/a", "wd/a/b", "wd/a/b/ten"}
    found = batch.client.list_task_files(*done, recursive=True, filter="startswith(name,'wd/a/b')")
    assert {f.name for f in found} == {"wd/a/b", "wd/a/b/ten"}


def test_a_list_goes_on_where_files_are_made_and_deleted_meanwhile(batch):
    job = batch.job()
    names = [f"wd/{n}.txt" for n in range(8)]
    task = batch.run("/bin/sh -c 'touch 0.txt 1.txt 2.txt 3.txt 4.txt 5.txt 6.txt 7.txt'", job).id
    listed = []
    for file in batch.client.list_task_files(job, task, recursive=True, max_results=3):
        listed.append(file.name)
        if file.name in names:
            batch.client.delete_task_file(job, task, file.name)
    assert listed == sorted({"stderr.txt", "stdout.txt", "wd", *names})
    left = [file.name for file in batch.client.list_task_files(job, task, recursive=True)]
    assert left == ["stderr.txt", "stdout.txt", "wd"]
    address = f"/jobs/{job}/tasks/{task}/files"
    assert batch.raw("GET", f"{address}?$skiptoken=xyz").status_code == 400


@pytest.fixture
def state(tmp_path):
    """A folder whose end is ours: pytest's own cleaning cannot go as deep as a task."""
    yield tmp_path / "state"
    subprocess.run(["rm", "-rf", tmp_path / "state"], check=True)


def test_folders_in_folders_deeper_than_paths_can_be(state, emulator):
    batch = emulator("--boot-time=0.05", f"--state={state}")
    job = batch.job()
    deep = "for i in range(3000): os.mkdir('a'); os.chdir('a')"
    task = batch.run(f'{sys.executable} -c "import os\n{deep}"', job,
                     outputFiles=[{"filePattern": "**/*.txt", "destination": {"container": {
                         "containerUrl": "http://127.0.0.1:9/c"}},
                         "uploadOptions": {"uploadCondition": "taskcompletion"}}])  # fmt: skip
    assert task.execution_info.exit_code == 0
    assert task.execution_info.failure_info is None
    node = task.node_info
    listed = [f.name for f in batch.client.list_task_files(job, task.id, recursive=True)]
    assert {"stdout.txt", "wd", "wd/a", "wd/a/a"} <= set(listed)
    assert len(listed) > 1000
    found = batch.client.list_node_files(node.pool_id, node.node_id, recursive=True)
    assert len(list(found)) > 1000
    batch.client.delete_task(job, task.id)
    batch.until(lambda: not list((state / "trash").iterdir()))
    assert not list(state.glob(f"pools/*/*/workitems/{job}/job-1/{task.id}"))
    assert batch.run("/bin/true", job).execution_info.result == "success"


def test_a_deletion_that_cannot_be_read_deletes_nothing(batch, done):
    job, task = done
    answer = batch.raw("DELETE", f"/jobs/{job}/tasks/{task}/files/stdout.txt?recursive=maybe")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidQueryParameterValue")
    assert batch.text(job, task) == "hi\n"


def test_properties_and_ranges(batch, done):
    ten = batch.client.get_task_file_properties(*done, "wd/a/b/ten")
    assert (ten.content_length, ten.is_directory) == (10, False)
    whole = b"".join(batch.client.download_task_file(*done, "wd/a/b/ten"))
    assert whole == b"0123456789"
    part = batch.client.download_task_file(*done, "wd/a/b/ten", ocp_range="bytes=2-4")
    assert b"".join(part) == b"234"
    rest = batch.client.download_task_file(*done, "wd/a/b/ten", ocp_range="bytes=7-")
    assert b"".join(rest) == b"789"


def test_a_range_beyond_the_file(batch, done, refused):
    error = refused(
        lambda: b"".join(batch.client.download_task_file(*done, "stdout.txt", ocp_range="bytes=9-"))
    )
    assert (error.status_code, error.error.code) == (416, "InvalidRange")


def test_deletion(batch, done, refused):
    batch.client.delete_task_file(*done, "stdout.txt")
    error = refused(lambda: b"".join(batch.client.download_task_file(*done, "stdout.txt")))
    assert (error.status_code, error.error.code) == (404, "FileNotFound")
    assert refused(lambda: batch.client.delete_task_file(*done, "wd/a")).status_code == 409
    batch.client.delete_task_file(*done, "wd/a", recursive=True)
    batch.until(
        lambda: "wd/a" not in {f.name for f in batch.client.list_task_files(*done, recursive=True)}
    )


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "wd/../../x", "%2e%2e/x", "..%2f..%2fx", "%2Fetc%2Fpasswd",
             "wd/link/passwd", "a%00b"],
)  # fmt: skip
def test_paths_stay_inside_the_task_s_folder(batch, path):
    job = batch.job()
    task = batch.run("/bin/ln -s /etc link", job).id
    for method in ("GET", "DELETE"):
        answer = batch.raw(method, f"/jobs/{job}/tasks/{task}/files/{path}")
        assert answer.status_code in (400, 404), answer.text
        assert "root:" not in answer.text


def test_files_of_a_task_that_has_not_run(batch, refused):
    job = batch.job(batch.pool(nodes=0))
    error = refused(lambda: list(batch.client.list_task_files(job, batch.task(job))))
    assert (error.status_code, error.error.code) == (409, "OperationInvalidForCurrentState")


def test_standard_output_can_be_read_while_a_task_runs(batch):
    job = batch.job()
    task = batch.task(job, "/bin/sh -c 'echo so far; sleep 60'")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    batch.until(lambda: batch.text(job, task), lambda text: text == "so far\n")


def test_node_files(batch, done):
    node = batch.client.get_task(*done).node_info
    names = {f.name for f in batch.client.list_node_files(node.pool_id, node.node_id)}
    assert {"shared", "startup", "workitems"} <= names
    path = f"{node.task_root_directory}/stdout.txt"
    content = batch.client.download_node_file(node.pool_id, node.node_id, path)
    assert b"".join(content) == b"hi\n"


def test_an_empty_directory_goes_without_recursive(batch):
    job = batch.job()
    task = batch.run("/bin/sh -c 'mkdir -p a/b; ln -s a/b link'", job).id
    batch.client.delete_task_file(job, task, "wd/a/b")
    batch.client.delete_task_file(job, task, "wd/a")
    names = {f.name for f in batch.client.list_task_files(job, task, recursive=True)}
    assert names == {"stdout.txt", "stderr.txt", "wd"}


def test_a_directory_is_gone_when_its_deletion_is_answered(batch, done):
    batch.client.delete_task_file(*done, "wd/a", recursive=True)
    names = {f.name for f in batch.client.list_task_files(*done, recursive=True)}
    assert names == {"stdout.txt", "stderr.txt", "wd"}


def test_properties_are_those_of_linux_nodes(batch, done):
    """The docstring of `FileProperties`: no creation time there, and a file's mode."""
    files = {f.name: f for f in batch.client.list_task_files(*done, recursive=True)}
    listed = files["wd/a/b/ten"].properties
    assert (listed.creation_time, listed.content_length) == (None, 10)
    assert listed.file_mode.endswith("644")
    assert files["wd/a"].properties is None
    head = batch.raw("HEAD", f"/jobs/{done[0]}/tasks/{done[1]}/files/wd/a/b/ten")
    assert head.headers["ocp-batch-file-isdirectory"].lower() == "false"
    assert "ocp-creation-time" not in head.headers
    folder = batch.raw("HEAD", f"/jobs/{done[0]}/tasks/{done[1]}/files/wd/a")
    assert folder.headers["ocp-batch-file-isdirectory"].lower() == "true"


def test_conditional_downloads(batch, done):
    ten = batch.client.get_task_file_properties(*done, "wd/a/b/ten")
    path = f"/jobs/{done[0]}/tasks/{done[1]}/files/wd/a/b/ten"
    after = formatdate(ten.last_modified.timestamp() + 60, usegmt=True)
    before = formatdate(ten.last_modified.timestamp() - 60, usegmt=True)
    for header, value, status in (
        ("if-modified-since", after, 304), ("if-modified-since", before, 200),
        ("if-unmodified-since", before, 412), ("if-unmodified-since", after, 200),
    ):  # fmt: skip
        assert batch.raw("GET", path, headers={header: value}).status_code == status


@pytest.mark.parametrize(
    ("asked", "status"), [("bytes=0-0", 200), ("bytes=9-", 200), ("bytes=5-99", 200),
                          ("bytes=10-", 416), ("bytes=4-2", 416), ("bytes=-5", 400), ("5-7", 400)],
)  # fmt: skip
def test_ranges(batch, done, asked, status):
    path = f"/jobs/{done[0]}/tasks/{done[1]}/files/wd/a/b/ten"
    assert batch.raw("GET", path, headers={"ocp-range": asked}).status_code == status


@pytest.mark.parametrize("text", ["name eq 'wd'", "isDirectory eq true", "startswith(url,'x')"])
def test_files_are_filtered_by_the_beginning_of_their_names_only(batch, done, refused, text):
    error = refused(lambda: list(batch.client.list_task_files(*done, filter=text)))
    assert (error.status_code, error.error.code) == (400, "InvalidQueryParameterValue")


def test_names_that_are_no_text(batch):
    job = batch.job()
    command = "python3 -c \"open(b'odd-\\xff', 'w'); open('sp ace%2f#?', 'w')\""
    task = batch.run(command, job)
    assert task.execution_info.exit_code == 0
    names = {f.name for f in batch.client.list_task_files(job, task.id, recursive=True)}
    assert "wd/sp ace%2f#?" in names
    assert len(names) == 5


def test_files_that_come_and_go_while_they_are_listed(batch):
    job = batch.job()
    task = batch.task(job, "/bin/sh -c 'while :; do mkdir -p x/y; touch x/y/z; rm -r x; done'")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    for _ in range(50):
        files = list(batch.client.list_task_files(job, task, recursive=True))
        assert "wd" in {file.name for file in files}
    batch.client.terminate_task(job, task)


def test_large_files_go_through_without_being_held(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", "--allow-file-urls")
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(400 << 20)
    job = batch.job()
    files = [{"httpUrl": source.as_uri(), "filePath": "large"}]
    task = batch.run("/bin/true", job, resourceFiles=files).id
    size = sum(len(part) for part in batch.client.download_task_file(job, task, "wd/large"))
    assert size == 400 << 20
    status = Path(f"/proc/{batch.running.process.pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0])
    assert peak < 250 << 10, f"{peak} kB"


@pytest.mark.parametrize("at", ["..", "../.."])
def test_a_link_in_the_place_of_a_task_s_folder_leads_nowhere(batch, tmp_path, at):
    secret = tmp_path / "secret"
    job = batch.job()
    task = batch.name("task")
    place = secret if at == ".." else secret / task
    (place / "sub").mkdir(parents=True)
    (place / "s.txt").write_text("secret")
    # the task's own folder, or the one of all tasks of its job
    move = f"cd {at}; me=$PWD; cd /; mv $me $me.away; ln -s {secret} $me"
    batch.completed(job, batch.task(job, f"/bin/sh -c '{move}'", name=task))
    node = batch.client.get_task(job, task).node_info
    files = f"/jobs/{job}/tasks/{task}/files"
    there = f"/pools/{node.pool_id}/nodes/{node.node_id}/files/workitems/{job}/job-1/{task}"
    for path in (files, f"{files}/s.txt", f"{there}/s.txt"):
        answer = batch.raw("GET", path)
        assert answer.status_code in (404, 409), answer.text
    for path in (f"{files}/sub", f"{there}/sub"):
        assert batch.raw("DELETE", f"{path}?recursive=true").status_code in (404, 409)
    batch.client.begin_delete_job(job, polling_interval=0).result()
    assert (place / "sub").is_dir()
    assert (place / "s.txt").is_file()


def test_links_to_the_outside_are_not_listed_for_they_cannot_be_had(batch, tmp_path):
    (tmp_path / "file").write_text("secret")
    job = batch.job()
    links = f"ln -s {tmp_path}/file out; ln -s {tmp_path} folder; echo > own; ln -s own in"
    task = batch.run(f"/bin/sh -c '{links}'", job).id
    names = {file.name for file in batch.client.list_task_files(job, task, recursive=True)}
    assert names == {"stdout.txt", "stderr.txt", "wd", "wd/own", "wd/in"}


def test_a_file_that_shrinks_while_it_is_sent_is_cut_off_and_not_filled(emulator, capfd):
    batch = emulator("--boot-time=0.05")
    job = batch.job()
    task = batch.run("/bin/sh -c 'head -c 40000000 /dev/zero > big; pwd'", job).id
    path = f"/jobs/{job}/tasks/{task}/files/wd%2Fbig"
    folder = Path(batch.text(job, task).strip())
    with connect(batch) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(signed_head(batch, "GET", path))
        got = len(line.recv(1000))
        os.truncate(folder / "big", 0)
        # what is under way comes fast now
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        with contextlib.suppress(ConnectionError):
            while part := line.recv(1 << 20):
                got += len(part)
    assert 0 < got < 40_000_000
    assert "Traceback" not in capfd.readouterr().err
    assert batch.text(job, task).strip() == str(folder)


def test_a_task_that_never_began_has_no_files_to_have_been_cleaned_up(batch, web):
    files = [{"httpUrl": f"{web.url}/nowhere", "filePath": "f"}]
    job = batch.job()
    task = batch.run("/bin/true", job, resourceFiles=files).id
    answer = batch.raw("GET", f"/jobs/{job}/tasks/{task}/files/stdout.txt")
    assert answer.json()["code"] in ("TaskFilesUnavailable", "FileNotFound")
