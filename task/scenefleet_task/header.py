"""Reads from a file's header what concerns one band, and refuses files that cannot be used."""

from __future__ import annotations

import math
import os
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid
from scenefleet_task.names import Name
from scenefleet_task.spec import Exit

warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # such a file is refused

_EXTENSION = re.compile(r'EXTENSION\s*\[\s*"PROJ4"\s*,\s*"([^"]*)"', re.IGNORECASE)
_PARAMETER = re.compile(r"\+?(\w+)=(\S+)")
_OPENING = frozenset(("init", "file", "grids", "catalog"))
_GRID = re.compile(
    r'(?:EXTENSION\s*\[\s*"PROJ4_GRIDS"|PARAMETERFILE\s*\[\s*"[^"]*")\s*,\s*"([^"]*)"',
    re.IGNORECASE,
)
_NONE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""The transform that GDAL gives where there is none."""
_NAMED = 20  # bands that a message lists
_CUT = 40  # characters of a band's description in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One band's header."""

    grid: Grid
    band: int
    """Its number in the file, from 1."""
    count: int
    """Bands of the file."""
    dtype: np.dtype[Any]
    nodata: float | None
    """Digital number that means no data; may be NaN."""
    scale: float | None
    """None where the header has none: neither a scale nor an offset."""
    offset: float | None
    masked: bool
    """Whether the file has a mask in it, which is no alpha band."""
    alpha: int
    """The number of the band that the file calls alpha, by which the others are masked; 0: none.

    GDAL masks by it in files of two or four bands only, but warps by it in all.
    """
    palette: bool
    """Whether its numbers stand for colours of a table."""


def header_of(dataset: Any, name: Name) -> Header:  # noqa: ANN401 - a rasterio dataset
    """The header of the band that a source means.

    Raises:
        TaskError: `INPUT_MISMATCH`, if the raster has no place on earth, its numbers have no
            reflectance, or it is not told which of its bands is meant.
    """
    band = _band(dataset, name)
    dtype = str(dataset.dtypes[band - 1])
    if "complex" in dtype:
        raise _refusal(
            name,
            f"its numbers are complex ({dtype}), as radar's are before they are detected; complex "
            "numbers have no reflectance. Make a raster of their amplitude or intensity first.",
        )
    grid = _grid(dataset, name)
    flags = dataset.mask_flag_enums[band - 1]
    nodata = dataset.nodatavals[band - 1]
    scale, offset = float(dataset.scales[band - 1]), float(dataset.offsets[band - 1])
    told = (scale, offset) != (1.0, 0.0)
    colours = list(dataset.colorinterp)
    alpha = colours.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in colours else 0
    return Header(
        grid=grid,
        band=band,
        count=int(dataset.count),
        dtype=np.dtype(dtype),
        nodata=None if nodata is None else float(nodata),
        scale=scale if told else None,
        offset=offset if told else None,
        masked=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        alpha=alpha,
        palette=colours[band - 1] == ColorInterp.palette and not _is_black_and_white(dataset, band),
    )


def _is_black_and_white(dataset: Any, band: int) -> bool:  # noqa: ANN401
    """Whether numbers have one bit, of which GDAL makes a table of two colours by itself."""
    return dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") == "1"


def _band(dataset: Any, name: Name) -> int:  # noqa: ANN401
    count = int(dataset.count)
    if name.band is not None:
        if name.band > count:
            raise _refusal(
                name,
                f"it has no band {name.band}: the file has {_bands(dataset)}.{_key(dataset, name)}",
            )
        if name.listed is not None:
            _check_list(dataset, name, name.band, name.listed)
        return name.band
    if name.band_name is not None:
        wanted = name.band_name.strip().casefold()
        found = [n for n, text in enumerate(_texts(dataset), 1) if text.casefold() == wanted]
        if len(found) != 1:
            how = f"{len(found)} bands" if found else "no band"
            raise _refusal(
                name,
                f"{how} of the file {'are' if found else 'is'} called {name.band_name[:_CUT]!r}: "
                f"it has {_bands(dataset)}.{_key(dataset, name)}",
            )
        return found[0]
    if count > 1:
        raise _refusal(
            name,
            f"the file has {_bands(dataset)}, and nothing tells which is meant."
            f"{_key(dataset, name)}",
        )
    return 1


def _check_list(dataset: Any, name: Name, band: int, listed: int) -> None:  # noqa: ANN401
    """Refuses a file of which the item's list of bands, by which one was found, cannot be true."""
    count = int(dataset.count)
    alphas = sum(one == ColorInterp.alpha for one in dataset.colorinterp)
    if listed not in (count, count - alphas):
        raise _refusal(
            name,
            f"the item lists {listed} bands of this file, but it has {_bands(dataset)}, so the "
            f"list does not tell which is meant.{_key(dataset, name)}",
        )
    for called in dict.fromkeys(text.casefold() for text in (name.use, *name.called) if text):
        found = [n for n, text in enumerate(_texts(dataset), 1) if text.casefold() == called]
        if found and band not in found:
            raise _refusal(
                name,
                f"the item lists {called} as band {band} of this file, but the file calls another "
                f"so: it has {_bands(dataset)}.{_key(dataset, name)}",
            )


