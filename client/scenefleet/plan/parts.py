"""One item's files as a part of a task: its bands, masks, and the look at its pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from scenefleet.catalog import BandPlace, Radiometry, Scene, check_of, decide, find_place
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
        self._places: dict[str, BandPlace] = {}
        self._decided: dict[str, Radiometry] = {}

    def place(self, name: str) -> BandPlace:
        """Where the band is; raises as `find_place` does."""
        if name not in self._places:
            self._places[name] = find_place(self._scene, name, self._described)
        return self._places[name]

    def radiometry(self, name: str) -> Radiometry:
        """What the band's numbers mean; raises as `decide` does, too."""
        place = self.place(name)
        if name not in self._decided:
            self._decided[name] = decide(self._scene, place.asset, self._described, place)
        return self._decided[name]


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
    place = there.place(name)
    key = place.asset
    _check_address(scene, key)
    radiometry = there.radiometry(name)
    band = spec.Band(
        name=name,
        asset=key,
        href=scene.assets[key].href,
        band=place.number,
        band_name=place.description,
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
    href = scene.assets[key].href
    if "://" in href and not href.startswith(("http://", "https://")):
        scheme = href.partition("://")[0]
        raise CatalogError(
            f"Item {scene.id!r}: its asset {key!r} lies at {scheme}://, which tasks cannot read; "
            "they read http(s):// and local files. Search a catalogue that serves it so, such as "
            "planetary-computer."
        )
