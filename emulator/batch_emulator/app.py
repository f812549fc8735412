"""The ASGI application: every request is checked, answered, and given the service's headers."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_emulator.admin.identity import PATH as IDENTITY
from batch_emulator.admin.routes import OPERATIONS as ADMIN
from batch_emulator.admin.routes import PREFIX as ADMIN_PREFIX
from batch_emulator.arm.answers import answer
from batch_emulator.arm.errors import arm_body
from batch_emulator.arm.routes import ArmRoute, check_request, is_arm
from batch_emulator.faults.effects import Faulty
from batch_emulator.options import is_loopback
from batch_emulator.page.document import ask_for_key
from batch_emulator.page.routes import OPERATIONS as PAGE
from batch_emulator.page.routes import PATH as PAGE_PATH
from batch_emulator.page.routes import PATHS as PAGE_PATHS
from batch_emulator.page.visitor import check_visitor
from batch_emulator.routes import OLDER_OPERATIONS, OPERATIONS, Operation
from batch_emulator.service import Service
from batch_emulator.state.ledger import SaveError
from batch_emulator.wire.auth import Access, Signed, authenticate, authenticate_basic
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.exchange import Exchange
from batch_emulator.wire.head import check_head, check_host, take_origin_form
from batch_emulator.wire.iso8601 import format_time
from batch_emulator.wire.parameters import check_parameters
from batch_emulator.wire.reply import ERRORS, element, reply
from batch_emulator.wire.task_tokens import check_task_token, task_token
from batch_emulator.wire.versions import check_version

_BASIC = 'Basic realm="Batch emulator: account and key", charset="UTF-8"'
_log = logging.getLogger("batch_emulator")


def make_app(service: Service) -> Starlette:
    """The application that serves one account."""

    async def tell(request: Request, error: Exception) -> Response:
        return _tell(service, request.scope, _named(request, error))

    app = Starlette(
        routes=_routes(service),
        middleware=[Middleware(_Wire, service=service), Middleware(Faulty, service=service)],
        exception_handlers={404: tell, 405: tell, BatchError: tell},
    )
    app.router.redirect_slashes = False
    return app


def _routes(service: Service) -> list[BaseRoute]:
    """One route a path, so that a verb it does not have is a 405."""
    by_path: dict[str, dict[str, Operation]] = {}
    for method, path, operation in (*OPERATIONS, *OLDER_OPERATIONS, *ADMIN, *PAGE):
        by_path.setdefault(path, {})[method] = operation
    routes = [_route(service, path, operations) for path, operations in by_path.items()]
    return [ArmRoute(service), *routes]


def _route(service: Service, path: str, operations: dict[str, Operation]) -> Route:
    async def endpoint(request: Request) -> Response:
        operation = operations.get(request.method)
        if operation is None:
            raise BatchError("UnsupportedHttpVerb")
        request.scope["exchange"].operation = getattr(operation, "__name__", None)
        return await operation(service, request)

    return Route(path, endpoint, methods=list(operations))


def _named(request: Request, error: Exception) -> Exception:
    """The service's error for a request that is none of its operations."""
    if isinstance(error, HTTPException) and error.status_code == 404:
        return BatchError("InvalidUri", Reason=f"{request.method} {request.url.path}")
    if isinstance(error, HTTPException):
        return BatchError("UnsupportedHttpVerb")
    return error


def _tell(service: Service, scope: Scope, error: Exception) -> Response:
    """An error as the service tells it."""
    exchange: Exchange = scope["exchange"]
    if isinstance(error, SaveError):
        _log.error("%s %s: %s", scope["method"], scope["path"], error)
        error = BatchError("InternalError", Reason=str(error))
    elif not isinstance(error, BatchError):
        _log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        error = BatchError("InternalError")
    exchange.code = error.code
    if error.status == 304 or scope["method"] == "HEAD":
        response = reply(error.status)
    elif is_arm(service, scope["path"]):
        response = answer(arm_body(error, exchange.id, service.now()), status=error.status)
    else:
        kind = {"odata.metadata": element(Request(scope), ERRORS)} if exchange.of_service else {}
        response = reply(error.status, body={**kind, **error.body(exchange.id, service.now())})
    response.headers.update(error.headers)
    return response


