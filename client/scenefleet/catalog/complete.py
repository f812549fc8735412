"""Judges whether all of a search came; where that is open, asks for the rest by narrower dates.

A server may say how many items match (`numberMatched`), and names a next page while there is one.
Each of the two is wrong at times, so they are held against each other.

- The count is reached, or paging ended with a page that is shorter than those before: all came.
- A full page names no next one, and no count tells of more (Planetary Computer, January 2026); or
  a server neither counts nor pages: the search is asked again from its last item on, as long as
  that brings something new, by dates. If the server does not look for dates, a full page is an
  error, since nothing tells whether there is more.
- Fewer items came than are counted: the search is asked again in halves, down to the half where
  items are missing. If there is none, the count of the whole was an estimate, as large databases
  make them, and that is noted. A count above zero for a second of the year 1900, or of two for
  one id, is an estimate as well. Else it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from scenefleet.catalog.access import plain
from scenefleet.catalog.haul import Haul, Items, Span, haul
from scenefleet.catalog.pages import Page
from scenefleet.errors import CatalogError

Ask = Callable[[Span, int, str | None], Iterator[Page]]
"""Asks for the items of a span, so many a page, of one id or of any."""

LARGE_PAGE = 1_000
"""Items a page where dates cannot divide them: Planetary Computer's largest."""
_HALVES = 64
"""Requests that finding missing items may take: a thousand pages are twenty halvings."""
_NOTHING = Span(datetime(1900, 1, 1, tzinfo=UTC), datetime(1900, 1, 1, 0, 0, 1, tzinfo=UTC))
"""A time of which no satellite has an item."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All items of a search."""

    items: Items
    matched: int | None
    """How many the server said match."""
    notes: tuple[str, ...]


def gather(ask: Ask, whole: Span, *, limit: int, url: str) -> Gathered:
    """All items of a search.

    Args:
        ask: asks the server.
        whole: the dates of the search.
        limit: items a page.
        url: the server's, for messages.

    Raises:
        CatalogError: if the server fails, or not all came.
    """
    gathering = _Gathering(ask, limit, plain(url))
    first = gathering.take(whole)
    notes = gathering.settle(first)
    return Gathered(gathering.items, first.matched, tuple(notes))


