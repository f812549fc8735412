"""One item's files as a part of a task: its bands, masks, and the look at its pixels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from scenefleet.catalog import (
    BandPlace,
    Radiometry,
    Scene,
    check_of,
    decide,
    find_place,
    lost,
    origin,
)
from scenefleet.catalog.bands import coarser
from scenefleet.catalog.sign_in import sign_in
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut
from scenefleet.plan.masks import masks
from scenefleet.recipe import CollectionPart, Recipe
from scenefleet_task import spec
from scenefleet_task.reach import Origin, Reach, file_problem, href_problem, least_trusted
from scenefleet_task.redact import names_secret, redact

_LOOK = ("red", "nir")
"""The bands by which pixels tell whether they carry an offset."""


class SceneBands:
    """The bands of one item by common name, each found and decided once."""

    def __init__(
        self, scene: Scene, described: CollectionPart | None, hosts: tuple[str, ...] = ()
    ) -> None:
        """Takes what the recipe says of the item's collection, and hosts that may be private."""
        self.reach = reach_of((scene,), hosts)
        self._scene = scene
        self._described = described
        self._places: dict[str, BandPlace] = {}
        self._decided: dict[str, Radiometry] = {}

    def place(self, name: str) -> BandPlace:
        """Finds the band's place; raises as `find_place` does."""
        if name not in self._places:
            self._places[name] = find_place(self._scene, name, self._described)
        return self._places[name]

    def choices(self) -> list[str]:
        """Which files were taken where an item has a band on several grids."""
        return [
            f"{name} is read from {place.asset}, the finest; there "
            f"{'is' if len(others) == 1 else 'are'} {', '.join(others)} as well"
            for name, place in self._places.items()
            if not (self._described and name in self._described.bands)
            and (others := coarser(self._scene, name, place.asset))
        ]

    def radiometry(self, name: str) -> Radiometry:
        """What the band's numbers mean; raises as `decide` does, too."""
        place = self.place(name)
        if name not in self._decided:
            self._decided[name] = decide(self._scene, place.asset, self._described, place)
        return self._decided[name]


def reach_of(items: Sequence[Scene], hosts: tuple[str, ...]) -> Reach:
    """The reach of a document's sources: the least trusted of its items decides."""
    return Reach(origin=least_trusted(*map(origin, items)), hosts=hosts)


class Choices:
    """Choices among files of one band on several grids; equal ones are told once."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, ...]] = set()
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each band."""
        return tuple(self._notes)

    def note(self, scene: Scene, there: SceneBands) -> None:
        """Takes what was found in one item; items with the same assets are looked at once."""
        alike = (scene.collection, *scene.assets)
        if alike not in self._seen:
            self._seen.add(alike)
            self._notes |= dict.fromkeys(there.choices())


def make_part(
    recipe: Recipe,
    scene: Scene,
    names: Iterable[str],
    described: CollectionPart | None,
    there: SceneBands,
) -> spec.Part:
    """The files of one item that a task reads.

    Args:
        recipe: what is asked for.
        scene: one item; its `also` are parts of their own.
        names: the bands by common name.
        described: what the recipe says of the item's collection.
        there: the item's bands, and where they may lie.

    Raises:
        CatalogError: if a band or mask is missing, its numbers have no known meaning, or it lies
            where tasks cannot read it.
    """
    found = {name: _band(scene, name, there) for name in names}
    mode = recipe.process.radiometry
    check = check_of([one for _, one in found.values()], scene, mode)
    if check:
        asked = tuple(name for name, (_, one) in found.items() if one.said)
        check = dataclasses.replace(check, bands=asked)
    bands = tuple(band for band, _ in found.values())
    if check and mode == "trust":
        bands = _one_guess(bands, check)
    elif check:
        check = _with_look(check, scene, there)
    return spec.Part(
        item=scene.id,
        bands=bands,
        masks=_masks(recipe, scene, described, there.reach),
        check=check,
    )


def _band(scene: Scene, name: str, there: SceneBands) -> tuple[spec.Band, Radiometry]:
    place = there.place(name)
    key = place.asset
    _check_address(scene, key, there.reach)
    radiometry = there.radiometry(name)
    band = spec.Band(
        name=name,
        asset=key,
        href=scene.assets[key].href,
        band=place.number,
        band_name=place.description,
        listed=place.listed,
        called=place.called,
        scale=radiometry.scale,
        scale_from=radiometry.scale_from,
        offset=radiometry.offset,
        nodata=radiometry.nodata,
        always=radiometry.always,
        rule=radiometry.rule,
    )
    return band, radiometry