def _texts(dataset: Any) -> list[str]:  # noqa: ANN401
    return [str(text or "").strip() for text in dataset.descriptions]


def _bands(dataset: Any) -> str:  # noqa: ANN401
    """`4 bands (1 blue, 2 green, 3 red, 4 without a description)`, for messages."""
    texts = [
        f"{n} {text[:_CUT] if text.isprintable() and text else 'without a description'}"
        for n, text in enumerate(_texts(dataset)[:_NAMED], 1)
    ]
    more = ", ..." if dataset.count > _NAMED else ""
    bands = "1 band" if dataset.count == 1 else f"{dataset.count} bands"
    return f"{bands} ({', '.join(texts)}{more})"


def _key(dataset: Any, name: Name) -> str:  # noqa: ANN401 - a rasterio dataset
    """What to write into the recipe; with the number, where a description is the band's name."""
    collection = name.collection or "<collection>"
    texts = [text.casefold() for text in _texts(dataset)]
    number = texts.index(name.use) + 1 if name.use and texts.count(name.use) == 1 else 1
    if name.use:
        what = f"bands: {{{name.use}: {{asset: {name.asset}, band: {number}}}}}"
    else:
        what = f"masks: [{{asset: {name.asset}, band: {number}, classes: ...}}]"
    return (
        f" Write the band's number, from 1, or its description into the recipe: "
        f"`collections: {{{collection}: {{{what}}}}}`."
    )


def _grid(dataset: Any, name: Name) -> Grid:  # noqa: ANN401
    transform = tuple(float(number) for number in tuple(dataset.transform)[:6])
    crs = dataset.crs
    if transform == _NONE:
        raise _refusal(name, f"it has no geotransform{_instead(dataset, name)}")
    a, b, _, d, e, _ = transform
    if not all(map(math.isfinite, transform)) or a * e - b * d == 0:
        raise _refusal(name, f"by its geotransform {transform} its pixels have no area.")
    if not crs:
        raise _refusal(name, "the raster has no CRS.")
    if named := _file_of_crs(str(crs.to_wkt())):
        raise _refusal(
            name,
            f"its CRS names a file ({named[:_CUT]!r}), which is not opened. Write the CRS by its "
            "code: `gdal_edit.py -a_srs EPSG:... file.tif`.",
        )
    return Grid(crs=crs, transform=transform, width=int(dataset.width), height=int(dataset.height))


def _file_of_crs(wkt: str) -> str | None:
    """The file that a CRS has PROJ open, such as a grid of shifts; None where it names none.

    `@null` is no file: WKT of Web Mercator has it.
    """
    for extension in _EXTENSION.findall(wkt):
        for key, value in _PARAMETER.findall(extension):
            opens = key.lower() in _OPENING or key.lower().endswith("grids")
            if opens and value.lower() != "@null":
                return value
    grid = _GRID.search(wkt)
    return None if grid is None or grid[1].lower() == "@null" else grid[1]


def _instead(dataset: Any, name: Name) -> str:  # noqa: ANN401
    """What the file has in place of a geotransform, and what to do."""
    if dataset.gcps[0]:
        points = len(dataset.gcps[0])
        return (
            f", but {points} ground control points: its pixels lie on no grid yet. Warp it first: "
            "`gdalwarp -t_srs EPSG:... in.tif out.tif`."
        )
    if dataset.rpcs:
        return (
            ", but rational polynomial coefficients (RPC): it was never rectified. Rectify it "
            "first: `gdalwarp -rpc -t_srs EPSG:... in.tif out.tif`."
        )
    if world := _world_file(name):
        file, beside = os.path.basename(name.href), os.path.basename(world)  # noqa: PTH119
        return (
            f": there is only the world file {beside} beside it, and world files are not read. Put "
            f"it into the file: `gdal_translate {file} new.tif` does."
        )
    return (
        ": where its pixels lie is not known. Write it into the file: "
        "`gdal_translate -a_ullr west north east south in.tif out.tif`."
    )


def _world_file(name: Name) -> str | None:
    if name.far:
        return None
    stem, suffix = os.path.splitext(name.href)  # noqa: PTH122 - plain names
    kind = suffix[1:]
    endings = [f"{kind[:1]}{kind[-1:]}w", f"{kind}w", "wld"] if kind else ["wld"]
    for ending in (*endings, *(ending.upper() for ending in endings)):
        if os.path.isfile(f"{stem}.{ending}"):  # noqa: PTH113
            return f"{stem}.{ending}"
    return None


def _refusal(name: Name, why: str) -> TaskError:
    return TaskError(Exit.INPUT_MISMATCH, f"{name}: {why}")
