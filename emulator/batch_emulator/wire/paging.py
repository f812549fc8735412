"""Lists, a page at a time, with the absolute `odata.nextLink` of the service."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.wire.body import Json
from batch_emulator.wire.errors import BatchError, invalid_query
from batch_emulator.wire.odata import Predicate
from batch_emulator.wire.reply import base_url, own_url, reply, told

PAGE = 1000
"""Members of a page unless asked for fewer: the service's own limit."""
EXAMINED = 20_000
"""Members that are looked at for one page: where few match, it ends early, as the service's may."""


_KINDS = {"nodecounts": "poolnodecounts"}
"""What a list says that it is, where its address has another name."""
Place = int | bytes
"""What orders a list: of files, which other programs make and delete, their names."""


class Listed(Protocol):
    """Something that has a place in a list that never changes."""

    @property
    def sequence(self) -> Place:
        """Grows with every new resource; of a file, its name."""
        ...

    @property
    def gone(self) -> bool:
        """Whether it has been deleted meanwhile."""
        ...

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        """A property, by its path, for filters."""
        ...


T = TypeVar("T", bound=Listed)


@dataclass(frozen=True, slots=True)
class Question:
    """What a list request asks for."""

    predicate: Predicate | None
    select: frozenset[str] | None
    size: int
    after: Place


def page_size(request: Request) -> int:
    """`maxresults`, checked.

    Raises:
        BatchError: if it is not from 1 to 1000.
    """
    text = request.query_params.get("maxresults", str(PAGE))
    if not text.isascii() or not text.isdigit():
        raise invalid_query("maxresults", text, "A whole number is expected.")
    if not 1 <= int(text) <= PAGE:
        raise BatchError(
            "OutOfRangeQueryParameterValue",
            QueryParameterName="maxresults",
            QueryParameterValue=text,
            MinimumAllowed=1,
            MaximumAllowed=PAGE,
        )
    return int(text)


def skip_token(request: Request, *, by_name: bool = False) -> Place:
    """Where the page begins: after the resource of this sequence, or the file of this name.

    Raises:
        BatchError: if a client made it up.
    """
    text = request.query_params.get("$skiptoken", "" if by_name else "-1")
    if by_name:
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise invalid_query("$skiptoken", text, "Not one that this server gave.") from None
    if not text.removeprefix("-").isdigit() or len(text) > 18:
        raise invalid_query("$skiptoken", text, "Not one that this server gave.")
    return int(text)


def reply_page(
    request: Request, items: Sequence[T], question: Question, write: Callable[[T], Json]
) -> Response:
    """Answer with one page of `items`, which are in the order of their sequence."""
    start = bisect.bisect_right(items, question.after, key=lambda item: item.sequence)
    end = start + EXAMINED
    members: list[Json] = []
    last: Place | None = None
    for item in _matching(items, start, end, question.predicate):
        if len(members) == question.size:
            return _page(request, members, last)
        members.append(choose(write(item), question.select))
        last = item.sequence
    return _page(request, members, items[end - 1].sequence if end < len(items) else None)


def _matching(items: Sequence[T], start: int, end: int, predicate: Predicate | None) -> Iterator[T]:
    for at in range(start, min(end, len(items))):
        item = items[at]
        if (predicate is None or predicate(item.peek)) and not item.gone:
            yield item


def choose(document: Json, select: frozenset[str] | None) -> Json:
    """A document's selected members."""
    if select is None:
        return document
    return {name: value for name, value in document.items() if name in select}


def _page(request: Request, members: list[Json], after: Place | None) -> Response:
    collection = request.url.path.strip("/").rpartition("/")[2]
    body: Json = {
        "odata.metadata": f"{base_url(request)}/$metadata#{_KINDS.get(collection, collection)}",
        "value": [told(request, collection, member) for member in members],
    }
    if after is not None:
        rest = [(k, v) for k, v in request.query_params.multi_items() if k != "$skiptoken"]
        token = after.hex() if isinstance(after, bytes) else str(after)
        query = urlencode([*rest, ("$skiptoken", token)], safe="$")
        body["odata.nextLink"] = f"{own_url(request)}?{query}"
    return reply(200, body=body)
