"""Items of a search as they come, and what the pages that brought them tell of their being all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, cast

from scenefleet.catalog.model import Json
from scenefleet.catalog.packed import Packed
from scenefleet.catalog.pages import Page
from scenefleet.catalog.read_item import instant
from scenefleet.errors import CatalogError

_TICK = timedelta(microseconds=1)
_LENIENCE = timedelta(seconds=1)
"""Servers round times: an item this far outside was still looked for by date."""
_EMPTY_PAGES = 2
"""After so many empty pages in a row nothing more is expected of a paging that goes on."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of time, both ends included; None is open."""

    start: datetime | None
    end: datetime | None

    @property
    def text(self) -> str | None:
        """The interval as `datetime` of a STAC search; None where both ends are open."""
        if self.start is None and self.end is None:
            return None
        # an end has its fraction, since one without would stand for its whole second
        return f"{_written(self.start, 'auto')}/{_written(self.end, 'microseconds')}"

    @property
    def is_instant(self) -> bool:
        """Tells whether the span cannot be divided."""
        return self.start is not None and self.start == self.end

    def before(self, moment: datetime) -> Span:
        """The part up to the moment, which is in it."""
        return Span(self.start, moment)

    def after(self, moment: datetime) -> Span:
        """The part that follows the moment."""
        return Span(moment + _TICK, self.end)

    def around(self, moment: datetime) -> list[Span]:
        """Three parts: what precedes the moment, the moment, what follows."""
        parts = [Span(self.start, moment - _TICK), Span(moment, moment), self.after(moment)]
        return [part for part in parts if not _is_void(part)]

    def clamp(self, moment: datetime) -> datetime:
        """The moment, or the end of the span that is nearest to it."""
        late = max(moment, self.start) if self.start else moment
        return min(late, self.end) if self.end else late

    def touches(self, first: datetime, last: datetime) -> bool:
        """Tells whether an item of that time may have been looked for within the span."""
        late = self.end is not None and first > self.end + _LENIENCE
        early = self.start is not None and last < self.start - _LENIENCE
        return not (late or early)


def _is_void(span: Span) -> bool:
    return span.start is not None and span.end is not None and span.start > span.end


def _written(moment: datetime | None, digits: str) -> str:
    return ".." if moment is None else moment.isoformat(timespec=digits).replace("+00:00", "Z")


class Items:
    """Items of all pages, packed, with how many of them differ."""

    def __init__(self) -> None:
        self._packed = Packed()
        self._contents: set[bytes] = set()

    def add(self, text: bytes, content: bytes, *, copies: bool) -> bool:
        """Keeps an item, copies of one only if asked to; says whether it was new."""
        new = content not in self._contents
        self._contents.add(content)
        if new or copies:
            self._packed.add(text)
        return new

    @property
    def different(self) -> int:
        """The number of items, copies not counted."""
        return len(self._contents)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Any]:
        return map(json.loads, self._packed)


@dataclass(slots=True)
class Haul:
    """The items that one request brought, through all of its pages."""

    span: Span
    pages: int = 0
    largest: int = 0
    """Items of the fullest page."""
    last: int = 0
    """Items of the last page."""
    raw: int = 0
    """Items in all, copies counted."""
    fresh: int = 0
    """Items that no request before had brought."""
    outside: int = 0
    """Items that lie outside the span: the server does not look for dates."""
    counts: set[int] = field(default_factory=set[int])
    """What the pages say match in all."""
    moments: list[datetime] = field(default_factory=list[datetime])
    """When the items are of, in the order in which they came, within the span."""
    ids: set[bytes] = field(default_factory=set[bytes])
    contents: set[bytes] = field(default_factory=set[bytes])
    first_id: str | None = None
    ended: Literal["end", "again", "empty"] = "end"
    """By a page that names no next; by one that came again; or by empty ones."""

    @property
    def matched(self) -> int | None:
        """The least that a page says match; None where none says."""
        return min(self.counts, default=None)

    @property
    def came(self) -> int:
        """Items to hold against the count.

        One that came twice through shifting pages hides one that never came, so copies count once;
        within a single page nothing shifts.
        """
        return self.raw if self.pages == 1 else len(self.contents)

    @property
    def is_short(self) -> bool:
        """Tells whether fewer items came than the server says match."""
        return self.matched is not None and self.came < self.matched

    def order(self) -> Literal["falling", "rising", "none"]:
        """The order in which the items came, by time; `none` where they were not sorted."""
        if self.moments == sorted(self.moments, reverse=True):
            return "falling"
        return "rising" if self.moments == sorted(self.moments) else "none"

    def take(self, page: Page, items: Items, *, copies: bool) -> int:
        """Takes a page's items; returns how many of them the request had not brought before."""
        new = 0
        self.pages += 1
        self.last = len(page.features)
        self.largest = max(self.largest, self.last)
        if page.matched is not None:
            self.counts.add(page.matched)
        for feature in page.features:
            text = _line(feature)
            content = _digest(text)
            name = _name(feature, content)
            known = name in self.ids
            new += not known
            self.raw += 1
            self.ids.add(name)
            self.contents.add(content)
            self.fresh += items.add(text, content, copies=copies)
            if not known:
                self._note_time(feature)
        return new

    def _note_time(self, feature: Any) -> None:  # noqa: ANN401 - any JSON value
        times = _times(feature)
        if self.first_id is None and isinstance(feature, dict):
            given = cast("Json", feature).get("id")
            self.first_id = given if isinstance(given, str) else None
        if times is None:
            return
        moment, first, last = times
        self.outside += not self.span.touches(first, last)
        self.moments.append(self.span.clamp(moment))


