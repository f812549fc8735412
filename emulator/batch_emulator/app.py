"""The ASGI application: every request is checked, answered, and given the service's headers."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_emulator.admin.routes import OPERATIONS as ADMIN
from batch_emulator.admin.routes import PREFIX as ADMIN_PREFIX
from batch_emulator.routes import OPERATIONS, Operation
from batch_emulator.service import Service
from batch_emulator.wire.auth import Signed, authenticate, authenticate_basic
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.reply import reply

_log = logging.getLogger("batch_emulator")


def make_app(service: Service) -> Starlette:
    """The application that serves one account."""
    app = Starlette(
        routes=_routes(service),
        middleware=[Middleware(_Wire, service=service)],
        exception_handlers={404: _no_such_url, 405: _no_such_verb},
    )
    app.router.redirect_slashes = False
    return app


def _routes(service: Service) -> list[Route]:
    """One route a path, so that a verb it does not have is a 405."""
    by_path: dict[str, dict[str, Operation]] = {}
    for method, path, operation in (*OPERATIONS, *ADMIN):
        by_path.setdefault(path, {})[method] = operation
    return [_route(service, path, operations) for path, operations in by_path.items()]


def _route(service: Service, path: str, operations: dict[str, Operation]) -> Route:
    async def endpoint(request: Request) -> Response:
        operation = operations.get(request.method)
        if operation is None:
            raise BatchError("UnsupportedHttpVerb")
        return await operation(service, request)

    return Route(path, endpoint, methods=list(operations))


def _no_such_url(request: Request, error: Exception) -> Response:
    raise BatchError("InvalidUri", Reason=f"{request.method} {request.url.path}") from error


def _no_such_verb(_request: Request, error: Exception) -> Response:
    raise BatchError("UnsupportedHttpVerb") from error


class _Wire:
    """Checks signatures, turns exceptions into the service's errors, adds its headers."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        answer = _Answer(send, _identify(headers, request_id), self._service.ledger.save)
        try:
            self._check(scope, headers)
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except (BatchError, HTTPException, OSError, Exception) as error:
            if answer.begun:
                raise
            answer.before = _nothing
            response = self._error(scope, error, request_id)
            await response(scope, receive, answer)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        options = self._service.options
        if scope["path"].startswith(ADMIN_PREFIX):
            authenticate_basic(headers, options.account, options.key)
            return
        query = scope["query_string"].decode("latin-1")
        request = Signed(
            method=scope["method"],
            raw_path=scope.get("raw_path", b"").decode("latin-1") or scope["path"],
            path=scope["path"],
            query=query,
            headers=headers,
        )
        authenticate(request, options.account, options.key, self._service.clock.real())
        if "api-version=" not in query:
            raise BatchError("MissingRequiredQueryParameter", QueryParameterName="api-version")

    def _error(self, scope: Scope, error: Exception, request_id: str) -> Response:
        if not isinstance(error, BatchError):
            _log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
            error = BatchError("InternalError")
        if error.status == 304 or scope["method"] == "HEAD":
            return reply(error.status)
        body: dict[str, Any] = error.body(request_id, self._service.now())
        response = reply(error.status, body=body)
        if error.status == 401:
            admin = scope["path"].startswith(ADMIN_PREFIX)
            response.headers["WWW-Authenticate"] = "Basic" if admin else "SharedKey"
        return response


def _identify(headers: dict[str, str], request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers that name a request; the client's own id comes back where it asks for it."""
    added = [(b"request-id", request_id.encode()), (b"dataserviceversion", b"3.0")]
    if headers.get("return-client-request-id", "").lower() == "true":
        given = headers.get("client-request-id", "")
        added.append((b"client-request-id", given.encode("latin-1")))
    return added


def _nothing() -> None:
    """An error tells of no change."""


class _Answer:
    """Sends an answer with headers added once `before` is done, and knows whether it has begun."""

    def __init__(
        self, send: Send, headers: list[tuple[bytes, bytes]], before: Callable[[], None]
    ) -> None:
        self._send = send
        self._headers = headers
        self.before = before
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.before()
            self.begun = True
            message["headers"] = [*message.get("headers", ()), *self._headers]
        await self._send(message)
