"""What an output's STAC item tells of how it was made, read with care: any hand may have edited it.

What is not there, or not as a task writes it, is left out: a report must not fail over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from scenefleet.run.model import PartRead

Json = Mapping[str, Any]

_PARTS = TypeAdapter(tuple[PartRead, ...])


def radiometry(item: Json) -> tuple[PartRead, ...]:
    """How the numbers of each part were read, as `scenefleet:radiometry` tells."""
    try:
        return _PARTS.validate_python(item["properties"]["scenefleet:radiometry"])
    except (KeyError, TypeError, ValidationError):
        return ()


def cut_percent(item: Json) -> dict[str, float]:
    """Per cent of each output's valid values that were cut at the ends of int16, where any were."""
    return _share_of_valid(item, "scenefleet:saturated")


def outside_percent(item: Json) -> dict[str, float]:
    """Per cent of each output's valid values outside the index's own range, where any are."""
    return _share_of_valid(item, "scenefleet:outside_range")


def negative(item: Json) -> tuple[str | None, float | None]:
    """The decision on reflectance at or below zero, and its per cent of the valid pixels."""
    try:
        told = item["properties"]["scenefleet:negative"]
        pixels, valid = told["pixels"], item["properties"]["scenefleet:reasons"]["valid"]
        return str(told["decided"]), round(100 * pixels / valid, 4) if valid else 0.0
    except (KeyError, TypeError):
        return None, None


def _share_of_valid(item: Json, field: str) -> dict[str, float]:
    """Per cent by output of what a field of its band counts, where that is any."""
    found: dict[str, float] = {}
    for band in _bands(item):
        try:
            cut, valid = band[field], band["statistics"]["count"]
            if cut > 0 and valid > 0:
                found[str(band["name"])] = round(100 * cut / valid, 4)
        except (KeyError, TypeError):
            continue
    return found


def _bands(item: Json) -> Iterator[Json]:
    """Every band of every raster, with what its asset says of all its bands."""
    assets = item.get("assets")
    for asset in cast("Json", assets).values() if isinstance(assets, Mapping) else ():
        bands = cast("Json", asset).get("bands") if isinstance(asset, Mapping) else None
        for band in cast("list[Any]", bands) if isinstance(bands, list) else ():
            if isinstance(band, Mapping):
                yield {**cast("Json", asset), **cast("Json", band)}
