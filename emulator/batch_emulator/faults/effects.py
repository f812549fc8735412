"""What an order does to a request: each is an application around the one that would answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_emulator.faults.order import Order
from batch_emulator.service import Service
from batch_emulator.wire.exchange import Exchange

DROP = "batch_emulator.drop"
"""The extension by which a server lets an application close the connection."""


class Faulty:
    """Lets what was ordered happen to the service's requests."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or not."""
        app = self._app
        exchange: Exchange = scope["exchange"]
        if exchange.of_service:
            orders = self._service.faults.meet(scope["method"], scope["path"])
            exchange.faults += map(str, orders)
            for order in reversed(orders):
                app = partial(_EFFECTS[order.kind], order, self._service, app)
        await app(scope, receive, send)


async def _delay(
    order: Order, service: Service, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await service.clock.sleep(order.seconds)
        await send(message)

    if order.when == "before":
        await service.clock.sleep(order.seconds)
    await app(scope, receive, send if order.when == "before" else late)


async def _error(
    order: Order, service: Service, app: ASGIApp, scope: Scope, receive: Receive, _send: Send
) -> None:
    if order.when == "after":
        await app(scope, receive, _swallow)
        service.ledger.save()
    raise order.error()


async def _drop(
    order: Order, service: Service, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    if order.when == "body":
        await app(scope, receive, _Half(send))
    elif order.when == "after":
        await app(scope, receive, _swallow)
        service.ledger.save()
    scope["extensions"][DROP]()
    while (await receive())["type"] != "http.disconnect":
        """The server has yet to notice."""


_EFFECTS = {"delay": _delay, "error": _error, "drop": _drop}


async def _swallow(_message: Message) -> None:
    """Nobody gets the answer."""


class _Half:
    """Sends an answer to the middle of its body's first part; one without a body not at all."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._over = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif not self._over and (body := message.get("body", b"")):
            self._over = True
            await self._send(self._start)
            half = body[: len(body) // 2]
            await self._send({"type": "http.response.body", "body": half, "more_body": True})


def droppable(app: ASGIApp, close: Callable[[], None]) -> ASGIApp:
    """An application on a connection that it may close, for a server's protocol to serve."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[DROP] = close
        await app(scope, receive, send)

    return serve


def add_or_fail(
    service: Service, request: Request, task_id: str, add: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Add one of several tasks and return the result to tell, unless an order says otherwise."""
    order = service.faults.meet_task(request.url.path, task_id)
    if order is None:
        return add()
    exchange: Exchange = request.scope["exchange"]
    exchange.faults.append(f"{order}: {task_id}")
    if order.when == "after":
        add()
    error = order.error().body("", service.now())
    return {"status": "servererror", "taskId": task_id, "error": error}
