"""How a tile server such as titiler may draw a product's assets (render extension 2.0.0)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from scenefleet.recipe.indices import redefined
from scenefleet_task.formula import FormulaError

Json = dict[str, Any]

RENDER_EXTENSION = "https://stac-extensions.github.io/render/v2.0.0/schema.json"

STRETCHES: Mapping[str, tuple[float, float]] = {"ndvi": (-0.2, 1.0)}
"""Least and greatest value that gets a colour of its own, by index; others use -1 to 1."""
INDEX_STRETCH = (-1.0, 1.0)
REFLECTANCE_STRETCH = (0.0, 0.4)
"""Land is darker than 0.4 in most bands; clouds and snow are white."""

COLORMAPS: Mapping[str, str] = {"ndvi": "rdylgn", "ndwi": "brbg", "ndmi": "brbg"}
"""Names of colour maps as rio-tiler knows them; other indices use `viridis`."""


@dataclass(slots=True)
class Spread:
    """Stored values of one band over all items, as their statistics tell."""

    low: float
    high: float
    total: float
    count: int

    @property
    def mean(self) -> float:
        """Of all items' valid pixels."""
        return self.total / self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    """One band of an asset, with all that is said of it there or of the whole asset."""

    asset: str
    number: int | None
    """From 1; None where the asset has no other."""
    name: str
    told: Json


def renders(assets: Mapping[str, Json], items: Iterable[Json] = ()) -> dict[str, Json]:
    """By name of output, a rendering of each band that holds values, and of classes with colours.

    `rescale` is in stored numbers, as titiler uses it unless told to `unscale`: an index of 1.0 at
    scale 0.0001 is 10000. A band of a stacked file is named by its number in `bidx`.

    Args:
        assets: The collection's `item_assets`. What holds values has role `data`.
        items: For statistics: what a script gives, and temperatures, have no usual range.
    """
    spreads = _spreads(items)
    drawn: dict[str, Json] = {}
    for key, asset in assets.items():
        if "data" in asset.get("roles", ()):
            for band in _bands(key, asset):
                name = band.name if band.number else key
                drawn[name] = _render(band, spreads.get((key, band.name)))
        elif colours := _colours(asset.get("classification:classes", ())):
            drawn[key] = {"title": str(asset.get("title", key)), "assets": [key]}
            drawn[key] |= {"colormap": colours, "resampling": "nearest"}
    return drawn


def _colours(classes: Sequence[Json]) -> dict[str, list[int]]:
    """Red, green, blue and alpha by class value, of classes with a colour (six hex digits)."""
    hinted = [(str(one["value"]), str(one["color_hint"])) for one in classes if "color_hint" in one]
    return {value: [*bytes.fromhex(hint), 255] for value, hint in hinted}


def _bands(key: str, asset: Json) -> Iterator[_Band]:
    """An asset's bands: STAC 1.1 lets each say how it is stored, or the asset for all of them."""
    bands = cast("list[Json]", asset.get("bands") or [{"name": key}])
    for number, band in enumerate(bands, 1):
        yield _Band(
            asset=key,
            number=number if len(bands) > 1 else None,
            name=str(band.get("name", key)),
            told={**asset, **band},
        )


def _render(band: _Band, spread: Spread | None) -> Json:
    title = band.told.get("description") or band.told.get("title")
    drawn: Json = {"title": str(title or band.name), "assets": [band.asset]}
    if band.number:
        drawn["bidx"] = [band.number]
    if rescale := _rescale(band, spread):
        drawn["rescale"] = [rescale]
    grey = _is_band(band)
    usual = "viridis" if _is_redefined(band) else COLORMAPS.get(band.name, "viridis")
    drawn["colormap_name"] = "gray" if grey else usual
    drawn["resampling"] = "nearest"
    return drawn | ({"nodata": band.told["nodata"]} if "nodata" in band.told else {})


def _rescale(band: _Band, spread: Spread | None) -> list[float] | None:
    """Least and greatest stored number, or None where nothing tells."""
    scale = float(band.told.get("raster:scale") or 1)
    offset = float(band.told.get("raster:offset") or 0)
    mean = spread.mean * scale + offset if spread else 0.0
    script = band.told.get("scenefleet:formula") == "script"
    if script or abs(mean) > 1:  # no index: a temperature, or a ratio of many
        return [spread.low, spread.high] if spread else None
    usual = REFLECTANCE_STRETCH if _is_band(band) else INDEX_STRETCH
    stretch = usual if _is_redefined(band) else STRETCHES.get(band.name, usual)
    return [round((v - offset) / scale, 6) for v in stretch]


def _is_redefined(band: _Band) -> bool:
    """Whether it has the name of a published index, and values of another formula."""
    text = str(band.told.get("scenefleet:formula", "script"))
    try:
        return text != "script" and redefined(band.name, text) is not None
    except FormulaError:
        return False


def _is_band(band: _Band) -> bool:
    """Whether it is a band of the source as it was read, not computed of several."""
    return band.told.get("scenefleet:formula") == band.name


def _spreads(items: Iterable[Json]) -> dict[tuple[str, str], Spread]:
    """By asset and band, over the items whose statistics count a valid pixel."""
    found: dict[tuple[str, str], Spread] = {}
    for item in items:
        for key, asset in cast("dict[str, Json]", item.get("assets", {})).items():
            for band in _bands(key, asset):
                if one := _spread(band.told.get("statistics")):
                    place = (key, band.name)
                    found[place] = _joined(found[place], one) if place in found else one
    return found


def _spread(statistics: Any) -> Spread | None:  # noqa: ANN401 - any JSON value
    try:
        low, high, mean, count = (statistics[k] for k in ("minimum", "maximum", "mean", "count"))
        return Spread(low, high, mean * count, count) if count > 0 else None
    except (KeyError, TypeError):
        return None


def _joined(one: Spread, other: Spread) -> Spread:
    return Spread(
        min(one.low, other.low),
        max(one.high, other.high),
        one.total + other.total,
        one.count + other.count,
    )
