"""Slow clients and many: others are served within a second, and nobody is waited for for ever."""

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from raw_http import answers, connect, cut_off, signed_head


@pytest.fixture
def hasty(emulator):
    """An emulator that gives clients a second."""
    return emulator("--client-timeout=1", "--boot-time=0.05", "--connections=40")


def drip(batch, line, data):
    """Send a byte at a time, as long as it goes; others are served meanwhile."""
    begun = time.monotonic()
    for byte in data:
        try:
            line.sendall(bytes([byte]))
        except ConnectionError:
            break
        if cut_off(line):
            break
        assert answers(batch)
        assert time.monotonic() - begun < 8, "it may go on for ever"
        time.sleep(0.1)
    else:
        pytest.fail("all was taken")


@pytest.mark.parametrize("case", ["head", "body", "refused body", "nothing"])
def test_a_client_that_sends_slowly_is_cut_off(hasty, case):
    job = hasty.job("none")
    length = "Content-Length: 100000"
    heads = {
        "head": b"",
        "nothing": b"",
        "body": signed_head(hasty, "POST", f"/jobs/{job}/tasks", "Transfer-Encoding: chunked"),
        "refused body": f"POST /jobs HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode(),
    }
    body = {
        "head": b"GET /" + b"x" * 500,
        "body": b"400\r\n" + b" " * 500,
        "refused body": b"x" * 500,
    }
    with connect(hasty) as line:
        line.sendall(heads[case])
        if case == "nothing":
            hasty.until(lambda: cut_off(line), patience=5)
        else:
            drip(hasty, line, body[case])
    assert answers(hasty)


def test_a_client_that_asks_in_time_may_stay(hasty):
    with connect(hasty) as line:
        for _ in range(15):
            line.sendall(signed_head(hasty, "GET", "/jobs?maxresults=1"))
            got = b""
            while not got.endswith(b"]}"):
                data = line.recv(65536)
                assert data, "it was cut off"
                got += data
            assert got.startswith(b"HTTP/1.1 200 ")
            time.sleep(0.1)


def memory(batch):
    """MiB that the emulator holds."""
    lines = Path(f"/proc/{batch.running.process.pid}/status").read_text().splitlines()
    return next(int(text.split()[1]) for text in lines if text.startswith("VmRSS")) / 1024


def test_a_client_that_never_reads_is_cut_off_and_costs_little(hasty):
    job = hasty.job()
    task = hasty.run("/bin/sh -c 'head -c 64000000 /dev/zero >big'", job)
    before = memory(hasty)
    with ExitStack() as stack:
        lines = []
        for _ in range(8):
            line = stack.enter_context(connect(hasty))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.sendall(signed_head(hasty, "GET", f"/jobs/{job}/tasks/{task.id}/files/wd%2Fbig"))
            lines.append(line)
        assert answers(hasty)
        assert memory(hasty) - before < 60
        hasty.until(lambda: open_connections(hasty) <= 1, patience=10)
    assert answers(hasty)


def open_connections(batch):
    """Sockets that the emulator holds, but for the one that listens."""
    found = 0
    for file in Path(f"/proc/{batch.running.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found += str(file.readlink()).startswith("socket:")
    return found - 3


CROWD = 1000


@pytest.mark.parametrize("begun", [b"", b"GET /jobs HTTP/1.1\r\nHost: loc"])
def test_a_thousand_idle_connections_keep_nobody_out(emulator, begun):
    batch = emulator("--boot-time=0.05")
    list(batch.client.list_jobs())  # a connection that the client keeps, and will not find again
    with ExitStack() as stack:
        lines = []
        for _ in range(CROWD):
            line = stack.enter_context(connect(batch))
            line.sendall(begun)
            lines.append(line)
        assert answers(batch)
        assert list(batch.client.list_jobs()) == []
        assert batch.run("/bin/true").execution_info.exit_code == 0
        batch.until(lambda: sum(map(cut_off, lines)) >= CROWD - 512)
        assert sum(map(cut_off, lines)) <= CROWD - 500


def test_a_crowd_that_does_not_even_greet_keeps_nobody_out_of_tls(emulator, certificate):
    batch = emulator(*certificate.options, trust=str(certificate.ca))
    with ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(connect(batch))
        assert answers(batch)
