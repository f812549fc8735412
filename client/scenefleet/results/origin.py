"""Who made the imagery under a product and under which terms, as its collection says it.

Outputs are derived works: without a licence in the recipe theirs is `other` (STAC 1.1.0's
successor of `proprietary`). Links lead to the terms of the sources in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.recipe import PublishedPart

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A family of satellites: who answers for it and the terms of its data."""

    platform: str
    """How its platforms' names begin, in lower case."""
    provider: str
    url: str
    terms: str
    terms_title: str


ORIGINS = (
    Origin(
        platform="sentinel-2",
        provider="ESA",
        url="https://sentinels.copernicus.eu/",
        terms="https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice",
        terms_title="Legal notice on the use of Copernicus Sentinel data",
    ),
    Origin(
        platform="landsat",
        provider="NASA/USGS",
        url="https://www.usgs.gov/landsat-missions",
        terms="https://www.usgs.gov/core-science-systems/hdds/data-policy",
        terms_title="USGS data policy (public domain)",
    ),
)


def licence_links(items: Iterable[Json], about: PublishedPart | None = None) -> list[Json]:
    """Links to the terms: the recipe's, then those that the items give or their platforms have."""
    kept = list(items)
    given: dict[str, Json] = {}
    for item in kept:
        for link in cast("list[Json]", item.get("links", ())):
            href = str(link.get("href"))
            if link.get("rel") == "license" and href.startswith(("https://", "http://")):
                given.setdefault(href, {"rel": "license", **_titled(href, link.get("title"))})
    if not given:
        for origin in _origins(kept):
            given[origin.terms] = {"rel": "license", **_titled(origin.terms, origin.terms_title)}
    own = about.license_url if about else None
    first = [{"rel": "license", "href": own, "title": "Licence of this product"}] if own else []
    return [*first, *(given[href] for href in sorted(given) if href != own)]


def providers(items: Iterable[Json], about: PublishedPart | None = None) -> list[Json]:
    """Those whom the recipe names, then the producers of the imagery, as far as they are known.

    Who made the imagery licenses the product too, unless the recipe gives a licence of its own.
    """
    own = [
        {key: list(value) if key == "roles" else value for key, value in one if value}
        for one in (about.providers if about else ())
    ]
    names = {str(one["name"]).casefold() for one in own}
    licensed = about is not None and about.license != "other"
    roles = ["producer"] if licensed else ["producer", "licensor"]
    return own + [
        {"name": origin.provider, "url": origin.url, "roles": roles}
        for origin in _origins(items)
        if origin.provider.casefold() not in names
    ]


def _origins(items: Iterable[Json]) -> list[Origin]:
    platforms = {str(item["properties"].get("platform", "")).lower() for item in items}
    return [o for o in ORIGINS if any(name.startswith(o.platform) for name in platforms)]


def _titled(href: str, title: Any) -> Json:  # noqa: ANN401 - any JSON value
    return {"href": href} | ({"title": str(title)} if title else {})
