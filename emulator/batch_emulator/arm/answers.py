"""Answers of Azure Resource Manager: JSON, lists by pages, and what a request names in its path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.arm.errors import ArmError, not_found
from batch_emulator.arm.place import ACCOUNTS, POOLS, Place, is_subscription
from batch_emulator.service import Service
from batch_emulator.wire.reply import base_url, own_url

_JSON = "application/json; charset=utf-8"


def answer(
    body: Mapping[str, Any] | None, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer; without a body it has none."""
    extra = {"Cache-Control": "no-cache", **(headers or {})}
    if body is None:
        return Response(status_code=status, headers=extra)
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status_code=status, headers=extra, media_type=_JSON)


def next_link(request: Request, after: int) -> str:
    """The address of a list's next page."""
    rest = [(k, v) for k, v in request.query_params.multi_items() if k.lower() != "$skiptoken"]
    return f"{own_url(request)}?{urlencode([*rest, ('$skiptoken', str(after))], safe='$')}"


def below(request: Request, path: str) -> str:
    """An address of this server with the api-version of a request."""
    query = urlencode({"api-version": request.query_params["api-version"]})
    return f"{base_url(request)}{path}?{query}"


def find_place(service: Service, request: Request) -> Place:
    """Where the account is, if the request's subscription and group are those.

    Raises:
        ArmError: for a subscription or a resource group that is not there.
    """
    place = service.options.arm
    assert place is not None
    subscription = request.path_params.get("subscription", place.subscription)
    if not is_subscription(subscription):
        text = f"The provided subscription identifier '{subscription}' is malformed or invalid."
        raise ArmError(400, "InvalidSubscriptionId", text)
    if subscription.lower() != place.subscription:
        text = f"The subscription '{subscription}' could not be found."
        raise ArmError(404, "SubscriptionNotFound", text)
    group = request.path_params.get("group", place.group)
    if group.lower() != place.group.lower():
        text = f"Resource group '{group}' could not be found."
        raise ArmError(404, "ResourceGroupNotFound", text)
    return place


def find_account(service: Service, request: Request) -> str:
    """The account's resource id, if the request's account is the one that there is.

    Raises:
        ArmError: for another account, subscription or group.
    """
    place = find_place(service, request)
    name = request.path_params["account"]
    if name.lower() == service.options.account.lower():
        return place.account_id(service.options.account)
    if request.method == "PUT" and "pool" in request.path_params:
        kind = POOLS.partition("/")[2]
        text = (
            f"Failed to perform 'write' on resource(s) of type '{kind}', because the parent "
            f"resource '{place.account_id(name)}' could not be found."
        )
        raise ArmError(404, "ParentResourceNotFound", text)
    raise not_found(f"{ACCOUNTS}/{name}", place.group)
