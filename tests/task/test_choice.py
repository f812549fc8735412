"""Which window a trial computes: in the area, and where it misses, one is named that does not."""

import re
from typing import Any

import numpy as np
import pytest
from rasterio.crs import CRS

from scenefleet_task.choice import SIDE, Wish, choose
from scenefleet_task.clip import Clip
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.spec import Exit

LENGTH = 4000
ELSEWHERE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}


@pytest.fixture
def grid(kit: Any) -> Grid:
    return Grid(CRS.from_string(kit.UTM), tuple(kit.ORIGIN)[:6], LENGTH, LENGTH)


def square(grid: Grid, row: int, col: int, side: int) -> list[list[list[float]]]:
    """A square of pixels as a ring in degrees."""
    from rasterio.warp import transform

    cols = [col, col + side, col + side, col, col]
    rows = [row, row, row + side, row + side, row]
    a, b, c, d, e, f = grid.transform
    xs = [a * x + b * y + c for x, y in zip(cols, rows, strict=True)]
    ys = [d * x + e * y + f for x, y in zip(cols, rows, strict=True)]
    longitudes, latitudes = transform(grid.crs, "EPSG:4326", xs, ys)
    return [[[x, y] for x, y in zip(longitudes, latitudes, strict=True)]]


def fields(grid: Grid, *places: tuple[int, int, int]) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": [square(grid, *one) for one in places]}


CORNERS = (100, 100, 40), (3700, 3600, 300)


def test_fields_in_opposite_corners_leave_the_middle_empty(grid: Grid) -> None:
    """The larger field, whether outputs are clipped to the fields or not."""
    area = fields(grid, *CORNERS)
    clip = Clip(area, grid)
    for found in (
        choose(Wish(), grid, clip.window, clip),
        choose(Wish(near=area), grid, grid.whole, None),
    ):
        assert (found.height, found.width) == (SIDE, SIDE)
        inside = ~clip.outside(found)
        assert inside.sum() >= 0.99 * 300 * 300
        assert found.bottom < LENGTH
        assert found.right < LENGTH


def test_a_small_area_lies_in_the_middle_of_its_window(grid: Grid) -> None:
    found = choose(Wish(near=fields(grid, (1000, 2000, 30))), grid, grid.whole, None)
    assert abs(found.row + SIDE / 2 - 1015) < 3
    assert abs(found.col + SIDE / 2 - 2015) < 3


def test_outputs_that_are_smaller_than_a_window_are_taken_whole(grid: Grid) -> None:
    clip = Clip(fields(grid, (1000, 2000, 30)), grid)
    assert choose(Wish(), grid, clip.window, clip) == clip.window


def test_without_an_area_or_beside_the_scene_it_is_the_middle(grid: Grid) -> None:
    middle = Window(1744, 1744, SIDE, SIDE)
    assert choose(Wish(), grid, grid.whole, None) == middle
    assert choose(Wish(near=ELSEWHERE), grid, grid.whole, None) == middle


def test_all_of_an_area_that_is_named(grid: Grid) -> None:
    near = fields(grid, (3900, 500, 300))
    found = choose(Wish(near=near, whole=True), grid, grid.whole, None)
    assert (found.row, found.bottom) == pytest.approx((3900, LENGTH - 1), abs=1)
    assert (found.col, found.right) == pytest.approx((500, 799), abs=1)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(window=Window(1500, 1500, 300, 300)),
        Wish(window=Window(5000, 0, 10, 10)),
        Wish(
            near={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, whole=True
        ),
    ],
)
def test_a_window_that_misses_names_one_that_does_not(grid: Grid, wish: Wish) -> None:
    clip = Clip(fields(grid, *CORNERS), grid)
    with pytest.raises(TaskError, match="no pixel of the outputs") as caught:
        choose(wish, grid, clip.window, clip)
    assert caught.value.exit is Exit.NO_OVERLAP
    numbers = re.search(r"One that has some: ([\d,]+) ", str(caught.value))
    assert numbers
    named = Wish(window=Window(*map(int, numbers[1].split(","))))
    found = choose(named, grid, clip.window, clip)
    assert np.count_nonzero(~clip.outside(found)) > 50_000


def test_a_window_is_cut_at_the_outputs_edge(grid: Grid) -> None:
    found = choose(Wish(window=Window(3900, 0, 500, 20)), grid, grid.whole, None)
    assert found == Window(3900, 0, 100, 20)
