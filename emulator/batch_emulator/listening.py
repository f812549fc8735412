"""Listening: an address, TLS where it is wanted, and uvicorn behind it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import resource
import socket
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from batch_emulator.connections import Connection, Connections
from batch_emulator.options import OptionError, Options
from batch_emulator.tls import server_context
from batch_emulator.wire.head import LIMIT as HEAD_LIMIT

_BACKLOG = 512
_FILES = 16_384
_HANDSHAKE = 10.0
"""Real seconds for a client to agree on TLS: until then there is no `Connection` to watch."""

_FAREWELL = 0.5
"""Real seconds for a client to agree on TLS's end: many never do."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen, and what to speak TLS with."""

    socket: socket.socket
    context: ssl.SSLContext | None

    @property
    def endpoint(self) -> str:
        """`http://host:port`, or with https."""
        host, port = self.socket.getsockname()[:2]
        scheme = "https" if self.context else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def listen(options: Options) -> Listener:
    """Take the address.

    Raises:
        OptionError: if it cannot be had, or the certificate cannot be used.
    """
    context = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    _raise_file_limit()
    return Listener(_bind(options.host, options.port), context)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio switches Nagle's wait of 40 ms off for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        advice = (
            "Is another emulator running? --port 0 takes a free port."
            if error.errno in (errno.EADDRINUSE, errno.EACCES)
            else "--host takes an address of this machine, such as 127.0.0.1."
        )
        told = f"cannot listen on {host}:{port}: {error.strerror}. {advice}"
        raise OptionError(told) from None
    listener.listen(_BACKLOG)
    return listener


def _raise_file_limit() -> None:
    """Connections and tasks need a few files each; 1024, a common default, would do for few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


class Server(uvicorn.Server):
    """Uvicorn's server, with connections that are watched.

    It tells when it is ready, and takes no signals: uvicorn would raise them again.

    Args:
        app: what answers requests.
        listener: where they come from.
        options: how much a client may ask for.
        ready: called when requests are answered.
    """

    def __init__(
        self, app: Starlette, listener: Listener, options: Options, ready: Callable[[], None]
    ) -> None:
        super().__init__(_config(app, options))
        self._listener = listener
        self._connections = Connections(options.connections, options.client_timeout)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Listen, and tell."""
        context = self._listener.context
        server = await asyncio.get_running_loop().create_server(
            self._connect,
            sock=self._listener.socket,
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=_HANDSHAKE if context else None,
            ssl_shutdown_timeout=_FAREWELL if context else None,
        )
        self.servers = [server]
        self.started = True
        self._ready()

    def _connect(self) -> Connection:
        return Connection(self.config, self.server_state, self._connections)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the loop's own handlers."""
        yield

    def stop(self) -> None:
        """End after the requests under way."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def _config(app: Starlette, options: Options) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        lifespan="off",
        # A line for every malformed request would let anybody fill a disk.
        log_level="error",
        access_log=False,
        ws="none",
        timeout_keep_alive=math.ceil(options.client_timeout),
        timeout_graceful_shutdown=1,
        server_header=False,
        date_header=False,  # the application's own clock tells it
        h11_max_incomplete_event_size=HEAD_LIMIT,
    )
