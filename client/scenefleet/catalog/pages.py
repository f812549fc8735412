"""Pages of a search over HTTP: each is checked to be one, and the next is asked for as it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from scenefleet.catalog.access import plain
from scenefleet.catalog.item import is_url
from scenefleet.catalog.model import Json
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.catalog.source import Paging
    from scenefleet.catalog.web import Reader

_WORDS = ("message", "description", "detail", "error", "errors", "title", "code", "reason")
"""Members in which servers say what went wrong, the plainest first."""
_FAILURES = ("error", "errors", "exception")
"""Members that no page has which is whole."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request for one page."""

    href: str
    method: str
    body: Json
    """POST: the JSON body. GET: parameters for the query, beside those that `href` has."""
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Page:
    """One page of items."""

    features: list[Any]
    matched: int | None
    """How many items the server says match in all, or None where it does not say."""
    next: Asking | None


class Meter:
    """Counts the pages and the time that one catalogue takes, and ends what has no end."""

    def __init__(self, limits: Paging, url: str) -> None:
        self._limits = limits
        self._url = url
        self._pages = 0
        self.items = 0
        """Items that have come, of all pages; those that came again count again."""
        self._end = time.monotonic() + limits.seconds

    def count(self) -> int:
        """Counts one page, and returns its number.

        Raises:
            CatalogError: if there were more, or they took longer, than is allowed.
        """
        if self._pages >= self._limits.pages:
            why = f"more than {self._limits.pages:,} pages"
        elif self._pages and time.monotonic() > self._end:
            why = f"pages for more than {self._limits.seconds / 60:g} minutes"
        else:
            self._pages += 1
            return self._pages
        raise CatalogError(
            f"{plain(self._url)} gave {why} without coming to an end, which is scenefleet's limit "
            "for one search. Search fewer dates or a smaller area at once."
        )


def follow(
    reader: Reader, start: Asking, meter: Meter, first: Asking | None = None
) -> Iterator[Page]:
    """The page that is asked for, and each that its forerunner names as the next.

    Args:
        reader: asks for them.
        start: the page to begin with.
        meter: counts them.
        first: the request for the first page, where that is another.

    Raises:
        CatalogError: if an answer is no page of items, or there are too many.
    """
    asking: Asking | None = start
    while asking:
        reader.expect(f"page {meter.count()}", items=meter.items)
        answer = reader.read_json(
            asking.href, method=asking.method, headers=asking.headers, parameters=asking.body
        )
        page = as_page(answer, asking, first or start)
        meter.items += len(page.features)
        yield page
        asking = page.next


def as_page(answer: Json, asking: Asking, first: Asking) -> Page:
    """The page that an answer is.

    Raises:
        CatalogError: if it is none.
    """
    place = plain(asking.href)
    features = features_of(answer, place)
    return Page(features, matched_of(answer), _next(answer, asking, first))


def features_of(answer: Json, place: str) -> list[Any]:
    """The items of a FeatureCollection; `place` names it in a message.

    Raises:
        CatalogError: if it is none, or says that something failed; has the server's own words.
    """
    kind, features = answer.get("type"), answer.get("features")
    if kind != "FeatureCollection":
        what = f"its type is {str(kind)[:60]!r}" if kind is not None else "it has no type"
    elif not isinstance(features, list):
        what = "it has no features" if features is None else "its features are no list"
    elif failed := next((key for key in _FAILURES if answer.get(key)), None):
        what = f"beside its features it has {failed!r}"
    else:
        return cast("list[Any]", features)
    raise CatalogError(
        f"{place} answered something that is no page of items: {what}{server_words(answer)}. The "
        "search was not answered completely: try again later, or use another catalogue."
    )


def matched_of(answer: Json) -> int | None:
    """`numberMatched` (STAC API 1.0), or `context.matched` (the context extension before it)."""
    value = answer.get("numberMatched")
    context = answer.get("context")
    if not _is_count(value) and isinstance(context, dict):
        value = cast("Json", context).get("matched")
    return cast("int", value) if _is_count(value) else None


def has_next(answer: Json) -> bool:
    """Tells whether a document links to a next page."""
    links = answer.get("links")
    return isinstance(links, list) and any(map(_is_next, cast("list[Any]", links)))


def _is_count(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_next(link: Any) -> bool:  # noqa: ANN401 - any JSON value
    if not isinstance(link, dict) or cast("Json", link).get("rel") != "next":
        return False
    href, body = cast("Json", link).get("href"), cast("Json", link).get("body")
    return (isinstance(href, str) and href != "") or (isinstance(body, dict) and body != {})


def _next(answer: Json, asking: Asking, first: Asking) -> Asking | None:
    """The request for the next page (STAC API, "Paging"); None where the page names none."""
    links = answer.get("links")
    found = next(filter(_is_next, cast("list[Any]", links)), None) if has_next(answer) else None
    if found is None:
        return None
    link = cast("Json", found)
    given = link.get("body")
    body = cast("Json", given) if isinstance(given, dict) else None
    method = str(link.get("method") or ("GET" if body is None else "POST")).upper()
    href = link.get("href")
    target = urljoin(asking.href, href) if isinstance(href, str) and href else asking.href
    if method not in ("GET", "POST") or not is_url(target):
        raise CatalogError(
            f"{plain(asking.href)} names a next page that scenefleet does not ask for "
            f"({method[:20]} {plain(target)[:200]}); the search is not complete."
        )
    if method == "GET":
        return Asking(target, "GET", {}, _headers(link, first))
    if body is None or link.get("merge"):  # without a body all but the token stays as it was
        body = {**first.body, **(body or {})}
    return Asking(target, "POST", body, _headers(link, first))


def _headers(link: Json, first: Asking) -> dict[str, str]:
    given = link.get("headers")
    if not isinstance(given, dict):
        return first.headers if link.get("merge") else {}
    told = {str(key): str(value) for key, value in cast("Json", given).items()}
    return {**first.headers, **told} if link.get("merge") else told


def server_words(answer: Json) -> str:
    """The server's own words, where it has some; no address, which may hold a secret."""
    for key in _WORDS:
        value = answer.get(key)
        if isinstance(value, dict):
            value = next((v for k in _WORDS if isinstance(v := cast("Json", value).get(k), str)), 0)
        if isinstance(value, list):
            value = next((one for one in cast("list[Any]", value) if isinstance(one, str)), None)
        if isinstance(value, str) and value.strip() and "://" not in value:
            said = "".join(c for c in " ".join(value.split())[:200] if c.isprintable())
            return f", and it says {said!r}"
    return ""
