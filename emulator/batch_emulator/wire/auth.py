"""Who a request comes from: shared-key signatures, tokens, and for the admin interface the key.

Source of the signatures: the service's reference "Authenticate requests to Azure Batch".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.tokens import CHALLENGE, check_token, refuse

SIGNED_HEADERS = (
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
"""In the order in which they are signed."""
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


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in, and how."""

    account: str
    key: str = field(repr=False)
    shared_key: bool = True
    """Whether requests that are signed with the key are taken."""
    tokens: bool = False
    """Whether bearer tokens are taken, whoever signed them."""

    @property
    def challenge(self) -> str:
        """What a 401 asks for."""
        return CHALLENGE if self.tokens else "SharedKey"


def authenticate(request: Signed, access: Access, now: datetime) -> None:
    """Check the credentials of a request.

    Raises:
        BatchError: `AuthenticationFailed` or `InvalidAuthenticationInfo`.
    """
    given = request.headers.get("authorization")
    if not given:
        raise refuse("The request has no Authorization header.")
    scheme, _, credential = given.partition(" ")
    if scheme.lower() == "bearer" and access.tokens:
        check_token(credential.strip(), now)
        return
    if scheme.lower() != "sharedkey":
        how = "Expected 'SharedKey account:signature'"
        more = " or 'Bearer token'." if access.tokens else "; --oauth basic allows tokens."
        raise BatchError("InvalidAuthenticationInfo", AuthenticationErrorDetail=how + more)
    if not access.shared_key:
        raise _failed(
            "The specified type of authentication SharedKey is not allowed for this account."
        )
    _check_signature(request, access, credential.strip(), now)


def _check_signature(request: Signed, access: Access, credential: str, now: datetime) -> None:
    name, colon, signature = credential.rpartition(":")
    if not colon:
        how = "Expected 'SharedKey account:signature'."
        raise BatchError("InvalidAuthenticationInfo", AuthenticationErrorDetail=how)
    _check_time(request.headers, now)
    secret = base64.b64decode(access.key)
    texts = list(_texts(request, access.account))
    signatures = (_sign(text, secret) for text in texts)
    if not any(hmac.compare_digest(s, signature.encode()) for s in signatures):
        raise _failed(
            f"The MAC signature found in the HTTP request '{signature}' is not the same as any "
            f"computed signature. Server used following string to sign: '{texts[0]}'."
        )
    if name != access.account:
        raise _failed(f"The account is {access.account}, and not {name}.")


def _failed(detail: str) -> BatchError:
    return BatchError("AuthenticationFailed", AuthenticationErrorDetail=detail)


def authenticate_basic(headers: Mapping[str, str], account: str, key: str) -> None:
    """Check the account and key of a request to the admin interface, as HTTP's Basic scheme.

    Raises:
        BatchError: `AuthenticationFailed`, with status 401.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    wanted = base64.b64encode(f"{account}:{key}".encode())
    if scheme.lower() != "basic" or not hmac.compare_digest(credential.encode(), wanted):
        raise refuse("The admin interface wants the account and its key by HTTP's Basic scheme.")


def _check_time(headers: Mapping[str, str], now: datetime) -> None:
    text = headers.get("ocp-date") or headers.get("date") or ""
    try:
        sent = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        raise _failed("The request has no valid ocp-date or Date header.") from None
    sent = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
    if abs(now - sent) > _SKEW:
        raise _failed(f"The request's date {text} is more than 15 minutes from the server's time.")


def _sign(text: str, secret: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def _texts(request: Signed, account: str) -> Iterator[str]:
    """The texts a client may have signed.

    Clients differ in paths, in the case of queries, and in the length of a body that is not there.
    """
    # A line break in a decoded path could make it look like a path and a query.
    decoded = request.path if request.path.isprintable() else request.raw_path
    for path in dict.fromkeys((request.raw_path, decoded)):
        for lower in (False, True):
            rest = f"/{account}{path}{_query(request.query, lower=lower)}"
            for headers in _headers(request):
                yield f"{request.method}\n{headers}{rest}"


def _headers(request: Signed) -> Iterator[str]:
    """The headers as they may be signed.

    Where there is no body azure-batch signs a length of 0, and @azure/batch for Node.js none.
    """
    values = {name: request.headers.get(name, "") for name in SIGNED_HEADERS}
    given = values["content-length"]
    ocp = sorted((k, v) for k, v in request.headers.items() if k.startswith("ocp-") and v)
    for length in (given,) if given or request.method in ("GET", "HEAD") else ("0", ""):
        lines = {**values, "content-length": length}.values()
        yield "\n".join([*lines, *(f"{name}:{value}" for name, value in ocp)]) + "\n"


def _query(query: str, *, lower: bool) -> str:
    first: dict[str, str] = {}
    for name, value in parse_qsl(query):
        first.setdefault(name.lower() if lower else name, value)
    return "".join(f"\n{name}:{first[name]}" for name in sorted(first))
