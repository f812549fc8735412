"""Makes the demo's archive: draws each scene and writes its bands as Cloud Optimized GeoTIFFs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scenefleet.demo import acquisitions as acq
from scenefleet.demo import landscape, season, sky
from scenefleet.demo.acquisitions import ACQUISITIONS, Acquisition
from scenefleet.demo.classify import classify
from scenefleet.demo.item import collection, describe, edges
from scenefleet.demo.landscape import Landscape
from scenefleet.demo.noise import Field

SIZE = 900
"""Pixels a side: 9 km, a twelfth of a real tile's; all is drawn in about ten seconds."""
VERSION = 1
"""Goes up when the same seed would draw other pixels."""
_THREADS = 2
"""numpy and GDAL let go of Python's lock; more threads want more memory than they save time."""
_FINGERPRINT = "scenefleet:archive"


def make_archive(
    folder: Path,
    *,
    seed: int = 7,
    size: int = SIZE,
    acquisitions: Iterable[Acquisition] = ACQUISITIONS,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """A small time series of made-up Sentinel-2 scenes; one seed always gives the same bytes.

    Writes `data/<item>/<band>.tif`, `collection.json` and, last, `items.json`, a STAC
    ItemCollection. A folder that holds this very archive already is left as it is.

    Args:
        folder: where to; made if need be.
        seed: of everything random.
        size: pixels a side of a tile at 10 m; even.
        acquisitions: the overpasses to draw.
        progress: is called with how many overpasses are drawn, and of how many: with 0 once the
            land is there, then after each.

    Returns:
        The STAC items, hrefs relative to the folder, sorted by time and tile.
    """
    if size % 2:
        raise ValueError(f"size {size} is odd; SCL has one pixel for two, so give an even number")
    chosen = list(acquisitions)
    names = [acq.name(acquisition, tile) for acquisition, tile in acq.scenes(chosen)]
    fingerprint = {"version": VERSION, "seed": seed, "size": size, "items": names}
    if (made := _made(folder, fingerprint)) is not None:
        return made
    shape = (size, 2 * size - acq.overlap(size))
    land = landscape.draw(np.random.default_rng([seed, 0]), shape)
    over = threading.Event()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            waiting = [pool.submit(_draw, folder, land, one, seed, size, over) for one in chosen]
            if progress is not None:
                progress(0, len(waiting))
                for count, _ in enumerate(as_completed(waiting), 1):
                    progress(count, len(waiting))
            items = [item for future in waiting for item in future.result()]
        except BaseException:  # Ctrl-C too: nobody waits for scenes that nobody wants
            over.set()
            pool.shutdown(cancel_futures=True)
            raise
    _write_json(folder / "collection.json", collection(items))
    document = {"type": "FeatureCollection", _FINGERPRINT: fingerprint, "features": items}
    _write_json(folder / "items.json", document)
    return items


def _made(folder: Path, fingerprint: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The items of an archive that is there already, whole and equal; else None."""
    try:
        document = json.loads((folder / "items.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if document.get(_FINGERPRINT) != fingerprint:
        return None
    items = cast("list[dict[str, Any]]", document["features"])
    hrefs = (asset["href"] for item in items for asset in item["assets"].values())
    return items if all((folder / href).is_file() for href in hrefs) else None


def _draw(
    folder: Path,
    land: Landscape,
    acquisition: Acquisition,
    seed: int,
    size: int,
    over: threading.Event,
) -> list[dict[str, Any]]:
    """Draws one overpass and writes its tiles; ends early, with few of them, once `over` is set."""
    rng = np.random.default_rng([seed, int(acquisition.time.timestamp())])
    if acq.SECOND not in acquisition.tiles:
        land = land.west(size)
    sun = {"azimuth": acquisition.azimuth, "elevation": acquisition.elevation}
    day = acquisition.time.timetuple().tm_yday
    ground = season.reflectance(land, day, **sun)
    if over.is_set():
        return []
    above = sky.draw(
        rng, land.cover.shape, clouds=acquisition.clouds, cirrus=acquisition.cirrus, **sun
    )
    if over.is_set():
        return []
    seen = sky.cover(ground, above)
    scl = classify(land, ground, above)
    items: list[dict[str, Any]] = []
    for tile in acquisition.tiles:
        start = (acq.west_of(tile, size) - acq.WEST) // acq.PIXEL
        columns = slice(start, start + size)
        outside = _outside(acquisition, tile, size)
        classes = scl[:, start // 2 : (start + size) // 2].copy()
        classes[outside[::2, ::2] | outside[1::2, 1::2]] = 0
        item = describe(acquisition, tile, classes)
        target = folder / "data" / item["id"]
        for band, values in zip(season.BANDS, seen, strict=True):
            if over.is_set():
                return []
            numbers = _numbers(rng, values[:, columns], shifted=acquisition.shifted)
            numbers[outside] = 0
            _write_cog(target / f"{band}.tif", numbers, tile, size)
        _write_cog(target / "SCL.tif", classes, tile, size)
        items.append(item)
    return items


def _numbers(rng: np.random.Generator, values: Field, *, shifted: bool) -> NDArray[np.uint16]:
    """Digital numbers of reflectances, with a sensor's noise; 0 is kept for no data."""
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    counts = values * 10_000 + noise * (6 + 60 * values) + (1000 if shifted else 0)
    return np.clip(np.rint(counts), 1, 65_535).astype(np.uint16)


def _outside(acquisition: Acquisition, tile: str, size: int) -> NDArray[np.bool_]:
    """True where the swath does not reach; shape (size, size)."""
    left, right = edges(acquisition, tile)
    down = ((np.arange(size) + 0.5) / size)[:, None]
    along = ((np.arange(size) + 0.5) / size)[None, :]
    before = along < left[0] + (left[1] - left[0]) * down
    return before | (along > right[0] + (right[1] - right[0]) * down)


def _write_cog(path: Path, values: NDArray[Any], tile: str, size: int) -> None:
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    from_gdal = cast("Any", rasterio).Affine.from_gdal  # rasterio has no types
    west = acq.west_of(tile, size)
    pixel = acq.PIXEL * size // values.shape[0]
    classes = values.dtype == np.uint8
    profile = {
        "driver": "COG",
        "dtype": values.dtype.name,
        "count": 1,
        "height": values.shape[0],
        "width": values.shape[1],
        "crs": acq.CRS,
        "transform": from_gdal(west, pixel, 0, acq.NORTH, 0, -pixel),
        "nodata": 0,
        "compress": "deflate",
        "level": 1,
        "predictor": "no" if classes else "yes",
        "blocksize": 256,
        "overview_resampling": "nearest" if classes else "average",
    }
    opened = cast("Any", rasterio).open(path, "w", **profile)
    with opened as raster:
        raster.write(values, 1)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def files(folder: Path) -> Iterator[Path]:
    """Every file of an archive, sorted."""
    return iter(sorted(path for path in folder.rglob("*") if path.is_file()))
