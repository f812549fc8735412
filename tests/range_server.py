"""A local HTTP server of files that supports ranges, and that can fail in every way a host can.

Load it by path (tests are no packages); `tests/task/conftest.py` shows how, and has the fixture.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

AZURE_BUSY = (
    b"<?xml version='1.0'?><Error><Code>ServerBusy</Code>"
    b"<Message>Egress is over the account limit.</Message></Error>"
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one file."""

    status: int | None = None
    """Answered in place of the file, with `body`."""
    body: bytes = b""
    after: int = 0
    """Requests for the file that are answered well before the fault begins."""
    times: int = 10**9
    """Requests that meet the fault; then it is over."""
    truncate: int | None = None
    """The file ends after so many bytes."""
    corrupt: range | None = None
    """Bytes that are turned over."""
    hang_up: bool = False
    """The connection is closed after half of the promised bytes."""
    hang: float = 0
    """Seconds before an answer."""


@dataclass
class RangeServer:
    """Serves `root`; with `guarded`, only to addresses with a token of its own token service."""

    root: Path
    guarded: bool = False
    token_life: float = 2700
    """Seconds until a token's stated expiry."""
    faults: dict[str, Fault] = field(default_factory=dict)
    """By path below root."""
    requests: list[str] = field(default_factory=list)
    """Paths with queries, in order; tokens asked for included."""
    tokens: list[str] = field(default_factory=list)
    """Every token ever given out; the last ones are valid, see `revoke`."""
    token_fault: int | None = None
    """Status of the token service."""
    _valid_from: int = 0
    _met: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        """Listens on loopback, on a port that is free."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        # a client that hangs up is what many tests are about: no traceback for it
        self._server.handle_error = lambda request, address: None  # noqa: ARG005
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def token_service(self) -> str:
        """For PC_SDK_SAS_URL."""
        return f"{self.address}/api/sas/v1/token"

    def url(self, path: str) -> str:
        """A file's address."""
        return f"{self.address}/{path}"

    def revoke(self) -> None:
        """Refuses all tokens given out so far."""
        with self._lock:
            self._valid_from = len(self.tokens)

    def count(self, path: str) -> int:
        """Requests for one file."""
        return sum(urlsplit(request).path == f"/{path}" for request in self.requests)

    def issue(self) -> dict[str, str]:
        """A new token, as Planetary Computer's service answers it."""
        with self._lock:
            token = f"sv=2024-11-04&sr=c&sp=rl&sig=TOPSECRET{len(self.tokens):04d}"
            self.tokens.append(token)
        expiry = datetime.fromtimestamp(time.time() + self.token_life, UTC)
        return {"token": token, "msft:expiry": expiry.isoformat()}

    def allows(self, query: str) -> bool:
        """Whether a request's query is a valid token."""
        return not self.guarded or query in self.tokens[self._valid_from :]

    def fault_now(self, path: str) -> Fault | None:
        """The fault that this request for a file meets."""
        fault = self.faults.get(path)
        if fault is None:
            return None
        with self._lock:
            met = self._met[path] = self._met.get(path, 0) + 1
        return fault if fault.after < met <= fault.after + fault.times else None


def _handler(server: RangeServer) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one small HTTP server
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing: tests read `requests`."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            server.requests.append(self.path)
            parts = urlsplit(self.path)
            path = unquote(parts.path).lstrip("/")
            if path.startswith("api/sas/v1/token/"):
                return self._token()
            fault = server.fault_now(path) or Fault()
            time.sleep(fault.hang)
            if not server.allows(parts.query):
                return self._answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
            if fault.status:
                return self._answer(fault.status, fault.body)
            file = server.root / path
            if not file.is_file():
                return self._answer(404, b"not found")
            return self._file(_content(file, fault), fault)

        def _token(self) -> None:
            if server.token_fault:
                return self._answer(server.token_fault, b"{}")
            return self._answer(200, json.dumps(server.issue()).encode())

        def _file(self, content: bytes, fault: Fault) -> None:
            wanted = self.headers.get("Range")
            if not wanted:
                return self._answer(200, content, hang_up=fault.hang_up)
            start_text, _, end_text = wanted.removeprefix("bytes=").partition("-")
            start, end = int(start_text), min(int(end_text or len(content)), len(content) - 1)
            if start > end:
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            said = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
            return self._answer(206, content[start : end + 1], said, hang_up=fault.hang_up)

        def _answer(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            *,
            hang_up: bool = False,
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Accept-Ranges", "bytes")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if hang_up:
                body, self.close_connection = body[: len(body) // 2], True
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    return Handler


def _content(file: Path, fault: Fault) -> bytes:
    content = bytearray(file.read_bytes())
    for n in fault.corrupt or ():
        content[n] ^= 0xFF
    return bytes(content if fault.truncate is None else content[: fault.truncate])
