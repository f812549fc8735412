"""What merges or reprojects `reason.tif` leaves 255 where no scene is, never 0, which is valid."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.merge import merge
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling, calculate_default_transform, reproject

from scenefleet_task.access import Unsigned
from scenefleet_task.spec import NO_SCENE, Reason
from to_folder import process

RIO = Path(sys.executable).with_name("rio")


@pytest.fixture(scope="module")
def reasons(kit: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two scenes that touch at a corner only, of 300 x 300 pixels; the first has a clouded row."""
    folder = tmp_path_factory.mktemp("reasons")
    made = []
    for n in range(2):
        place = kit.ORIGIN @ Affine.translation(300 * n, 300 * n)
        red, nir = np.full((300, 300), 300, np.uint16), np.full((300, 300), 3000, np.uint16)
        scl = np.full((300, 300), 4, np.uint8)
        scl[0] = 4 if n else 8
        files = [
            kit.write(folder / f"{n}" / f"{name}.tif", values, place, nodata=0)
            for name, values in (("red", red), ("nir", nir), ("scl", scl))
        ]
        bands = kit.band("red", files[0]), kit.band("nir", files[1])
        document = kit.document(bands, files[2], item=f"scene-{n}")
        (folder / f"out{n}").mkdir()
        made.append(process(document, Unsigned(), folder / f"out{n}").reason)
    return made


def check(values: np.ndarray, outside: int | None = None) -> None:
    """Everything beside the scenes is 255; the scenes are valid, but for the clouded row."""
    if outside is not None:
        assert np.count_nonzero(values == NO_SCENE) == outside
    assert set(np.unique(values)) == {Reason.VALID, Reason.CLOUD, NO_SCENE}
    assert np.count_nonzero(values == NO_SCENE) > 100


def test_the_header_says_so(reasons: list[Path]) -> None:
    with rasterio.open(reasons[0]) as dataset:
        assert dataset.nodata == NO_SCENE
        assert (dataset.read_masks(1) == 255).all()  # no pixel of a scene is nodata


@pytest.mark.filterwarnings("ignore:Use `@`:PendingDeprecationWarning")  # rasterio's own
def test_rasterio_merges(reasons: list[Path]) -> None:
    merged, _ = merge(reasons)
    check(merged[0], outside=2 * 300 * 300)


def test_rio_merges(reasons: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "merged.tif"
    subprocess.run([RIO, "merge", *reasons, target], check=True)
    with rasterio.open(target) as dataset:
        assert dataset.nodata == NO_SCENE
        check(dataset.read(1), outside=2 * 300 * 300)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3035"])
def test_gdals_warper_through_rio(reasons: list[Path], tmp_path: Path, crs: str) -> None:
    """As gdalwarp without options: what the target has beyond the scene."""
    target = tmp_path / "warped.tif"
    subprocess.run([RIO, "warp", reasons[0], target, "--dst-crs", crs], check=True)
    with rasterio.open(target) as dataset:
        assert dataset.nodata == NO_SCENE
        check(dataset.read(1))


@pytest.mark.filterwarnings("ignore:Use `@`:PendingDeprecationWarning")  # rasterio's own
def test_rasterio_reprojects(reasons: list[Path]) -> None:
    with rasterio.open(reasons[0]) as dataset:
        transform, width, height = calculate_default_transform(
            dataset.crs, "EPSG:4326", dataset.width, dataset.height, *dataset.bounds
        )
        warped = np.zeros((height, width), np.uint8)
        reproject(
            rasterio.band(dataset, 1),
            warped,
            dst_transform=transform,
            dst_crs="EPSG:4326",
            resampling=Resampling.nearest,
        )
        check(warped)
        with WarpedVRT(dataset, crs="EPSG:4326") as view:
            assert view.nodata == NO_SCENE
            check(view.read(1))


def test_the_clips_outside_stays_a_reason(kit: Any, tmp_path: Path) -> None:
    """It is the scene's own ground that was not asked for; 255 is for what is no scene."""
    values = np.full((300, 300), 300, np.uint16)
    bands = tuple(
        kit.band(name, kit.write(tmp_path / f"{name}.tif", values, nodata=0))
        for name in ("red", "nir")
    )
    with rasterio.open(bands[0].href) as dataset:
        west, south, east, north = rasterio.warp.transform_bounds(
            dataset.crs, "EPSG:4326", *dataset.bounds
        )
    triangle = {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, south]]],
    }
    document = replace(kit.document(bands), clip=triangle)
    (tmp_path / "out").mkdir()
    found = process(document, Unsigned(), tmp_path / "out")
    assert set(np.unique(kit.read(found.reason))) == {Reason.VALID, Reason.OUTSIDE}
