"""Connections for catalogues: the address connected to is the one that was checked.

A catalogue names other addresses by links, pages and redirects, so what may be connected to follows
from where it lies itself (`scenefleet_task.reach`). Loads requests; import it in functions only.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from scenefleet.catalog.waiting import Trip
from scenefleet.errors import CatalogError
from scenefleet_task.reach import Origin, Reach, address_problem, least_trusted, origin_of

_MOST_ADDRESSES = 8
"""Of one host that are tried: a name may have hundreds."""
Resolve = Callable[[str, int], list[Any]]
"""Looks up the addresses of a host and port."""


def resolve_host(host: str, port: int) -> list[Any]:
    """Looks up addresses as this machine does."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Guard:
    """Judges each connection of one search, and remembers where answers came from."""

    def __init__(self, hosts: tuple[str, ...], resolve: Resolve) -> None:
        """Takes the hosts that may be private although the catalogue is public.

        Args:
            hosts: their names.
            resolve: looks up the addresses of a host, as `socket.getaddrinfo` gives them.
        """
        self.origin: Origin = "file"
        """The least trusted place that an answer came from; before any the recipe itself."""
        self.resolve = resolve
        self._hosts = hosts
        self._here = threading.local()

    @property
    def reach(self) -> Reach:
        """The reach that applies to the next connection."""
        return Reach(origin=self.origin, hosts=self._hosts)

    def check(self, host: str, address: str) -> None:
        """Judges an address.

        Raises:
            CatalogError: if it may not be connected to.
        """
        if problem := address_problem(host, address, self.reach):
            raise CatalogError(f"{host} is not connected to: {problem}.")

    def met(self, address: str | None) -> None:
        """Notes where an answer comes from; None for a proxy, behind which anything may be."""
        place: Origin = "public" if address is None else origin_of(address)
        self.origin = least_trusted(self.origin, place)

    @property
    def trip(self) -> Trip:
        """The request that this thread makes."""
        return cast("Trip", self._here.trip)

    @contextmanager
    def on(self, trip: Trip) -> Generator[None]:
        """Lets connections that this thread makes or uses belong to a request."""
        self._here.trip = trip
        try:
            yield
        finally:
            del self._here.trip


class GuardedAdapter(HTTPAdapter):
    """requests' adapter over connections that a guard judges; those to a proxy are its own."""

    def __init__(self, guard: Guard, retries: Retry) -> None:
        self._guard = guard
        super().__init__(max_retries=retries)

    # requests passes what it keeps of its own settings by any names
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Makes the pools, of guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        guard = self._guard

        class Plain(_Guarded, HTTPConnection):
            warden = guard

        class Secure(_Guarded, HTTPSConnection):
            warden = guard

        class PlainPool(HTTPConnectionPool):
            pass

        class SecurePool(HTTPSConnectionPool):
            pass

        # by name, since urllib3 types these as protocols that its own classes do not meet
        setattr(PlainPool, "ConnectionCls", Plain)  # noqa: B010 - see above
        setattr(SecurePool, "ConnectionCls", Secure)  # noqa: B010 - see above
        pools: Any = {"http": PlainPool, "https": SecurePool}
        self.poolmanager.pool_classes_by_scheme = pools


class _Guarded:
    """A connection whose address is judged before it is made, and again when it is used anew."""

    warden: Guard

    def _new_conn(self) -> socket.socket:
        this = cast("HTTPConnection", self)
        line = _connect(this, self.warden)
        trip = self.warden.trip
        trip.hold(line)
        trip.is_reached = True
        trip.stage = (
            "TLS was not agreed on" if isinstance(self, HTTPSConnection) else "no answer came"
        )
        return line

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as urllib3 has them
        """Sends a request; one over a connection that was kept is judged first."""
        line = cast("HTTPConnection", self).sock
        if line is not None:
            address = str(line.getpeername()[0])
            self.warden.check(cast("HTTPConnection", self).host, address)
            self.warden.met(address)
            self.warden.trip.hold(line)
            self.warden.trip.is_reached = True
        self.warden.trip.stage = "no answer came"
        # a mixin: what it is mixed into has the method
        super().request(*args, **kwargs)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def _connect(connection: HTTPConnection, guard: Guard) -> socket.socket:
    """A connection to the first of the host's addresses that answers and may be connected to."""
    host, port = connection.host.strip("[]"), connection.port
    trip = guard.trip
    trip.stage = "its name was not resolved"
    try:
        found = guard.resolve(host, port)
    except (socket.gaierror, UnicodeError) as error:
        failed = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, failed) from error
    trip.stage = "no connection was made"
    last: Exception | None = None
    for *_, place in found[:_MOST_ADDRESSES]:
        address = str(place[0])
        if trip.is_over:  # nobody waits: not an error that would be tried again
            raise CatalogError(f"{host} was not connected to in time.")
        try:
            guard.check(host, address)
            line = create_connection(
                (address, port),
                connection.timeout,
                source_address=connection.source_address,
                socket_options=connection.socket_options,
            )
        except CatalogError as error:
            last = last or error
        except TimeoutError:
            last = ConnectTimeoutError(connection, f"Connection to {host} timed out.")
        except OSError as error:
            last = NewConnectionError(connection, f"no connection: {error}")
            last.__cause__ = error
        else:
            guard.met(address)
            return line
    raise last or ConnectTimeoutError(connection, f"Connection to {host} timed out.")
