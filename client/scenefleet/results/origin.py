"""Who made the imagery under a product and under which terms, as its collection says it.

Outputs are derived works: no SPDX licence fits, so the licence is `other` (STAC 1.1.0's successor
of `proprietary`) with links to the terms of the sources.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

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


def licence_links(items: Iterable[Json]) -> list[Json]:
    """Links to the terms: those that the items give, else those known for their platforms."""
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
    return [given[href] for href in sorted(given)]


def providers(items: Iterable[Json]) -> list[Json]:
    """The producers of the imagery, as far as the items' platforms are known."""
    return [
        {"name": origin.provider, "url": origin.url, "roles": ["producer", "licensor"]}
        for origin in _origins(items)
    ]


def _origins(items: Iterable[Json]) -> list[Origin]:
    platforms = {str(item["properties"].get("platform", "")).lower() for item in items}
    return [o for o in ORIGINS if any(name.startswith(o.platform) for name in platforms)]


def _titled(href: str, title: Any) -> Json:  # noqa: ANN401 - any JSON value
    return {"href": href} | ({"title": str(title)} if title else {})