def _one_guess(bands: tuple[spec.Band, ...], check: spec.OffsetCheck) -> tuple[spec.Band, ...]:
    """One product carries the offset in all bands or in none; where they differ, in none.

    Who serves a product may have taken it off, while nobody adds it.
    """
    if len({band.offset for band in bands if band.name in check.bands}) < 2:
        return bands
    return tuple(
        dataclasses.replace(band, offset=0.0) if band.name in check.bands else band
        for band in bands
    )


def _masks(
    recipe: Recipe, scene: Scene, described: CollectionPart | None, reach: Reach
) -> tuple[spec.Mask, ...]:
    found = masks(scene, recipe.process.mask, described)
    for mask in found:
        _check_address(scene, mask.asset, reach)
    return found


def _with_look(check: spec.OffsetCheck, scene: Scene, there: SceneBands) -> spec.OffsetCheck:
    """The check with the bands it looks at; as it is for an undisputed item that lacks them.

    Raises:
        CatalogError: if the item's metadata is disputed, and it has not the bands that could tell.
    """
    try:
        look = tuple(_band(scene, name, there)[0] for name in _LOOK)
    except CatalogError as error:
        if check.said != "disputed":
            return check
        told = "; ".join(check.evidence)
        raise CatalogError(
            f"Item {scene.id!r} does not say clearly whether its numbers carry Sentinel-2's offset "
            f"of 1000 ({told}), and its pixels cannot tell without red and nir: {error}"
        ) from None
    return dataclasses.replace(check, look=look)


def _check_address(scene: Scene, key: str, reach: Reach) -> None:
    """Refuses an asset that a task may not read, or not as it was served.

    What lies at a path of this machine is looked at: a pipe or a device is no raster.

    Raises:
        CatalogError: says why, and what is allowed.
    """
    href, asset = scene.assets[key].href, f"Item {scene.id!r}: its asset {key!r}"
    if why := sign_in(scene, key):
        raise CatalogError(f"{asset} cannot be read: {why}.")
    if missing := lost(scene, key):
        raise CatalogError(f"{asset} ({_shown(href)}) {_advice(missing)}")
    scheme = href.partition("://")[0]
    if scheme != href and scheme.lower() not in ("http", "https", "file"):
        raise CatalogError(
            f"{asset} lies at {cut(scheme, 20)}://, which tasks cannot read; they read http(s):// "
            "and local files. Search a catalogue that serves it so, such as planetary-computer."
        )
    problem = href_problem(href, reach)
    if problem is None and href.startswith("/"):
        problem = file_problem(href)
    if problem:
        raise CatalogError(
            f"{asset} ({_shown(href)}) is not read: {problem}. Tasks read {_ALLOWED[reach.origin]}."
        )


_ALLOWED: Mapping[Origin, str] = {
    "public": "http(s):// addresses on the public network, since the catalogue is there",
    "private": "http(s):// addresses on the public and a private network, since the catalogue is "
    "on a private one",
    "loopback": "http(s):// addresses, since the catalogue is on this machine",
    "file": "http(s):// addresses and absolute paths of regular files",
}


def _advice(missing: Sequence[str]) -> str:
    """What an address held beside the file's own name, and what to do about it."""
    if not all(_KEY.fullmatch(name) for name in missing) or any(map(names_secret, missing)):
        what = ", ".join("a fragment (#)" if name == "#" else name for name in missing)
        return (
            f"has an address with {what}. That may hold a secret, and is not written into a run's "
            "files. Use items with unsigned addresses; only those of Planetary Computer are signed "
            "by the node."
        )
    return (
        f"has an address with a query of the keys {', '.join(missing)}, and a query may hold a "
        f"secret. If it names the file, write `keep_query: [{', '.join(missing)}]` under `search`; "
        "if it is a signature, use items without it."
    )


_KEY = re.compile(r"[A-Za-z0-9_.:~-]+")


def _shown(href: str) -> str:
    return repr(cut(redact(href), 300))
