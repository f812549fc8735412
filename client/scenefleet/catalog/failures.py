"""Failures of requests to a catalogue, in sentences: which host, what happened, what to do.

The words of the libraries below, which repeat addresses with their queries, never reach a user.
Loads requests; import it inside functions only.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from typing import cast

from pystac_client.exceptions import APIError
from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

from scenefleet.catalog.access import plain
from scenefleet.catalog.decoding import SERVER_FAULT, UNREACHABLE
from scenefleet.catalog.model import Json
from scenefleet.catalog.waiting import host_of
from scenefleet.errors import CatalogError
from scenefleet_task.redact import redact

_ADVICE = {
    400: "The server refuses the search itself: check area, dates and `filter`.",
    401: "The catalogue wants a login, which scenefleet does not have; use an open one.",
    403: "The catalogue forbids this: it may block heavy users or want a login. Try again later.",
    404: "There is nothing at that address: check the catalogue's URL.",
    407: "The proxy wants a login: write it into HTTPS_PROXY as http://USER:PASSWORD@HOST:PORT.",
    408: "The server did not wait for the whole request: try again later.",
    413: "The search is too long for the server: give a simpler or smaller area.",
    414: "The search is too long for the server: give a simpler or smaller area.",
    429: "The catalogue limits requests: wait some minutes, or search a smaller area.",
}
_CERTIFICATE = {
    10: "its certificate has expired",
    9: "its certificate is not valid yet: check this machine's clock",
    18: "its certificate is signed by itself",
    19: "its certificate is signed by an authority that is not trusted here",
    20: "its certificate is signed by an authority that is not trusted here",
    21: "its certificate is signed by an authority that is not trusted here",
    62: "its certificate is for another host",
    64: "its certificate is for another host",
}
"""Causes by OpenSSL's number (X509_V_ERR_*, openssl-verification-options(1))."""
_TRUST = (
    "Check the address. If an authority of your own signed it, name its file by REQUESTS_CA_BUNDLE."
)
_PROXIES = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment, and the network."
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


class RefusedError(CatalogError, APIError):
    """An answer other than 2xx; `status_code` as pystac-client looks for it, 0 for no answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status_code = status


def refusal(href: str, status: int, text: str, *, retry_after: float = 0.0) -> RefusedError:
    """Returns the error for an answer that says that something failed.

    Args:
        href: what was asked for.
        status: of the answer.
        text: the answer's beginning.
        retry_after: seconds that the server asks to wait.
    """
    advice = _ADVICE.get(status, SERVER_FAULT if status >= 500 else "Check the catalogue's URL.")
    wait = f", and asks to wait {_span(retry_after)}" if retry_after else ""
    what = f"{plain(href)} answered {status}{_server_text(text)}{wait}"
    return RefusedError(f"{what}. {advice}", status)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def no_answer(href: str, error: BaseException, proxy: str | None) -> RefusedError:
    """Returns the error for a request without an answer.

    Args:
        href: what was asked for.
        error: what the libraries raised.
        proxy: the proxy's address, if the request went through one.
    """
    chain = list(_chain(error))
    place = plain(href)
    if proxy is not None:
        what = _proxy_cause(chain)
        if what is not None:
            return RefusedError(f"{place}: the proxy {host_of(proxy)} {what}. {_PROXIES}", 0)
        place += f" (by way of the proxy {host_of(proxy)})"
    cause, advice = next(
        (found for look in _CAUSES if (found := look(chain))), ("no connection", UNREACHABLE)
    )
    return RefusedError(f"{place}: {cause}. {_PROXIES if proxy else advice}", 0)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was made of: urllib3 keeps causes in `reason` and arguments."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]


def _find(chain: list[BaseException], *kinds: type[BaseException]) -> BaseException | None:
    return next((one for one in chain if isinstance(one, kinds)), None)


def _proxy_cause(chain: list[BaseException]) -> str | None:
    """What a proxy did; None where it is not known to be the proxy's doing."""
    if _find(chain, requests_errors.InvalidSchema):
        return "is of a kind that is not supported: write http://HOST:PORT"
    if not _find(chain, urllib3_errors.ProxyError, requests_errors.ProxyError):
        return None
    text = " ".join(str(one) for one in chain)
    if "Tunnel connection failed" in text:
        status = text.partition("Tunnel connection failed: ")[2][:3]
        return f"refuses to connect ({status})" if status.isdigit() else "refuses to connect"
    if _find(chain, urllib3_errors.NameResolutionError, socket.gaierror):
        return "is a host whose name cannot be resolved"
    if _find(chain, ConnectionRefusedError):
        return "refuses the connection"
    return "cannot be reached"


