"""Answers: JSON with the service's content type, versions of resources, conditional requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.wire.body import schemas
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.former import as_then
from batch_emulator.wire.iso8601 import format_http_time
from batch_emulator.wire.secrets import MARKS, public
from batch_emulator.wire.versions import NEWEST, as_newest, version_of

JSON = "application/json;odata=minimalmetadata"
ERRORS = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors"
"""What an error says that it is."""


class Versioned(Protocol):
    """A resource that has versions."""

    @property
    def etag(self) -> str:
        """The version's tag."""
        ...

    @property
    def modified(self) -> datetime:
        """When this version came to be, in UTC."""
        ...


def version_headers(resource: Versioned) -> dict[str, str]:
    """The headers that tell a resource's version."""
    return {"ETag": resource.etag, "Last-Modified": format_http_time(resource.modified)}


def reply(
    status: int,
    *,
    body: Mapping[str, Any] | None = None,
    resource: Versioned | None = None,
    url: str | None = None,
) -> Response:
    """An answer.

    Args:
        status: the HTTP status.
        body: what to send as JSON.
        resource: whose version to tell.
        url: the address that was acted on, for `DataServiceId` and a new resource's `Location`.
    """
    headers = version_headers(resource) if resource else {}
    if url:
        headers["DataServiceId"] = url
        if status == 201:
            headers["Location"] = url
    if body is None:
        return Response(status_code=status, headers=headers)
    text = json.dumps(body, separators=(",", ":"))
    if any(mark in text for mark in MARKS):
        text = json.dumps(public(body), separators=(",", ":"))
    return Response(text, status_code=status, headers=headers, media_type=JSON)


def reply_one(
    request: Request,
    kind: str,
    document: Mapping[str, Any],
    *,
    resource: Versioned | None = None,
    url: str | None = None,
) -> Response:
    """Answer with one thing; like the service's, the answer says of which collection it is."""
    body = {"odata.metadata": element(request, kind), **told(request, kind, document)}
    return reply(200, body=body, resource=resource, url=url)


def told(request: Request, collection: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A member of a collection as the request's api-version tells it."""
    version = version_of(request)
    if version == NEWEST:
        return as_newest(document, collection)
    return as_then(document, collection, version, schemas())


def element(request: Request, kind: str) -> str:
    """What an answer says that it is: one of a kind."""
    return f"{base_url(request)}/$metadata#{kind}/@Element"


def own_url(request: Request) -> str:
    """The address of what a request acts on, without its query."""
    return f"{base_url(request)}{quote(request.url.path, safe='/:@')}"


def base_url(request: Request) -> str:
    """Scheme, host and port as the client wrote them."""
    return f"{request.url.scheme}://{request.url.netloc}"


def check_conditions(request: Request, resource: Versioned) -> None:
    """Hold a request to its If-Match, If-None-Match, If-(Un)Modified-Since headers.

    Raises:
        BatchError: `ConditionNotMet`, 304 for reads and 412 for writes.
    """
    headers = request.headers
    reading = request.method in ("GET", "HEAD")
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    failed = match is not None and not _matches(match, resource.etag)
    unchanged = none_match is not None and _matches(none_match, resource.etag)
    modified = resource.modified.replace(microsecond=0)
    since, until = _time(headers, "if-modified-since"), _time(headers, "if-unmodified-since")
    unchanged = unchanged or (since is not None and modified <= since)
    failed = failed or (until is not None and modified > until)
    if unchanged and reading:
        raise BatchError("ConditionNotMet", status=304)
    if failed or unchanged:
        raise BatchError("ConditionNotMet")


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag.strip('"') in tags


def _time(headers: Mapping[str, str], name: str) -> datetime | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        value = parsedate_to_datetime(text)
    except ValueError:
        raise BatchError("InvalidHeaderValue", HeaderName=name, HeaderValue=text) from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
