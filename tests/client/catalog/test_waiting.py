"""One request has its time in all, whatever a server does with it; what is waited for is told."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.catalog.hostile_server import Hostile, reply, serving, serving_raw

from scenefleet.catalog import CatalogRequest, Patience, search
from scenefleet.catalog.web import Reader
from scenefleet.errors import CatalogError

LIMIT = 1.5
"""Seconds that a request has here; a minute is the usual."""


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serving() as server:
        yield server


def limited(tell: Callable[[CatalogRequest], None] | None = None) -> Patience:
    return Patience(retries=5, timeout=(60, 60), answer_seconds=LIMIT, tell=tell)


def late(url: str, **options: Any) -> str:
    """The message of a request that is given up, in its time."""
    begun = time.monotonic()
    with pytest.raises(CatalogError) as caught:
        Reader(limited(), **options).read_json(url)
    assert time.monotonic() - begun < LIMIT + 8  # of shared cores; without a limit it is a minute
    return str(caught.value)


def test_the_usual_limit_is_a_minute() -> None:
    assert Patience().answer_seconds == 60


def test_a_server_that_never_answers(hostile: Hostile) -> None:
    hostile.answers["/"] = lambda _: hostile.done.wait(60)
    assert "in full after 1.5 s, the longest that is waited: no answer came" in late(hostile.url)


def test_a_server_that_sends_a_byte_now_and_then(hostile: Hostile) -> None:
    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        while not hostile.done.wait(0.2):
            line.sendall(b"{")

    hostile.answers["/"] = drip
    assert "its answer began and did not end" in late(hostile.url)


def test_a_long_answer_over_a_slow_line(hostile: Hostile) -> None:
    def slowly(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        while not hostile.done.wait(0.05):
            line.sendall(b" " * 65_536)

    hostile.answers["/"] = slowly
    assert re.search(r"only \d\.\d MB of the answer came.*downloaded first", late(hostile.url))


def test_a_handshake_that_does_not_end() -> None:
    over = threading.Event()
    with serving_raw(lambda _: over.wait(60)) as address:
        text = late(f"https://{address}/")
        over.set()
    assert "TLS was not agreed on" in text


def test_a_connection_that_is_not_taken() -> None:
    """A full backlog: the kernel lets further connections wait without a word."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        lines = [socket.socket() for _ in range(4)]
        for line in lines:
            line.setblocking(False)
            line.connect_ex(full.getsockname())
        text = late(f"http://127.0.0.1:{full.getsockname()[1]}/")
        for line in lines:
            line.close()
    assert "no connection was made" in text


def test_a_name_that_is_looked_up_for_ever() -> None:
    over = threading.Event()

    def never(host: str, port: int) -> list[Any]:
        over.wait(60)
        return []

    text = late("http://stac.example/", resolve=never)
    over.set()
    assert "stac.example" in text
    assert "its name was not resolved. Check the address and the network" in text


@pytest.mark.parametrize(
    "header", ["Retry-After: 3600", "Retry-After: Wed, 01 Jan 2098 00:00:00 GMT"]
)
def test_hours_that_a_server_asks_for_are_not_waited(hostile: Hostile, header: str) -> None:
    hostile.answers["/"] = reply(b"{}", header, status="429 Slow")
    text = late(hostile.url)
    assert "answered 429, and asks to wait" in text
    assert len(hostile.heads) == 1


def test_seconds_that_a_server_asks_for_are_waited(hostile: Hostile) -> None:
    answers = iter([reply(b"{}", "Retry-After: 1", status="429 Slow"), reply(b'{"a": 1}')])
    hostile.answers["/"] = lambda line: line.sendall(next(answers))
    told: list[CatalogRequest] = []
    begun = time.monotonic()
    patience = Patience(backoff=0, answer_seconds=30, tell=told.append)
    assert Reader(patience).read_json(hostile.url) == {"a": 1}
    assert time.monotonic() - begun >= 1
    assert [asked.what for asked in told] == [
        "its first document",
        "its first document, again in 1 s: it answered 429",
        "its first document",
    ]


def test_redirects_share_the_time(hostile: Hostile) -> None:
    def slow(line: socket.socket) -> None:
        hostile.done.wait(0.4)
        line.sendall(reply(b"", "Location: /", status="302 Found"))

    hostile.answers["/"] = slow
    late(f"{hostile.url}/")
    assert len(hostile.heads) <= 6


def test_a_request_that_was_given_up_leaves_no_connection(hostile: Hostile) -> None:
    """The thread that waits for the answer ends once nobody wants it."""
    hostile.answers["/"] = lambda _: hostile.done.wait(60)
    late(hostile.url)
    until = time.monotonic() + 20
    while any(t.name == "catalogue request" and t.is_alive() for t in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_each_page_is_told_with_what_came_before(
    stac_api: Any, item: Any, query: Any, tmp_path: Path
) -> None:
    items = [item(f"i{n}", datetime=f"2023-06-{30 - n:02}T10:00:00Z") for n in range(5)]
    told: list[CatalogRequest] = []
    api = stac_api(items, page=2)
    search(query(api.url), base=tmp_path, patience=Patience(tell=told.append))
    host = api.url.split("/")[2]
    assert {asked.host for asked in told} == {host}
    assert [(asked.what, asked.items) for asked in told] == [
        ("its first document", 0),
        ("its landing page", 0),
        ("collection sentinel-2-l2a", 0),
        ("page 1", 0),
        ("page 2", 2),
        ("page 3", 4),
    ]


def test_documents_of_a_static_catalogue_are_told(
    hostile: Hostile, item: Any, query: Any, tmp_path: Path
) -> None:
    links = [{"rel": "item", "href": "a.json"}, {"rel": "item", "href": "b.json"}]
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d"}
    hostile.json("/c.json", json.dumps({**catalog, "links": links}))
    hostile.json("/a.json", json.dumps(item("a")))
    hostile.json("/b.json", json.dumps(item("b")))
    told: list[CatalogRequest] = []
    search(query(f"{hostile.url}/c.json"), base=tmp_path, patience=Patience(tell=told.append))
    assert [(asked.what, asked.items) for asked in told] == [
        ("its first document", 0),
        ("document 2", 0),
        ("document 3", 1),
    ]


INTERRUPTED = """
import sys
from scenefleet.catalog import Patience
from scenefleet.catalog.web import Reader
import threading

def never(host, port):
    print("looking up", flush=True)
    threading.Event().wait(100)

def asked(asked):
    print("asking", flush=True)

try:
    if sys.argv[1] == "name":
        Reader(Patience(), resolve=never).read_json("http://stac.example/")
    else:
        Reader(Patience(tell=asked)).read_json(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("where", ["name", "answer", "handshake"])
def test_ctrl_c_ends_any_wait_at_once(hostile: Hostile, where: str) -> None:
    hostile.answers["/"] = lambda _: hostile.done.wait(100)
    over = threading.Event()
    with serving_raw(lambda _: over.wait(100)) as address:
        there = {"name": "name", "answer": hostile.url, "handshake": f"https://{address}/"}
        with subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, there[where]], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.3)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
            assert process.wait(20) == 0
            assert time.monotonic() - begun < 10  # and not the minute that a request has
        over.set()
