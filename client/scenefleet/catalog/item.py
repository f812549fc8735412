"""A STAC item as it is kept: hrefs absolute and unsigned, a bbox even if it had none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urljoin, urlsplit

from scenefleet.catalog.access import of_planetary_computer, unsigned
from scenefleet.catalog.globe import bounds, outline
from scenefleet.catalog.model import Json, Scene, from_json
from scenefleet.catalog.sound import check_item
from scenefleet.errors import CatalogError
from scenefleet.recipe.area import box as across


@dataclass(frozen=True, slots=True)
class Tidy:
    """A scene, and whether its box had to be made from its geometry."""

    scene: Scene
    boxed: bool


def is_url(text: str) -> bool:
    """Whether the text is an `http(s)` address."""
    return urlsplit(text).scheme in ("http", "https")


def absolute(href: str, base: str) -> str:
    """`href` as seen from the document at `base`, each a URL or a path of a file."""
    if href.startswith(("https://", "http://")):
        return href
    if urlsplit(href).scheme == "file":
        return unquote(urlsplit(href).path)
    if "://" in href:
        return href
    if is_url(base):
        return urljoin(base, href)
    # normpath, not resolve: what a catalogue links to stays the path that was written
    return os.path.normpath(Path(base).absolute().parent / href)


def tidy(item: Any, base: str, *, pc: bool = False) -> Tidy:  # noqa: ANN401 - any JSON value
    """The scene of an item found in the document at `base`.

    Args:
        item: STAC item JSON; left as it is.
        base: URL or path of the document that held it; relative hrefs start there.
        pc: whether the catalogue is Planetary Computer's, even if the item's links do not say so.

    Raises:
        CatalogError: if the item cannot be used: no geometry, no time, a signed address.
    """
    given = check_item(item, base)
    name = str(given["id"])
    kept = _absolute_item(given, base)
    kept = cast("Json", unsigned(kept, item=name, pc=pc or of_planetary_computer(kept)))
    boxed = _complete_footprint(kept, name)
    return Tidy(from_json(kept), boxed)


def _absolute_item(item: Json, base: str) -> Json:
    """The item with absolute hrefs; what has them already is shared with it, not copied."""
    links = [link for link in cast("list[Any]", item.get("links") or []) if _has_href(link)]
    assets = cast("dict[str, Json]", item.get("assets") or {})
    changed = dict(item)
    if "links" in item:
        changed["links"] = [_absolute_href(link, base) for link in links]
    changed["assets"] = {
        key: _absolute_href(asset, base) for key, asset in assets.items() if _has_href(asset)
    }
    return changed


def _absolute_href(part: Json, base: str) -> Json:
    href = part["href"]
    there = absolute(str(href), base)
    return part if href is there else {**part, "href": there}


def _has_href(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, dict) and isinstance(cast("Json", value).get("href"), str)


def _complete_footprint(item: Json, name: str) -> bool:
    """Makes `bbox` from `geometry`, or the reverse; says whether it had to.

    Across the antimeridian a box's west is greater than its east (RFC 7946, 5.2), and a geometry
    has a part on either side.
    """
    geometry, bbox = item.get("geometry"), item.get("bbox")
    if geometry and bbox:
        return False
    if not geometry and not bbox:
        raise CatalogError(f"Item {name!r} has neither bbox nor geometry: where is it?")
    try:
        if not geometry:
            item["geometry"] = _polygon(_corners(cast("list[float]", bbox)))
        else:
            item["bbox"] = bounds(outline(geometry, name))
    except (TypeError, ValueError, IndexError) as error:
        raise CatalogError(f"Item {name!r} has a malformed footprint: {error}") from error
    if not item["bbox"]:
        raise CatalogError(f"Item {name!r} has an empty geometry and no bbox: where is it?")
    return True


def _polygon(corners: tuple[float, float, float, float]) -> Any:  # noqa: ANN401 - GeoJSON
    """A box as GeoJSON; one whose west is greater than its east as two."""
    from shapely.geometry import box, mapping

    if corners[0] > corners[2]:
        return across(corners)
    return _plain_json(mapping(box(*corners)))


def _corners(bbox: list[float]) -> tuple[float, float, float, float]:
    """West, south, east, north of a box that may have heights too (RFC 7946, section 5)."""
    west, south, east, north = bbox if len(bbox) == 4 else (*bbox[:2], *bbox[3:5])
    return west, south, east, north


def _plain_json(value: Any) -> Any:  # noqa: ANN401 - tuples, as shapely gives them, become lists
    if isinstance(value, dict):
        return {key: _plain_json(part) for key, part in cast("Json", value).items()}
    if isinstance(value, list | tuple):
        return [_plain_json(part) for part in cast("list[Any]", value)]
    return value
