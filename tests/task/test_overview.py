"""Halving: as GDAL where both sides are even, and by exact fractions where they are not."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.enums import Resampling
from rasterio.transform import Affine

from scenefleet_task import overview
from scenefleet_task.spec import NODATA, Reason

EVEN = (272, 400)
"""Sides that can be halved four times without a rest."""


def noise(dtype: str, holes: bool, shape: tuple[int, int] = EVEN) -> np.ndarray:
    """Numbers of the whole range; holes of single pixels, of odd shapes, and a swath's edge."""
    rng = np.random.default_rng(3)
    if dtype == "int16":
        values = rng.integers(-32767, 32768, shape).astype(np.int16)
        values[:40] //= 4000  # where halves are frequent
        nodata: float = NODATA
    else:
        values = (rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 6, shape)).astype("f4")
        nodata = math.nan
    if holes:
        values[rng.random(shape) < 0.2] = nodata
        values[50:117, 33:98] = nodata
        values[:, -61:] = nodata
    return values


def gdals(
    values: np.ndarray, path: Path, nodata: float | None, how: Resampling
) -> list[np.ndarray]:
    """Four overviews as GDAL makes them, one from another."""
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, nodata=nodata, count=1, width=width,
        height=height, crs="EPSG:32631", transform=Affine(10, 0, 6e5, 0, -10, 57e5),
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4, 8, 16], how)
    levels = []
    for n in range(4):
        with rasterio.open(path, overview_level=n) as dataset:
            levels.append(dataset.read(1))
    return levels


# Of reals without a nodata value GDAL sums in float32; ours always have one, and are summed as
# GDAL does it there, in float64.
@pytest.mark.parametrize(
    ("dtype", "holes", "declared"),
    [
        ("int16", False, False),
        ("int16", False, True),
        ("int16", True, True),
        ("float32", False, True),
        ("float32", True, True),
    ],
)
def test_even_sizes_are_gdals_to_the_last_digit(
    tmp_path: Path, dtype: str, holes: bool, declared: bool
) -> None:
    values = noise(dtype, holes)
    nodata = (NODATA if dtype == "int16" else math.nan) if declared else None
    ours = values
    for wanted in gdals(values, tmp_path / "a.tif", nodata, Resampling.average):
        ours = overview.mean(ours)
        assert ours.dtype == wanted.dtype
        np.testing.assert_array_equal(ours, wanted)


def test_classes_are_gdals_nearest(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 10, EVEN).astype(np.uint8)
    ours = values
    for wanted in gdals(values, tmp_path / "a.tif", None, Resampling.nearest):
        ours = overview.nearest(ours)
        np.testing.assert_array_equal(ours, wanted)


# --- by exact fractions, on any size


