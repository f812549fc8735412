"""One acquisition, one scene: which of several items are dropped, and which are united.

Each rule has a name, which `search --explain` prints beside what it did.

`same-item`: an item that came twice with equal content (a page that shifted while paging) is kept
once.

`newest-processing`: of items that hold the same pixels, or the same acquisition processed anew, the
one made last is kept. They are the same where they share

- collection and id, and the addresses of their data: only metadata changed; or
- Sentinel-2's platform, datatake (without its baseline), tile and start of the datastrip (the
  item's time where no datastrip is told); or
- Landsat's sensor, level, path and row, date and Landsat collection, as the product id tells them:
  a real-time scene and the tier 1 or 2 scene that replaces it, or one with a later processing date.

`two-stations`: items of one acquisition with different pixels are united: one scene, whose other
items fill it where it has no data (`Scene.also`). They are of one acquisition where they share

- Sentinel-2's platform, datatake and tile: a datatake that two stations received, or whose
  datastrip was broken, gives a product a datastrip, each with a part of the tile
  (stactools-packages/sentinel2, issue 5); or
- collection and id, while their data lies at different addresses.

First comes the item with the least `s2:nodata_pixel_percentage`, else the earliest, else the first
by id. Items of different collections are never the same and never united. Area, dates and filter
of the search were asked of each item by itself before; clouds are asked of the acquisition after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from sys import intern

from scenefleet.catalog.model import Dropped, Scene, United
from scenefleet.catalog.scenes import Scenes, Shelf, Ticket
from scenefleet.catalog.sound import blame, unusable
from scenefleet.errors import CatalogError
from scenefleet_task.spec import hostless

_BASELINE = re.compile(r"_N\d\d\.\d\d$")
_STRIP_START = re.compile(r"_(S\d{8}T\d{6})")
_SENTINEL = re.compile(r"_T(\d\d[A-Z]{3})_(\d{8}T\d{6})")
_LANDSAT = re.compile(
    r"(?P<sensor>L[A-Z]\d\d)_(?P<level>L\d)\w\w_(?P<place>\d{6})_(?P<date>\d{8})_"
    r"((?P<made>\d{8})_)?(?P<collection>\d\d)_(?P<tier>RT|T1|T2|A1|A2)(?P<part>.*)"
)
_NO_PIXELS = {"thumbnail", "overview", "metadata"}

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """An item on the shelf, with what tells which others are the same.

    That is digests of keys, since a search may meet a hundred thousand items.
    """

    ticket: Ticket
    product: bytes
    """Of what items share that differ in their processing only; else of what none shares."""
    acquisition: bytes
    """Of what items of one acquisition share."""


@dataclass(frozen=True, slots=True)
class Acquisitions:
    """Each acquisition once, in the order in which it was first met, and what was dropped."""

    shelf: Shelf
    groups: tuple[tuple[Ticket, ...], ...]
    """A scene each: its own item, then those that fill it."""
    dropped: tuple[Dropped, ...]

    @property
    def scenes(self) -> Scenes:
        """The scenes."""
        return scenes_of(self.shelf, self.groups)


def scenes_of(shelf: Shelf, groups: Iterable[tuple[Ticket, ...]]) -> Scenes:
    """The scenes of some groups of a shelf's items."""
    return Scenes(shelf, [tuple(ticket.place for ticket in group) for group in groups])


def acquisitions(scenes: Iterable[Scene], shelf: Shelf | None = None) -> Acquisitions:
    """The scenes with each acquisition once, by the rules above; `scenes` is read once.

    Args:
        scenes: their own items only.
        shelf: where they are put; None for one of their own.
    """
    dropped: list[Dropped] = []
    shelf = shelf or Shelf()
    newest = _newest(_distinct(scenes, shelf, dropped), shelf, dropped)
    return Acquisitions(shelf, tuple(_unite(newest, shelf)), tuple(dropped))


def united(scenes: Iterable[Scene]) -> tuple[United, ...]:
    """The items that are further parts of the scenes, by which rule."""
    several = scenes.of_several_items() if isinstance(scenes, Scenes) else scenes
    return tuple(
        United(part.id, scene.id, "two-stations") for scene in several for part in scene.also
    )


def acquisition_of(scene: Scene) -> bytes | None:
    """A key that all items of one acquisition share; None where no other item can belong to it."""
    key = _acquisition(scene)
    return None if key == (scene.collection, scene.id) else _digest(key)


def _item(scene: Scene, shelf: Shelf, copy: int) -> _Item:
    """Puts the scene's item on the shelf; `copy` of its name with other pixels came before it."""
    acquisition = _acquisition(scene)
    product = _product(scene, acquisition, copy)
    ticket = shelf.put(scene, acquisition_of(scene))
    return _Item(ticket, _digest(product), _digest(acquisition))


def _digest(key: Key) -> bytes:
    return blake2b(repr(key).encode(), digest_size=16).digest()


def _distinct(scenes: Iterable[Scene], shelf: Shelf, dropped: list[Dropped]) -> list[_Item]:
    """Of items that share id and pixels one: `same-item`, or `newest-processing`."""
    kept: dict[tuple[str, str], tuple[_Item, ...]] = {}
    for scene in scenes:
        try:
            with blame(scene.id):
                reason = _place(scene, kept, shelf)
        except CatalogError as error:
            dropped.append(unusable(scene.id, error))
            continue
        if reason:
            dropped.append(Dropped(scene.id, reason))
    return [item for copies in kept.values() for item in copies]


