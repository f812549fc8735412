from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rasterio.crs import CRS
from shapely.geometry import shape

from scenefleet_task.clip import Clip, footprint, outline
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
    check_split(geometry, bbox)
    to_degrees = Transformer.from_crs(32660, 4326, always_xy=True)
    lon, lat = to_degrees.transform(*outline(target, 8))
    whole = shapely.Polygon(np.column_stack([lon % 360, lat]))
    assert shape(geometry).area == pytest.approx(whole.area, rel=1e-6)


def check_split(geometry: dict[str, Any], bbox: tuple[float, ...]) -> None:
    """Two halves that meet at the antimeridian, as RFC 7946 wants them."""
    assert geometry["type"] == "MultiPolygon"
    assert shape(geometry).is_valid
    west, east = (shape({"type": "Polygon", "coordinates": c}) for c in geometry["coordinates"])
    assert west.bounds[::2] == pytest.approx((bbox[0], 180))
    assert east.bounds[::2] == pytest.approx((-180, bbox[2]))


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


@pytest.mark.parametrize("epsg", [4326, 4258])
def test_a_grid_of_degrees_goes_on_beyond_180(epsg: int) -> None:
    target = Grid(CRS.from_epsg(epsg), (0.01, 0, 179.0, 0, -0.01, 66.0), 200, 100)
    split = {
        "type": "MultiPolygon",
        "coordinates": [
            polygon([(179.2, 65.3), (180, 65.3), (180, 65.6), (179.2, 65.6)])["coordinates"],
            polygon([(-180, 65.3), (-179.5, 65.3), (-179.5, 65.6), (-180, 65.6)])["coordinates"],
        ],
    }
    turned = polygon([(179.2, 65.3), (180.5, 65.3), (180.5, 65.6), (179.2, 65.6)])
    wanted = np.ones((100, 200), bool)
    wanted[40:70, 20:150] = False
    for area in (split, turned):
        clip = Clip(area, target)
        assert (clip.outside(target.whole) == wanted).mean() > 0.998
        assert clip.window.width in (130, 131, 132)
    beyond = target.crop(Window(0, 110, 100, 90))  # all of it is beyond 180
    assert (Clip(split, beyond).outside(beyond.whole) == wanted[:, 110:]).mean() > 0.99
    geometry, bbox = footprint(target)
    assert bbox == pytest.approx((179.0, 65.0, -179.0, 66.0))
    check_split(geometry, bbox)
    assert footprint(beyond)[1] == pytest.approx((-179.9, 65.0, -179.0, 66.0))


def test_an_outline_that_ends_at_180_does_not_cross_it() -> None:
    for x, wanted in ((179.0, (179.0, 180.0)), (-180.0, (-180.0, -179.0))):
        target = Grid(CRS.from_epsg(4326), (0.01, 0, x, 0, -0.01, 10.0), 100, 100)
        _, (west, _, east, _) = footprint(target)
        assert (west, east) == pytest.approx(wanted)


def test_an_outline_around_a_pole_holds_it() -> None:
    target = Grid(CRS.from_epsg(3031), (1000.0, 0, -400_000, 0, -1000.0, 300_000), 800, 700)
    geometry, bbox = footprint(target)
    assert bbox[::2] == (-180, 180)
    assert bbox[1] == -90
    assert bbox[3] == pytest.approx(-84.9, abs=0.5)
    assert shapely.geometry.shape(geometry).is_valid
    assert geometry["coordinates"][0][0] == geometry["coordinates"][0][-1]


@pytest.mark.parametrize(("epsg", "x"), [(32631, 166_000), (32631, 780_000), (32601, 330_000)])
def test_at_a_zones_edge_the_outline_holds_the_centre(epsg: int, x: float) -> None:
    """Beyond a zone's edge, and across 180 degrees (zone 1 begins there, here reached over)."""
    target = grid(epsg, x, 6_700_000, 1100)
    geometry, _ = footprint(target)
    to_degrees = Transformer.from_crs(target.crs.to_wkt(), 4326, always_xy=True)
    lon, lat = to_degrees.transform(x + 55_000, 6_700_000 - 55_000)
    outline = shapely.geometry.shape(geometry)
    assert outline.is_valid
    assert outline.contains(shapely.Point(lon + 360 * (outline.bounds[2] > 180), lat))
    assert outline.area < 4
    inside = ~Clip(geometry, target).outside(target.whole)
    assert inside.mean() > 0.999
