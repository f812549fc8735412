"""A server's life: bind, announce, serve, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from batch_emulator.admin.identity import make_secret
from batch_emulator.app import make_app
from batch_emulator.clock import Clock
from batch_emulator.listening import Listener, Server, listen
from batch_emulator.node.agent_link import AgentLink
from batch_emulator.node.host import Host
from batch_emulator.node.orphans import kill_orphans, remove_containers
from batch_emulator.options import OptionError, Options
from batch_emulator.scheduling.autoscaling import take_samples
from batch_emulator.scheduling.queue import dispatch
from batch_emulator.scheduling.recovery import recover
from batch_emulator.service import Service
from batch_emulator.state.loading import load
from batch_emulator.state.store import Store, lock

_SAVING = 0.02
"""Real seconds that changes may wait to be saved together, while nobody was told of them."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an emulator is found."""

    endpoint: str
    identity: str = field(default="", repr=False)
    """The secret header of its managed identity; nothing where it has none."""


Announce = Callable[[Address], None]
"""Called once, when requests are answered."""


def serve(options: Options, announce: Announce, *, exit_with_parent: bool = False) -> None:
    """Serve until a signal, or with `exit_with_parent` until standard input closes.

    Raises:
        OptionError: if the address cannot be had, or the certificate cannot be used.
    """
    listener = listen(options)
    _use_pidfds()
    held = None
    if not options.temporary:
        held = lock(options.state)
        kill_orphans(options.state)
        remove_containers(options.state)
    agent = AgentLink(options.state if options.temporary else None, held)
    try:
        asyncio.run(_serve(options, listener, agent, announce, exit_with_parent=exit_with_parent))
    finally:
        agent.close()
        listener.socket.close()
        if held is not None:
            os.close(held)


def _use_pidfds() -> None:
    """On Python 3.11 the default is a thread for every process; 3.12 chooses this by itself."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        asyncio.set_child_watcher(  # pyright: ignore[reportDeprecated] - not on 3.11
            asyncio.PidfdChildWatcher()
        )


async def _serve(
    options: Options,
    listener: Listener,
    agent: AgentLink,
    announce: Announce,
    *,
    exit_with_parent: bool,
) -> None:
    clock = Clock(options.time_scale)
    service = Service(Host(options, clock, agent))
    service.endpoint = listener.endpoint
    service.identity = make_secret() if options.oauth == "basic" else ""
    address = Address(service.endpoint, service.identity)
    server = Server(make_app(service), listener, options, lambda: announce(address))
    loop = asyncio.get_running_loop()
    if not options.temporary:
        _load(service, loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    if exit_with_parent:
        _watch_stdin(loop, server)
    service.spawn(dispatch(service))
    take_samples(service)
    await server.serve()
    await _stop(service)
    service.ledger.close()


def _load(service: Service, loop: asyncio.AbstractEventLoop) -> None:
    """Take up the state that was saved, and save from now on."""
    clock = service.clock
    soon = partial(loop.call_later, _SAVING)
    store = Store(service.options.state / "state.sqlite", soon, clock.time)
    clock.move_to(store.time())
    service.ledger = store
    load(store.load(), service.account, store, service.pool_folder, service.now())
    recover(service)


def _watch_stdin(loop: asyncio.AbstractEventLoop, server: Server) -> None:
    """End when whoever started this does, which closes the pipe."""
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            server.stop()

    try:
        loop.add_reader(descriptor, read)
    except OSError:
        raise OptionError(
            "--exit-with-parent: standard input is a file; a pipe that closes is expected"
        ) from None


async def _stop(service: Service) -> None:
    """End all that runs; a task's process ends with the work that waits for it."""
    for work in list(service.background):
        work.cancel()
    await asyncio.gather(*service.background, return_exceptions=True)