class _Gathering:
    def __init__(self, ask: Ask, limit: int, place: str) -> None:
        self.items = Items()
        self._ask = ask
        self._limit = limit
        self._place = place
        self._largest = 0
        self._begun = False

    def take(self, span: Span, limit: int | None = None) -> Haul:
        pages = self._ask(span, limit or self._limit, None)
        # copies that the server gave are told as such; those of asking again are not
        found = haul(
            pages, span, self.items, self._place, copies=not self._begun, fullest=self._largest
        )
        self._begun = True
        if limit is None:
            self._largest = max(self._largest, found.largest)
        return found

    def settle(self, first: Haul) -> list[str]:
        """Sees to it that all came; what is to be said of it."""
        if not first.is_short:
            return self._settle_end(first, counted=first.matched is not None)
        if first.moments and not first.outside and not self._counts(first):
            beyond = self._settle_end(first, counted=False)
            exact = self.items.different == first.matched
            return beyond if exact else [self._estimate(first), *beyond]
        if not self._search_halves(first):
            if not _ended_well(first):
                raise self._incomplete(first)
            return [self._estimate(first, "its pages came to a proper end")]
        came = self.items.different
        notes: list[str] = []
        if came > len(first.contents):
            notes.append(self._beyond_note(first))
        if came < (first.matched or 0):
            notes.append(self._estimate(first))
        return notes

    def _settle_end(self, first: Haul, *, counted: bool) -> list[str]:
        doubt = self._doubt(first, counted=counted)
        if doubt == "none" or (doubt == "slight" and len(set(first.moments)) < 2):
            return []
        settled = self._go_beyond(first)
        more = self.items.different > len(first.contents)
        if not settled and (more or doubt == "grave"):
            raise CatalogError(
                f"{self._place} gave {self.items.different} items, names no further page and does "
                "not say how many match; asking on by dates does not settle it. Nothing tells "
                "whether there is more. Search fewer dates or a smaller area at once, so that "
                f"fewer than {min(self._limit, self._largest)} items come."
            )
        return [self._beyond_note(first)] if more else []

    def _doubt(self, first: Haul, *, counted: bool) -> str:
        full = first.last >= self._limit
        if counted:
            return "slight" if full else "none"
        if first.ended == "again" or full:
            return "grave"
        alone = first.pages == 1 and first.raw > 0
        even = first.pages > 1 and first.last == first.largest
        return "slight" if alone or even else "none"

    def _go_beyond(self, first: Haul) -> bool:
        """Asks on from the last item while something new comes; whether that came to an end."""
        waiting = [first]
        while waiting:
            found = waiting.pop()
            if found.outside or not found.moments:
                return False
            for span in _rest(found):
                more = self.take(span, LARGE_PAGE if span.is_instant else None)
                if span.is_instant and more.pages == 1 and more.raw in (LARGE_PAGE, self._largest):
                    return False
                if more.outside:
                    return False
                if not span.is_instant and (more.fresh or more.last >= self._limit):
                    waiting.append(more)
        return True

    def _search_halves(self, first: Haul) -> bool:
        """Asks for the halves of what came short, down to where items are missing.

        Returns:
            Whether that tells anything: the server looks for dates, and its counts become exact.

        Raises:
            CatalogError: if items are missing somewhere.
        """
        if first.outside or not first.moments:
            return False
        waiting, asked = [first], 0
        while waiting:
            found = waiting.pop()
            halves = _halves(found)
            if not halves and self._counts(found):
                raise self._incomplete(first)
            for span in halves:
                more = self.take(span)
                asked += 1
                if more.outside or asked > _HALVES:
                    return False
                if more.is_short:
                    waiting.append(more)
        return True

    def _counts(self, found: Haul) -> bool:
        """Whether the server's counts are of items: not of a time without any, nor two of one."""
        nothing = haul(self._ask(_NOTHING, 1, None), _NOTHING, Items(), self._place)
        if nothing.matched and not nothing.raw:
            return False
        if found.first_id is None:
            return True
        one = haul(self._ask(found.span, 10, found.first_id), found.span, Items(), self._place)
        return not (one.raw == 1 and (one.matched or 0) > 1)

    def _incomplete(self, first: Haul) -> CatalogError:
        return CatalogError(
            f"{self._place} says {first.matched} items match, but only {self.items.different} "
            "came: the search is not complete. Try again, or search fewer dates or a smaller area "
            "at once."
        )

    def _estimate(self, first: Haul, why: str = "asking in parts gave no others") -> str:
        return (
            f"The server says {first.matched} items match, {self.items.different} came; {why}, so "
            "that its number is an estimate."
        )

    def _beyond_note(self, first: Haul) -> str:
        more = self.items.different - len(first.contents)
        return (
            f"The server named no further page after {len(first.contents)} items; {more} more were "
            "found by asking on by dates."
        )


def _ended_well(found: Haul) -> bool:
    """Whether paging was seen to work up to a last page that is shorter, without copies."""
    shorter = found.pages > 1 and found.last < found.largest
    return shorter and found.ended == "end" and found.raw == len(found.contents)


def _rest(found: Haul) -> list[Span]:
    """Where more may be, of what came without an end: beyond the last item, if they are sorted."""
    span, order = found.span, found.order()
    if len(set(found.moments)) == 1:
        return [] if span.is_instant else span.around(found.moments[0])
    if order == "falling":
        return [span.before(found.moments[-1])]
    if order == "rising":
        return [Span(found.moments[-1], span.end)]
    return _halves(found)


def _halves(found: Haul) -> list[Span]:
    """Parts of the span that hold half of its items each; none if it cannot be divided."""
    times = sorted(set(found.moments))
    if not times or found.span.is_instant:
        return []
    if len(times) == 1:
        return found.span.around(times[0])
    middle = times[(len(times) - 1) // 2]
    return [found.span.before(middle), found.span.after(middle)]
