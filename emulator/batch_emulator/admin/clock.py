"""Moving the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.service import Service
from batch_emulator.wire.body import read_json
from batch_emulator.wire.errors import invalid_property
from batch_emulator.wire.iso8601 import format_time, parse_duration
from batch_emulator.wire.reply import reply

_MOST = timedelta(days=3660)


async def get_clock(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """The emulator's time, and how fast it runs."""
    return reply(200, body=_document(service))


async def move_clock(service: Service, request: Request) -> Response:
    """Move the clock on: `{"advance": "P7D"}`. What falls due on the way has happened then."""
    body = await read_json(request)
    text = body.get("advance")
    try:
        span = parse_duration(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        span = None
    for name in body.keys() - {"advance"}:
        raise invalid_property(name, body[name], "The clock takes advance only.")
    if span is None or span > _MOST:
        reason = "An ISO 8601 duration of at most ten years is expected, such as PT15M or P7D."
        raise invalid_property("advance", text, reason)
    await service.clock.advance(span.total_seconds())
    service.ledger.add_time()
    return reply(200, body=_document(service))


def _document(service: Service) -> dict[str, Any]:
    return {"now": format_time(service.now()), "scale": service.clock.scale}
