"""The command: how an emulator starts, what it says, and that nothing outlives it."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch_emulator.__main__ import main
from batch_emulator.options import DEVELOPMENT_KEY
from batch_emulator.process import StartError, start

SERVE = [sys.executable, "-m", "batch_emulator", "serve", "--port=0"]


def test_it_says_where_it_is_and_is_ready_soon():
    begun = time.monotonic()
    with start() as running:
        assert running.endpoint.startswith("http://127.0.0.1:")
        assert running.account == "devaccount"
        # Under a second on a machine that is idle; this one may not be.
        assert time.monotonic() - begun < 5
    assert running.process.returncode == 0


def test_without_json_it_prints_lines_that_work():
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
        begin = next(i for i, line in enumerate(lines) if line.startswith("from azure.batch"))
        program = "".join(lines[begin:-1]) + "\nprint(list(client.list_jobs()))"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        process.terminate()
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
    assert any(DEVELOPMENT_KEY in line and "well known" in line for line in lines)
    assert process.returncode == 0


def test_a_key_of_one_s_own_comes_by_the_environment_and_is_not_printed():
    key = base64.b64encode(b"mine").decode()
    process = subprocess.Popen(
        SERVE, stdout=subprocess.PIPE, text=True, env={**os.environ, "BATCH_EMULATOR_KEY": key}
    )
    with process:
        text = ""
        while "Ctrl-C" not in text:
            text += process.stdout.readline()
        process.terminate()
    assert key not in text
    assert "BATCH_EMULATOR_KEY" in text


def test_it_works_with_a_key_of_one_s_own(emulator):
    batch = emulator("--boot-time=0.05", key=base64.b64encode(b"mine").decode())
    assert batch.run("/bin/true").execution_info.exit_code == 0


def test_a_port_that_is_taken(capsys, shared_emulator):
    port = shared_emulator.endpoint.rpartition(":")[2]
    assert main(["serve", "--port", port]) == 1
    assert "--port 0 takes a free port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [(["--nodes=-1"], "--nodes -1"), (["--port=80000"], "--port 80000"),
     (["--time-scale=0"], "--time-scale"),
     (["--state=/dev/null/x"], "--state"), (["--host=0.0.0.0"], "key of your own")],
)  # fmt: skip
def test_options_that_cannot_be(capsys, options, text):
    assert main(["serve", "--port=0", *options]) == 1
    assert text in capsys.readouterr().err


def test_a_key_that_is_none(monkeypatch, capsys):
    monkeypatch.setenv("BATCH_EMULATOR_KEY", "not base64!")
    assert main(["serve", "--port=0"]) == 1
    error = capsys.readouterr().err
    assert "BATCH_EMULATOR_KEY" in error
    assert "not base64!" not in error


def test_start_tells_when_it_cannot():
    with pytest.raises(StartError), start("--time-scale=-3"):
        pass


@pytest.fixture
def doomed(emulator, alive):
    """An emulator with a task that has children, and their process ids."""
    batch = emulator("--boot-time=0.05")
    job = batch.job()
    task = batch.task(job, "/bin/sh -c 'sleep 300 & echo $$ $!; wait'")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    pids = batch.until(
        lambda: [int(p) for p in batch.text(job, task).split()], lambda p: len(p) == 2
    )
    assert all(alive(pid) for pid in pids)
    return batch, pids


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "SIGKILL", "stdin"])
def test_no_process_outlives_the_emulator(doomed, alive, end):
    batch, pids = doomed
    process = batch.running.process
    if end == "stdin":
        process.stdin.close()
    else:
        process.send_signal(getattr(signal, end))
    process.wait(10)
    batch.until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.parametrize("end", ["SIGKILL", "stdin"])
def test_the_temporary_folder_goes_with_the_emulator(emulator, end):
    batch = emulator("--boot-time=0.05")
    job = batch.job()
    folder = Path(batch.text(job, batch.run("/bin/pwd", job).id).strip())
    root = folder.parents[7]
    assert root.name.startswith("batch-emulator-")
    if end == "stdin":
        batch.running.process.stdin.close()
    else:
        batch.running.process.kill()
    batch.running.process.wait(10)
    batch.until(lambda: not root.exists())


def test_a_folder_of_one_s_own_stays(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    job = batch.job()
    folder = Path(batch.text(job, batch.run("/bin/pwd", job).id).strip())
    assert folder.is_relative_to(tmp_path)
    batch.running.process.stdin.close()
    batch.running.process.wait(10)
    assert (folder.parent / "stdout.txt").is_file()


def test_it_imports_nothing_of_the_client_or_the_task_and_little_to_start():
    program = (
        "import sys, json, batch_emulator.server, batch_emulator.process;"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"scenefleet", "scenefleet_task", "azure", "httpx", "numpy", "rasterio"}
