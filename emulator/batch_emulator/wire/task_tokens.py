"""Tokens that tasks are given for their own job, where they ask for access to it.

A task asks by `authenticationTokenSettings`, finds its token in `AZ_BATCH_AUTHENTICATION_TOKEN` and
sends it as a bearer token. It opens every operation on the job, and nothing else. The account's key
signs it, and it names the job with its time of creation: a later job of the same id stays closed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

from batch_emulator.wire.tokens import refuse

VARIABLE = "AZ_BATCH_AUTHENTICATION_TOKEN"
_KIND = "task"


def make_task_token(job_id: str, made: str, key: str) -> str:
    """Returns a token for a job, given the job's time of creation and the account's key."""
    claims = json.dumps([job_id.lower(), made]).encode()
    return ".".join((_KIND, _text(claims), _sign(claims, key)))


def task_token(headers: Mapping[str, str]) -> str | None:
    """Returns a request's token if it is one of a task's."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(f"{_KIND}.") else None


def check_task_token(token: str, path: str, key: str, made: Callable[[str], str | None]) -> None:
    """Checks that a task's token opens a path.

    Args:
        token: what came with the request.
        path: the request's, decoded.
        key: the account's key.
        made: tells when the job of an id in lower case was made, if it is there.

    Raises:
        BatchError: `AuthenticationFailed`.
    """
    parts = token.split(".")
    try:
        claims = base64.urlsafe_b64decode(parts[1])
        genuine = hmac.compare_digest(_sign(claims, key).encode(), ".".join(parts[2:]).encode())
    except (binascii.Error, ValueError):
        genuine, claims = False, b""
    if not genuine:
        raise refuse("The token is none that this emulator gave to a task.")
    job_id, time = json.loads(claims)
    if made(job_id) != time or not f"{path.lower()}/".startswith(f"/jobs/{job_id}/"):
        raise refuse("The token is for the operations on the job of its task.")


def _sign(claims: bytes, key: str) -> str:
    secret = hashlib.sha256(b"task tokens" + base64.b64decode(key)).digest()
    return _text(hmac.new(secret, claims, hashlib.sha256).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
