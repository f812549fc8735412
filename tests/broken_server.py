"""Servers on loopback that break off in the ways in which servers of others do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import own_ca

RAW = (
    "HTTPSConnectionPool", "HTTPConnectionPool", "Max retries", "NewConnectionError", "urllib3",
    "requests.", "azure.core", "<Response", "object at 0x", "Errno", "_ssl.c", "Error(", "CPLE_",
    "rasterio", "Exception", "Traceback", "ServiceRequest", "ServiceResponse", "IncompleteRead",
)  # fmt: skip
"""What only a library would say."""
NO_HOST = "http://no-such-host.invalid"

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Range: bytes 0-4999/5000\r\n"
ANSWERS = {
    "reset": b"",
    "hang up": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "cut off": _HEAD + b"Content-Length: 5000\r\n\r\nabc",
    "bad chunk": _HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\nabc\r\n",
    "bad gzip": _HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
    "loop": b"HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\n\r\n",
}
"""What a server says to any request, before it closes the connection."""


@contextmanager
def fault_at(fault: str, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yields an address that has a fault, and the proxy to reach it by where that is the fault.

    Args:
        fault: of `ANSWERS`, or one of those that are no answers.
        folder: where certificates go.
    """
    if fault == "refused":
        with refusing() as address:
            yield address, None
    elif fault == "unknown host":
        yield NO_HOST, None
    elif fault == "TLS":
        with serving_tls(folder) as address:
            yield address, None
    elif fault == "no TLS":
        with serving("no HTTP") as address:
            yield address.replace("http:", "https:"), None
    elif fault == "proxy":
        with refusing() as proxy:
            yield "https://example.invalid", proxy
    elif fault == "proxy that refuses":
        with serving("loop") as proxy:
            yield "https://example.invalid", proxy
    else:
        with serving(fault) as address:
            yield address, None


@contextmanager
def refusing() -> Iterator[str]:
    """Yields an address at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def serving(fault: str) -> Iterator[str]:
    """Yields the address of a server that has a fault of `ANSWERS`, or `stall`."""
    with _listening(fault, None) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving_tls(folder: Path) -> Iterator[str]:
    """Yields the address of a server whose certificate nobody trusts."""
    made = own_ca.make(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert, made.key)
    with _listening("hang up", context) as port:
        yield f"https://127.0.0.1:{port}"


@contextmanager
def _listening(fault: str, context: ssl.SSLContext | None) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_answer, args=(line, fault, context, over)).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(
    line: socket.socket, fault: str, context: ssl.SSLContext | None, over: threading.Event
) -> None:
    with contextlib.suppress(OSError), line:
        line.settimeout(10)
        if context:
            line = context.wrap_socket(line, server_side=True)
        line.recv(65536)
        if fault == "stall":
            over.wait(60)
            return
        if fault == "reset":
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        line.sendall(ANSWERS[fault])
