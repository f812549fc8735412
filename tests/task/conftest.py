"""What the task's tests share: scenes whose pixels say where they are, documents, a range server.

Tests are no packages, so what they share comes as fixtures; `kit` holds the plain functions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from pystac.validation import validate_dict
from rasterio.transform import Affine

import range_server as servers
from scenefleet_task.gdal_settings import SETTINGS
from scenefleet_task.reach import Reach
from scenefleet_task.result import Result, from_line
from scenefleet_task.spec import (
    VERSION,
    Band,
    Mask,
    MaskRule,
    Output,
    Part,
    Source,
    TaskDocument,
    encode,
    safe_name,
    seal,
)

TASK = Path(__file__).resolve().parents[2] / "task"
SCL = ((0, "nodata"), (1, "saturated"), (3, "shadow"), (8, "cloud"), (9, "cloud"), (10, "cloud"),
       (11, "snow"))  # fmt: skip
UTM = "EPSG:32631"
ORIGIN = Affine(10, 0, 600_000, 0, -10, 5_700_000)


@dataclass(frozen=True)
class Ran:
    """A task that ran as a process of its own."""

    code: int
    stdout: str
    stderr: str
    result: Result


class Kit:
    """Functions that most tests of the task need."""

    Fault = servers.Fault
    AZURE_BUSY = servers.AZURE_BUSY
    SCL = SCL
    UTM = UTM
    ORIGIN = ORIGIN
    TASK = TASK
    NDVI = Output(name="ndvi", title="NDVI", formula="(nir - red) / (nir + red)", scale=1e-4)

    @staticmethod
    def write(
        path: Path,
        values: np.ndarray,
        transform: Affine = ORIGIN,
        crs: str | None = UTM,
        nodata: float | None = None,
        tile: int = 128,
    ) -> Path:
        """A COG of one band."""
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = values.shape
        with rasterio.open(
            path, "w", driver="COG", dtype=values.dtype, count=1, width=width, height=height,
            crs=crs, transform=transform, nodata=nodata, compress="DEFLATE", blocksize=tile,
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
        return path

    @staticmethod
    def band(name: str, href: object, **changes: Any) -> Band:
        """A band of Sentinel-2 before its offset."""
        values: dict[str, Any] = {
            "name": name, "asset": name.upper(), "href": str(href), "scale": 1e-4, "offset": 0.0,
            "nodata": 0.0, "rule": "test",
        }  # fmt: skip
        return Band(**{**values, **changes})

    @staticmethod
    def document(
        bands: tuple[Band, ...],
        mask: object | None = None,
        classes: tuple[tuple[int, str], ...] = SCL,
        item: str = "scene-1",
        **changes: Any,
    ) -> TaskDocument:
        """A sealed NDVI document."""
        source = Source(
            id=item, collection="sentinel-2-l2a", href=None, datetime="2024-08-01T11:21:19.024Z",
            bbox=(4.4, 51.3, 4.5, 51.5),
            geometry={"type": "Polygon", "coordinates": [
                [[4.4, 51.3], [4.5, 51.3], [4.5, 51.5], [4.4, 51.5], [4.4, 51.3]]]},
            properties={"platform": "sentinel-2a", "eo:cloud_cover": 12.5, "proj:epsg": 32631},
        )  # fmt: skip
        rules = tuple(MaskRule(bits=0xFFFF, value=v, reason=r) for v, r in classes)
        masks = (Mask(asset="SCL", href=str(mask), rules=rules, dilate=0.0),) if mask else ()
        part = Part(item=item, bands=bands, masks=masks, check=None)
        document = TaskDocument(
            version=VERSION, id="", product="ndvi-test", folder=safe_name(item), source=source,
            access="none", parts=(part,), outputs=(Kit.NDVI,), dtype="int16", stacked=False,
            compression="deflate",
            script=None, grid=None, clip=None, reach=Reach(origin="file"),
        )  # fmt: skip
        return seal(replace(document, **changes))

    @staticmethod
    def environment(document: TaskDocument | None, store: object, **more: str) -> dict[str, str]:
        """What a node's task gets, on top of this process's own environment."""
        task = {"SCENEFLEET_TASK": encode(document)} if document else {}
        return {
            **os.environ, "PYTHONPATH": str(TASK), "PYTHONWARNINGS": "error",
            "GDAL_HTTP_RETRY_DELAY": "0.01", "SCENEFLEET_STORE": str(store),
            "SCENEFLEET_RUN": "run-1", **task, **more,
        }  # fmt: skip

    @classmethod
    def run(
        cls,
        document: TaskDocument | None,
        store: object,
        folder: Path,
        words: tuple[str, ...] = ("-m", "scenefleet_task", "run"),
        **more: str,
    ) -> Ran:
        """Runs a task as a node does; the last line of standard output is its result."""
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=cls.environment(document, store, **more),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 1, done.stdout
        return Ran(done.returncode, done.stdout, done.stderr, from_line(lines[0]))

    @staticmethod
    def item(store: Path, document: TaskDocument) -> dict[str, Any]:
        """The STAC item that a task wrote."""
        folder = store / "products" / document.product / document.folder
        return json.loads((folder / f"{document.folder}.json").read_bytes())

    @staticmethod
    def validate(item: dict[str, Any]) -> None:
        """By STAC's core schemas, which pystac brings; extensions' would need the network."""
        validate_dict(item, extensions=[])
        assert pystac.Item.from_dict(item).id == item["id"]

    @staticmethod
    def read(path: Path) -> np.ndarray:
        """A raster's first band."""
        with rasterio.open(path) as dataset:
            return dataset.read(1)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit


@pytest.fixture(autouse=True)
def gdal_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """GDAL as a node has it, but for impatience between retries."""
    for name, value in {**SETTINGS, "GDAL_CACHEMAX": "96", "GDAL_HTTP_RETRY_DELAY": "0.01"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def range_server(tmp_path: Path) -> Iterator[Any]:
    """A `RangeServer` of the folder `served` in the test's own folder."""
    root = tmp_path / "served"
    root.mkdir()
    with servers.RangeServer(root) as server:
        yield server


@dataclass(frozen=True)
class Scene:
    """A small scene on disk: 10 m bands and a 20 m SCL, all different at every pixel."""

    red: np.ndarray
    nir: np.ndarray
    scl: np.ndarray
    folder: Path

    @property
    def files(self) -> tuple[Path, Path, Path]:
        return self.folder / "red.tif", self.folder / "nir.tif", self.folder / "scl.tif"


@pytest.fixture
def scene(tmp_path: Path, kit: type[Kit]) -> Scene:
    """Odd in size, so that SCL covers half a pixel more; every pixel's numbers say where it is."""
    height, width = 301, 207
    place = np.arange(height * width).reshape(height, width)
    red = (1000 + place % 1013).astype(np.uint16)
    nir = (1500 + place % 4093).astype(np.uint16)
    red[5:9, 11:14] = 0
    scl_place = np.arange(151 * 104).reshape(151, 104)
    scl = (scl_place % 12).astype(np.uint8)
    folder = tmp_path / "scene"
    for name, values in (("red", red), ("nir", nir)):
        kit.write(folder / f"{name}.tif", values, nodata=0)
    kit.write(folder / "scl.tif", scl, Affine(20, 0, 600_000, 0, -20, 5_700_000), nodata=0)
    return Scene(red, nir, scl, folder)
