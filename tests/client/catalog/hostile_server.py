"""A server on loopback that answers bytes as they are given: what no honest server sends."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from scenefleet.catalog import Patience
from scenefleet.catalog.web import Reader
from scenefleet.errors import CatalogError

QUICK = Patience(retries=1, backoff=0, timeout=(5, 10), answer_seconds=20)
RAW = re.compile(
    r"HTTPS?Connection|Max retries|Expecting |ValidationError|[A-Z]\w+Error\b|\[Errno|\[SSL|"
    r"urllib3|codec can't|IncompleteRead\(|object at 0x|NoneType|Traceback"
)
"""Words of the libraries below, which no user should have to read."""
ADVICE = re.compile(r"\b(check|give|write|try again|wait|use)\b", re.IGNORECASE)


Answer = bytes | Callable[[socket.socket], None]


@dataclass
class Hostile:
    """What it answers by the request's path; every request's head is kept."""

    answers: dict[str, Answer] = field(default_factory=dict)
    url: str = ""
    heads: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def json(self, path: str, text: str, *head: str) -> None:
        """Answers JSON at a path."""
        body = text.encode()
        self.answers[path] = reply(body, "Content-Type: application/json", *head)

    def handle(self, line: socket.socket) -> None:
        with line, line.makefile("rb") as stream:
            request = stream.readline().decode("latin-1")
            head = [request]
            while (text := stream.readline().decode("latin-1")) not in ("\r\n", ""):
                head.append(text)
            self.heads.append("".join(head))
            path = request.split(" ")[1].partition("?")[0] if " " in request else ""
            answer = self.answers.get(path, reply(b"{}", status="404 Not Found"))
            try:
                if callable(answer):
                    answer(line)
                else:
                    line.sendall(answer)
            except OSError:
                pass  # the client has had enough


def reply(body: bytes, *head: str, status: str = "200 OK") -> bytes:
    """An answer of HTTP/1.1 that ends its connection."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *head)
    return "\r\n".join((*lines, "", "")).encode() + body


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Hostile]:
    """The server, until the block ends; `done` is set then, for answers that wait for it."""
    hostile = Hostile()
    listener = socket.create_server((host, 0))
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=hostile.handle, args=(line,))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    hostile.url = f"http://{host}:{listener.getsockname()[1]}"
    try:
        yield hostile
    finally:
        hostile.done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


@contextmanager
def serving_raw(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on loopback that lets a function talk on each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def talk(line: socket.socket) -> None:
        with closing(line), suppress(OSError):  # the client has had enough
            handle(line)

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(line,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def said(call: Callable[[], Any], host: str) -> str:
    """The one sentence that a failure ends in; fails if it is not made for people."""
    with pytest.raises(CatalogError) as caught:
        call()
    text = str(caught.value)
    assert not RAW.search(text), text
    assert host in text
    assert ADVICE.search(text), text
    return text


def reading(url: str, patience: Patience = QUICK) -> Callable[[], Any]:
    return lambda: Reader(patience).read_json(url)
