"""A month or two of two neighbouring Sentinel-2 tiles, as outcomes, items and thumbnails."""

import hashlib
import math
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenefleet.run.model import Run, RunState, TaskOutcome
from scenefleet.store.folder import FolderStore
from scenefleet_task.spec import dump

PIXELS = 10980 * 10980
TILES = {"T31UFT": 600_000.0, "T31UGT": 699_960.0}
"""West edge of two neighbouring tiles, metres east in UTM 31N."""
NORTH = 5_800_020.0


@dataclass(frozen=True)
class Fleet:
    """A run with its outcomes, and their thumbnails by task id."""

    run: Run
    outcomes: list[TaskOutcome]
    thumbnails: dict[str, bytes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the store."""
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """`png(seed, clouds, size)`: a quicklook of fields in greens and browns under white clouds."""
    return _quicklook


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """30 scenes on 15 dates: 24 done, 4 failed in two ways, 1 running, 1 waiting."""
    dice = random.Random(31)
    outcomes = [
        _outcome(dice, day, tile, 2 * n + m)
        for n, day in enumerate(_days(15))
        for m, tile in enumerate(TILES)
    ]
    images = {
        o.task: _quicklook(n, (o.cloud_cover or 0.0) / 100)
        for n, o in enumerate(outcomes)
        if o.state == "done"
    }
    return Fleet(_run(len(outcomes)), outcomes, images)


@pytest.fixture(scope="session")
def large() -> Callable[[int], list[TaskOutcome]]:
    """`large(10_000)`: outcomes of a hundred tiles on many dates, every 199th failed."""

    def outcomes(amount: int) -> list[TaskOutcome]:
        dice = random.Random(7)
        made: list[TaskOutcome] = []
        for n in range(amount):
            tile = n % 100
            base = _outcome(dice, f"20{15 + n // 2000:02}-{n // 150 % 12 + 1:02}-05", "T31UFT", n)
            west, south = -4.0 + 1.4 * (tile % 10), 42.0 + 0.9 * (tile // 10)
            made.append(
                base.model_copy(
                    update={
                        "geometry": _square(west, south, 1.4 + dice.random() / 50, 0.9),
                        "state": "failed" if n % 199 == 0 else "done",
                        "exit": "source_unreachable" if n % 199 == 0 else "done",
                        "message": "No answer." if n % 199 == 0 else None,
                        "task": f"{n:020x}",
                    }
                )
            )
        return made

    return outcomes


def _run(tasks: int) -> Run:
    return Run(
        id="ndvi-gelderland-4fd1c09a7e",
        name="ndvi-gelderland",
        state=RunState.PARTIAL,
        created="2026-11-20T08:01:12Z",
        updated="2026-11-20T08:32:40Z",
        started="2026-11-20T08:01:15Z",
        ended="2026-11-20T08:32:40Z",
        backend="azure",
        tasks=tasks,
        pool="scenefleet-spot-d4",
        version="0.1.0",
    )


def _days(amount: int) -> list[str]:
    return [f"2023-{2 + (3 + 5 * n) // 28:02}-{(3 + 5 * n) % 28 + 1:02}" for n in range(amount)]


def _outcome(dice: random.Random, day: str, tile: str, n: int) -> TaskOutcome:
    compact = day.replace("-", "")
    item = (
        f"S2{'AB'[n // 2 % 2]}_MSIL2A_{compact}T105{n % 10}49_R051_{tile}_{compact}T163{n % 10}33"
    )
    task = hashlib.sha256(item.encode()).hexdigest()[:20]
    cloud = round(min(99.0, dice.expovariate(1 / 24)), 2)
    common: dict[str, Any] = {
        "task": task,
        "item": item,
        "collection": "sentinel-2-l2a",
        "datetime": f"{day}T10:50:49.024000Z",
        "geometry": _footprint(TILES.get(tile, 600_000.0), 0.35 if n // 2 % 3 == 1 else 1.0),
        "cloud_cover": cloud,
    }
    return TaskOutcome(**common, **_fate(dice, n, item, cloud))


def _fate(dice: random.Random, n: int, item: str, cloud: float) -> dict[str, Any]:
    if n in (5, 12, 13):
        where = f"https://example.blob.core.windows.net/s2/{item}/B04.tif"
        return {
            "state": "failed",
            "attempts": 3,
            "seconds": 8.4 + n,
            "exit": "source_unreadable",
            "message": f"{where}: the file ends after 1 048 576 of 98 231 004 bytes. "
            "Retry once the archive has mended it.",
        }
    if n == 22:
        told = "Ended by signal 9 after 71.3 s; peak memory 15 802 MB of 16 000 MB on the node."
        return {
            "state": "failed",
            "attempts": 2,
            "seconds": 71.3,
            "exit": "killed",
            "message": told,
        }
    if n in (28, 29):
        return {"state": "running" if n == 28 else "waiting", "attempts": 29 - n}
    seconds = round(dice.gauss(41, 6) + (18 if dice.random() < 0.1 else 0), 1)
    folder = f"products/ndvi-gelderland/{item}"
    reasons = _reasons(dice, cloud, 0.65 if n // 2 % 3 == 1 else 0.0)
    inside = PIXELS - reasons["outside"] - reasons["nodata"]
    return {
        "state": "done",
        "attempts": 1 + (dice.random() < 0.15),
        "seconds": seconds,
        "exit": "done",
        "valid_percent": 100 * reasons["valid"] / inside,
        "reasons": reasons,
        "outputs": {k: f"{folder}/{k}.{_ENDINGS.get(k, 'tif')}" for k in _KEYS},
        "item_path": f"{folder}/{item}.json",
    }


_KEYS = ("ndvi", "reason", "thumbnail")
_ENDINGS = {"thumbnail": "png"}


def _reasons(dice: random.Random, cloud: float, missing: float) -> dict[str, int]:
    """Shares that sum to the raster's size."""
    seen = PIXELS * (1 - missing)
    found = {
        "outside": 0,
        "nodata": PIXELS - int(seen),
        "cloud": int(seen * cloud / 100),
        "shadow": int(seen * cloud / 100 * 0.18 * dice.random()),
        "snow": int(seen * 0.02 * (dice.random() < 0.2)),
        "water": int(seen * 0.03),
        "saturated": int(seen * 0.0004),
        "no_signal": 37,
    }
    over = sum(found.values()) - PIXELS
    found["cloud"] -= max(over, 0)
    return found | {"valid": PIXELS - sum(found.values())}


def _footprint(west: float, share: float) -> dict[str, Any]:
    """A tile of 109.8 km, or the western share of it under a swath's slanting edge."""
    east = 109_800.0
    corners = [
        (west, NORTH),
        (west + east * min(1.0, share + 0.12 * (share < 1)), NORTH),
        (west + east * share, NORTH - east),
        (west, NORTH - east),
        (west, NORTH),
    ]
    return {"type": "Polygon", "coordinates": [[_degrees(x, y) for x, y in corners]]}


def _degrees(x: float, y: float) -> list[float]:
    """UTM 31N to degrees, on a sphere: near enough for a drawing."""
    latitude = math.degrees(y / 0.9996 / 6_366_000)
    return [
        3 + math.degrees((x - 500_000) / 6_378_000 / math.cos(math.radians(latitude))),
        latitude,
    ]


def _square(west: float, south: float, wide: float, high: float) -> dict[str, Any]:
    xs, ys = (west, west + wide), (south, south + high)
    ring = [[xs[0], ys[0]], [xs[1], ys[0]], [xs[1], ys[1]], [xs[0], ys[1]], [xs[0], ys[0]]]
    return {"type": "Polygon", "coordinates": [ring]}


def _quicklook(seed: int, clouds: float, size: int = 96) -> bytes:
    dice = random.Random(seed)
    spots = [(dice.random() * size, dice.random() * size, dice.random() * 30) for _ in range(12)]
    covering = spots[: round(clouds * 14)]
    rows = bytearray()
    for y in range(size):
        rows.append(0)
        for x in range(size):
            field_of = math.sin(x // 9 * 12.9 + y // 7 * 78.2) * 43758.5
            green = field_of - math.floor(field_of)
            colour = (int(190 - 150 * green), int(150 + 30 * green), int(90 - 40 * green))
            if any((x - a) ** 2 + (y - b) ** 2 < r * r for a, b, r in covering):
                colour = (225, 228, 232)
            rows.extend(colour)
    return _png(size, size, bytes(rows))


def _png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="session")
def stac_item() -> Callable[..., dict[str, Any]]:
    """`stac_item(outcome)`: an output's STAC item, as a task writes it."""
    return _stac_item


def _stac_item(outcome: TaskOutcome, **properties: Any) -> dict[str, Any]:
    ring = outcome.geometry["coordinates"][0]
    xs, ys = [p[0] for p in ring], [p[1] for p in ring]
    digest = hashlib.sha256(dump(outcome.item)).hexdigest()
    file = {"file:size": 1000 + len(outcome.item), "file:checksum": "1220" + digest}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            "https://stac-extensions.github.io/file/v2.1.0/schema.json",
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
        ],
        "id": outcome.item,
        "collection": "ndvi-gelderland",
        "geometry": outcome.geometry,
        "bbox": [min(xs), min(ys), max(xs), max(ys)],
        "properties": {
            "datetime": outcome.datetime,
            "platform": "Sentinel-2A" if outcome.item.startswith("S2A") else "Sentinel-2B",
            "instruments": ["msi"],
            "eo:cloud_cover": outcome.cloud_cover,
            "proj:code": "EPSG:32631",
            **properties,
        },
        "assets": {
            "ndvi": {
                "href": "./ndvi.tif",
                "title": "NDVI",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
                "data_type": "int16",
                "nodata": -32768,
                "raster:scale": 0.0001,
                "raster:offset": 0,
                "bands": [{"name": "ndvi"}],
                "statistics": {"mean": outcome.valid_percent},
                **file,
            },
            "reason": {
                "href": "./reason.tif",
                "title": "Reason",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data-mask"],
                "data_type": "uint8",
                "classification:classes": [
                    {"value": 0, "name": "valid", "color_hint": "FFFFFF"},
                    {"value": 4, "name": "cloud", "color_hint": "A0BED7"},
                ],
                **file,
            },
            "thumbnail": {
                "href": "./thumbnail.png",
                "type": "image/png",
                "roles": ["thumbnail"],
                **file,
            },
        },
        "links": [
            {"rel": rel, "href": "../collection.json", "type": "application/json"}
            for rel in ("root", "parent", "collection")
        ],
    }
