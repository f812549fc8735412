"""What the demo's STAC API is asked, and which items answer it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.catalog import cql2
from scenefleet.catalog.model import Json
from scenefleet.catalog.read_item import moment
from scenefleet.catalog.select import interval
from scenefleet.errors import CatalogError

_LIMIT = 10
_MOST = 10_000
_FILTERING = ("filter", "filter-lang", "filter-crs")
_KNOWN = {"bbox", "intersects", "datetime", "collections", "ids", "limit", "token", *_FILTERING}


class QueryError(Exception):
    """A search that this server does not understand: answered by 400, never by ignoring it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One search."""

    area: Any = None
    """A shapely geometry, or None."""
    dates: str | None = None
    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    filter: Json | None = None
    limit: int = _LIMIT
    start: int = 0

    @classmethod
    def from_text(cls, given: dict[str, str], collections: tuple[str, ...] | None = None) -> Query:
        """Reads the query of a GET.

        Raises:
            QueryError: says what is wrong.
        """
        body: Json = dict(given)
        try:
            if "bbox" in given:
                body["bbox"] = [float(number) for number in given["bbox"].split(",")]
            for name in ("intersects", "filter"):
                if name in given:
                    body[name] = json.loads(given[name])
        except ValueError:
            raise QueryError("bbox, intersects or filter is malformed") from None
        for name in ("collections", "ids"):
            if name in given:
                body[name] = given[name].split(",")
        if collections is not None:
            body["collections"] = list(collections)
        if "filter" in given and given.get("filter-lang") != "cql2-json":
            raise QueryError("only filter-lang=cql2-json is known")
        return cls.from_json(body)

    @classmethod
    def from_json(cls, body: Any) -> Query:  # noqa: ANN401 - any JSON value
        """Reads the body of a POST.

        Raises:
            QueryError: says what is wrong.
        """
        if not isinstance(body, dict):
            raise QueryError("the body is no object")
        given = cast("Json", body)
        if unknown := sorted(given.keys() - _KNOWN):
            raise QueryError(f"{unknown[0]!r} is not known here")
        try:
            dates = given.get("datetime")
            interval(dates or "../..")
            return cls(
                area=_area(given),
                dates=dates,
                collections=_names(given.get("collections")),
                ids=_names(given.get("ids")),
                filter=given.get("filter"),
                limit=max(1, min(int(given.get("limit") or _LIMIT), _MOST)),
                start=max(0, int(given.get("token") or 0)),
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise QueryError(f"the search is malformed: {error}") from None


def find(items: Iterable[Json], query: Query) -> list[Json]:
    """The items that match, newest first.

    Raises:
        QueryError: if the filter cannot be applied.
    """
    try:
        found = [item for item in items if _matches(item, query)]
    except CatalogError as error:
        raise QueryError(str(error)) from None
    return sorted(found, key=lambda item: (moment(item), item["id"]), reverse=True)


def _matches(item: Json, query: Query) -> bool:
    from shapely.geometry import shape

    if query.collections is not None and item["collection"] not in query.collections:
        return False
    if query.ids is not None and item["id"] not in query.ids:
        return False
    if query.dates is not None:
        start, end = interval(query.dates)
        when = moment(item)
        if (start and when < start) or (end and when > end):
            return False
    if query.area is not None and not query.area.intersects(shape(item["geometry"])):
        return False
    return query.filter is None or cql2.matches(query.filter, item)


def _area(given: Json) -> Any:  # noqa: ANN401 - shapely has no types
    from shapely.geometry import box, shape

    if given.get("bbox") and given.get("intersects"):
        raise ValueError("give bbox or intersects, not both")
    if given.get("intersects"):
        return shape(given["intersects"])
    if bbox := cast("list[float]", given.get("bbox") or []):
        west, south, east, north = bbox if len(bbox) == 4 else (*bbox[:2], *bbox[3:5])
        return box(west, south, east, north)
    return None


def _names(value: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - any JSON value
    if value is None:
        return None
    return tuple(str(name) for name in cast("list[Any]", value))
