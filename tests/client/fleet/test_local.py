"""The emulator of a local run: ends with its client, is found by the same user, hides its key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenefleet.errors import FleetError
from scenefleet.fleet import lease, local
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.progress import job_status
from witnessing import witnessing

KEY = "c2VjcmV0"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with witnessing():
        yield


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


def test_a_run_is_held_by_one_client_and_its_note_is_the_users_alone() -> None:
    connection = Connection("http://127.0.0.1:1", "account", KEY)
    assert lease.find("run-1") is None
    with lease.claim("run-1") as mine:
        assert mine
        assert lease.is_held("run-1")
        assert lease.find("run-1") is None, "not announced yet"
        file = lease.announce("run-1", connection)
        assert file.stat().st_mode & 0o777 == 0o600
        assert lease.find("run-1") == connection
        with lease.claim("run-1") as second:
            assert not second
        with lease.claim("run-2") as other:
            assert other
        assert lease.find("run-1") == connection
    assert lease.find("run-1") is None


def test_a_run_is_let_go_by_a_client_that_is_killed() -> None:
    program = (
        "import time\n"
        "from scenefleet.fleet import lease\n"
        "from scenefleet.fleet.connection import Connection\n"
        "with lease.claim('run-1'):\n"
        "    lease.announce('run-1', Connection('http://127.0.0.1:1', 'a', 'k'))\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout
        assert p.stdout.readline() == "held\n"
        assert lease.find("run-1") is not None
        p.send_signal(signal.SIGKILL)
    assert lease.find("run-1") is None
    with lease.claim("run-1") as mine:
        assert mine


def _listens(port: str) -> bool:
    return any(
        line.split()[1].endswith(f":{int(port):04X}") and line.split()[3] == "0A"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    )


def test_an_emulator_that_was_killed_is_named_as_that() -> None:
    with pytest.raises(FleetError, match=r"\(process \d+\) was ended by SIGKILL") as caught:
        _lose_an_emulator()
    assert "the same `scenefleet run` goes on" in str(caught.value)


def test_an_error_of_an_emulator_that_runs_is_left_as_it_is() -> None:
    with pytest.raises(FleetError, match="refused"), local.emulator(slots=1):
        raise FleetError("refused")


def _lose_an_emulator() -> None:
    before = set(_servers())
    with local.emulator(slots=1) as connection, connect(connection) as client:
        (pid,) = set(_servers()) - before
        os.kill(pid, signal.SIGKILL)
        job_status(client, "job-1")


def _servers() -> list[int]:
    """Emulators that this process has started."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(c) for c in children if b"serve" in Path(f"/proc/{c}/cmdline").read_bytes()]
