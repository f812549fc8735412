"""Scenes of a search, kept as packed items: each is read anew when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from sys import intern
from typing import Any, cast, overload

from scenefleet.catalog.model import Json, Scene
from scenefleet.catalog.packed import Packed
from scenefleet.catalog.read_item import from_checked, moment
from scenefleet.errors import CatalogError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What is known of a shelved item without reading it."""

    place: int
    id: str
    collection: str
    moment: datetime
    cloud: float | None = None
    """`eo:cloud_cover` in per cent, or None where the item says nothing of it."""

    share: float | None = None
    """Per cent of its tile that holds data, or None where the item says nothing of it."""
    acquisition: bytes | None = None
    """What it shares with the items of its acquisition; None where there are no others."""

    @property
    def order(self) -> tuple[datetime, str, str]:
        """What scenes are sorted by."""
        return (self.moment, self.collection, self.id)


class Shelf:
    """Items as canonical JSON, packed."""

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        self._packed = Packed()

    def put(self, scene: Scene, acquisition: bytes | None = None) -> Ticket:
        """Keeps the scene's own item; not its further parts.

        Args:
            scene: of the item.
            acquisition: for the ticket.

        Raises:
            CatalogError: if the item holds a number that JSON has not, as NaN.
        """
        lacking = scene.nodata_share
        return Ticket(
            place=self._packed.add(item_line(scene.document), scene.collection),
            id=scene.id,
            collection=intern(scene.collection),
            moment=moment(scene.document),
            cloud=scene.cloud_cover,
            share=None if lacking is None else 100.0 - lacking,
            acquisition=acquisition,
        )

    def line(self, place: int) -> bytes:
        """The item as one line of canonical JSON, without its end."""
        return self._packed[place]

    def scene(self, place: int) -> Scene:
        """The scene of the item."""
        return from_checked(cast("Json", json.loads(self._packed[place])))


class Scenes(Sequence[Scene]):
    """Scenes on a shelf. Equal to any sequence of equal scenes."""

    __slots__ = ("_groups", "_shelf")

    def __init__(self, shelf: Shelf, groups: Sequence[tuple[int, ...]]) -> None:
        """Takes places on the shelf: of each scene's own item first, then of those that fill it."""
        self._shelf = shelf
        self._groups = groups

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> Scenes: ...
    def __getitem__(self, index: int | slice) -> Scene | Scenes:
        if isinstance(index, slice):
            return Scenes(self._shelf, self._groups[index])
        return self._read(self._groups[index])

    def __iter__(self) -> Iterator[Scene]:
        return map(self._read, self._groups)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        others = cast("Sequence[Any]", other)
        return len(self) == len(others) and all(a == b for a, b in zip(self, others, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as of lists

    def __repr__(self) -> str:
        return f"<{len(self)} scenes>"

    def of_several_items(self) -> Scenes:
        """Those scenes that other items fill."""
        return Scenes(self._shelf, [group for group in self._groups if len(group) > 1])

    def lines(self) -> Iterator[bytes]:
        """Every item of every scene as one line of canonical JSON, without its end."""
        return (self._shelf.line(place) for group in self._groups for place in group)

    def _read(self, group: tuple[int, ...]) -> Scene:
        first, *others = map(self._shelf.scene, group)
        return replace(first, also=tuple(others)) if others else first


def item_lines(scenes: Iterable[Scene]) -> Iterator[bytes]:
    """Every item of every scene as one line of canonical JSON, without its end.

    Raises:
        CatalogError: if an item holds a number that JSON has not, as NaN.
    """
    if isinstance(scenes, Scenes):
        return scenes.lines()
    return (item_line(part.document) for scene in scenes for part in scene.parts)


def item_line(item: Json) -> bytes:
    """An item as one line of canonical JSON, without its end.

    Raises:
        CatalogError: if it holds a number that JSON has not, as NaN, or a path that is no text.
    """
    try:
        return _ENCODE(item).encode()
    except UnicodeEncodeError:  # half a surrogate pair, as Python has for a path's odd bytes
        raise CatalogError(
            f"Item {item.get('id')!r} lies in a folder whose name is not UTF-8, so that JSON can "
            "not name its files: rename the folder."
        ) from None
    except ValueError as error:
        raise CatalogError(f"Item {item.get('id')!r} cannot be written as JSON: {error}.") from None


_ENCODE = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode
