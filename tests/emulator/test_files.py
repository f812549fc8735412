"""Files: those a task gets, those it leaves, and those it sends."""

import http.server
import threading

import pytest


@pytest.fixture
def web():
    """A server of what its dictionary holds: path -> (status, body); notes what was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = self.server.content.get(self.path.partition("?")[0], (404, b""))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content = {}
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
    assert (error.status_code, error.error.code) == (409, "TaskFilesUnavailable")


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
