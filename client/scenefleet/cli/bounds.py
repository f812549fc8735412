"""Tells what a search leaves open, and asks where that means a server's whole archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import click

from scenefleet.catalog.search import is_server
from scenefleet.cli.show import say
from scenefleet.cli.waiting import waiting_for_catalogue
from scenefleet.errors import CatalogError

if TYPE_CHECKING:
    from scenefleet.recipe import RecipeFile
    from scenefleet.recipe.search import Search

_WHOLE_GLOBE = 0.9 * 360 * 180
"""Square degrees: an area of more is none."""


def check_bounds(source: RecipeFile) -> None:
    """Says what a search leaves open; asks before it goes through all that a server has.

    Raises:
        CatalogError: if it means a whole archive, and there is no terminal to ask on.
    """
    query = source.recipe.search
    for note in query.area_notes:
        say(f"note: {note}")
    no_area, no_dates = _has_no_area(query), _has_no_dates(query)
    if no_area or no_dates:
        words = [word for word, lacks in (("area", no_area), ("dates", no_dates)) if lacks]
        means = [word for word, lacks in (("any place", no_area), ("any time", no_dates)) if lacks]
        say(f"note: the search has no {' and no '.join(words)}: {' and '.join(means)} will do")
    bounded = query.filter is not None or query.limit is not None
    if not (no_area and no_dates) or bounded:
        return
    with waiting_for_catalogue(query.catalog) as patience:
        if not is_server(query, base=source.base, patience=patience):
            return
    what = f"all of {', '.join(query.collections)} in {query.catalog}"
    if sys.stdin.isatty():
        click.confirm(f"Search {what}?", abort=True, err=True)
        return
    raise CatalogError(
        f"{source.label}: `search` has neither area (or bbox) nor dates, filter or limit, which "
        f"means {what}: it may be millions of scenes, and there is no terminal to ask on. Write at "
        "least one of them: `bbox: [west, south, east, north]`, `dates: 2023-06`, or `limit: 100`."
    )


def _has_no_dates(query: Search) -> bool:
    return query.dates is None or query.dates == "../.."


def _has_no_area(query: Search) -> bool:
    if query.area is None:
        return True
    from shapely.geometry import shape

    area: Any = shape(cast("dict[str, Any]", query.area))
    return area.area > _WHOLE_GLOBE
