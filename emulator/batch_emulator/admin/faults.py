"""Ordering what is to go wrong with requests, and looking at the last of them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.faults.order import Order
from batch_emulator.service import Service
from batch_emulator.wire.body import Json, read_json
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.reply import reply

_FIELDS: dict[str, tuple[str, type]] = {
    "kind": ("kind", str),
    "when": ("when", str),
    "status": ("status", int),
    "code": ("code", str),
    "message": ("message", str),
    "retryAfter": ("retry_after", float),
    "seconds": ("seconds", float),
    "method": ("method", str),
    "path": ("path", str),
    "task": ("task", str),
    "skip": ("skip", int),
    "times": ("times", int),
    "probability": ("probability", float),
    "seed": ("seed", int),
}
"""The JSON's names, the order's, and the types."""
_WORDS = {str: "A string", int: "A whole number", float: "A number"}


async def order_fault(service: Service, request: Request) -> Response:
    """Have something go wrong: `{"kind": "error", "status": 503, "times": 3}`."""
    standing = service.faults.add(_order(await read_json(request)))
    return reply(201, body=standing.document())


async def list_faults(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """Tell what was ordered, and how often it has happened."""
    return reply(200, body={"value": [one.document() for one in service.faults.all()]})


async def clear_faults(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """Take all orders back."""
    service.faults.clear()
    return reply(204)


async def clear_fault(service: Service, request: Request) -> Response:
    """Take one order back."""
    service.faults.clear(request.path_params["faultId"])
    return reply(204)


async def list_requests(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """Tell the last requests, the newest first."""
    return reply(200, body={"value": [exchange.document() for exchange in service.recent]})


def _order(body: Json) -> Order:
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name not in _FIELDS:
            reason = f"Allowed: {', '.join(_FIELDS)}."
            raise BatchError("InvalidRequestBody", PropertyName=name, Reason=reason)
        field, kind = _FIELDS[name]
        # null is what a client says for the default, and of times it is without end
        if value is None and name != "times":
            continue
        if value is not None and not _is(value, kind):
            raise invalid_property(name, value, f"{_WORDS[kind]} is expected.")
        given[field] = value
    if "kind" not in given:
        raise missing_property("kind")
    return Order(**given)


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)
