"""The command: how an emulator starts, what it says, and that nothing outlives it."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
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
        # Half a second on a machine that is idle; this one may not be.
        assert time.monotonic() - begun < 5
    assert running.process.returncode == 0


@pytest.fixture
def served():
    """Starts the command as a person does; returns the paragraphs it prints, by their first line.

    An environment that is given is added to the tests' own.
    """
    with ExitStack() as stack:

        def begin(*options, **environment):
            process = subprocess.Popen(
                [*SERVE, *options],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            lines = []
            while not lines or "Ctrl-C" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], "it ended"
            parts = "".join(lines).strip().split("\n\n")
            return {part.partition("\n")[0]: part for part in parts}

        yield begin


def printed(said, beginning):
    (part,) = (part for title, part in said.items() if title.startswith(beginning))
    return part


def run(program, **environment):
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


LIST = "\nprint(list(client.list_jobs()))"
OF_CLI = """
import os
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
key = os.environ["AZURE_BATCH_ACCESS_KEY"]
credential = AzureNamedKeyCredential(os.environ["AZURE_BATCH_ACCOUNT"], key)
client = BatchClient(os.environ["AZURE_BATCH_ENDPOINT"], credential)
"""
OF_AIRFLOW = """
import json, os
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
connection = json.loads(os.environ["AIRFLOW_CONN_AZURE_BATCH_DEFAULT"])
assert connection["conn_type"] == "azure_batch"
credential = AzureNamedKeyCredential(connection["login"], connection["password"])
client = BatchClient(connection["extra"]["account_url"], credential)
"""
KEY = base64.b64encode(b"a key of one's own").decode()


def check_lines(said, **environment):
    """All three paragraphs work as they are printed."""
    python = printed(said, "# Python")
    assert run([sys.executable, "-c", python + LIST], **environment) == "[]\n"
    for title, reader in (("# Azure CLI", OF_CLI), ("# Airflow", OF_AIRFLOW)):
        script = f'{printed(said, title)}\nexec "$0" -c "$1"'
        command = ["/bin/sh", "-c", script, sys.executable, reader + LIST]
        assert run(command, **environment) == "[]\n"


def test_without_json_it_prints_lines_that_work(served):
    said = served()
    head = printed(said, "Azure Batch emulator")
    assert f"{DEVELOPMENT_KEY}  (well known: for development only)" in head
    check_lines(said)


def test_a_key_from_the_environment_is_not_printed_and_the_lines_work(served):
    said = served(BATCH_EMULATOR_KEY=KEY)
    assert KEY not in str(said)
    check_lines(said, BATCH_EMULATOR_KEY=KEY)


def test_a_key_from_a_file_is_not_printed_and_the_lines_work(served, tmp_path):
    file = tmp_path / "the account's key"
    file.write_text(KEY + "\n")
    said = served(f"--key-file={file}")
    assert KEY not in str(said)
    check_lines(said)


def test_a_key_is_made_up_and_printed_once(served):
    first, second = (printed(served("--key=new"), "Azure Batch") for _ in range(2))
    assert first.count("made up") == 1
    assert DEVELOPMENT_KEY not in first
    key = first.partition("key       ")[2].split()[0]
    assert len(base64.b64decode(key)) == 64
    assert key not in second


def test_a_key_that_is_made_up_is_told_to_the_program_that_asked():
    with start("--key=new") as running:
        assert running.key != DEVELOPMENT_KEY
        assert running.admin.now()


def test_a_key_on_the_command_line_is_refused_and_not_repeated(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["serve", f"--key={KEY}"])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert KEY not in error
    assert "--key-file" in error


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "holds no key"), (b"x" * 5000, "holds no key"),
     (b"not base64!", "not base64")],
)  # fmt: skip
def test_key_files_that_hold_none(capsys, tmp_path, content, reason):
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    assert main(["serve", "--port=0", f"--key-file={file}"]) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert "--key-file" in error
    assert "not base64!" not in error


def test_the_page_s_first_program_runs_as_it_stands():
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
    (key,) = re.findall(r"^export KEY=(\S+)$", page, re.MULTILINE)
    program = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    with start("--boot-time=0.05") as running:
        assert "http://127.0.0.1:10100" in program
        here = program.replace("http://127.0.0.1:10100", running.endpoint)
        assert (
            run([sys.executable, "-c", here], KEY=key)
            == "BatchTaskExecutionResult.SUCCESS\nhello\n\n"
        )


def test_over_tls_with_tokens_the_lines_work_too(served, certificate):
    bundle = certificate.ca.with_name("bundle.pem")
    bundle.write_bytes(certificate.cert.read_bytes() + certificate.ca.read_bytes())
    said = served("--oauth=basic", f"--tls-cert={bundle}", f"--tls-key={certificate.key}")
    trust = printed(said, "# Clients have to trust")
    assert f"export REQUESTS_CA_BUNDLE={bundle}" in trust
    identity = printed(said, "# Microsoft Entra ID")
    python = printed(said, "# Python, where these")
    for lines, program in ((identity, python), ("", said["# Python"])):
        script = f'{trust}\n{lines}\nexec "$0" -c "$1"'
        assert run(["/bin/sh", "-c", script, sys.executable, program + LIST]) == "[]\n"


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
     (["--state=/dev/null/x"], "--state"), (["--host=0.0.0.0"], "key of your own"),
     (["--connections=0"], "--connections 0"), (["--client-timeout=0"], "--client-timeout"),
     (["--account=a;b"], "--account a;b"),
     (["--task-path=/nowhere"], "--task-path /nowhere: a folder"),
     (["--key=new", "--host=192.0.2.1"], "an address of this machine")],
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
    # a child, and one in a session of its own whose parent is gone
    twice = 'setsid sh -c "sleep 301 & echo \\$!"; sleep 300 & echo $$ $!; wait'
    task = batch.task(job, f"/bin/sh -c '{twice}'")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    pids = batch.until(
        lambda: [int(p) for p in batch.text(job, task).split()], lambda p: len(p) == 3
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
