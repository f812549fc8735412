"""How a tile server such as titiler may draw a product's assets (render extension 2.0.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

RENDER_EXTENSION = "https://stac-extensions.github.io/render/v2.0.0/schema.json"

STRETCHES: Mapping[str, tuple[float, float]] = {"ndvi": (-0.2, 1.0)}
"""Least and greatest value that gets a colour of its own, by index; others use -1 to 1."""

COLORMAPS: Mapping[str, str] = {"ndvi": "rdylgn", "ndwi": "brbg", "ndmi": "brbg"}
"""Names of colour maps as rio-tiler knows them; other indices use `viridis`."""


def renders(assets: Mapping[str, Json]) -> dict[str, Json]:
    """By asset key, a rendering of each asset that holds an index or classes with colours.

    `rescale` is in stored numbers, as titiler uses it unless told to `unscale`: an index of 1.0 at
    scale 0.0001 is 10000.

    Args:
        assets: The collection's `item_assets`. An index has role `data` and a `raster:scale`.
    """
    drawn: dict[str, Json] = {}
    for key, asset in assets.items():
        if "data" in asset.get("roles", ()) and _stored(asset).get("raster:scale"):
            drawn[key] = _render(key, asset)
        elif colours := _colours(asset.get("classification:classes", ())):
            drawn[key] = {"title": str(asset.get("title", key)), "assets": [key]}
            drawn[key] |= {"colormap": colours, "resampling": "nearest"}
    return drawn


def _colours(classes: Sequence[Json]) -> dict[str, list[int]]:
    """Red, green, blue and alpha by class value, of classes with a colour (six hex digits)."""
    hinted = [(str(one["value"]), str(one["color_hint"])) for one in classes if "color_hint" in one]
    return {value: [*bytes.fromhex(hint), 255] for value, hint in hinted}


def _stored(asset: Json) -> Json:
    """How numbers are stored: STAC 1.1 lets an only band say it, or the asset for its bands."""
    bands: list[Json] = asset.get("bands", [])
    return {**bands[0], **asset} if len(bands) == 1 else asset


def _render(key: str, asset: Json) -> Json:
    stored = _stored(asset)
    scale, offset = float(stored["raster:scale"]), float(stored.get("raster:offset", 0.0))
    rescale = [round((value - offset) / scale, 6) for value in STRETCHES.get(key, (-1.0, 1.0))]
    drawn: Json = {
        "title": str(asset.get("title", key)),
        "assets": [key],
        "rescale": [rescale],
        "colormap_name": COLORMAPS.get(key, "viridis"),
        "resampling": "nearest",
    }
    return drawn | ({"nodata": stored["nodata"]} if "nodata" in stored else {})
