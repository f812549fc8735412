"""Statistics gathered in pieces against numpy over all pixels at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenefleet_task.outputs import TILE
from scenefleet_task.spec import NODATA
from scenefleet_task.statistics import Statistics, gather


def joined(values: np.ndarray, blocks: list[tuple[slice, slice]] | None = None) -> Statistics:
    found = Statistics(whole=values.dtype == np.int16)
    for rows, cols in blocks or [np.s_[:, :]]:
        for piece in gather(values[rows, cols]):
            found.join(piece)
    return found


def blocks_of(shape: tuple[int, int], wide: int) -> list[tuple[slice, slice]]:
    """As a scene is cut: of a tile's height."""
    return [
        (slice(row, row + TILE), slice(col, col + TILE * wide))
        for row in range(0, shape[0], TILE)
        for col in range(0, shape[1], TILE * wide)
    ]


@st.composite
def rasters(draw: Any) -> np.ndarray:
    shape = draw(st.sampled_from([(1, 1), (1, 700), (40, 33), (600, 1100), (513, 512), (200, 165)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    low, high = sorted(draw(st.tuples(*[st.integers(-32767, 32767)] * 2)))
    share = draw(st.sampled_from([0.0, 0.3, 1.0]))
    if draw(st.booleans()):
        values = rng.integers(low, high + 1, shape).astype(np.int16)
        values[rng.random(shape) < share] = NODATA
        return values
    values = rng.uniform(low, high, shape).astype(np.float32)
    values[rng.random(shape) < share] = math.nan
    return values


@given(values=rasters(), wide=st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_pieces_sum_to_what_numpy_says_of_the_whole(values: np.ndarray, wide: int) -> None:
    whole = values.dtype == np.int16
    valid = values[values != NODATA] if whole else values[~np.isnan(values)]
    found = joined(values, blocks_of(values.shape, wide))
    assert (found.pixels, found.count) == (values.size, valid.size)
    if not valid.size:
        assert found.tags() == {"STATISTICS_VALID_PERCENT": "0"}
        assert found.to_stac() == {"valid_percent": 0.0, "count": 0}
        return
    assert (found.low, found.high) == (valid.min(), valid.max())
    exact = valid.astype(np.float64)
    if whole:  # exactly: whole numbers are summed
        assert found.total == int(valid.sum(dtype=np.int64))
        assert found.squares == int(np.square(valid.astype(np.int64)).sum())
        assert found.mean == exact.sum() / valid.size
    assert found.mean == pytest.approx(exact.mean(), rel=1e-12, abs=1e-9)
    assert found.deviation == pytest.approx(exact.std(), rel=1e-9, abs=1e-9)
    assert found.valid_percent == pytest.approx(100 * valid.size / values.size, abs=5e-5)
    assert float(found.tags()["STATISTICS_MEAN"]) == found.mean
    assert found.to_stac()["stddev"] == found.deviation


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_blocks_width_changes_no_digit(dtype: str) -> None:
    rng = np.random.default_rng(5)
    values = (rng.standard_normal((1100, 2100)) * 3000).astype(dtype)
    values[rng.random(values.shape) < 0.1] = NODATA if dtype == "int16" else math.nan
    told = [joined(values, blocks_of(values.shape, wide)).tags() for wide in (1, 2, 5)]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ([[7]], (7, 7, 7.0, 0.0, 1)),
        ([[-32767]], (-32767, -32767, -32767.0, 0.0, 1)),
        ([[32767, -32767]], (-32767, 32767, 0.0, 32767.0, 2)),
        ([[NODATA, 0]], (0, 0, 0.0, 0.0, 1)),
        ([[NODATA, -5, -3]], (-5, -3, -4.0, 1.0, 2)),
        ([[-1, NODATA]], (-1, -1, -1.0, 0.0, 1)),
    ],
)
def test_a_few_pixels(numbers: list[list[int]], wanted: tuple[float, ...]) -> None:
    for dtype in (np.int16, np.float32):
        values = np.array(numbers, dtype)
        if dtype == np.float32:
            values[values == NODATA] = math.nan
        found = joined(values)
        got = (found.low, found.high, found.mean, found.deviation, found.count)
        assert got == wanted


def test_many_equal_large_numbers_have_no_deviation() -> None:
    """Sums of squares of int16 go far beyond 2^53; they are whole, so nothing is lost."""
    one = gather(np.full((512, 512), 32767, np.int16))[0]
    found = Statistics(whole=True)
    for _ in range(500):
        found.join(one)
    assert found.squares > 2**56
    assert (found.mean, found.deviation) == (32767, 0)


def test_reals_far_from_zero_keep_their_deviation() -> None:
    """The textbook's sum of squares would give 0, or a root of a negative number."""
    rng = np.random.default_rng(0)
    values = (rng.integers(0, 3, (600, 1100)) * 8 + 1e8).astype(np.float32)
    found = joined(values, blocks_of(values.shape, 1))
    assert found.deviation == pytest.approx(values.astype(float).std(), rel=1e-9)


def test_empty_pieces_change_nothing_but_the_number_of_pixels() -> None:
    for dtype, nodata in ((np.int16, NODATA), (np.float32, math.nan)):
        empty = np.full((3, 4), nodata, dtype)
        values = np.array([[5, 9]], dtype)
        found = Statistics(whole=dtype == np.int16)
        for piece in (*gather(empty), *gather(values), *gather(empty)):
            found.join(piece)
        assert (found.low, found.high, found.mean, found.count) == (5, 9, 7, 2)
        assert found.pixels == 26
    assert Statistics(whole=True).valid_percent == 0
