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
    found: dict[str, float] = {}
    for band in _bands(item):
        try:
            cut, valid = band["scenefleet:saturated"], band["statistics"]["count"]
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
