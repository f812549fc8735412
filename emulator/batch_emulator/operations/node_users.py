"""Operations on a node's users, and how to log in to it."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.node_actions import UP
from batch_emulator.operations.node_states import require_state
from batch_emulator.service import Service
from batch_emulator.state.endpoints import ADDRESS, ADDRESS_V6, has_ipv6
from batch_emulator.state.node import Node
from batch_emulator.state.node_user import LIFETIME, NodeUser
from batch_emulator.wire.body import check, read_json
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.iso8601 import parse_time
from batch_emulator.wire.reply import own_url, reply, reply_one

_KEY = re.compile(r"(ssh-|ecdsa-|sk-)[A-Za-z0-9@.-]+ +([A-Za-z0-9+/]+=*)( .*)?")
"""An OpenSSH public key: its kind, its base64, a comment."""
_SSH, _RDP = 22, 3389


async def create_user(service: Service, request: Request) -> Response:
    """Add a user to a node."""
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    body = await _read(request, "BatchNodeUserCreateOptions")
    require_state(node, *UP)
    name = body["name"]
    if _find(node, name) is not None:
        raise BatchError("NodeUserExists")
    if "password" not in body and _is_windows(node):
        raise missing_property("password")
    user = _user(service, node, name, body, is_admin=body.get("isAdmin", False))
    _keep(service, node, user, "added")
    return reply(201, resource=node, url=f"{own_url(request)}/{quote(name)}")


async def replace_user(service: Service, request: Request) -> Response:
    """Replace a user's password, key and expiry: what is not given is removed, or the default."""
    node, old = _existing(service, request)
    body = await _read(request, "BatchNodeUserReplaceOptions")
    user = _user(service, node, old.name, body, is_admin=old.is_admin)
    _keep(service, node, user, "replaced")
    return reply(200, resource=node, url=own_url(request))


async def delete_user(service: Service, request: Request) -> Response:
    """Delete a user from a node."""
    node, old = _existing(service, request)
    node.users = [user for user in node.users if user is not old]
    node.journal.note(service.now(), f"user {old.name!r} deleted")
    node.touch(service.now())
    return reply(200)


async def get_login_settings(service: Service, request: Request) -> Response:
    """Where to log in: nodes are this machine, so it is this machine's own port."""
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    port = _RDP if _is_windows(node) else _SSH
    body: dict[str, Any] = {"remoteLoginIPAddress": ADDRESS, "remoteLoginPort": port}
    if has_ipv6(node.pool.spec):
        body |= {"ipv6RemoteLoginIPAddress": ADDRESS_V6, "ipv6RemoteLoginPort": port}
    return reply_one(request, "remoteloginsettings", body)


async def _read(request: Request, shape: str) -> dict[str, Any]:
    """The request's body; the error for a password that is no string must not repeat it."""
    body = await read_json(request)
    password = body.get("password")
    if password is not None and not isinstance(password, str):
        raise invalid_property("password", "", "A string is expected.")
    return check(body, shape)


def _user(
    service: Service, node: Node, name: str, body: dict[str, Any], *, is_admin: bool
) -> NodeUser:
    key = body.get("sshPublicKey")
    if key is not None:
        _check_key(node, key)
    return NodeUser(
        name=name,
        expires=_expiry(service, body.get("expiryTime")),
        is_admin=is_admin,
        has_password="password" in body,
        ssh_public_key=key,
    )


def _expiry(service: Service, text: str | None) -> datetime:
    if text is None:
        return service.now() + LIFETIME
    return parse_time(text)


def _check_key(node: Node, key: str) -> None:
    if _is_windows(node):
        raise invalid_property("sshPublicKey", key, "Only Linux nodes take one.")
    match = _KEY.fullmatch(key.strip())
    try:
        valid = match is not None and bool(base64.b64decode(match[2], validate=True))
    except binascii.Error:
        valid = False
    if not valid:
        reason = "An OpenSSH public key is expected: its kind, then base64."
        raise invalid_property("sshPublicKey", key, reason)


def _is_windows(node: Node) -> bool:
    return node.pool.has_windows


def _existing(service: Service, request: Request) -> tuple[Node, NodeUser]:
    """The node and user of a request, if the node is in a state for it."""
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    require_state(node, *UP)
    user = _find(node, request.path_params["userName"])
    if user is None:
        raise BatchError("NodeUserNotFound")
    return node, user


def _find(node: Node, name: str) -> NodeUser | None:
    """A user; Linux tells names of different case apart, Windows does not."""
    fold = str.lower if _is_windows(node) else str
    return next((user for user in node.users if fold(user.name) == fold(name)), None)


def _keep(service: Service, node: Node, user: NodeUser, verb: str) -> None:
    node.users = [*(u for u in node.users if u.name != user.name), user]
    node.journal.note(service.now(), f"user {user.name!r} {verb}")
    node.touch(service.now())
