"""Indices by name, and how a name or a user's own formula becomes a formula over bands.

Names, formulas, constants and long names are those of Awesome Spectral Indices; bands are STAC
common names. A kernel index takes the RBF kernel k(a, b) = exp(-(a - b) ** 2 / (2 * sigma ** 2)),
as `spyndex.computeKernel` (Camps-Valls et al. 2021, https://doi.org/10.1126/sciadv.abc7447).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scenefleet.inputs import cut
from scenefleet.recipe import spectral
from scenefleet.recipe.bands import LETTERS
from scenefleet.recipe.part import near
from scenefleet_task import formula
from scenefleet_task.formula import Call, FormulaError, Name, Node, Number

PAPERS: Mapping[tuple[str, str], tuple[float, str]] = {
    ("SAVI", "L"): (0.5, "Huete (1988), who proposed the index, takes 0.5 for land half covered")
}
"""By index and constant: what the paper behind it takes where the tables' default is another."""
_KERNEL = re.compile(r"k([A-Z])([A-Z])")


@dataclass(frozen=True, slots=True)
class IndexWish:
    """One entry of a recipe's `indices`."""

    name: str
    """As the user wrote it; it names the output."""
    formula: str | None = None
    """The user's own, over common names and constants; None means the published index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedIndex:
    """A published index."""

    name: str
    title: str
    formula: Node
    """Over common names of bands and names of constants."""
    bands: tuple[str, ...]
    """Common names, in order of first use."""
    constants: Mapping[str, float | None]
    """With their defaults; None where there is none, or where it depends on the platform."""
    domain: str
    reference: str
    platforms: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Constants that have no value until somebody gives one: no default, no wavelength."""
        return tuple(
            name
            for name, value in self.constants.items()
            if value is None and spectral.wavelength_letter(name) is None
        )


@functools.cache
def known() -> Mapping[str, NamedIndex]:
    """Every published index by its name."""
    found: dict[str, NamedIndex] = {}
    for name, told in spectral.index_table().items():
        try:
            found[name] = _index(name, told)
        except FormulaError:  # of a later publication, beyond the grammar; tests hold none is today
            continue
    return found


def find_index(name: str) -> NamedIndex:
    """The index of that name; case counts only where two names differ by nothing else.

    Raises:
        ValueError: if there is none, with the nearest name, or two that the name may mean.
    """
    indices = known()
    if name in indices:
        return indices[name]
    alike = [other for other in indices if other.lower() == name.lower()]
    if len(alike) > 1:
        raise ValueError(f"{name!r} may mean {' or '.join(alike)}, which differ: write one of them")
    if not alike:
        raise ValueError(
            f"{name!r} is no known index{near(name, indices, most=3)} `scenefleet indices` lists "
            f"all {len(indices)}, and an own one is written {{name: formula}}"
        )
    return indices[alike[0]]


def redefined(name: str, text: str) -> NamedIndex | None:
    """The published index whose name a formula of another content has; None where there is none.

    Args:
        name: of an output, in any case.
        text: its formula; one that differs from the published one by spaces alone is the same.
    """
    indices = known()
    same = [name] if name in indices else [one for one in indices if one.lower() == name.lower()]
    given = formula.write(formula.parse(text))
    if not same or any(formula.write(indices[one].formula) == given for one in same):
        return None
    return indices[same[0]]


def redefinition_notes(wishes: Iterable[IndexWish]) -> Iterator[str]:
    """A note for each own formula under a published index's name."""
    for wish in wishes:
        index = None if wish.formula is None else redefined(wish.name, wish.formula)
        if index is not None:
            yield (
                f"the output {wish.name!r} is this recipe's own formula, "
                f"{cut(wish.formula or '')}, and has the name of a published index, {index.name} = "
                f"{formula.write(index.formula)}; readers may take it for that: give it another "
                "name, unless it is meant so"
            )


def resolve(wish: IndexWish, constants: Mapping[str, float], platform: str | None) -> str:
    """The formula of an entry, over common names and numbers only.

    Args:
        wish: the entry.
        constants: the recipe's for this index, which go before its defaults.
        platform: the scene's, as STAC items name it; wavelengths of bands depend on it.

    Raises:
        ValueError: if the index is unknown, or a constant has no value.
    """
    if wish.formula is not None:
        return _write(with_numbers(formula.parse(wish.formula), constants))
    index = find_index(wish.name)
    values = {name: _value(index, name, constants, platform) for name in index.constants}
    return _write(with_numbers(index.formula, values))


def with_numbers(node: Node, constants: Mapping[str, float]) -> Node:
    """A formula with numbers in place of the constants that are named here."""
    return formula.replace(node, {name: _number(value) for name, value in constants.items()})


def _write(node: Node) -> str:
    text = formula.write(node)
    formula.parse(text)  # numbers and spaces make it longer: still a formula?
    return text


def _value(
    index: NamedIndex, name: str, constants: Mapping[str, float], platform: str | None
) -> float:
    value = constants.get(name, index.constants[name])
    if value is not None:
        return value
    remedy = f"give it a value: `constants: {{{index.name}: {{{name}: ...}}}}` under `process`"
    letter = spectral.wavelength_letter(name)
    if letter is None:
        raise ValueError(f"{index.name} needs {name}, which has no default; {remedy}")
    found = spectral.wavelength(letter, platform or "")
    if found is None:
        of = f"platform {platform!r}" if platform else "a scene that names no platform"
        raise ValueError(
            f"{index.name} needs {name}, the central wavelength of {LETTERS.get(letter, letter)} "
            f"in nanometres, which is not known of {of}; {remedy}"
        )
    return found


def _number(value: float) -> Node:
    # a negative number would be written without the parentheses that its sign needs
    return Call("neg", (Number(-value),), 0) if value < 0 else Number(abs(value))


def _index(name: str, told: Mapping[str, Any]) -> NamedIndex:
    letters = formula.parse(told["formula"])
    kernels = {used: _kernel(match[1], match[2]) for used, match in _kernels(letters)}
    spelled = formula.replace(letters, kernels)
    node = formula.replace(spelled, {k: Name(band, 0) for k, band in LETTERS.items()})
    used = _in_order(spelled)
    constants = {c: _default(c) for c in used if c in spectral.constant_table()}
    bands = dict.fromkeys(LETTERS.get(b, b.lower()) for b in used if b not in constants)
    return NamedIndex(
        name=name,
        title=told["long_name"],
        formula=formula.replace(node, {b: Name(b.lower(), 0) for b in _unknown(used, constants)}),
        bands=tuple(bands),
        constants=constants,
        domain=told["application_domain"],
        reference=told["reference"],
        platforms=tuple(told["platforms"]),
    )


def _in_order(node: Node) -> list[str]:
    return list(dict.fromkeys(name.name for name in formula.each_name(node)))


def _unknown(used: Iterable[str], constants: Mapping[str, Any]) -> list[str]:
    """Letters of bands that came after `LETTERS` was written: no collection here has them."""
    return [name for name in used if name not in LETTERS and name not in constants]


def _default(constant: str) -> float | None:
    value = spectral.constant_table()[constant]["default"]
    return None if value is None else float(value)


def _kernels(node: Node) -> Iterable[tuple[str, re.Match[str]]]:
    for name in _in_order(node):
        if match := _KERNEL.fullmatch(name):
            yield name, match


def _kernel(first: str, second: str) -> Node:
    """k(first, second) over letters; 1 of a band with itself."""
    if first == second:
        return Number(1.0)
    return formula.parse(f"exp(-({first} - {second}) ** 2 / (2 * sigma ** 2))")
