"""One item's files as a part of a task: its bands, masks, and the look at its pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from scenefleet.catalog import Radiometry, Scene, check_of, decide, find_band
from scenefleet.catalog.bands import coarser
from scenefleet.catalog.sign_in import sign_in
from scenefleet.errors import CatalogError
from scenefleet.plan.masks import masks
from scenefleet.recipe import CollectionPart, Recipe
from scenefleet_task import spec

_LOOK = ("red", "nir")
"""The bands by which pixels tell whether they carry an offset."""


class SceneBands:
    """The bands of one item by common name, each found and decided once."""

    def __init__(self, scene: Scene, described: CollectionPart | None) -> None:
        """Takes what the recipe says of the item's collection."""
        self._scene = scene
        self._described = described
        self._keys: dict[str, str] = {}
        self._decided: dict[str, Radiometry] = {}

    def key(self, name: str) -> str:
        """The key of the band's asset; raises as `find_band` does."""
        if name not in self._keys:
            self._keys[name] = find_band(self._scene, name, self._described)
        return self._keys[name]

    def choices(self) -> list[str]:
        """Which files were taken where an item has a band on several grids."""
        return [
            f"{name} is read from {key}, the finest; there "
            f"{'is' if len(others) == 1 else 'are'} {', '.join(others)} as well"
            for name, key in self._keys.items()
            if not (self._described and name in self._described.bands)
            and (others := coarser(self._scene, name, key))
        ]

    def radiometry(self, name: str) -> Radiometry:
        """What the band's numbers mean; raises as `decide` does, too."""
        key = self.key(name)
        if key not in self._decided:
            self._decided[key] = decide(self._scene, key, self._described)
        return self._decided[key]


class Choices:
    """What was chosen among files of one band on several grids, told once for items alike."""

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
    bands_of: SceneBands | None = None,
) -> spec.Part:
    """The files of one item that a task reads.

    Args:
        recipe: what is asked for.
        scene: one item; its `also` are parts of their own.
        names: the bands by common name.
        described: what the recipe says of the item's collection.
        bands_of: the item's bands, where some are known already.

    Raises:
        CatalogError: if a band or mask is missing, its numbers have no known meaning, or it lies
            where tasks cannot read it.
    """
    there = bands_of or SceneBands(scene, described)
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
        masks=_masks(recipe, scene, described),
        check=check,
    )


def _band(scene: Scene, name: str, there: SceneBands) -> tuple[spec.Band, Radiometry]:
    key = there.key(name)
    _check_address(scene, key)
    radiometry = there.radiometry(name)
    band = spec.Band(
        name=name,
        asset=key,
        href=scene.assets[key].href,
        scale=radiometry.scale,
        offset=radiometry.offset,
        nodata=radiometry.nodata,
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


def _masks(recipe: Recipe, scene: Scene, described: CollectionPart | None) -> tuple[spec.Mask, ...]:
    found = masks(scene, recipe.process.mask, described)
    for mask in found:
        _check_address(scene, mask.asset)
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


def _check_address(scene: Scene, key: str) -> None:
    if why := sign_in(scene, key):
        raise CatalogError(f"Item {scene.id!r}: its asset {key!r} cannot be read: {why}.")
    href = scene.assets[key].href
    if "://" in href and not href.startswith(("http://", "https://")):
        scheme = href.partition("://")[0]
        raise CatalogError(
            f"Item {scene.id!r}: its asset {key!r} lies at {scheme}://, which tasks cannot read; "
            "they read http(s):// and local files. Search a catalogue that serves it so, such as "
            "planetary-computer."
        )
