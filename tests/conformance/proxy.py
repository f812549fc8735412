"""A proxy on loopback that leads https for named hosts to a server of this machine.

For clients that cannot be told of another address than Azure's own. It only passes bytes on: the
server has to hold a certificate for the names, by an authority that the client trusts. Standard
library only.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import socketserver
import threading
from collections.abc import Iterator

_CONNECT = re.compile(rb"CONNECT ([A-Za-z0-9.-]+):443 HTTP/1\.[01]\r\n")


class Proxy(socketserver.ThreadingTCPServer):
    """Leads the hosts that `names` fits to `target`, and refuses all others."""

    daemon_threads = True

    def __init__(self, names: re.Pattern[str], target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.names, self.target = names, target
        self.led: set[str] = set()
        """Hosts that were asked for and led to the target."""
        self.refused: set[str] = set()

    @property
    def address(self) -> str:
        """What `HTTPS_PROXY` takes."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def proxy(names: str, target: tuple[str, int]) -> Iterator[Proxy]:
    """A proxy while the context lasts."""
    with Proxy(re.compile(names), target) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class _Connection(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < 16_384:
            part = self.request.recv(4096)
            if not part:
                return
            head += part
        found = _CONNECT.match(head)
        host = found[1].decode().lower() if found else head.split(b"\r\n")[0].decode("latin-1")
        if not found or not self.server.names.fullmatch(host):
            self.server.refused.add(host)
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            return
        self.server.led.add(host)
        with socket.create_connection(self.server.target) as target:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pass_on(self.request, target)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Bytes both ways, until either ends."""
    beyond = {one: other, other: one}
    while True:
        for ready in select.select(list(beyond), [], [])[0]:
            data = ready.recv(65_536)
            if not data:
                return
            beyond[ready].sendall(data)
