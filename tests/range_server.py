"""A local HTTP server of files that supports ranges, and that can fail in every way a host can.

Load it by path (tests are no packages); `tests/task/conftest.py` shows how, and has the fixture.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
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
    reset: bool = False
    """The connection is reset in the middle of an answer."""
    tag: str | None = None
    """Said to be the file's ETag."""
    hang_up: bool = False
    """The connection is closed after half of the promised bytes."""
    hang: float = 0
    """Seconds before an answer."""
    least: int = 0
    """Requests for fewer bytes are answered well, and not counted: headers, say."""
    stall: float = 0
    """Seconds in the middle of an answer."""
    drip: float = 0
    """Seconds that an answer takes, a few bytes at a time."""
    shift: int = 0
    """So many bytes further on lies what is answered, and said to be."""
    content_range: str | None = None
    """Said in place of the truth: `bytes {start}-{end}/{size}`."""
    missing: int = 0
    """Bytes that an answer lacks of what it says it has, before the connection closes."""
    short: int = 0
    """Bytes that an answer lacks, and says so; its Content-Range does not."""
    whole: bool = False
    """A range is answered with the whole file."""
    redirect: str | None = None
    """Sent elsewhere: to this server's address, with the same path and query."""


@dataclass(frozen=True)
class Answer:
    """Bytes that were given out."""

    path: str
    start: int
    size: int
    ranged: bool = True
    """Otherwise the whole file was asked for, or just its headers: GDAL hangs up after them."""


_PORTS: set[int] = set()


