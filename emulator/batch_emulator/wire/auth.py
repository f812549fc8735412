"""Shared-key signatures, as the service's reference "Authenticate requests" describes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

from batch_emulator.wire.errors import BatchError

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_SKEW = timedelta(minutes=15)
"""How far a client's clock may be off: the service's own limit, it bounds replays."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What of a request a signature covers."""

    method: str
    raw_path: str
    """The path as sent, percent-encoding and all."""
    path: str
    """The path decoded: some clients sign this one."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""


def authenticate(request: Signed, account: str, key: str, now: datetime) -> None:
    """Check the signature and the time of a request.

    Raises:
        BatchError: `AuthenticationFailed` or `InvalidAuthenticationInfo`.
    """
    given = request.headers.get("authorization")
    if not given:
        raise BatchError("AuthenticationFailed", status=401, Reason="No Authorization header.")
    scheme, _, credential = given.partition(" ")
    name, colon, signature = credential.strip().rpartition(":")
    if scheme.lower() != "sharedkey" or not colon:
        raise BatchError("InvalidAuthenticationInfo", Reason="Expected 'SharedKey account:key'.")
    _check_time(request.headers, now)
    secret = base64.b64decode(key)
    signatures = (_sign(text, secret) for text in _texts(request, account))
    if name != account or not any(hmac.compare_digest(s, signature.encode()) for s in signatures):
        raise BatchError("AuthenticationFailed", Reason="The account or the signature is wrong.")


def authenticate_basic(headers: Mapping[str, str], account: str, key: str) -> None:
    """Check the account and key of a request to the admin interface, as HTTP's Basic scheme.

    Raises:
        BatchError: `AuthenticationFailed`, with status 401.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    wanted = base64.b64encode(f"{account}:{key}".encode())
    if scheme.lower() != "basic" or not hmac.compare_digest(credential.encode(), wanted):
        reason = "The admin interface wants the account and its key by HTTP's Basic scheme."
        raise BatchError("AuthenticationFailed", status=401, Reason=reason)


def _check_time(headers: Mapping[str, str], now: datetime) -> None:
    text = headers.get("ocp-date") or headers.get("date") or ""
    try:
        sent = parsedate_to_datetime(text)
    except ValueError:
        raise BatchError(
            "AuthenticationFailed", Reason="The request has no valid ocp-date or Date header."
        ) from None
    sent = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
    if abs(now - sent) > _SKEW:
        raise BatchError(
            "AuthenticationFailed",
            Reason=f"The request's date {text} is more than 15 minutes from the server's time.",
        )


def _sign(text: str, secret: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def _texts(request: Signed, account: str) -> Iterator[str]:
    """The texts a client may have signed: clients differ in paths and in the case of queries."""
    head = request.method + "\n" + _headers(request)
    for path in dict.fromkeys((request.raw_path, request.path)):
        for lower in (False, True):
            yield f"{head}/{account}{path}{_query(request.query, lower=lower)}"


def _headers(request: Signed) -> str:
    values = {name: request.headers.get(name, "") for name in _SIGNED_HEADERS}
    if request.method not in ("GET", "HEAD") and not values["content-length"]:
        values["content-length"] = "0"
    lines = list(values.values())
    ocp = sorted((k, v) for k, v in request.headers.items() if k.startswith("ocp-") and v)
    return "\n".join(lines + [f"{name}:{value}" for name, value in ocp]) + "\n"


def _query(query: str, *, lower: bool) -> str:
    first: dict[str, str] = {}
    for name, value in parse_qsl(query):
        first.setdefault(name.lower() if lower else name, value)
    return "".join(f"\n{name}:{first[name]}" for name in sorted(first))
