"""A server's life: bind, announce, serve, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator

import uvicorn

from batch_emulator.app import make_app
from batch_emulator.clock import Clock
from batch_emulator.node.host import Host
from batch_emulator.node.warden import Warden
from batch_emulator.options import OptionError, Options
from batch_emulator.scheduling.autoscaling import take_samples
from batch_emulator.scheduling.queue import dispatch
from batch_emulator.scheduling.recovery import recover
from batch_emulator.service import Service
from batch_emulator.state.loading import load
from batch_emulator.state.store import Store, lock

Announce = Callable[[str], None]
"""Called once with the endpoint when requests are answered."""


def serve(options: Options, announce: Announce, *, exit_with_parent: bool = False) -> None:
    """Serve until a signal, or with `exit_with_parent` until standard input closes.

    Raises:
        OptionError: if the address cannot be bound.
    """
    listener = _bind(options)
    _use_pidfds()
    held = None if options.temporary else lock(options.state)
    warden = Warden(options.state if options.temporary else None, held)
    try:
        asyncio.run(_serve(options, listener, warden, announce, exit_with_parent=exit_with_parent))
    finally:
        warden.close()
        listener.close()
        if held is not None:
            os.close(held)


def _bind(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # Named, because asyncio switches Nagle's wait of 40 ms off for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        raise OptionError(
            f"cannot listen on {options.host}:{options.port}: {error.strerror}. "
            "Is another emulator running? --port 0 takes a free port."
        ) from None
    listener.listen(512)
    return listener


def _use_pidfds() -> None:
    """On Python 3.11 the default is a thread for every process; 3.12 chooses this by itself."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        asyncio.set_child_watcher(  # pyright: ignore[reportDeprecated] - not on 3.11
            asyncio.PidfdChildWatcher()
        )


async def _serve(
    options: Options,
    listener: socket.socket,
    warden: Warden,
    announce: Announce,
    *,
    exit_with_parent: bool,
) -> None:
    clock = Clock(options.time_scale)
    service = Service(Host(options, clock, warden))
    host, port = listener.getsockname()[:2]
    service.endpoint = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    server = _Server(
        uvicorn.Config(
            make_app(service),
            lifespan="off",
            log_level="warning",
            access_log=False,
            ws="none",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
            server_header=False,
        ),
        lambda: announce(service.endpoint),
    )
    loop = asyncio.get_running_loop()
    if not options.temporary:
        _load(service, loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    if exit_with_parent:
        _watch_stdin(loop, server)
    service.spawn(dispatch(service))
    take_samples(service)
    await server.serve(sockets=[listener])
    await _stop(service)
    service.ledger.close()


def _load(service: Service, loop: asyncio.AbstractEventLoop) -> None:
    """Take up the state that was saved, and save from now on."""
    clock = service.clock
    store = Store(service.options.state / "state.sqlite", loop.call_soon, clock.time)
    clock.move_to(store.time())
    service.ledger = store
    load(store.load(), service.account, store, service.pool_folder, service.now())
    recover(service)


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells when it is ready and takes no signals: it would raise them."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the loop's own handlers."""
        yield

    def stop(self) -> None:
        """End after the requests under way."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def _watch_stdin(loop: asyncio.AbstractEventLoop, server: _Server) -> None:
    """End when whoever started this does, which closes the pipe."""
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            server.stop()

    loop.add_reader(descriptor, read)


async def _stop(service: Service) -> None:
    """End all that runs; a task's process ends with the work that waits for it."""
    for work in list(service.background):
        work.cancel()
    await asyncio.gather(*service.background, return_exceptions=True)
