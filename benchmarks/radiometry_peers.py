"""NDVI of items by tools that are commonly used, each as its own documentation says.

- script: rasterio and numpy as in countless tutorials: `(nir - red) / (nir + red)` of the numbers.
- script, offset: the same of `number x scale + offset` as the item's `raster:bands` say (STAC's
  raster extension); as the numbers are, where it says nothing.
- odc-stac: `odc.stac.load`, which gives the numbers; scale and offset are the user's (odc-stac
  issue 55), so that "odc-stac, offset" is the same as above.
- odc-stac, by date: with what Planetary Computer's notebook `baseline-change` adds for its own
  items, which takes 1000 off what was acquired since 25 January 2022.
- stackstac: `stackstac.stack`, whose `rescale` is True unless told otherwise.
- rio-tiler: an `expression` of `STACReader`.
- spyndex: `computeIndex` on what odc-stac loads.

Usage: python radiometry_peers.py CASES.json; prints medians over clear land (SCL 4 and 5) by tool
and case as JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pystac
import rasterio
import spyndex
import stackstac
from rio_tiler.io import STACReader

Json = dict[str, Any]
Array = np.ndarray[Any, Any]
Bands = tuple[Array, Array, Array]
"""Red, nir and SCL; shape (height, width) each."""

CUTOFF = "2022-01-25"
KEYS = {
    "red": ("B04", "red", "B04_10m"),
    "nir": ("B08", "nir", "B08_10m"),
    "scl": ("SCL", "scl", "SCL_20m"),
}


def keys(item: Json) -> tuple[str, str, str]:
    """Of red, nir and SCL."""
    red, nir, scl = (next(k for k in known if k in item["assets"]) for known in KEYS.values())
    return red, nir, scl


def ndvi(red: Array, nir: Array) -> Array:
    return (nir - red) / (nir + red)


def rescaled(item: Json, key: str, numbers: Array) -> Array:
    """By `raster:bands`, or STAC 1.1's fields of the same meaning."""
    asset = item["assets"][key]
    told = {**asset, **(asset.get("raster:bands") or [{}])[0]}
    scale = told.get("scale", told.get("raster:scale", 1))
    return numbers * scale + told.get("offset", told.get("raster:offset", 0))


def by_rasterio(item: Json) -> Bands:
    bands: list[Array] = []
    for key in keys(item):
        with rasterio.open(item["assets"][key]["href"]) as source:
            bands.append(source.read(1).astype("float32"))
    return bands[0], bands[1], bands[2]


def by_odc(item: Json) -> Bands:
    # types and no-data, which some items leave out, as odc-stac's notebooks give them
    plain = {"data_type": "uint16", "nodata": 0}
    loaded = odc.stac.load(
        [pystac.Item.from_dict(item)],
        bands=list(keys(item)),
        stac_cfg={item["collection"]: {"assets": {"*": plain}}},
    )
    red, nir, scl = (loaded[key].isel(time=0).to_numpy().astype("float32") for key in keys(item))
    return red, nir, scl


def script(item: Json) -> tuple[Array, Array]:
    red, nir, scl = by_rasterio(item)
    return ndvi(red, nir), scl


def script_offset(item: Json) -> tuple[Array, Array]:
    red, nir, scl = by_rasterio(item)
    first, second, _ = keys(item)
    return ndvi(rescaled(item, first, red), rescaled(item, second, nir)), scl


def odc_stac(item: Json) -> tuple[Array, Array]:
    red, nir, scl = by_odc(item)
    return ndvi(red, nir), scl


def odc_stac_by_date(item: Json) -> tuple[Array, Array]:
    red, nir, scl = by_odc(item)
    if item["properties"]["datetime"] >= CUTOFF:
        red, nir = np.maximum(red, 1000) - 1000, np.maximum(nir, 1000) - 1000
    return ndvi(red, nir), scl


def with_stackstac(item: Json) -> tuple[Array, Array]:
    cube = stackstac.stack([item], assets=list(keys(item))).isel(time=0).compute()
    red, nir, scl = (cube.sel(band=key).to_numpy() for key in keys(item))
    return ndvi(red, nir), scl


def with_rio_tiler(item: Json) -> tuple[Array, Array]:
    red, nir, scl = keys(item)
    with STACReader(None, item=pystac.Item.from_dict(item)) as reader:
        image = reader.preview(
            assets=[red, nir, scl],
            asset_as_band=True,
            max_size=None,
            expression="(b2-b1)/(b2+b1);b3",
        )
    return image.array[0].data, image.array[1].data


def with_spyndex(item: Json) -> tuple[Array, Array]:
    red, nir, scl = by_odc(item)
    return spyndex.computeIndex("NDVI", {"N": nir, "R": red}), scl


Tool = Callable[[Json], tuple[Array, Array]]
"""Gives NDVI and SCL, shape (height, width) each."""

TOOLS: dict[str, Tool] = {
    "script": script,
    "script, offset": script_offset,
    "odc-stac": odc_stac,
    "odc-stac, by date": odc_stac_by_date,
    "stackstac": with_stackstac,
    "rio-tiler": with_rio_tiler,
    "spyndex": with_spyndex,
}


def median(tool: Tool, case: Json) -> float | str:
    """Over clear land; or a word that says why there is none."""
    item = case["item"]
    if tool is odc_stac_by_date and case["provider"] != "planetary-computer":
        return "n/a"
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            values, scl = tool(item)
    except Exception as error:  # noqa: BLE001 - whatever a tool does not take is a finding
        print(f"{tool.__name__}: {item['id']}: {error!r}", file=sys.stderr)
        return "error"
    return round(float(np.nanmedian(values[np.isin(scl, (4, 5))])), 4)


def main() -> None:
    warnings.simplefilter("ignore")
    cases = json.loads(Path(sys.argv[1]).read_text())
    found = {
        title: {name: median(tool, case) for name, case in cases.items()}
        for title, tool in TOOLS.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