class _Wire:
    """Checks signatures, turns exceptions into the service's errors, adds its headers."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        options = service.options
        self._access = Access(
            options.account, options.key, options.shared_key, tokens=options.oauth == "basic"
        )
        self._check_host = options.tls_cert is None and is_loopback(options.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        take_origin_form(scope)
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        exchange = scope["exchange"] = self._begin(scope)
        names = self._identify(scope, exchange.id, headers)
        answer = _Answer(send, exchange, names, self._service)
        try:
            self._check(scope, headers)
            answer.clock = self._service.clock.now
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except (BatchError, HTTPException, OSError, Exception) as error:
            if answer.begun:
                raise
            answer.before = _nothing
            response = _tell(self._service, scope, error)
            if response.status_code == 401 and scope["path"] == PAGE_PATH:
                response = ask_for_key(given="authorization" in headers)
            if response.status_code == 401 and "WWW-Authenticate" not in response.headers:
                challenge = self._access.challenge if exchange.of_service else _BASIC
                response.headers["WWW-Authenticate"] = challenge
            await response(scope, receive, answer)
        finally:
            self._end(exchange)

    def _identify(
        self, scope: Scope, request_id: str, headers: dict[str, str]
    ) -> list[tuple[bytes, bytes]]:
        """The headers that name a request; a client's own id comes back where it asks for it."""
        names = _ARM_NAMES if is_arm(self._service, scope["path"]) else _NAMES
        added = [(names.request.encode(), request_id.encode()), *names.rest]
        if headers.get(names.asked, "").lower() == "true":
            added.append((names.client.encode(), headers.get(names.client, "").encode("latin-1")))
        return added

    def _begin(self, scope: Scope) -> Exchange:
        path: str = scope["path"]
        of_service = not path.startswith(ADMIN_PREFIX) and path not in PAGE_PATHS
        clock = self._service.clock
        return Exchange(
            str(uuid.uuid4()), clock.now(), clock.real(), scope["method"], path, of_service
        )

    def _end(self, exchange: Exchange) -> None:
        """Remember a request, unless it is one of the page's, which asks every second."""
        if exchange.path not in PAGE_PATHS:
            exchange.took = self._service.clock.real() - exchange.began
            self._service.recent.add(exchange)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        query = scope["query_string"].decode("latin-1")
        raw_path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
        check_head(raw_path, scope["headers"], query)
        if self._check_host:
            check_host(headers.get("host", ""))
        if scope["path"] == IDENTITY:
            return  # it has a secret of its own, and an answer of its own for who does not know it
        if is_arm(self._service, scope["path"]):
            version = dict(parse_qsl(query)).get("api-version")
            check_request(scope["path"], headers, version, self._service.clock.real())
            return
        if scope["path"] in PAGE_PATHS:
            check_visitor(headers, self._service.options)
            return
        if scope["path"].startswith(ADMIN_PREFIX):
            authenticate_basic(headers, self._access.account, self._access.key)
            return
        token = task_token(headers)
        if token is not None:
            check_task_token(token, scope["path"], self._access.key, self._made)
        else:
            self._authenticate(scope, raw_path, query, headers)
        check_version(query)
        check_parameters(query)

    def _authenticate(
        self, scope: Scope, raw_path: str, query: str, headers: dict[str, str]
    ) -> None:
        request = Signed(
            method=scope["method"],
            raw_path=raw_path,
            path=scope["path"],
            query=query,
            headers=headers,
        )
        authenticate(request, self._access, self._service.clock.real())

    def _made(self, job_id: str) -> str | None:
        """When a job was made, by its id in lower case."""
        job = self._service.account.jobs.get(job_id)
        return None if job is None else format_time(job.created)


class _Names(NamedTuple):
    """What headers are called that name a request."""

    request: str
    client: str
    asked: str
    rest: tuple[tuple[bytes, bytes], ...] = ()


_NAMES = _Names(
    *("request-id", "client-request-id", "return-client-request-id"),
    ((b"dataserviceversion", b"3.0"),),
)
_ARM_NAMES = _Names(*("x-ms-request-id", "x-ms-client-request-id", "x-ms-return-client-request-id"))


def _nothing() -> None:
    """An error tells of no change."""


class _Answer:
    """Sends an answer with headers added once `before` is done, and knows whether it has begun."""

    def __init__(
        self,
        send: Send,
        exchange: Exchange,
        headers: list[tuple[bytes, bytes]],
        service: Service,
    ) -> None:
        self._send = send
        self._exchange = exchange
        self._headers = headers
        self.before: Callable[[], None] = service.ledger.save
        self.clock = service.clock.real
        """Tells the answer's date: of a refusal that time, by which signatures are checked."""
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.before()
            self.begun = True
            self._exchange.status = message["status"]
            date = (b"date", format_datetime(self.clock(), usegmt=True).encode())
            message["headers"] = [*message.get("headers", ()), date, *self._headers]
        await self._send(message)