def _place(
    scene: Scene, kept: dict[tuple[str, str], tuple[_Item, ...]], shelf: Shelf
) -> str | None:
    """Keeps the scene among those of its name; says why it or another of them is dropped."""
    name = (intern(scene.collection), scene.id)
    copies = kept.get(name, ())
    others = [shelf.scene(copy.ticket.place) for copy in copies]
    number = next((n for n, other in enumerate(others) if _same_pixels(scene, other)), None)
    if number is None:
        kept[name] = (*copies, _item(scene, shelf, len(copies)))
        return None
    other = others[number]
    if other.document == scene.document:
        return "duplicate: the item came twice (rule same-item)"
    if max(other, scene, key=_made) is scene:
        newer = _item(scene, shelf, number)
        kept[name] = (*copies[:number], newer, *copies[number + 1 :])
    return (
        "duplicate: the item came twice with different metadata; the newer is kept "
        "(rule newest-processing)"
    )


def _newest(items: Iterable[_Item], shelf: Shelf, dropped: list[Dropped]) -> list[_Item]:
    kept: dict[bytes, _Item] = {}
    for item in items:
        other = kept.setdefault(item.product, item)
        if other is item:
            continue
        newer = max(other, item, key=lambda one: _made(shelf.scene(one.ticket.place)))
        older = other if newer is item else item
        kept[item.product] = newer
        name = newer.ticket.id
        reason = f"duplicate: {name} is the same, processed later (rule newest-processing)"
        dropped.append(Dropped(older.ticket.id, reason))
    return list(kept.values())


def _unite(items: Iterable[_Item], shelf: Shelf) -> list[tuple[Ticket, ...]]:
    groups: dict[bytes, tuple[Ticket, ...]] = {}
    for item in items:
        groups[item.acquisition] = (*groups.get(item.acquisition, ()), item.ticket)

    def fullest(ticket: Ticket) -> tuple[float, str, str]:
        return _fullest(shelf.scene(ticket.place))

    return [
        tuple(sorted(group, key=fullest)) if len(group) > 1 else group for group in groups.values()
    ]


def _product(scene: Scene, acquisition: Key, copy: int) -> Key:
    """What items share that differ in their processing only; else what none shares."""
    if found := _LANDSAT.fullmatch(scene.id):
        same = found.group("sensor", "level", "place", "date", "collection", "part")
        return (scene.collection, *same)
    if acquisition == (scene.collection, scene.id):
        return (*acquisition, copy)
    # without a datastrip nothing tells two stations apart but that one name has two pixels
    return (*acquisition, _strip(scene) or (scene.datetime, copy))


def _acquisition(scene: Scene) -> Key:
    """What items of one acquisition share; collection and id where nothing better is told."""
    told = scene.properties
    datatake, tile = _sentinel(scene, "datatake_id"), _tile(scene)
    if not datatake or not tile:
        return (scene.collection, scene.id)
    platform = str(told.get("platform") or "").lower()
    level = str(told.get("s2:product_type") or told.get("product:type") or "")
    return (scene.collection, platform, level, _BASELINE.sub("", datatake), tile)


def _strip(scene: Scene) -> str:
    """Start of the datastrip, which stays when it is processed anew; empty where none is told."""
    found = _STRIP_START.search(_sentinel(scene, "datastrip_id"))
    return found.group(1) if found else ""


def _sentinel(scene: Scene, name: str) -> str:
    """A property of Sentinel-2 by either STAC extension that knows it; empty where none does."""
    return str(scene.properties.get(f"s2:{name}") or scene.properties.get(f"eopf:{name}") or "")


def _tile(scene: Scene) -> str:
    grid = scene.properties.get("s2:mgrs_tile") or scene.properties.get("grid:code")
    if grid:
        return str(grid).removeprefix("MGRS-")
    match = _SENTINEL.search(str(scene.properties.get("s2:product_uri") or ""))
    return match.group(1) if match else ""


def _same_pixels(scene: Scene, other: Scene) -> bool:
    """Whether the data that both describe lies at the same addresses, whatever their hosts."""
    if scene.document == other.document:
        return True
    shared = [key for key in scene.assets if key in other.assets and _holds_pixels(scene, key)]
    return bool(shared) and all(_path(scene, key) == _path(other, key) for key in shared)


def _path(scene: Scene, key: str) -> str:
    return hostless(scene.assets[key].href)


def _holds_pixels(scene: Scene, key: str) -> bool:
    return not _NO_PIXELS & set(scene.assets[key].roles)


def _made(scene: Scene) -> tuple[str, bool, str, str, float]:
    """When the product was made, and its item, as comparable text.

    The id settles a tie, and for copies of one id that tell no time the lower cloud cover.
    """
    told = scene.properties
    sentinel = _SENTINEL.search(str(told.get("s2:product_uri") or ""))
    landsat = _LANDSAT.fullmatch(scene.id)
    times = (
        told.get("s2:generation_time"),
        landsat and landsat["made"],
        told.get("landsat:product_generated"),
        told.get("processing:datetime"),
        sentinel and sentinel.group(2),
    )
    made = next((_digits(time) for time in times if time), "")
    clear = -100.0 if scene.cloud_cover is None else -scene.cloud_cover
    final = landsat is None or landsat["tier"] != "RT"
    return (made, final, _digits(told.get("updated") or told.get("created")), scene.id, clear)


def _digits(time: object) -> str:
    """A time's digits down to seconds: 14, or 8 of a date."""
    return re.sub(r"\D", "", str(time or ""))[:14]


def _fullest(scene: Scene) -> tuple[float, str, str]:
    share = scene.nodata_share
    return (100.0 if share is None else share, _strip(scene) or scene.datetime, scene.id)