@dataclass
class RangeServer:
    """Serves `root`; with `guarded`, only to addresses with a token of its own token service."""

    root: Path
    guarded: bool = False
    token_life: float = 2700
    """Seconds until a token's stated expiry."""
    faults: dict[str, Fault] = field(default_factory=dict)
    """By path below root."""
    trouble: Callable[[], Fault | None] | None = None
    """Gives the fault that a request for a range meets where `faults` names none; by one thread at
    a time."""
    requests: list[str] = field(default_factory=list)
    """Paths with queries, in order; tokens asked for included."""
    tokens: list[str] = field(default_factory=list)
    """Every token ever given out; the last ones are valid, see `revoke`."""
    token_fault: int | None = None
    """Status of the token service."""
    version: Literal["none", "date", "weak", "strong"] = "none"
    """What files carry: Last-Modified, or a weak or strong ETag."""
    heeds_if_match: bool = True
    """Answers 412 to an If-Match of another version."""
    ranges: bool = True
    """Otherwise every answer is a whole file."""
    revoke_after: int = 10**9
    """Ranges of at least 100 kB after which all tokens given out so far are refused."""
    delay: float = 0
    """Seconds that every answer takes."""
    answers: list[Answer] = field(default_factory=list)
    """What was given out of files, in order."""
    most_at_once: int = 0
    """Requests that were under way together."""
    _at_once: int = 0
    _valid_from: int = 0
    _met: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        """Listens on loopback, on a port that is free and that this process did not use before.

        GDAL keeps what it read by its address for as long as the process lives.
        """
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        while self._server.server_address[1] in _PORTS:
            met, self._server = self._server, ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
            met.server_close()
        _PORTS.add(self._server.server_address[1])
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

    def gave(self, answer: Answer) -> None:
        """Takes note of bytes that are given out."""
        large = answer.ranged and answer.size >= 100_000
        with self._lock:
            self.answers.append(answer)
            self.revoke_after -= large
        if large and not self.revoke_after:
            self.revoke()

    def allows(self, query: str) -> bool:
        """Whether a request's query is a valid token."""
        return not self.guarded or query in self.tokens[self._valid_from :]

    @contextmanager
    def counting(self) -> Generator[None]:
        """A request under way."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def fault_now(self, path: str, size: int) -> Fault | None:
        """The fault that this request for so many bytes of a file meets."""
        fault = self.faults.get(path)
        if fault is None and self.trouble and size:
            with self._lock:
                return self.trouble()
        if fault is None or size < fault.least:
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
            with server.counting():
                time.sleep(server.delay)
                self._get()

        def _get(self) -> None:
            server.requests.append(self.path)
            parts = urlsplit(self.path)
            path = unquote(parts.path).lstrip("/")
            if path.startswith("api/sas/v1/token/"):
                return self._token()
            fault = server.fault_now(path, self._asked()) or Fault()
            time.sleep(fault.hang)
            if not server.allows(parts.query):
                return self._answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
            if fault.status or fault.redirect:
                to = {"Location": f"{fault.redirect}{self.path}"} if fault.redirect else {}
                return self._answer(fault.status or 302, fault.body, to)
            file = server.root / path
            if not file.is_file():
                return self._answer(404, b"not found")
            said = _version(file, server.version)
            if fault.tag:
                said["ETag"] = fault.tag
            wanted = self.headers.get("If-Match")
            if wanted and server.heeds_if_match and wanted != said.get("ETag"):
                return self._answer(412, b"")
            return self._file(path, _content(file, fault), fault, said)

        def _asked(self) -> int:
            """Bytes of the range that a request is for; 0 if it is for none."""
            start, _, end = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
            return int(end) - int(start) + 1 if start and end else 0

        def _token(self) -> None:
            if server.token_fault:
                return self._answer(server.token_fault, b"{}")
            return self._answer(200, json.dumps(server.issue()).encode())

        def _file(self, path: str, content: bytes, fault: Fault, said: dict[str, str]) -> None:
            wanted, size = self.headers.get("Range"), len(content)
            if not wanted or fault.whole or not server.ranges:
                server.gave(Answer(path, 0, size, bool(wanted)))
                return self._answer(200, content, said, fault)
            start_text, _, end_text = wanted.removeprefix("bytes=").partition("-")
            start, end = int(start_text) + fault.shift, int(end_text or size) + fault.shift
            end = min(end, size - 1)
            if start > end:
                return self._answer(416, b"", {"Content-Range": f"bytes */{size}"})
            form = fault.content_range or "bytes {start}-{end}/{size}"
            said["Content-Range"] = form.format(start=start, end=end, size=size)
            server.gave(Answer(path, start, end + 1 - start))
            return self._answer(206, content[start : end + 1 - fault.short], said, fault)

        def _answer(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            fault: Fault | None = None,
        ) -> None:
            fault = fault or Fault()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if server.ranges:
                self.send_header("Accept-Ranges", "bytes")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if fault.reset:
                self.wfile.write(body[: len(body) // 2])
                gone = struct.pack("ii", 1, 0)  # no time to linger: what is left is reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, gone)
                self.close_connection = True
                return
            if fault.hang_up or fault.missing:
                kept = len(body) // 2 if fault.hang_up else len(body) - fault.missing
                body, self.close_connection = body[:kept], True
            try:
                self._send(body, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _send(self, body: bytes, fault: Fault) -> None:
            pieces = 8 if fault.drip else 2 if fault.stall else 1
            step = -(-len(body) // pieces) or 1
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                if fault.drip or not start:
                    time.sleep(fault.drip / pieces or fault.stall)

    return Handler


def _content(file: Path, fault: Fault) -> bytes:
    content = bytearray(file.read_bytes())
    for n in fault.corrupt or ():
        content[n] ^= 0xFF
    return bytes(content if fault.truncate is None else content[: fault.truncate])


def _version(file: Path, kind: str) -> dict[str, str]:
    """Headers that tell a file's version."""
    about = file.stat()
    tag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
    return {
        "none": {},
        "date": {"Last-Modified": formatdate(about.st_mtime, usegmt=True)},
        "weak": {"ETag": f"W/{tag}"},
        "strong": {"ETag": tag},
    }[kind]
