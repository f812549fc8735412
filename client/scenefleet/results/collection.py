"""The STAC Collection of a product, made from its items; links are relative, bytes repeatable.

Follows STAC 1.1.0 (https://github.com/radiantearth/stac-spec/tree/v1.1.0) and the render extension
2.0.0 (https://github.com/stac-extensions/render).
"""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import quote, urlsplit

from scenefleet.catalog.globe import span
from scenefleet.errors import StoreError
from scenefleet.recipe import PublishedPart
from scenefleet.results.footprint import bounds, rings
from scenefleet.results.origin import licence_links, providers
from scenefleet.results.reading import read_all
from scenefleet.results.renders import RENDER_EXTENSION, renders
from scenefleet.results.text import moment
from scenefleet.store.base import Store

Json = dict[str, Any]

ASSET_FIELDS = (
    "title", "description", "type", "roles", "gsd", "nodata", "data_type", "unit",
    "raster:scale", "raster:offset", "raster:sampling", "classification:classes",
    "scenefleet:formula", "scenefleet:range", "bands",
)  # fmt: skip
"""What all items may say of an asset alike; sizes, checksums and statistics are each item's."""

ITEM_ONLY = (
    "statistics", "raster:histogram", "scenefleet:saturated", "scenefleet:outside_range",
)  # fmt: skip
"""What a band says of one item's pixels."""

SUMMARY_SETS = ("platform", "constellation", "instruments", "gsd", "proj:code")
SUMMARY_RANGES = ("eo:cloud_cover",)


def build_collection(
    name: str, items: Sequence[tuple[str, Json]], about: PublishedPart | None = None
) -> Json:
    """The collection of a product.

    Args:
        name: The product's name, the collection's id.
        items: Pairs of path relative to `collection.json` and the STAC item there. Their order
            does not matter: links are sorted by date, then id.
        about: What the recipe says of it (`output.collection`).

    Returns:
        STAC 1.1.0 JSON, the same for the same items whenever and wherever it is made.

    Raises:
        ValueError: if there are no items, as a collection without an extent is not valid.
    """
    if not items:
        raise ValueError(f"product {name!r} has no items: a STAC collection needs an extent")
    ordered = sorted(items, key=lambda pair: (_first_time(pair[1]), str(pair[1]["id"]), pair[0]))
    contents = [item for _, item in ordered]
    assets = item_assets(contents)
    summary = _summaries(contents)
    shown = renders(assets, contents)
    about = about or PublishedPart()
    title = about.title or name
    collection: Json = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": _extensions(contents, [*summary, *_keys(assets)], bool(shown)),
        "id": name,
        "title": title,
        "description": about.description or _description(title, contents, assets),
        **({"keywords": list(about.keywords)} if about.keywords else {}),
        "license": about.license,
        "extent": _extent(contents),
        "summaries": summary,
        "item_assets": assets,
        "links": _links(ordered, about),
    }
    if picture := _thumbnail(ordered):
        collection["assets"] = {"thumbnail": picture}
    if known := providers(contents, about):
        collection["providers"] = known
    return collection | ({"renders": shown} if shown else {})


