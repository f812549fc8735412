"""Stands between a program and the Batch emulator, and shows each answer to who holds it to rules.

A client in a process of its own cannot be given a transport that looks: this is for those.
"""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from conformity import Exchanged

_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length"}
"""Headers of a connection, not of what it carries."""


@contextmanager
def watch(endpoint: str, look: Callable[[Exchanged], None]) -> Iterator[str]:
    """An address that answers as the endpoint does, by asking it."""

    class Handler(_Handler):
        target = urlsplit(endpoint).netloc
        witness = staticmethod(look)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: str
    witness: Callable[[Exchanged], None]

    def setup(self) -> None:
        super().setup()
        self._connection = http.client.HTTPConnection(self.target, timeout=60)

    def finish(self) -> None:
        super().finish()
        self._connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def forward(self) -> None:
        """Ask the emulator, show what it says, and pass it on."""
        length = self.headers.get("content-length")  # of nothing it is signed too, if it was sent
        body = None if length is None else self.rfile.read(int(length))
        self._connection.request(self.command, self.path, body, dict(self.headers))
        answer = self._connection.getresponse()
        content = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        asked = {name.lower(): value for name, value in self.headers.items()}
        url = f"http://{self.headers['host']}{self.path}"
        self.witness(Exchanged(self.command, url, asked, answer.status, headers, content))
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        bare = answer.status in (204, 304) or self.command == "HEAD"
        if answer.status != 204:
            told = headers.get("content-length", "0") if bare else str(len(content))
            self.send_header("content-length", told)
        self.end_headers()
        if not bare:
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - the library's
