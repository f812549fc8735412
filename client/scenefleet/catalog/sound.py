"""Checks whether an item can be used: one that cannot is dropped with its reason, and ends nothing.

Catalogues hold items without a place or a time, and with texts where numbers should be. What is
needed of an item is looked at once, when it comes; what of it only some recipes need is looked at
where it is used, and errors there are the item's too.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from scenefleet.catalog.access import shown
from scenefleet.catalog.flaws import FAULTS, flaw, kind_of
from scenefleet.catalog.model import Dropped, Json, is_number
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut

LONGEST_ID = 1_000
"""Characters: ids name folders and files, and are repeated in messages."""
_LONGEST_NAME = 80
"""Characters of an id that are repeated of one that is too long."""
_DEEPEST = 64
"""Levels of lists and objects; real items have ten."""

_KINDS = (
    ("properties", dict, "an object"),
    ("assets", dict, "an object"),
    ("links", list, "a list"),
    ("geometry", dict, "an object"),
    ("bbox", list, "a list"),
    ("collection", str, "text"),
)


@contextmanager
def blame(name: str) -> Generator[None]:
    """Turns what a malformed item makes fail into an error that names it.

    Raises:
        CatalogError: in place of the errors that come of values of another type than expected.
    """
    try:
        yield
    except CatalogError:
        raise
    except RecursionError as error:
        raise CatalogError(f"Item {name!r} is nested too deeply.") from error
    except FAULTS as error:
        raise CatalogError(f"Item {name!r} is no valid STAC item ({flaw(error)}).") from error


def unusable(name: str, error: CatalogError) -> Dropped:
    """An item that cannot be used."""
    return Dropped(name, f"bad item: {error}")


def name_of(item: Any, place: int) -> str:  # noqa: ANN401 - any JSON value
    """The name of an item in messages: its id, or its place in the answer where it has none."""
    name = cast("Json", item).get("id") if isinstance(item, dict) else None
    if isinstance(name, str) and name:
        return name if len(name) <= LONGEST_ID else f"{name[:_LONGEST_NAME]}..."
    return f"(item {place} of the answer)"


def check_item(item: Any, base: str) -> Json:  # noqa: ANN401 - any JSON value
    """The item, if it has the members that STAC requires in their types; all of it is JSON.

    Args:
        item: any JSON value.
        base: URL or path of the document that held it.

    Raises:
        CatalogError: says what is wrong.
    """
    if not isinstance(item, dict):
        raise CatalogError(f"{shown(base)} holds {kind_of(item)} where a STAC item should be.")
    given = cast("Json", item)
    name = _checked_id(given.get("id"))
    if (kind := given.get("type", "Feature")) != "Feature":
        raise CatalogError(f"Item {name!r} is no item: its type is {str(kind)[:60]!r}.")
    _check_types(given, name)
    _check_names(given, name)
    _check_numbers(given.get("bbox"), name)
    if _is_finite(given, name):
        return given
    if not _is_finite(given.get("geometry") or {}, name):
        raise CatalogError(f"Item {name!r} has a malformed footprint: a coordinate is no number.")
    return cast("Json", _spelled(given))


def _checked_id(name: Any) -> str:  # noqa: ANN401 - any JSON value
    if name is None or name == "":
        raise CatalogError("The catalogue gave an item without an id; STAC requires one.")
    if not isinstance(name, str):
        raise CatalogError(f"The catalogue gave an item whose id is {str(name)[:60]}, no text.")
    if len(name) > LONGEST_ID:
        raise CatalogError(
            f"The catalogue gave an item whose id has {len(name):,} characters; at most "
            f"{LONGEST_ID:,} are taken."
        )
    if not name.isprintable():
        raise CatalogError(
            f"The catalogue gave an item whose id, {cut(repr(name))}, holds characters that cannot "
            "be printed."
        )
    return name


def _check_names(item: Json, name: str) -> None:
    """Refuses names that would be repeated in files and messages, and are too long or no text."""
    for what, text in [("collection", item.get("collection") or ""),
                       *(("asset's key", key) for key in item.get("assets") or ())]:  # fmt: skip
        if len(text) > LONGEST_ID:
            raise CatalogError(
                f"Item {name!r}: its {what} has {len(text):,} characters; at most {LONGEST_ID:,} "
                "are taken."
            )
        if not text.isprintable():
            raise CatalogError(
                f"Item {name!r}: its {what}, {cut(repr(text))}, holds characters that cannot be "
                "printed."
            )


def _check_types(item: Json, name: str) -> None:
    for key, kind, word in _KINDS:
        value = item.get(key)
        if value is not None and not isinstance(value, kind):
            raise CatalogError(
                f"Item {name!r} is malformed: its {key} is of type {type(value).__name__} where "
                f"{word} should be."
            )


def _check_numbers(bbox: Any, name: str) -> None:  # noqa: ANN401 - any JSON value
    if bbox is None:
        return
    numbers = cast("list[Any]", bbox)
    if len(numbers) not in (0, 4, 6) or not all(map(is_number, numbers)):
        raise CatalogError(
            f"Item {name!r} has a malformed bbox: {str(numbers)[:100]}; it should be four or six "
            "numbers."
        )


def _is_finite(value: Any, name: str) -> bool:  # noqa: ANN401 - any JSON value
    """Whether all numbers in a value are finite.

    Raises:
        CatalogError: if it is nested too deeply.
    """
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for part in level:
            below += cast("Json", part).values() if isinstance(part, dict) else part
        if any(isinstance(part, float) and not math.isfinite(part) for part in below):
            return False
        level = [part for part in below if isinstance(part, dict | list)]
        if not level:
            return True
    raise CatalogError(f"Item {name!r} is nested more than {_DEEPEST} levels deep.")


def _spelled(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with STAC's texts `nan`, `inf` and `-inf` for numbers that JSON has not.

    Some catalogues write them bare, as nodata of floating-point rasters.
    """
    if isinstance(value, dict):
        return {key: _spelled(part) for key, part in cast("Json", value).items()}
    if isinstance(value, list):
        return [_spelled(part) for part in cast("list[Any]", value)]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
