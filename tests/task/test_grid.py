import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Alignment, Grid, Window, align, common, finest, strips
from scenefleet_task.spec import Exit

UTM = CRS.from_epsg(32631)
NAMES = ("asset B04", "asset SCL")


def grid(
    size: float, width: int, height: int, x: float = 600_000, y: float = 5_700_000, crs: CRS = UTM
) -> Grid:
    return Grid(crs, (size, 0.0, x, 0.0, -size, y), width, height)


def by_centre(target: Grid, other: Grid, row: int, col: int) -> tuple[int, int]:
    """The oracle: where in `other` the centre of a target pixel lies, by its coordinates."""
    x = target.transform[2] + (col + 0.5) * target.transform[0]
    y = target.transform[5] + (row + 0.5) * target.transform[4]
    return (
        math.floor((y - other.transform[5]) / other.transform[4]),
        math.floor((x - other.transform[2]) / other.transform[0]),
    )


@given(
    ratio=st.sampled_from([1, 2, 3, 6]),
    shift=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    corner=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    dtype=st.sampled_from(["bool", "u1", "u2", "i2", "i4", "f4", "i8", "f8"]),
)
def test_every_pixel_gets_the_coarse_pixel_under_its_centre(
    ratio: int, shift: tuple[int, int], corner: tuple[int, int], shape: tuple[int, int], dtype: str
) -> None:
    target = grid(10, 40, 40)
    other = grid(10 * ratio, 60, 60, 600_000 - 10 * shift[1], 5_700_000 + 10 * shift[0])
    values = (np.arange(3600).reshape(60, 60) * 7 % 3599 - 900).astype(dtype)
    window = Window(*corner, *shape)

    alignment = align(target, other, NAMES)
    part = alignment.window(window)
    read = values[part.row : part.bottom + 1, part.col : part.right + 1]
    spread = alignment.spread(read, window)
    assert spread.dtype == values.dtype
    assert spread.shape == shape

    for row in range(shape[0]):
        for col in range(shape[1]):
            place = by_centre(target, other, corner[0] + row, corner[1] + col)
            assert spread[row, col] == values[place]


@given(ratio=st.sampled_from([2, 3, 5]), start=st.integers(0, 15), count=st.integers(1, 5))
def test_a_finer_mask_is_taken_at_the_pixels_centre(ratio: int, start: int, count: int) -> None:
    target, other = grid(10 * ratio, 20, 20), grid(10, 20 * ratio, 20 * ratio)
    values = np.arange(other.width * other.height).reshape(other.height, other.width)
    window = Window(start, start, count, count)
    alignment = align(target, other, NAMES)
    part = alignment.window(window)
    spread = alignment.spread(values[part.row : part.bottom + 1, part.col : part.right + 1], window)
    wanted = [[values[by_centre(target, other, r, c)] for c in range(start, start + count)]
              for r in range(start, start + count)]  # fmt: skip
    assert (spread == wanted).all()


@given(top=st.integers(0, 50), height=st.integers(1, 300), strip=st.integers(1, 128))
def test_strips_cover_a_window_once_and_in_order(top: int, height: int, strip: int) -> None:
    parts = list(strips(Window(top, 3, height, 7), strip))
    rows = [row for part in parts for row in range(part.row, part.bottom + 1)]
    assert rows == list(range(top, top + height))
    assert all((part.col, part.width) == (3, 7) and part.height <= strip for part in parts)


def test_same_grids_need_no_resampling() -> None:
    assert align(grid(10, 9, 9), grid(10, 9, 9), NAMES).same


def test_a_header_that_rounds_its_numbers_is_still_aligned() -> None:
    other = Grid(UTM, (19.9999999, 0, 600_000.0003, 0, -20.0000001, 5_700_000), 5490, 5490)
    assert isinstance(align(grid(10, 10980, 10980), other, NAMES), Alignment)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (grid(20, 99, 99, crs=CRS.from_epsg(32632)), "EPSG:32632"),
        (grid(20, 99, 99, x=599_995), "599995"),
        (grid(15, 99, 99), "15"),
        (Grid(UTM, (10, 1, 600_000, 1, -10, 5_700_000), 40, 40), "rotated"),
        (Grid(UTM, (10, 0, 600_000, 0, 10, 5_699_600), 40, 40), "line up"),
    ],
    ids=["crs", "half a pixel", "no multiple", "rotated", "south up"],
)
def test_rasters_that_do_not_fit_are_refused_with_numbers(other: Grid, said: str) -> None:
    with pytest.raises(TaskError, match=said) as caught:
        align(grid(10, 40, 40), other, NAMES)
    assert caught.value.exit is Exit.INPUT_MISMATCH
    assert "asset SCL" in caught.value.message


@given(
    ratio=st.sampled_from([1, 2, 3, 6]),
    shift=st.tuples(st.integers(-70, 70), st.integers(-70, 70)),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    finer=st.booleans(),
)
def test_the_ground_of_a_raster_is_where_its_pixels_are(
    ratio: int, shift: tuple[int, int], shape: tuple[int, int], finer: bool
) -> None:
    """By the box of each, in pixels of the target, rounded outwards."""
    target = grid(10 * ratio if finer else 10, 40, 40)
    size = 10 if finer else 10 * ratio
    other = grid(size, shape[1], shape[0], 600_000 + 10 * shift[1], 5_700_000 - 10 * shift[0])
    ground = align(target, other, NAMES).ground(other)
    scale = size / target.transform[0]
    for start, first, last, count in (
        (shift[0], ground.row, ground.bottom, shape[0]),
        (shift[1], ground.col, ground.right, shape[1]),
    ):
        begin = start * 10 / target.transform[0]
        assert (first, last) == (math.floor(begin), math.ceil(begin + count * scale) - 1)


def test_the_ground_that_grids_share_is_told_in_the_pixels_of_each() -> None:
    one, other = grid(10, 40, 40), grid(20, 30, 30, x=600_100, y=5_700_200)
    assert common([one, other]) == [Window(0, 10, 40, 30), Window(10, 0, 20, 15)]
    assert common([one, one]) == [one.whole, one.whole]
    far = grid(10, 40, 40, x=700_000)
    assert common([one, far]) == [one.whole, far.whole]


def test_the_finest_grid_is_the_target_and_the_first_of_equals() -> None:
    grids = [grid(20, 5, 5), grid(10, 10, 10), grid(10, 11, 11)]
    assert finest(grids) is grids[1]


def test_a_crop_keeps_its_pixels_in_place() -> None:
    assert grid(10, 40, 40).crop(Window(3, 5, 7, 9)) == grid(10, 9, 7, 600_050, 5_699_970)