def haul(
    pages: Iterable[Page],
    span: Span,
    items: Items,
    place: str,
    *,
    copies: bool = False,
    fullest: int = 0,
) -> Haul:
    """All that one request brings; its items are added to `items`.

    Args:
        pages: of the request.
        span: the dates that were asked for.
        items: what came before.
        place: the server's address, for messages.
        copies: whether items that came before are added again.
        fullest: items of the fullest page that another request brought.

    Raises:
        CatalogError: if paging goes round.
    """
    found = Haul(span)
    empty = 0
    previous: list[Any] | None = None
    for page in pages:
        new = found.take(page, items, copies=copies)
        if page.next is None:
            break
        empty = 0 if page.features else empty + 1
        if empty == _EMPTY_PAGES:
            found.ended = "empty"
            break
        if page.features and not new:
            _check_round(found, page, previous, place, fullest)
            break
        previous = page.features
    return found


def _check_round(
    found: Haul, page: Page, previous: list[Any] | None, place: str, fullest: int
) -> None:
    """A page with nothing new names a next one: the end came again, or paging goes round."""
    if found.matched is not None and not found.is_short:
        return
    short = found.last < max(found.largest, fullest)
    clamped = page.features == previous and short and found.matched is None
    if not clamped:
        what = "the same page twice" if page.features == previous else "nothing new"
        raise CatalogError(
            f"{place} gave {what} on page {found.pages}, which names a next page: its paging goes "
            f"round after {len(found.ids)} items, so the search is not complete. "
            "Search fewer dates or a smaller area at once, or use another catalogue."
        )
    found.ended = "again"


def _name(feature: Any, content: bytes) -> bytes:  # noqa: ANN401 - any JSON value
    """What tells an item from others, whatever else of it changes from page to page."""
    told = cast("Json", feature) if isinstance(feature, dict) else {}
    if isinstance(told.get("id"), str):
        return _digest(repr((told.get("collection"), told["id"])).encode("utf-8", "replace"))
    return content


def _line(feature: Any) -> bytes:  # noqa: ANN401 - any JSON value
    try:
        return json.dumps(feature, sort_keys=True).encode()
    except RecursionError:
        told = cast("Json", feature) if isinstance(feature, dict) else {}
        return json.dumps({"id": str(told.get("id")), "type": "nested too deeply"}).encode()


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()


def _times(feature: Any) -> tuple[datetime, datetime, datetime] | None:  # noqa: ANN401
    """When an item is of, its first and its last moment; None where it does not say."""
    told = cast("Json", feature) if isinstance(feature, dict) else {}
    properties = told.get("properties")
    if not isinstance(properties, dict):
        return None
    keys = ("datetime", "start_datetime", "end_datetime")
    texts = [cast("Json", properties).get(key) for key in keys]
    try:
        times = [instant(text, told) for text in texts if isinstance(text, str)]
    except CatalogError:
        return None
    return (times[0], min(times), max(times)) if times else None