def write_collection(store: Store, product: str, about: PublishedPart | None = None) -> int:
    """Writes `products/<product>/collection.json` from the items that lie in the store.

    Args:
        store: The store.
        product: The product's name.
        about: What the recipe says of the product (`output.collection`).

    Returns:
        How many items it holds. With none nothing is written.

    Raises:
        StoreError: if the store cannot be read or written, or an item is no STAC item.
    """
    root = PurePosixPath("products", product)
    paths = sorted(entry.path for entry in store.list(str(root)) if _is_item(entry.path, root))
    items = [
        (str(PurePosixPath(path).relative_to(root)), _parse(path, data))
        for path, data in zip(paths, read_all(store, paths), strict=True)
    ]
    if items:
        collection = build_collection(product, items, about)
        text = json.dumps(collection, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        store.write(str(root / "collection.json"), text.encode())
    return len(items)


def item_assets(items: Iterable[Json]) -> dict[str, Json]:
    """By asset key, what all items that have the asset say of it alike (see `ASSET_FIELDS`)."""
    common: dict[str, Json] = {}
    for item in items:
        for key, asset in cast("dict[str, Json]", item.get("assets", {})).items():
            known = {field: asset[field] for field in ASSET_FIELDS if field in asset}
            known |= {"bands": list(map(_band, asset["bands"]))} if "bands" in asset else {}
            common[key] = _alike(common.get(key, known), known)
    # the specification wants two fields at least of each
    return {key: common[key] for key in sorted(common) if len(common[key]) > 1}


def _alike(one: Json, other: Json) -> Json:
    """What two say alike; bands of the same names keep what they say alike in turn."""
    same = {key: one[key] for key in one if key in other and one[key] == other[key]}
    bands: list[list[Json]] = [one.get("bands", []), other.get("bands", [])]
    names = [[band.get("name") for band in known] for known in bands]
    if "bands" not in same and names[0] and names[0] == names[1]:
        same["bands"] = [_alike(a, b) for a, b in zip(*bands, strict=True)]
    return same


def _band(band: Json) -> Json:
    return {key: band[key] for key in band if key not in ITEM_ONLY}


def _is_item(path: str, root: PurePosixPath) -> bool:
    """Whether the path is `<root>/<folder>/<folder>.json`, which is where a task puts its item."""
    file = PurePosixPath(path)
    return file.parent.parent == root and file.name == f"{file.parent.name}.json"


def _parse(path: str, data: bytes) -> Json:
    try:
        item: Any = json.loads(data)
        if item["type"] == "Feature" and item["id"] and isinstance(item["properties"], dict):
            return item
    except (ValueError, KeyError, TypeError):
        pass
    raise StoreError(
        f"{path} is no STAC item, so the product's collection cannot be made. Delete the file and "
        "run the recipe again: only that scene will be done anew."
    )


def _times(item: Json) -> list[str]:
    properties = cast("Json", item["properties"])
    given = (properties.get(key) for key in ("start_datetime", "datetime", "end_datetime"))
    return sorted((str(time) for time in given if time), key=moment)


def _first_time(item: Json) -> float:
    return min(map(moment, _times(item)), default=float("-inf"))


def _extent(items: Sequence[Json]) -> Json:
    boxes = [box for box in map(_box, items) if box]
    west, east = span((box[0], box[2]) for box in boxes)
    south = min((box[1] for box in boxes), default=-90.0)
    north = max((box[3] for box in boxes), default=90.0)
    times = sorted((time for item in items for time in _times(item)), key=moment)
    interval = [times[0], times[-1]] if times else [None, None]
    return {
        "spatial": {"bbox": [[west, south, east, north]]},
        "temporal": {"interval": [interval]},
    }


def _box(item: Json) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees, from the item's box or else from its geometry."""
    box = cast("list[float]", item.get("bbox") or [])
    if len(box) in (4, 6):
        half = len(box) // 2
        return (float(box[0]), float(box[1]), float(box[half]), float(box[half + 1]))
    return bounds(rings(item.get("geometry")))


def _summaries(items: Sequence[Json]) -> Json:
    properties = [cast("Json", item["properties"]) for item in items]
    summary: Json = {}
    for field in SUMMARY_SETS:
        found = {json.dumps(v): v for p in properties for v in _listed(p.get(field))}
        if found:
            summary[field] = [found[key] for key in sorted(found)]
    for field in SUMMARY_RANGES:
        values = [p[field] for p in properties if p.get(field) is not None]
        if values:
            summary[field] = {"minimum": min(values), "maximum": max(values)}
    return summary


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _keys(assets: Mapping[str, Json]) -> list[str]:
    bands = [band for asset in assets.values() for band in asset.get("bands", ())]
    return [field for holder in (*assets.values(), *bands) for field in holder]


def _extensions(items: Sequence[Json], fields: Iterable[str], rendered: bool) -> list[str]:
    """The items' own extensions whose fields the collection repeats, and the render extension."""
    names = {"projection" if f.startswith("proj:") else f.split(":")[0] for f in fields if ":" in f}
    declared = {str(uri) for item in items for uri in item.get("stac_extensions", ())}
    kept = {uri for uri in declared if any(f"/{name}/" in uri for name in names)}
    return sorted(kept | ({RENDER_EXTENSION} if rendered else set()))


def _description(title: str, items: Sequence[Json], assets: Mapping[str, Json]) -> str:
    what = ", ".join(str(asset.get("title", key)) for key, asset in assets.items()) or "files"
    return f"{title}: {len(items)} scenes, each with {what}. Made by scenefleet."


def _links(ordered: Sequence[tuple[str, Json]], about: PublishedPart) -> list[Json]:
    # no `self`: it would have to be absolute, and a copied folder should open as it is
    root = {"rel": "root", "href": "./collection.json", "type": "application/json"}
    children = [
        {
            "rel": "item",
            "href": f"./{quote(path)}",
            "type": "application/geo+json",
            "title": str(item["id"]),
        }
        for path, item in ordered
    ]
    return [root, *licence_links((item for _, item in ordered), about), *children]


def _thumbnail(ordered: Sequence[tuple[str, Json]]) -> Json | None:
    """The picture of the item with the largest valid share, of equal ones the newest."""
    pictured = [(path, item) for path, item in ordered if _picture(item)]
    if not pictured:
        return None
    path, item = max(reversed(pictured), key=lambda pair: _valid_share(pair[1]))
    picture = cast("Json", _picture(item))
    href = str(picture["href"])
    if not urlsplit(href).scheme:
        href = f"./{posixpath.normpath(posixpath.join(quote(posixpath.dirname(path)), href))}"
    asset = {"href": href, "title": f"Thumbnail of {item['id']}", "roles": ["thumbnail"]}
    return asset | ({"type": picture["type"]} if "type" in picture else {})


def _picture(item: Json) -> Json | None:
    assets = cast("dict[str, Json]", item.get("assets") or {})
    found = [one for one in assets.values() if "thumbnail" in (one.get("roles") or ())]
    return next((one for one in found if isinstance(one.get("href"), str)), None)


def _valid_share(item: Json) -> float:
    share = item["properties"].get("scenefleet:valid_percent")
    return float(share) if isinstance(share, int | float) and math.isfinite(share) else -1.0
