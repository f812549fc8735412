"""Which request of Azure Resource Manager does what: paths are the same in any case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from batch_emulator.arm import accounts, pools
from batch_emulator.arm.access import check_access, check_version
from batch_emulator.arm.errors import ArmError
from batch_emulator.arm.place import ACCOUNTS, PROVIDER
from batch_emulator.routes import Operation
from batch_emulator.service import Service

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourcegroups/{group}"
_ACCOUNTS = "/providers/" + ACCOUNTS
_ACCOUNT = _GROUP + _ACCOUNTS + "/{account}"
_POOL = _ACCOUNT + "/pools/{pool}"

OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/subscriptions", accounts.list_subscriptions),
    ("GET", _SUBSCRIPTION, accounts.get_subscription),
    ("GET", _SUBSCRIPTION + "/resourcegroups", accounts.list_groups),
    ("GET", _GROUP, accounts.get_group),
    ("GET", _SUBSCRIPTION + _ACCOUNTS, accounts.list_accounts),
    ("GET", _GROUP + _ACCOUNTS, accounts.list_accounts),
    ("GET", _ACCOUNT, accounts.get_account),
    ("POST", _ACCOUNT + "/listKeys", accounts.list_keys),
    ("GET", _ACCOUNT + "/pools", pools.list_pools),
    ("GET", _POOL, pools.get_pool),
    ("PUT", _POOL, pools.put_pool),
    ("PATCH", _POOL, pools.patch_pool),
    ("DELETE", _POOL, pools.delete_pool),
    ("POST", _POOL + "/disableAutoScale", pools.disable_autoscale),
    ("POST", _POOL + "/stopResize", pools.stop_resize),
    ("GET", _ACCOUNT + "/poolOperationResults/{operation}", pools.get_result),
)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = (f"(?P<{name}>[^/]+)" for name in parts[1::2])
    return re.compile("".join(parts) + "/?", re.IGNORECASE)


_PATTERNS = tuple((method, _pattern(path), operation) for method, path, operation in OPERATIONS)
_ROOT = re.compile(r"/subscriptions(?:/.*)?", re.IGNORECASE | re.DOTALL)
_TYPE = re.compile(rf"/providers/{re.escape(PROVIDER)}/(\w+)(?:/[^/]+/(\w+))?", re.IGNORECASE)


def is_arm(service: Service, path: str) -> bool:
    """Tell whether a request asks Resource Manager, where the emulator stands in for it."""
    return service.options.arm is not None and _ROOT.fullmatch(path) is not None


def check_request(
    path: str, headers: Mapping[str, str], version: str | None, now: datetime
) -> None:
    """Check who asks, and in which api-version.

    Raises:
        ArmError: with status 401 or 400.
    """
    check_access(headers, now)
    kind = _TYPE.search(path)
    check_version(version, "/".join(filter(None, kind.groups())) if kind else None)


class ArmRoute(BaseRoute):
    """Answers all that begins with `/subscriptions`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take the requests that are Resource Manager's."""
        mine = scope["type"] == "http" and is_arm(self._service, scope["path"])
        return (Match.FULL if mine else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one."""
        request = Request(scope, receive, send)
        response = await _answer(self._service, request)
        await response(scope, receive, send)


async def _answer(service: Service, request: Request) -> Response:
    path = request.url.path
    found = [(m, match, op) for m, p, op in _PATTERNS if (match := p.fullmatch(path))]
    for method, match, operation in found:
        if method == request.method:
            request.scope["path_params"] = match.groupdict()
            request.scope["exchange"].operation = f"arm.{getattr(operation, '__name__', '')}"
            return await operation(service, request)
    if found:
        allowed = ", ".join(method for method, _, _ in found)
        text = f"The method {request.method} is not one of this stand-in's: {allowed}."
        raise ArmError(405, "MethodNotAllowed", text)
    text = f"This stand-in has {PROVIDER}'s accounts and pools only, and not {path[:300]}."
    raise ArmError(404, "InvalidResourceType", text)
