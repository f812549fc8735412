"""A server on loopback that answers bytes as they are given: what no honest server sends."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

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
