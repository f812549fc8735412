"""Bearer tokens of Microsoft Entra ID: what they say is checked, who signed them is not.

That is what `--oauth basic` means at Azurite too. Source of the forms: "Access tokens in the
Microsoft identity platform", of versions 1.0 and 2.0, and Azurite's own list of issuers.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from batch_emulator.wire.errors import BatchError

BATCH = "https://batch.core.windows.net/"
"""The service's resource, for which clients ask tokens."""
_AUDIENCES = frozenset(
    (
        BATCH.rstrip("/"),
        "https://batch.core.usgovcloudapi.net",
        "https://batch.chinacloudapi.cn",
        "ddbf3205-c6bd-46ae-8127-60eb93363864",  # the service's id, in tokens of version 2.0
    )
)
_ISSUER = re.compile(
    r"https://(?:"
    r"sts\.(?:windows\.net|chinacloudapi\.cn|microsoftonline\.de|windows-ppe\.net)/{tenant}/"
    r"|login\.(?:microsoftonline\.com|microsoftonline\.us|partner\.microsoftonline\.cn)"
    r"/{tenant}/v2\.0"
    r")".replace("{tenant}", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
)
_SKEW = 300
"""Seconds that clocks may differ: what the platform's own libraries allow."""
_END = 1e12
"""Seconds, past any date; what is no number at all is not below it either."""
CHALLENGE = (
    'Bearer authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    f'resource_id="{BATCH}"'
)
"""What a 401 asks for."""


def check_token(token: str, now: datetime) -> None:
    """Check a token's form, lifetime, issuer, and that it is for the Batch service.

    Args:
        token: a JSON web token.
        now: the real time: tokens are made by others.

    Raises:
        BatchError: `AuthenticationFailed`, with status 401.
    """
    if read_audience(token, now) not in _AUDIENCES:
        raise refuse(f"Audience validation failed. A token for {BATCH} is expected.")


def read_audience(token: str, now: datetime) -> str:
    """Read whom a token is for, without a last slash, once its form, lifetime and issuer hold.

    Raises:
        BatchError: `AuthenticationFailed`, with status 401.
    """
    claims = _claims(token)
    time = now.timestamp()
    if time < _time(claims, "nbf") - _SKEW:
        raise refuse("Lifetime validation failed. The token is not yet valid.")
    if time >= _time(claims, "exp") + _SKEW:
        raise refuse("Lifetime validation failed. The token is expired.")
    if not isinstance(claims.get("iss"), str) or not _ISSUER.fullmatch(claims["iss"].lower()):
        raise refuse("Issuer validation failed. It is none of Microsoft Entra ID.")
    audience = claims.get("aud")
    return audience.lower().rstrip("/") if isinstance(audience, str) else ""


def refuse(detail: str) -> BatchError:
    """The error for a request whose credentials are missing, or cannot be read or believed."""
    return BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail=detail)


def _claims(token: str) -> Mapping[str, Any]:
    """What a token says of itself; its head has to be readable too."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise refuse("The token is no JSON web token with a signature.")
    _decode(parts[0])
    return _decode(parts[1])


def _decode(part: str) -> Mapping[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)
        value: Any = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise refuse("The token cannot be read.") from None
    if not isinstance(value, dict):
        raise refuse("The token cannot be read.")
    return cast("Mapping[str, Any]", value)


def _time(claims: Mapping[str, Any], name: str) -> float:
    """A claim that is a time, in seconds since the epoch."""
    value: object = claims.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _END:
        return value
    raise refuse(f"Lifetime validation failed. The token has no {name}.")
