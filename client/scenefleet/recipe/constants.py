"""The recipe's `constants`: which number is whose.

A constant belongs to an index: `{SAVI: {L: 0.5}}`. The short form `{L: 0.5}` stands for the one
index of the recipe that has such a constant, and is refused where several do, because one number
would change all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from scenefleet.recipe import spectral
from scenefleet.recipe.indices import IndexWish, find_index, known
from scenefleet.recipe.part import Place, near, refuse
from scenefleet_task import formula

Constants = Mapping[str, float | Mapping[str, float]]
"""As the recipe writes them: a number by constant, or numbers by constant by index."""
Problems = Iterator[tuple[Place, str]]


def checked(value: object) -> object:
    """Refuses what is neither a number nor a mapping of numbers, each at its own place.

    Raises:
        PydanticCustomError: as `part.refuse`.
    """
    if not isinstance(value, Mapping):
        return value  # pydantic says that it is no mapping
    found: dict[Any, Any] = {}
    problems: list[tuple[Place, str]] = []
    for name, given in cast("Mapping[Any, Any]", value).items():
        if isinstance(given, Mapping):
            inner = cast("Mapping[Any, Any]", given)
            found[str(name)] = {str(one): _number(number) for one, number in inner.items()}
            problems += [
                ((str(name), str(one)), text)
                for one, number in inner.items()
                if (text := _problem(number, f"{name}: {{{one}: 0.5}}"))
            ]
            if not inner:
                problems.append(((str(name),), "it names no constant; write {L: 0.5}, say"))
            continue
        found[str(name)] = _number(given)
        if text := _problem(given, f"{name}: 0.5"):
            problems.append(((str(name),), text))
    refuse(problems)
    return found


def _number(value: Any) -> Any:  # noqa: ANN401 - YAML
    try:
        return float(value) if isinstance(value, int | float | str) else value
    except (ValueError, OverflowError):
        return value


def _problem(value: Any, example: str) -> str | None:  # noqa: ANN401 - YAML
    if isinstance(value, bool):
        return f"write a number, not yes, no, true or false, as in {example}"
    number = _number(value)
    if not isinstance(number, float):
        return f"{str(value)[:60]!r} is no number; write one, as in {example}"
    if not math.isfinite(number):
        return f"{number} is no finite number; write one, as in {example}"
    return None


def constants_of(
    wish: IndexWish, constants: Constants, wishes: Sequence[IndexWish]
) -> dict[str, float]:
    """The numbers that the recipe gives one of its indices.

    Args:
        wish: the index.
        constants: the recipe's, without a problem of `problems`.
        wishes: all indices of the recipe.
    """
    names = used_by(wish)
    found: dict[str, float] = {}
    for key, given in constants.items():
        if isinstance(given, Mapping):
            if _meant(key, wishes) == wish:
                found |= given
        elif key in names:
            found[key] = given
    return found


def used_by(wish: IndexWish) -> frozenset[str]:
    """Names that may be constants: an index's own, or all names of a user's formula."""
    if wish.formula is not None:
        return formula.names(formula.parse(wish.formula))
    return frozenset(find_index(wish.name).constants)


def problems(constants: Constants, wishes: Sequence[IndexWish], bands: frozenset[str]) -> Problems:
    """Constants that no index has, or several; indices that are not asked for.

    Args:
        constants: the recipe's.
        wishes: all indices of the recipe.
        bands: every name that is a band's.
    """
    for key, given in constants.items():
        if isinstance(given, Mapping):
            yield from _of_index(key, given, constants, wishes, bands)
        else:
            yield from _short(key, given, wishes, bands)


def _short(name: str, value: float, wishes: Sequence[IndexWish], bands: frozenset[str]) -> Problems:
    if name in bands:
        yield (name,), f"{name!r} is a band; give the constant another name"
        return
    users = [wish.name for wish in wishes if name in used_by(wish)]
    if len(users) > 1:
        each = ", ".join(f"{user}: {{{name}: {value:g}}}" for user in users)
        yield (
            (name,),
            f"{', '.join(users[:-1])} and {users[-1]} each have a constant {name!r}, and one "
            f"number would change them all; say whose it is: `constants: {{{users[0]}: {{{name}: "
            f"{value:g}}}}}`, or of each: `constants: {{{each}}}`",
        )
    if users:
        return
    if _meant(name, wishes) or _published(name):
        yield (name,), f"{name!r} is an index; its constants are written {name}: {{L: {value:g}}}"
        return
    every = sorted(set[str]().union(*map(used_by, wishes)) & {*spectral.constant_table()})
    told = f"; they use {', '.join(every)}" if every else ""
    yield (name,), f"no index of this recipe uses {name!r}{told}"


def _of_index(
    key: str,
    given: Mapping[str, float],
    constants: Constants,
    wishes: Sequence[IndexWish],
    bands: frozenset[str],
) -> Problems:
    wish = _meant(key, wishes)
    if wish is None:
        yield (key,), _no_index(key, wishes)
        return
    twice = next((k for k in constants if k != key and _meant(k, wishes) == wish), None)
    if isinstance(constants.get(twice or ""), Mapping):
        yield (key,), f"{twice!r} is the same index; write its constants once"
    names = used_by(wish) - bands
    for name in given:
        if name in bands:
            yield (key, name), f"{name!r} is a band; give the constant another name"
        elif name not in names:
            has = f"it has {', '.join(sorted(names))}" if names else "it has none"
            yield (key, name), f"{wish.name} has no constant {name!r}{near(name, names)} {has}"
        elif name in constants and not isinstance(constants[name], Mapping):
            yield (key, name), f"{name!r} of {wish.name} is given twice, here and as `{name}`"


def _no_index(key: str, wishes: Sequence[IndexWish]) -> str:
    asked = [wish.name for wish in wishes]
    if not asked:
        return f"this recipe asks for no index, so {key!r} has no constants"
    if _published(key):
        return f"this recipe does not ask for {key}; its indices are {', '.join(asked)}"
    return (
        f"{key!r} is no index of this recipe{near(key, asked)} its indices are {', '.join(asked)}"
    )


def _published(name: str) -> bool:
    return name.lower() in {other.lower() for other in known()}


def _meant(key: str, wishes: Sequence[IndexWish]) -> IndexWish | None:
    """The index of the recipe that a key names; outputs differ even where case does not count."""
    exact = [wish for wish in wishes if wish.name == key]
    alike = [wish for wish in wishes if wish.name.lower() == key.lower()]
    return next(iter(exact or alike), None)
