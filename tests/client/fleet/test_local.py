"""The emulator of a local run: ends with its client, is found by the same user, hides its key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenefleet.fleet import local
from scenefleet.fleet.connection import Connection, connect

KEY = "c2VjcmV0"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_an_emulator_answers_and_ends_with_its_block() -> None:
    with local.emulator(slots=1) as connection:
        with connect(connection) as client:
            assert list(client.list_pools()) == []
        assert connection.key
        assert connection.key not in repr(connection)
        port = connection.endpoint.rpartition(":")[2]
        assert _listens(port)
    assert not _listens(port)


def test_an_emulator_ends_with_a_client_that_is_killed() -> None:
    program = (
        "import time\n"
        "from scenefleet.fleet import local\n"
        "with local.emulator(slots=1) as c:\n"
        "    print(c.endpoint, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout
        port = p.stdout.readline().strip().rpartition(":")[2]
        assert _listens(port)
        p.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while _listens(port) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _listens(port)


def test_a_note_is_readable_by_its_user_alone_and_found_while_its_client_lives() -> None:
    connection = Connection("http://127.0.0.1:1", "account", KEY)
    assert local.find("run-1") is None
    file = local.announce("run-1", connection)
    assert file.stat().st_mode & 0o777 == 0o600
    assert local.find("run-1") == connection
    local.withdraw("run-1")
    assert local.find("run-1") is None


def test_a_note_of_a_client_that_is_gone_is_not_believed() -> None:
    file = local.announce("run-1", Connection("http://127.0.0.1:1", "account", KEY))
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    file.write_text(file.read_text().replace(f'"client": {os.getpid()}', f'"client": {gone.pid}'))
    assert local.find("run-1") is None


def _listens(port: str) -> bool:
    return any(
        line.split()[1].endswith(f":{int(port):04X}") and line.split()[3] == "0A"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    )
