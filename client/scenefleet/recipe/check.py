"""What is wrong only with a recipe as a whole: names that meet, formulas over bands nobody has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scenefleet.recipe import constants as whose
from scenefleet.recipe import spectral
from scenefleet.recipe.bands import COMMON_NAMES, ESA_BANDS, LETTERS
from scenefleet.recipe.collections import CollectionPart
from scenefleet.recipe.indices import IndexWish, find_index
from scenefleet.recipe.part import Place, near
from scenefleet.recipe.process import Process
from scenefleet.recipe.search import Search
from scenefleet_task import formula

RESERVED = ("reason", "thumbnail")
"""Files that stand beside the outputs."""

Problems = Iterator[tuple[Place, str]]
Collections = Mapping[str, CollectionPart]

_INDICES = ("process", "indices")
_BANDS = ("process", "bands")


def outputs(process: Process) -> Problems:
    """There is something to compute, and its names differ even where case does not count."""
    wishes, bands = process.indices, process.bands
    if process.script and (wishes or bands):
        key = "indices" if wishes else "bands"
        yield ("process", key), "`script` makes the outputs by itself; keep one of the two"
    if not (process.script or wishes or bands):
        yield _INDICES, "nothing is left to compute: name an index, a band or a script"
    places: dict[str, str] = {}
    named = [((*_INDICES, n), wish.name) for n, wish in enumerate(wishes)]
    for place, name in [*named, *(((*_BANDS, n), band) for n, band in enumerate(bands))]:
        if name.lower() in RESERVED:
            yield place, f"{name!r} is a file of its own beside the outputs; choose another name"
        if other := places.get(name.lower()):
            yield (
                place,
                f"the outputs {other!r} and {name!r} would be one file where case does not count; "
                "give one another name, as {my_name: formula}",
            )
        places[name.lower()] = name


def stack(name: str, *, stacked: bool) -> Problems:
    """A stacked file is named after the recipe."""
    if stacked and name in RESERVED:
        yield ("name",), f"{name!r} is a file of its own beside the stacked outputs; choose another"


def formulas(process: Process, collections: Collections) -> Problems:
    """Every name in a formula, and every band, is one that some collection may have."""
    bands = {*COMMON_NAMES, *(band for part in collections.values() for band in part.bands)}
    for n, wish in enumerate(process.indices):
        place: Place = (*_INDICES, n)
        given = whose.constants_of(wish, process.constants, process.indices)
        if wish.formula is None:
            yield from ((place, text) for text in _without_value(wish, given))
            continue
        place = (*place, wish.name)
        names = list(formula.each_name(formula.parse(wish.formula)))
        for name in names:
            if name.name not in bands and name.name not in given:
                what = _unknown(name.name, {*bands, *given})
                yield place, f"{wish.formula}: column {name.position + 1}: {what}"
        if not any(name.name in bands for name in names):
            yield place, f"{wish.formula}: it uses no band, so every pixel would be the same"
    yield from _plain_bands(process, bands)


def _plain_bands(process: Process, bands: set[str]) -> Problems:
    for n, band in enumerate(process.bands):
        if band not in bands:
            yield (*_BANDS, n), _unknown(band, bands)
    if process.script:
        for band in process.script.header.bands:
            if band not in bands:
                what = f"{process.script.file}: BANDS: {_unknown(band, bands)}"
                yield ("process", "script"), what


def constants(process: Process, collections: Collections) -> Problems:
    """Every constant is of one index, and none is a band."""
    bands = {*COMMON_NAMES, *(band for part in collections.values() for band in part.bands)}
    found = whose.problems(process.constants, process.indices, frozenset(bands))
    yield from ((("process", "constants", *place), text) for place, text in found)


def described(search: Search, process: Process, collections: Collections) -> Problems:
    """A description is of a collection that the recipe searches, and its bands have a use."""
    used = _used(process)
    for name, part in collections.items():
        for band in part.bands:
            meant = near(band, COMMON_NAMES)
            if band not in COMMON_NAMES and band not in used and meant != ";":
                yield (
                    ("collections", name, "bands", band),
                    f"{band!r} is no common name, and no output uses it{meant} "
                    "A band replaces the item's own by its common name.",
                )
        if name not in search.collections:
            yield (
                ("collections", name),
                f"this recipe does not search {name!r}{near(name, search.collections)} "
                f"`search.collections` has {', '.join(search.collections)}",
            )


def _used(process: Process) -> set[str]:
    """Names of bands that outputs use, constants among them."""
    names = {*process.bands, *(process.script.header.bands if process.script else ())}
    for wish in process.indices:
        if wish.formula is not None:
            names |= formula.names(formula.parse(wish.formula))
        else:
            names |= {*find_index(wish.name).bands}
    return names


def _without_value(wish: IndexWish, constants: Mapping[str, float]) -> Iterator[str]:
    for name in find_index(wish.name).missing:
        if name not in constants:
            what = spectral.constant_table()[name]["description"]
            yield (
                f"{wish.name} needs {name} ({what}), which has no default; give it a value: "
                f"`constants: {{{wish.name}: {{{name}: ...}}}}` under `process`"
            )


def _unknown(name: str, known: set[str]) -> str:
    if name.upper() in ESA_BANDS:
        return f"{name!r} is no common name; write {ESA_BANDS[name.upper()]!r}"
    if name in LETTERS:
        return f"{name!r} is no band; did you mean {LETTERS[name]!r}?"
    if name in spectral.constant_table():
        return f"{name!r} is no band, and a constant needs a value under `process.constants`"
    hint = near(name, known)
    word = "known are" if hint == ";" else "Known are"
    return f"{name!r} is no band{hint} {word} {', '.join(sorted(known))}"
