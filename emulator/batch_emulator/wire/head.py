"""What the head of a request may be, before anyone looks at who sent it.

A signature covers the first value of a parameter and one value of a header. Whatever could be read
in two ways is refused, so that what was signed is what is done.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.types import Scope

from batch_emulator.wire.auth import SIGNED_HEADERS
from batch_emulator.wire.errors import BatchError, invalid_query

LIMIT = 16 * 1024
"""Bytes of a request's line and headers: what the web server of the service takes by default."""
_SINGLE = frozenset((*SIGNED_HEADERS, "authorization", "host", "x-identity-header"))
_ABSOLUTE = re.compile(r"https?://([^/]*)", re.IGNORECASE)
_PARAMETERS = 100
"""More than any operation has, by far."""


def take_origin_form(scope: Scope) -> None:
    """Takes scheme and host out of a request's target, where a client wrote all of the address.

    As HTTP has it (RFC 9112, 3.2.2), the host that is written there holds, and not the header's.
    """
    match = _ABSOLUTE.match(scope["path"])
    if match is None:
        return
    raw = _ABSOLUTE.sub("", scope["raw_path"].decode("latin-1"), count=1)
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [*headers, (b"host", match[1].encode("latin-1", "replace"))]
    scope["raw_path"] = (raw or "/").encode("latin-1")
    scope["path"] = scope["path"][match.end() :] or "/"


def check_head(target: str, headers: Sequence[tuple[bytes, bytes]], query: str) -> None:
    """Hold a request to a head that can be read in one way only.

    Args:
        target: the path, as sent.
        headers: as sent, with names in lower case.
        query: without its question mark.

    Raises:
        BatchError: if something is there twice, or the head is too long.
    """
    size = len(target) + len(query) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > LIMIT:
        reason = f"The request's line and headers have {size} bytes, {LIMIT} are allowed."
        raise BatchError("InvalidHeaderValue", HeaderName="(all)", Reason=reason)
    if "%2f" in target.lower().partition("/files/")[0]:  # names of files may have it, ids cannot
        raise BatchError("InvalidUri", Reason="A slash of the path is sent as it is, not encoded.")
    _check_query(query)
    names = [name.decode("latin-1") for name, _ in headers]
    if len(set(names)) < len(names):
        _check_repeats(Counter(names))


def _check_repeats(times: Counter[str]) -> None:
    """A proxy may repeat headers that mean nothing here."""
    for name, number in times.items():
        if number > 1 and (name in _SINGLE or name.startswith("ocp-")):
            reason = "The header is there more than once."
            raise BatchError("InvalidHeaderValue", HeaderName=name, Reason=reason)


def _check_query(query: str) -> None:
    if query.count("&") >= _PARAMETERS:
        raise invalid_query("(all)", "", f"At most {_PARAMETERS} parameters are allowed.")
    pairs = parse_qsl(query, keep_blank_values=True)
    distinct = {(name.lower(), value) for name, value in pairs}  # a link followed repeats some
    if len({name for name, _ in distinct}) < len(distinct):
        name = next(n for n, times in Counter(name for name, _ in distinct).items() if times > 1)
        raise invalid_query(name, "", "The parameter is there with several values.")
    for name, value in pairs:
        # They part the lines of what is signed.
        if not {"\n", "\r", "\0"}.isdisjoint(name + value):
            raise invalid_query(name, value, "Line breaks are not allowed.")


def check_host(host: str) -> None:
    """Hold a request over plain http on loopback to names of this machine.

    A web page whose name was made to lead here would be let in by the browser otherwise, with the
    well-known key: the Host header then has the page's name.

    Raises:
        BatchError: `InvalidHeaderValue`.
    """
    name = _without_port(host).lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return
    try:
        if ipaddress.ip_address(name).is_loopback:
            return
    except ValueError:
        pass
    reason = "On loopback the host has to be localhost, an address such as 127.0.0.1, or [::1]."
    raise BatchError("InvalidHeaderValue", HeaderName="Host", HeaderValue=host, Reason=reason)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
