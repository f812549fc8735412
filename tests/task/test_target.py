"""The common grid: where its pixels lie, what it holds, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.crs import CRS

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid
from scenefleet_task.spec import Exit, TargetGrid
from scenefleet_task.target import target_grid


def wanted(
    crs: str = "EPSG:3035", resolution: float = 10, x: float = 0, y: float = 0
) -> TargetGrid:
    return TargetGrid(crs=crs, resolution=resolution, align=(x, y), resampling="bilinear")


def scene(epsg: int = 32631, x: float = 600_000, y: float = 5_700_000, size: int = 100) -> Grid:
    return Grid(CRS.from_epsg(epsg), (100.0, 0.0, x, 0.0, -100.0, y), size, size)


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def split(*boxes: tuple[float, float, float, float]) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": [box(*b)["coordinates"] for b in boxes]}


def limits(grid: Grid) -> tuple[float, float, float, float]:
    a, _, c, _, e, f = grid.transform
    return c, f + e * grid.height, c + a * grid.width, f


AREA = box(4.45, 51.36, 4.6, 51.42)


def test_the_areas_box_is_the_same_for_every_scene() -> None:
    grids = [
        target_grid(wanted(), [source], AREA)
        for source in (scene(), scene(x=603_000), scene(32632, 180_000, 5_705_000, 120))
    ]
    assert grids[0] == grids[1] == grids[2]
    west, south, east, north = limits(grids[0])
    to_target = Transformer.from_crs(4326, 3035, always_xy=True)
    edge = np.linspace(0, 1, 500)
    lon = np.concatenate([4.45 + 0.15 * edge, 4.45 + 0.15 * edge, 0 * edge + 4.45, 0 * edge + 4.6])
    lat = np.concatenate([0 * edge + 51.36, 0 * edge + 51.42, 51.36 + 0.06 * edge, 51.36 + 0.06 * edge])  # fmt: skip  # noqa: E501
    x, y = to_target.transform(lon, lat)
    assert 0 <= x.min() - west < 10.01
    assert 0 <= y.min() - south < 10.01
    assert 0 <= east - x.max() < 10.01
    assert 0 <= north - y.max() < 10.01


@given(
    size=st.sampled_from([10.0, 30.0, 7.3, 0.1, 250.0]),
    align=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
)
def test_edges_lie_whole_pixels_from_the_alignment(size: float, align: tuple[float, float]) -> None:
    source = scene(size=30)
    target = target_grid(wanted("EPSG:32631", size, *align), [source], None)
    a, b, c, d, e, f = target.transform
    assert (a, b, d, e) == (size, 0, 0, -size)
    n, m = round((c - align[0]) / size), round((f - align[1]) / size)
    assert (c, f) == (align[0] + n * size, align[1] + m * size)
    west, south, east, north = limits(target)
    assert -1e-3 <= 600_000 - west < size + 1e-3
    assert -1e-3 <= 5_697_000 - south < size + 1e-3
    assert -1e-3 <= east - 603_000 < size + 1e-3
    assert -1e-3 <= north - 5_700_000 < size + 1e-3


def test_a_scene_on_the_grid_already_keeps_its_limits() -> None:
    source = scene()
    assert target_grid(wanted("EPSG:32631", 100), [source], None) == source
    fine = target_grid(wanted("EPSG:32631", 10), [source, scene(x=601_000)], None)
    assert (fine.width, fine.height) == (1100, 1000)


def test_the_box_holds_all_of_a_rotated_scene() -> None:
    source = Grid(CRS.from_epsg(32631), (80, 30, 600_000, 30, -80, 5_700_000), 90, 70)
    west, south, east, north = limits(target_grid(wanted(), [source], None))
    cols, rows = np.meshgrid(np.linspace(0, 90, 50), np.linspace(0, 70, 50))
    to_target = Transformer.from_crs(32631, 3035, always_xy=True)
    x, y = to_target.transform(600_000 + 80 * cols + 30 * rows, 5_700_000 + 30 * cols - 80 * rows)
    assert west <= x.min() < west + 11
    assert south <= y.min() < south + 11
    assert east - 11 < x.max() <= east
    assert north - 11 < y.max() <= north


# --- the antimeridian

PACIFIC = scene(32660, 580_000, 7_300_000, 1200)  # reaches beyond 180 degrees
ACROSS = [
    split((179.0, 65.3, 180, 65.6), (-180, 65.3, -179.5, 65.6)),
    split((-180, 65.3, -179.5, 65.6), (179.0, 65.3, 180, 65.6)),
    box(179.0, 65.3, 180.5, 65.6),
]


@pytest.mark.parametrize("area", ACROSS, ids=["split", "west first", "beyond 180"])
def test_an_area_across_180_in_degrees_goes_on(area: dict[str, Any]) -> None:
    target = target_grid(wanted("EPSG:4326", 0.001), [PACIFIC], area)
    assert limits(target) == pytest.approx((179.0, 65.3, 180.5, 65.6))
    other = scene(32601, 300_000, 7_300_000, 1200)
    assert target_grid(wanted("EPSG:4326", 0.001), [other], area) == target


@pytest.mark.parametrize("area", ACROSS, ids=["split", "west first", "beyond 180"])
@pytest.mark.parametrize("crs", ["EPSG:32660", "EPSG:3413", "EPSG:3832"])
def test_an_area_across_180_in_metres_is_small(crs: str, area: dict[str, Any]) -> None:
    target = target_grid(wanted(crs, 100), [PACIFIC], area)
    assert 300 < target.width < 2500
    assert 300 < target.height < 2500


def test_a_scene_across_180() -> None:
    degrees = target_grid(wanted("EPSG:4326", 0.001), [PACIFIC], None)
    west, _, east, _ = limits(degrees)
    assert 178 < west < 180 < east < 182
    both = target_grid(wanted("EPSG:4326", 0.001), [PACIFIC, scene(32601, 400_000, 7_300_000)], None)  # fmt: skip  # noqa: E501
    assert 180 < limits(both)[2] < 182
    assert target_grid(wanted("EPSG:3413", 100), [PACIFIC], None).width < 2500


@pytest.mark.parametrize("area", [None, ACROSS[2]], ids=["scene", "area"])
def test_a_map_that_is_cut_there_is_refused(area: dict[str, Any] | None) -> None:
    with pytest.raises(TaskError, match="EPSG:3857 does not fit: its map is cut") as caught:
        target_grid(wanted("EPSG:3857", 100), [PACIFIC], area)
    assert caught.value.exit is Exit.DOCUMENT


# --- what is refused


@pytest.mark.parametrize("crs", ["EPSG:999999", "nonsense", "", "EPSG:4978", "EPSG:5773"])
def test_a_crs_that_is_none_is_a_fault_of_the_document(crs: str) -> None:
    with pytest.raises(TaskError, match=r"document\.grid\.crs") as caught:
        target_grid(wanted(crs), [scene()], None)
    assert caught.value.exit is Exit.DOCUMENT


@pytest.mark.parametrize("area", [box(10, 51, 11, 52), box(4.45, 40, 4.6, 41), box(-150, 51, -149, 52)])  # fmt: skip  # noqa: E501
@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326"])
def test_an_area_elsewhere_is_no_overlap(area: dict[str, Any], crs: str) -> None:
    size = 100 if crs == "EPSG:32631" else 0.01
    with pytest.raises(TaskError, match="does not touch") as caught:
        target_grid(wanted(crs, size), [scene()], area)
    assert caught.value.exit is Exit.NO_OVERLAP


@pytest.mark.parametrize("resolution", [1e-9, 0.001, 0.05])
def test_too_many_pixels_are_refused(resolution: float) -> None:
    with pytest.raises(TaskError, match="choose a coarser resolution") as caught:
        target_grid(wanted(resolution=resolution), [scene()], AREA)
    assert caught.value.exit is Exit.DOCUMENT


@pytest.mark.parametrize("resolution", [0.0, -10.0, float("nan")])
def test_a_resolution_must_be_above_0(resolution: float) -> None:
    with pytest.raises(TaskError, match="above 0") as caught:
        target_grid(wanted(resolution=resolution), [scene()], AREA)
    assert caught.value.exit is Exit.DOCUMENT
