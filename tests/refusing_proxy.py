"""A proxy before a service on loopback that refuses some requests, as a role or firewall does."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which requests are refused, and how."""

    status: int
    code: str
    """The storage service's own code."""
    wanted: Callable[[BaseHTTPRequestHandler], bool]
    hours: float = 0.0
    """By which the answer's date is ahead of this machine's clock."""


def of_nodes(request: BaseHTTPRequestHandler) -> bool:
    """Whether a request writes by a SAS, as the nodes do: the client has the account's key."""
    return request.command == "PUT" and "sig=" in request.path


@contextmanager
def proxy(target: str, refusal: Refusal) -> Generator[str]:
    """Runs a proxy before a service; gives the address with the service's own path."""
    parts = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if refusal.wanted(self):
                self._refuse()
                return
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            headers["Host"] = parts.netloc
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP | {"content-length"}:
                    self.send_header(name, value)
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            connection.close()

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

        def _refuse(self) -> None:
            code = refusal.code
            said = f"<Code>{code}</Code><Message>The request was refused.</Message>"
            text = f'<?xml version="1.0" encoding="utf-8"?><Error>{said}</Error>'
            self.send_response_only(refusal.status)
            date = datetime.now(UTC) + timedelta(hours=refusal.hours)
            self.send_header("Date", format_datetime(date, usegmt=True))
            self.send_header("x-ms-error-code", code)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its names
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{parts.path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
