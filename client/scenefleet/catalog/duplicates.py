"""One acquisition, one scene: which of several copies is kept. Small on purpose, and named.

Rule `same-item`: an item that came twice (a page that shifted while paging) is kept once, the
first. Rule `newest-processing`: Sentinel-2 products of one collection that show the same datatake,
datastrip and tile, told apart by their time of processing only, are one acquisition; the newest is
kept. The datastrip's own start is part of the key since one datatake received by two stations gives
two products of the same tile with different pixels: those are both kept
(stactools-packages/sentinel2 issue 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from scenefleet.catalog.model import Dropped, Scene

_BASELINE = re.compile(r"_N\d\d\.\d\d$")
_STRIP_START = re.compile(r"_(S\d{8}T\d{6})")
_PRODUCT = re.compile(r"_T(\d\d[A-Z]{3})_(\d{8}T\d{6})")


def without_duplicates(scenes: Iterable[Scene]) -> tuple[list[Scene], list[Dropped]]:
    """The scenes with each acquisition once, in the order given, and what was dropped."""
    kept: dict[tuple[str, ...], Scene] = {}
    dropped: list[Dropped] = []
    for scene in _first_of_each(scenes, dropped):
        key = acquisition(scene)
        other = kept.get(key)
        if other is None:
            kept[key] = scene
            continue
        newer, older = sorted((scene, other), key=_processed, reverse=True)
        kept[key] = newer
        dropped.append(Dropped(older.id, f"duplicate: {newer.id} is the same, processed later"))
    return list(kept.values()), dropped


def acquisition(scene: Scene) -> tuple[str, ...]:
    """What two items must share to be the same acquisition; else collection and id."""
    datatake = scene.properties.get("s2:datatake_id")
    tile = _tile(scene)
    if not datatake or not tile:
        return (scene.collection, scene.id)
    strip = _STRIP_START.search(str(scene.properties.get("s2:datastrip_id") or ""))
    platform = str(scene.properties.get("platform") or "").lower()
    start = strip.group(1) if strip else scene.datetime
    return (scene.collection, platform, _BASELINE.sub("", str(datatake)), tile, start)


def _first_of_each(scenes: Iterable[Scene], dropped: list[Dropped]) -> list[Scene]:
    seen: dict[tuple[str, str], Scene] = {}
    for scene in scenes:
        first = seen.setdefault((scene.collection, scene.id), scene)
        if first is scene:
            continue
        same = first.document == scene.document
        how = "" if same else " with different content; the first is kept"
        dropped.append(Dropped(scene.id, f"duplicate: the item came twice{how}"))
    return list(seen.values())


def _tile(scene: Scene) -> str:
    grid = scene.properties.get("s2:mgrs_tile") or scene.properties.get("grid:code")
    if grid:
        return str(grid).removeprefix("MGRS-")
    match = _PRODUCT.search(str(scene.properties.get("s2:product_uri") or ""))
    return match.group(1) if match else ""


def _processed(scene: Scene) -> tuple[str, str]:
    """When the product was made, as comparable text; the id settles a tie."""
    product = _PRODUCT.search(str(scene.properties.get("s2:product_uri") or ""))
    made = re.sub(r"\D", "", str(scene.properties.get("s2:generation_time") or ""))[:14]
    return (made or (re.sub(r"\D", "", product.group(2)) if product else ""), scene.id)
