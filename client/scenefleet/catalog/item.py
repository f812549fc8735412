"""A STAC item as it is kept: hrefs absolute and unsigned, a bbox even if it had none."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urljoin, urlsplit

from scenefleet.catalog.access import (
    DOCUMENT,
    ORIGIN,
    address_of_document,
    of_planetary_computer,
    unsigned,
)
from scenefleet.catalog.flaws import flaw
from scenefleet.catalog.globe import bounds, outline
from scenefleet.catalog.model import Json, Scene
from scenefleet.catalog.read_item import from_json
from scenefleet.catalog.sound import check_item
from scenefleet.errors import CatalogError
from scenefleet.recipe.area import box as across
from scenefleet_task.reach import Origin, known_origin, least_trusted


@dataclass(frozen=True, slots=True)
class Base:
    """The document that an item was found in."""

    href: str
    """URL or path; relative hrefs start there."""
    origin: Origin
    """Where it came from: the item's hrefs may name no more than that."""


@dataclass(frozen=True, slots=True)
class Tidy:
    """A scene, and whether its box had to be made from its geometry."""

    scene: Scene
    boxed: bool


def is_url(text: str) -> bool:
    """Whether the text is an `http(s)` address."""
    return text[:8].lower().startswith(("http://", "https://"))


def absolute(href: str, base: str) -> str:
    """`href` as seen from the document at `base`, each a URL or a path of a file.

    What has a scheme of its own stays as it is, but for `file:` in a document on disk.
    """
    of_file = href[:5].lower() == "file:"
    if href != href.strip() or not href.isprintable():
        return href  # which no rule lets pass; joining would take out what is wrong with it
    if href.startswith(("https://", "http://")) or (of_file and is_url(base)):
        return href
    if is_url(base):
        try:
            return urljoin(base, href)
        except ValueError:  # brackets that are no IPv6 address
            return href
    if of_file or _SCHEME.match(href):
        return _path_of(href) if of_file else href
    # normpath, not resolve: what a catalogue links to stays the path that was written
    return os.path.normpath(Path(base).absolute().parent / href)


_SCHEME = re.compile(
    r"[a-z][a-z0-9+.-]+:|(?:derived|ecrg_toc|gtiff|hdf[45]|nitf|radarsat_2|rcm|s10\d|sentinel[12])"
    r"_[a-z0-9_]+:",
    re.IGNORECASE,
)
"""Of an address, or a driver's name before GDAL's own kind of name. Times in names of files have
colons as well, but an underscore before."""


def _path_of(href: str) -> str:
    """The path of a `file:` address on this machine; another's stays as it is."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return href
    if parts.netloc.lower() not in ("", "localhost"):
        return href
    # a query names no file here: it stays, so that the address is refused and not another read
    mark = href.find("?") if parts.query else href.find("#") if parts.fragment else len(href)
    return unquote(parts.path) + href[mark:]


def tidy(
    item: Any,  # noqa: ANN401 - any JSON value
    base: Base | str,
    *,
    pc: bool = False,
    keep: Collection[str] = (),
    filed: bool = False,
) -> Tidy:
    """The scene of an item found in the document at `base`.

    Args:
        item: STAC item JSON; left as it is.
        base: the document that held it; a text is the address of one on the public web.
        pc: whether the catalogue is Planetary Computer's, even if the item's links do not say so.
        keep: keys of queries that addresses keep (`search.keep_query`).
        filed: whether that document is a file of items, which outputs may name as their source.

    Raises:
        CatalogError: if the item cannot be used: no geometry, no time, or no STAC item at all.
    """
    base = Base(base, "public") if isinstance(base, str) else base
    given = check_item(item, base.href)
    name = str(given["id"])
    kept = _absolute_item(given, base.href)
    kept = unsigned(kept, pc=pc or of_planetary_computer(kept), keep=keep)
    _note_origin(kept, base.origin)
    _note_document(kept, base.href if filed else None)
    boxed = _complete_footprint(kept, name)
    return Tidy(from_json(kept), boxed)


def _note_origin(item: Json, origin: Origin) -> None:
    """Writes down where the item came from; one kept by an earlier search stays what it was."""
    before = known_origin(item[ORIGIN]) if ORIGIN in item else origin
    item[ORIGIN] = least_trusted(origin, before)


def _note_document(item: Json, href: str | None) -> None:
    """Writes down the file that holds an item without an address of its own; as above."""
    given = item.pop(DOCUMENT, None)
    own = any(link.get("rel") == "self" for link in cast("list[Json]", item.get("links") or []))
    found = given if isinstance(given, str) else href
    if found is not None and not own:
        item[DOCUMENT] = address_of_document(found)


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
        raise CatalogError(f"Item {name!r} has a malformed footprint: {flaw(error)}") from error
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
