from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rasterio.crs import CRS

from scenefleet_task.clip import Clip, footprint
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.spec import Exit


def grid(epsg: int = 32631, x: float = 600_000, y: float = 5_700_000, size: int = 120) -> Grid:
    return Grid(CRS.from_epsg(epsg), (100.0, 0.0, x, 0.0, -100.0, y), size, size)


def inside_by_shapely(geometry: dict[str, Any], target: Grid, turn: bool = False) -> np.ndarray:
    """The oracle: pixel centres taken to degrees, tested in the area as it is written."""
    cols, rows = np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5)
    a, _, c, _, e, f = target.transform
    to_degrees = Transformer.from_crs(target.crs.to_wkt(), 4326, always_xy=True)
    lon, lat = to_degrees.transform(c + a * cols, f + e * rows)
    if turn:
        lon = np.where(lon < 0, lon + 360, lon)
    return shapely.contains_xy(shapely.geometry.shape(geometry), lon, lat)


def polygon(*rings: list[tuple[float, float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(p) for p in [*r, r[0]]] for r in rings]}


TRIANGLE = polygon([(4.45, 51.37), (4.58, 51.38), (4.50, 51.44)])
HOLED = polygon(
    [(4.45, 51.36), (4.60, 51.36), (4.60, 51.44), (4.45, 51.44)],
    [(4.50, 51.38), (4.55, 51.38), (4.55, 51.41), (4.50, 51.41)],
)
# An edge of 60 degrees along a parallel, far beyond the UTM zone: it bends by kilometres in it.
CONTINENT = polygon([(-30, 35), (-30, 51.4), (45, 51.4), (45, 35)])
TWO = {
    "type": "MultiPolygon",
    "coordinates": [
        TRIANGLE["coordinates"],
        polygon([(4.56, 51.40), (4.60, 51.40), (4.60, 51.43)])["coordinates"],
    ],
}


@pytest.mark.parametrize("geometry", [TRIANGLE, HOLED, CONTINENT, TWO],
                         ids=["triangle", "hole", "continent", "two"])  # fmt: skip
def test_inside_is_what_holds_a_pixels_centre(geometry: dict[str, Any]) -> None:
    target = grid()
    clip = Clip(geometry, target)
    inside = ~clip.outside(target.whole)
    wanted = inside_by_shapely(geometry, target)
    assert 0 < wanted.sum() < wanted.size
    # Centres within centimetres of an edge may fall to either side.
    assert np.count_nonzero(inside != wanted) <= 2


def test_the_window_holds_all_that_is_inside_and_little_more() -> None:
    target = grid()
    clip = Clip(TRIANGLE, target)
    rows, cols = np.nonzero(~clip.outside(target.whole))
    window = clip.window
    assert window.row <= rows.min() <= window.row + 1
    assert window.col <= cols.min() <= window.col + 1
    assert window.bottom - 1 <= rows.max() <= window.bottom
    assert window.right - 1 <= cols.max() <= window.right


def test_strips_of_the_mask_equal_the_whole() -> None:
    target = grid()
    clip = Clip(HOLED, target)
    whole = clip.outside(target.whole)
    parts = [clip.outside(Window(row, 0, 7, target.width)) for row in range(0, 119, 7)]
    assert (np.concatenate(parts) == whole[:119]).all()


def test_an_area_across_the_antimeridian_needs_no_special_case() -> None:
    target = grid(32660, 580_000, 7_300_000, 1200)  # UTM 60 north, reaching beyond 180 degrees
    split = {
        "type": "MultiPolygon",
        "coordinates": [
            polygon([(179.0, 65.3), (180, 65.3), (180, 65.6), (179.0, 65.6)])["coordinates"],
            polygon([(-180, 65.3), (-179.5, 65.3), (-179.5, 65.6), (-180, 65.6)])["coordinates"],
        ],
    }
    turned = polygon([(179.0, 65.3), (180.5, 65.3), (180.5, 65.6), (179.0, 65.6)])
    inside = ~Clip(split, target).outside(target.whole)
    wanted = inside_by_shapely(turned, target, turn=True)
    assert wanted.sum() > 1000
    assert np.count_nonzero(inside != wanted) <= wanted.sum() * 0.001
    geometry, bbox = footprint(target)
    assert bbox[0] > 170
    assert bbox[2] < -170
    assert max(x for x, _ in geometry["coordinates"][0]) > 180


@pytest.mark.parametrize("far", [(10.0, 51.4), (4.5, 40.0), (-175.6, 51.4)])
def test_an_area_elsewhere_is_no_overlap(far: tuple[float, float]) -> None:
    x, y = far
    with pytest.raises(TaskError, match="does not touch") as caught:
        Clip(polygon([(x, y), (x + 0.1, y), (x, y + 0.1)]), grid())
    assert caught.value.exit is Exit.NO_OVERLAP


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [4.5, 51.4]},
        {"type": "Polygon", "coordinates": [[4.5, 51.4]]},
        {"type": "Polygon", "coordinates": None},
        {},
    ],
)
def test_what_is_no_area_is_a_fault_of_the_document(geometry: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match=r"document\.clip") as caught:
        Clip(geometry, grid())
    assert caught.value.exit is Exit.DOCUMENT
