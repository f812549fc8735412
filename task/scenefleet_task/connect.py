"""Opens connections to addresses that were checked, and to no others.

A host's name is resolved once for each connection; every address that comes is judged
(`reach.address_problem`), and the connection is made to an address of that very list. So a name
that means another address a moment later (DNS rebinding) gains nothing. TLS is checked by the
host's name all the same.

A proxy (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) is the choice of whoever runs the task, and is not
judged. It resolves names itself; what a name resolves to here is judged before it is asked.
"""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

from scenefleet_task.network import ProxyError, cause_of
from scenefleet_task.reach import Reach, address_problem
from scenefleet_task.spec import Exit

_EARLIER = 5.0
"""Seconds for an address of a host that has another one; IPv6 often leads nowhere."""
_PORTS = {"http": 80, "https": 443}


class RefusedError(Exception):
    """An address that may not be connected to."""

    exit = Exit.SOURCE_DENIED


class AstrayError(RefusedError):
    """An address that leads nowhere."""

    exit = Exit.SOURCE_UNREADABLE


@dataclass(frozen=True, slots=True)
class Place:
    """The scheme, host and port of a request."""

    scheme: str
    host: str
    """In lower case; an IPv6 address without brackets."""
    port: int

    @property
    def header(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def place_of(url: str) -> Place:
    """The place of an address whose form was checked (`reach.href_problem`)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return Place(parts.scheme, host, parts.port or _PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy as the environment names it."""

    host: str
    port: int
    authorization: str | None = field(repr=False)


class Line:
    """A connected socket of which no wait outlasts a deadline.

    It has as much of a socket's interface as `http.client.HTTPResponse` uses.
    """

    def __init__(self, sock: socket.socket, stall: float, proxy: Proxy | None) -> None:
        self._sock = sock
        self._stall = stall
        self.proxy = proxy
        """The proxy that requests are written for; None for a tunnel through one."""
        self.deadline = float("inf")
        """Monotonic seconds."""

    def wait(self) -> None:
        """Gives the socket the time that is left.

        Raises:
            TimeoutError: if none is left.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(min(self._stall, left))

    def sendall(self, data: bytes) -> None:
        """Sends all bytes."""
        self.wait()
        self._sock.sendall(data)

    def receive(self, room: Any) -> int:  # noqa: ANN401 - any buffer
        """Waits for bytes; 0 at the end."""
        self.wait()
        return self._sock.recv_into(room)

    def makefile(self, mode: str) -> IO[bytes]:
        """A buffered reader; closing it leaves the socket open."""
        del mode
        return cast("IO[bytes]", io.BufferedReader(_Raw(self), 16_384))

    def close(self) -> None:
        """Closes the socket."""
        with contextlib.suppress(OSError):
            self._sock.close()


class _Raw(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any, /) -> int:  # noqa: ANN401 - any buffer
        return self._line.receive(room)


def connect(place: Place, reach: Reach, *, connect: float, stall: float) -> Line:
    """Connects to a place whose addresses may all be reached.

    Args:
        place: the host and port.
        reach: of the document.
        connect: seconds for a connection, and for TLS.
        stall: seconds without a byte, later.

    Raises:
        RefusedError: if an address of the host may not be reached.
        OSError: if there is no connection.
    """
    proxy = proxy_of(place)
    if proxy:
        with contextlib.suppress(socket.gaierror):  # a name that only the proxy knows
            _checked(place, reach)
        sock = _to_proxy(proxy, connect)
    else:
        sock = _first(_checked(place, reach), connect)
    try:
        sock.settimeout(connect)
        if proxy and place.scheme == "https":
            _tunnel(sock, place, proxy)
            proxy = None
        if place.scheme == "https":
            sock = _tls().wrap_socket(sock, server_hostname=place.host)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return Line(sock, stall, proxy)


def proxy_of(place: Place) -> Proxy | None:
    """The proxy that the environment names for a place.

    Raises:
        RefusedError: if it is of a kind that is not spoken.
    """
    # as curl and requests do; GDAL's and Python's own settings are the same
    named = urllib.request.getproxies_environment()
    text = named.get(place.scheme) or named.get("all")
    if not text or urllib.request.proxy_bypass_environment(f"{place.host}:{place.port}", named):  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname:
        raise RefusedError(
            f"the environment's proxy for {place.scheme} is of the kind {parts.scheme!r}; "
            "proxies are spoken to by http:// only"
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(parts.hostname, parts.port or 80, authorization)


def _checked(place: Place, reach: Reach) -> list[tuple[int, tuple[str, int]]]:
    """A host's addresses, none of which may be one that is out of reach."""
    found = _resolved(place.host, place.port)
    for _, address in found:
        problem = address_problem(place.host, address[0], reach)
        if problem:
            raise RefusedError(f"the host {place.host} is not read from: {problem}")
    return found


def _resolved(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        raise socket.gaierror(f"{host} is no host's name") from None
    return [(family, cast("tuple[str, int]", address)) for family, _, _, _, address in found]


def _first(addresses: list[tuple[int, tuple[str, int]]], patience: float) -> socket.socket:
    """A connection to the first address that answers."""
    last: OSError = OSError("no address")
    for n, (family, address) in enumerate(addresses):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(patience if n == len(addresses) - 1 else min(patience, _EARLIER))
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    raise last


def _to_proxy(proxy: Proxy, patience: float) -> socket.socket:
    """Connects to a proxy, so that its failure is not taken for the server's."""
    try:
        return _first(_resolved(proxy.host, proxy.port), patience)
    except OSError as error:
        raise ProxyError(
            f"the environment's proxy {proxy.host}:{proxy.port} cannot be used: {cause_of(error)}"
        ) from None


def _tunnel(sock: socket.socket, place: Place, proxy: Proxy) -> None:
    """Asks a proxy for a way through to a place (RFC 9110, 9.3.6)."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    lines = [f"CONNECT {host}:{place.port} HTTP/1.1", f"Host: {host}:{place.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = sock.recv(1)  # no byte of what comes behind
        if not more or len(answer) > 16_384:
            raise ProxyError("the environment's proxy broke off")
        answer += more
    status = answer.split(b"\r\n", 1)[0].split(b" ")
    if len(status) < 2 or status[1] != b"200":
        code = status[1].decode("ascii", "replace")[:3] if len(status) > 1 else "no status"
        login = " and wants a user and a password in its address" if code == "407" else ""
        raise ProxyError(f"the environment's proxy refused a way to {place.host} ({code}){login}")


@cache
def _tls() -> ssl.SSLContext:
    """By the system's authorities (`SSL_CERT_FILE` names others), else by certifi's."""
    context = ssl.create_default_context()
    places = ssl.get_default_verify_paths()
    if not places.cafile and not (places.capath and any(Path(places.capath).iterdir())):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