_Found = tuple[str, str] | None


def _name(chain: list[BaseException]) -> _Found:
    if not _find(chain, urllib3_errors.NameResolutionError, socket.gaierror):
        return None
    return "the host's name cannot be resolved", UNREACHABLE


def _closed_port(chain: list[BaseException]) -> _Found:
    found = _find(chain, ConnectionRefusedError)
    return ("the connection was refused", UNREACHABLE) if found else None


def _certificate(chain: list[BaseException]) -> _Found:
    found = _find(chain, ssl.SSLCertVerificationError)
    if not isinstance(found, ssl.SSLCertVerificationError):
        return None
    why = _CERTIFICATE.get(found.verify_code, "its certificate is not trusted here")
    return why, _TRUST


def _tls(chain: list[BaseException]) -> _Found:
    found = _find(chain, ssl.SSLError)
    if not isinstance(found, ssl.SSLError):
        return None
    reason = str(found.reason or "").upper()
    if "EOF" in reason or isinstance(found, ssl.SSLEOFError):
        return "the connection was closed in the middle of TLS", UNREACHABLE
    plain_http = ("WRONG_VERSION", "HTTP_REQUEST", "PACKET_LENGTH", "RECORD_LAYER", "UNKNOWN_PROTO")
    if any(mark in reason for mark in plain_http):
        return "it does not speak TLS at that port", "If it is an address of http, write http://."
    return "no TLS connection could be agreed on", UNREACHABLE


def _time(chain: list[BaseException]) -> _Found:
    kinds = (TimeoutError, urllib3_errors.TimeoutError, requests_errors.Timeout)
    return ("no answer in time", UNREACHABLE) if _find(chain, *kinds) else None


def _no_http(chain: list[BaseException]) -> _Found:
    if _find(chain, RemoteDisconnected) or not _find(chain, BadStatusLine):
        # a line that no status can be read from, or one that never ends
        texts = [str(one) for one in chain if isinstance(one, HTTPException)]
        if not any("got more than" in text for text in texts):
            return None
    return (
        "no connection: what it answers is not HTTP",
        "Check host and port; where the port is one of TLS, write https://.",
    )


def _broken(chain: list[BaseException]) -> _Found:
    if _find(chain, urllib3_errors.InvalidChunkLength):
        return "its answer is broken: a chunk has no length", SERVER_FAULT
    kinds = (
        IncompleteRead,
        urllib3_errors.IncompleteRead,
        RemoteDisconnected,
        ConnectionResetError,
        BrokenPipeError,
        ConnectionAbortedError,
        urllib3_errors.ProtocolError,
        requests_errors.ConnectionError,
        EOFError,
    )
    if _find(chain, urllib3_errors.NewConnectionError) or not _find(chain, *kinds):
        return None
    return "the answer broke off", UNREACHABLE


def _no_way(chain: list[BaseException]) -> _Found:
    if any(isinstance(one, OSError) and one.errno in _NO_WAY for one in chain):
        return "no way leads to it from this machine's network", UNREACHABLE
    return None


def _no_address(chain: list[BaseException]) -> _Found:
    kinds = (
        requests_errors.InvalidURL,
        requests_errors.MissingSchema,
        requests_errors.InvalidSchema,
        urllib3_errors.LocationValueError,
        UnicodeError,
    )
    if _find(chain, requests_errors.InvalidProxyURL):
        what = "the proxy that HTTPS_PROXY or HTTP_PROXY names is no address"
        return what, "Write it as http://HOST:PORT."
    return ("this is no address that can be asked", "Check it.") if _find(chain, *kinds) else None


_CAUSES: tuple[Callable[[list[BaseException]], _Found], ...] = (
    _name, _closed_port, _certificate, _tls, _time, _no_http, _no_way, _no_address, _broken,
)  # fmt: skip


def _server_text(text: str) -> str:
    """The server's own words, where its answer is JSON that has some; never a page of HTML."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    given = cast("Json", value) if isinstance(value, dict) else {}
    words = (given.get(key) for key in ("description", "detail", "message"))
    said = next((word for word in words if isinstance(word, str)), "")
    return f" ({redact(' '.join(said[:2000].split()))[:200]})" if said and "://" not in said else ""