def halved(values: np.ndarray) -> np.ndarray:
    """Pixel by pixel: the mean of the valid ones that are there, rounded half away from zero."""
    height, width = values.shape
    out = np.empty((-(-height // 2), -(-width // 2)), values.dtype)
    real = values.dtype == np.float32
    for row, col in np.ndindex(out.shape):
        four = values[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].reshape(-1).tolist()
        valid = [Fraction(v) for v in four if not (math.isnan(v) if real else v == NODATA)]
        if not valid:
            out[row, col] = math.nan if real else NODATA
        else:
            mean = sum(valid, Fraction(0)) / len(valid)
            whole = math.floor(abs(mean) + Fraction(1, 2)) * (1 if mean >= 0 else -1)
            out[row, col] = float(mean) if real else whole
    return out


SHAPES = st.tuples(st.integers(1, 21), st.integers(1, 13))
WHOLE = arrays.arrays(
    np.int16, SHAPES, elements=st.sampled_from([NODATA, -32767, 32767, -3, -2, -1, 0, 1, 2, 7, 999])
)
REAL = arrays.arrays(
    np.float32,
    SHAPES,
    # a few digits, so that a sum is exact in float64 and rounded once
    elements=st.sampled_from([math.nan, -1.5, -0.1, 0.0, 1e-3, 0.3, 7.25, 1000.125, 65504.0]).map(
        lambda v: float(np.float32(v))
    ),
)


@given(values=WHOLE)
@settings(deadline=None)
def test_whole_numbers_of_any_size_follow_the_rule(values: np.ndarray) -> None:
    np.testing.assert_array_equal(overview.mean(values), halved(values))


@given(values=arrays.arrays(np.int16, st.tuples(st.integers(1, 75), st.integers(1, 5))))
@settings(deadline=None)
def test_whole_numbers_of_the_whole_range_follow_the_rule(values: np.ndarray) -> None:
    """Two pixels are summed as one number: what one carries over must not reach the other."""
    np.testing.assert_array_equal(overview.mean(values), halved(values))


@given(values=REAL)
@settings(deadline=None)
def test_reals_of_any_size_follow_the_rule(values: np.ndarray) -> None:
    # a third is rounded to float64 and then to float32: the last digit may be another
    np.testing.assert_allclose(overview.mean(values), halved(values), rtol=1.2e-7)


@pytest.mark.parametrize("values", [noise("int16", True), noise("float32", True)])
@pytest.mark.parametrize("layout", ["F", "columns", "rows", "stack", "stack of planes"])
def test_how_an_array_lies_in_memory_changes_nothing(values: Any, layout: str) -> None:
    wanted = overview.mean(values)
    if layout == "F":
        found = overview.mean(np.asfortranarray(values))
    elif layout == "columns":
        found = overview.mean(np.repeat(values, 2, axis=1)[:, ::2])
    elif layout == "rows":
        found = overview.mean(np.repeat(values, 2, axis=0)[::2])
    else:
        planes = np.stack([values, values[::-1]], axis=0 if layout == "stack of planes" else -1)
        found = overview.mean(np.moveaxis(planes, 0, -1) if layout == "stack of planes" else planes)
        np.testing.assert_array_equal(found[..., 1], overview.mean(values[::-1]))
        found = found[..., 0]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("four", "mean"),
    [
        ([-1, 0, 0, -1], -1),  # -0.5
        ([1, 0, 0, 1], 1),
        ([-1, 0, 0, 0], 0),  # -0.25
        ([-3, 0, 0, 0], -1),  # -0.75
        ([-1, -2, NODATA, NODATA], -2),  # -1.5 of two
        ([-1, 0, NODATA, NODATA], -1),  # -0.5 of two
        ([1, 2, NODATA, NODATA], 2),
        ([-1, -1, 0, NODATA], -1),  # -2/3 of three
        ([-1, 0, 0, NODATA], 0),  # -1/3 of three
        ([-7, NODATA, NODATA, NODATA], -7),
        ([-32767, -32767, -32767, -32767], -32767),
        ([-32767, -32767, -32767, NODATA], -32767),
        ([32767, 32767, 32767, 32767], 32767),
        ([NODATA] * 4, NODATA),
    ],
)
def test_halves_go_away_from_zero(four: list[int], mean: int) -> None:
    values = np.array(four, np.int16).reshape(2, 2)
    assert overview.mean(values).tolist() == [[mean]]


def test_large_reals_do_not_overflow_in_between() -> None:
    most = np.finfo(np.float32).max
    assert overview.mean(np.full((2, 2), most)).tolist() == [[float(most)]]


def test_nearest_takes_the_upper_left_and_invents_nothing() -> None:
    values = np.arange(15, dtype=np.uint8).reshape(3, 5)
    assert overview.nearest(values).tolist() == [[0, 2, 4], [10, 12, 14]]
    reasons = (
        np.random.default_rng(0).choice([0, Reason.CLOUD, Reason.CLASS], (33, 17)).astype("u1")
    )
    assert set(np.unique(overview.nearest(reasons))) <= {0, Reason.CLOUD, Reason.CLASS}


def test_what_is_given_stays_as_it_was() -> None:
    """The raster itself is written after its overview is made."""
    for dtype in ("int16", "float32"):
        values = noise(dtype, True)
        kept = values.copy()
        overview.mean(values)
        np.testing.assert_array_equal(values, kept)
