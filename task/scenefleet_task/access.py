"""Signs addresses just before they are read, and renews what is about to expire.

A document holds unsigned addresses. Planetary Computer's tokens live about 45 minutes, so they are
fetched on the node, as late as possible, and an address is always signed from its unsigned form.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from urllib.parse import urlsplit

from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError

if TYPE_CHECKING:
    from types import ModuleType

    from scenefleet_task.hand import Asks

MARGIN = 300.0
"""Seconds before its expiry at which a token is renewed: longer than a strip takes to read."""

_BLOB_DOMAIN = ".blob.core.windows.net"
_PUBLIC = {"ai4edatasetspublicassets"}  # planetary_computer leaves this account unsigned as well
_LOOPBACK = {"127.0.0.1", "localhost"}
_TOKEN_RETRIES = 4


@dataclass(frozen=True, slots=True)
class Signed:
    """An address to read from now. Its text never shows the token."""

    url: str = field(repr=False)
    renew_at: float
    """Seconds since the epoch from which the address should be signed again."""


class Access(Protocol):
    """How addresses become readable."""

    @property
    def renewable(self) -> bool:
        """Whether signing again may help after a refusal."""
        ...

    def sign(self, href: str, *, fresh: bool = False) -> Signed:
        """The address with a token; `fresh` passes over a token that was kept."""
        ...


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Addresses that need no token, and local paths."""

    renewable: bool = False

    def sign(self, href: str, *, fresh: bool = False) -> Signed:  # noqa: ARG002 - the protocol's
        """The address as it is."""
        return Signed(href, float("inf"))


@dataclass(frozen=True, slots=True)
class PlanetaryComputer:
    """Read tokens of Planetary Computer, by account and container.

    The endpoint is the package's own: `PC_SDK_SAS_URL` overrides it.
    """

    clock: Callable[[], float] = time.time
    renewable: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Sources are opened at once: one of them fetches the token that all use."""

    def sign(self, href: str, *, fresh: bool = False) -> Signed:
        """The address with a token that lives `MARGIN` longer, if the service gives such.

        Raises:
            TaskError: if no token can be had.
        """
        place = container_of(href)
        if place is None:
            return Signed(href, float("inf"))
        with self._lock:
            token = self._token(*place, fresh=fresh)
        expires = float(token.expiry.timestamp())
        life = max(expires - self.clock(), 0.0)
        # A token shorter than twice the margin is renewed at half its life, not on every read.
        return Signed(f"{href}?{token.token}", expires - min(MARGIN, life / 2))

    def _token(self, account: str, container: str, *, fresh: bool) -> Any:  # noqa: ANN401
        sas = cast("Any", _planetary_computer())
        key = f"{sas.Settings.get().sas_url}/{account}/{container}"
        kept = sas.TOKEN_CACHE.get(key)
        if kept is not None and (fresh or kept.expiry.timestamp() - self.clock() <= MARGIN):
            del sas.TOKEN_CACHE[key]
        try:
            return sas.get_token(account, container, retry_total=_TOKEN_RETRIES)
        except (OSError, ValueError, KeyError) as error:
            raise _refusal(error, f"{account}/{container}") from None


@dataclass(frozen=True, slots=True)
class Brokered:
    """Addresses that the supervisor signs, so that its keys stay there."""

    asks: Asks
    renewable: bool = True

    def sign(self, href: str, *, fresh: bool = False) -> Signed:
        """The address with a token; None but a source of the task is signed.

        Raises:
            TaskError: if no token can be had.
        """
        answer, _ = self.asks.ask({"sign": href, "fresh": fresh})
        return Signed(answer["url"], answer["renew_at"])


def container_of(href: str) -> tuple[str, str] | None:
    """Account and container of a Blob address, or None for one that needs no token.

    Loopback addresses have the account first in their path, as Azurite's do.
    """
    parts = urlsplit(href)
    segments = [segment for segment in parts.path.split("/") if segment]
    host = parts.hostname or ""
    if parts.query or not segments:
        return None
    if host.endswith(_BLOB_DOMAIN):
        account = host.removesuffix(_BLOB_DOMAIN)
        return None if account in _PUBLIC else (account, segments[0])
    if host in _LOOPBACK and len(segments) > 2:
        return segments[0], segments[1]
    return None


def access_for(kind: Literal["none", "planetary-computer"]) -> Access:
    """The access that a document asks for."""
    return PlanetaryComputer() if kind == "planetary-computer" else Unsigned()


def _planetary_computer() -> ModuleType:
    from planetary_computer import sas  # late, as it takes 0.7 s

    return sas


def _refusal(error: Exception, place: str) -> TaskError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    said = f"HTTP {status}" if status else type(error).__name__
    where = f"Planetary Computer gave no read token for {place}: {said}"
    if status in (401, 403):
        return TaskError(Exit.SOURCE_DENIED, f"{where}. Check PC_SDK_SUBSCRIPTION_KEY.")
    if status == 404:
        return TaskError(Exit.SOURCE_MISSING, f"{where}. It knows no such account or container.")
    return TaskError(Exit.SOURCE_UNREACHABLE, f"{where}. Retry later.")
