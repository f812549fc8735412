"""What tasks leave in their folders, to lead a client or the emulator somewhere else."""

import itertools

import pytest

from raw_http import answers, bare

OUTSIDE = [
    "..", "../", "../../x", "wd/../../../x", "%2e%2e", "%2e%2e/%2e%2e/x", "%2E%2E%2Fx",
    "%252e%252e/x", "..%5C..%5Cx", "..%00", "wd%2F..%2F..%2F..%2Fx", "/etc/passwd",
    "%2Fetc%2Fpasswd", "wd/a%00b", "wd/out", "wd/out/passwd", "wd/up/secret", "wd/circle",
    "wd/circle/x", "wd/deep/out/passwd", "wd/" + "x" * 256, "wd/" + "x/" * 3000,
    "wd/pipe", "wd/socket", "wd/gone", "wd/null",
]  # fmt: skip
MAKE = """/bin/sh -c '
ln -s /etc out; ln -s ../../.. up; ln -s circle circle; ln -s missing gone; ln -s /dev/null null
mkdir deep; ln -s /etc deep/out; mkfifo pipe; echo inside >own
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\\"socket\\")"'"""


@pytest.mark.parametrize("kind", ["task", "node"])
def test_paths_do_not_leave_the_folder(batch, kind):
    job = batch.job()
    task = batch.run(MAKE, job)
    info = task.node_info
    base = f"/jobs/{job}/tasks/{task.id}/files"
    if kind == "node":
        base = f"/pools/{info.pool_id}/nodes/{info.node_id}/files"
        prefix = info.task_root_directory + "/"
    else:
        prefix = ""
    tries = (("GET", ""), ("HEAD", ""), ("DELETE", ""), ("DELETE", "?recursive=true"))
    for path, (method, rest) in itertools.product(OUTSIDE, tries):
        status, text = bare(batch, method, f"{base}/{prefix}{path}", rest)
        assert 400 <= status < 500, (method, path, status, text)
        assert "root:" not in text
    assert answers(batch)
    names = {f.name for f in batch.client.list_task_files(job, task.id, recursive=True)}
    assert "wd/own" in names
    assert not any("passwd" in name or name.startswith("/") or ".." in name for name in names)
    assert batch.text(job, task.id, "wd/own") == "inside\n"


def test_what_links_lead_to_is_not_deleted_with_a_folder(batch, tmp_path):
    (tmp_path / "precious").write_text("kept")
    job = batch.job()
    task = batch.run(f"/bin/sh -c 'mkdir d; ln -s {tmp_path} d/link; echo x >d/file'", job)
    batch.client.delete_task_file(job, task.id, "wd/d", recursive=True)
    batch.until(
        lambda: (
            "wd/d"
            not in {f.name for f in batch.client.list_task_files(job, task.id, recursive=True)}
        )
    )
    batch.client.delete_task(job, task.id)
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_pipe_in_place_of_a_file_stops_nobody(batch):
    """Opened, a pipe waits for its other end: the emulator would wait with it."""
    job = batch.job()
    command = "/bin/sh -c 'rm ../stdout.txt; mkfifo ../stdout.txt in.part; exit 1'"
    task = batch.run(command, job, constraints={"maxTaskRetryCount": 1})
    assert task.execution_info.result == "failure"
    assert batch.raw("GET", f"/jobs/{job}/tasks/{task.id}/files/stdout.txt").status_code == 404
    assert answers(batch)


def test_a_pipe_in_place_of_a_resource_file_stops_nobody(batch, tmp_path):
    source = tmp_path / "in"
    source.write_text("x")
    job = batch.job()
    task = batch.run(
        "/bin/sh -c 'mkfifo in.part; exit 1'",
        job,
        resourceFiles=[{"httpUrl": source.as_uri(), "filePath": "in"}],
        constraints={"maxTaskRetryCount": 1},
    )
    assert task.execution_info.result == "failure"
    assert answers(batch)
