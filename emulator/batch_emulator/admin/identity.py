"""A managed identity of this machine: tokens for clients that know no key.

It has the form of App Service's, so that an unmodified `DefaultAzureCredential` finds it by the
variables `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`. Source: the "REST endpoint reference" of "How
to use managed identities for App Service and Azure Functions". Its tokens open this emulator, and
whatever else does not look at who signed them; nothing of Azure's does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError

PATH = "/admin/identity/token"
_VERSION = "2019-08-01"
_LIFETIME = 86_400
"""Seconds: a managed identity's tokens live for a day."""
_TENANT = "00000000-0000-0000-0000-000000000000"
_PRINCIPAL = "11111111-1111-1111-1111-111111111111"
_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_RESOURCE = re.compile(r"(?:https://|api://)?[A-Za-z0-9][A-Za-z0-9.:/_-]{0,254}")


async def get_token(service: Service, request: Request) -> Response:
    """Give a token for a resource to whoever knows the secret header."""
    if not service.identity:
        raise BatchError("InvalidUri", Reason="There is an identity with --oauth basic only.")
    given = request.headers.get("x-identity-header", "")
    if not hmac.compare_digest(given.encode(), service.identity.encode()):
        return _refusal(401, "X-IDENTITY-HEADER is not the one that the emulator printed.")
    query = request.query_params
    if query.get("api-version") != _VERSION:
        return _refusal(400, f"api-version {_VERSION} is expected.")
    resource = query.get("resource", "")
    if not _RESOURCE.fullmatch(resource):
        return _refusal(400, "resource is expected, such as https://batch.core.windows.net/.")
    client = query.get("client_id", _PRINCIPAL)
    if not _ID.fullmatch(client):
        return _refusal(400, "client_id is not the id of an identity.")
    return JSONResponse(_token(resource, client, service.clock.real()))


def make_secret() -> str:
    """A new secret, in the form that the variable has at App Service."""
    return secrets.token_hex(16).upper()


def _refusal(status: int, message: str) -> Response:
    """An error in the form of that endpoint, not of the Batch service."""
    return JSONResponse({"statusCode": status, "message": message}, status_code=status)


def _token(resource: str, client: str, now: datetime) -> dict[str, str]:
    expiry = int(now.timestamp()) + _LIFETIME
    claims = {
        "aud": resource,
        "iss": f"https://sts.windows.net/{_TENANT}/",
        "iat": expiry - _LIFETIME,
        "nbf": expiry - _LIFETIME,
        "exp": expiry,
        "appid": client,
        "idtyp": "app",
        "oid": _PRINCIPAL,
        "sub": _PRINCIPAL,
        "tid": _TENANT,
        "ver": "1.0",
    }
    return {
        "access_token": _signed(claims),
        "client_id": client,
        "expires_on": str(expiry),
        "resource": resource,
        "token_type": "Bearer",
    }


def _signed(claims: Mapping[str, Any]) -> str:
    """A token in its form; nobody can check the signature, whose key is thrown away."""
    text = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
    signature = hmac.new(secrets.token_bytes(32), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64(signature)}"


def _encode(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
