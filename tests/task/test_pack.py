"""What every pixel goes through at the end: packed, marked and counted, against plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scenefleet_task import compute, mask
from scenefleet_task.spec import NODATA, Reason

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 40))
VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 32766.5, 32767.0, 32767.5, 32768.0,
                     -32767.0, -32767.5, -32768.0, 1e9, -1e9, 3.4e38, -3.4e38]),
    st.floats(-4e4, 4e4, width=32),
)  # fmt: skip


@st.composite
def layers(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values, and which of them are kept."""
    shape = draw(SHAPES)
    values = draw(arrays.arrays(np.float32, shape, elements=VALUES.map(np.float32).map(float)))
    valid = draw(st.sampled_from(["all", "none", "some"]))
    if valid == "some":
        return values, draw(arrays.arrays(np.bool_, shape))
    return values, np.full(shape, valid == "all")


@given(layer=layers(), scale=st.sampled_from([1.0, 0.5, 1e-4, 0.02, 1e-30]), unmarked=st.booleans())
@settings(deadline=None, max_examples=50)
def test_whole_numbers_are_rounded_limited_and_never_wrapped(
    layer: tuple[np.ndarray, np.ndarray], scale: float, unmarked: bool
) -> None:
    """Where all are kept, None says so as well."""
    values, valid = layer
    kept = values.copy(), valid.copy()
    out = np.full(values.shape, 77, np.int16)
    everything = unmarked and bool(valid.all())
    saturated = compute.pack(compute.settled(values), None if everything else valid, scale, out)
    with np.errstate(over="ignore"):
        exact = np.rint((values * np.float32(1 / scale)).astype(np.float64))
    wanted = np.clip(exact, -32767, 32767)
    wanted[~valid] = NODATA
    np.testing.assert_array_equal(out, wanted)
    assert saturated == np.count_nonzero((np.abs(exact) > 32767) & valid)
    np.testing.assert_array_equal(values, kept[0])
    np.testing.assert_array_equal(valid, kept[1])


@given(layer=layers())
@settings(deadline=None, max_examples=50)
def test_reals_are_kept_bit_by_bit(layer: tuple[np.ndarray, np.ndarray]) -> None:
    values, valid = layer
    out = np.full(values.shape, 77, np.float32)
    assert compute.pack(compute.settled(values), valid, 1e-4, out) == 0
    assert out[valid].tobytes() == values[valid].tobytes()
    assert np.isnan(out[~valid]).all()


def test_only_rows_that_are_given_are_filled() -> None:
    """A block is filled a few rows at a time."""
    out = np.full((4, 3), 77, np.int16)
    ones = compute.settled(np.ones((2, 3), np.float32))
    compute.pack(ones, np.eye(2, 3, dtype=bool), 1.0, out[1:3])
    assert out.tolist() == [[77] * 3, [1, NODATA, NODATA], [NODATA, 1, NODATA], [77] * 3]


def test_a_value_that_is_not_kept_does_not_count_as_cut_off() -> None:
    out = np.zeros((1, 2), np.int16)
    values = compute.settled(np.array([[1e9, 5.0]], np.float32))
    assert compute.pack(values, np.array([[False, True]]), 1.0, out) == 0
    assert out.tolist() == [[NODATA, 5]]


# --- reasons

REASONS = st.sampled_from([mask.FREE, *(r.value for r in Reason if r)])


@given(
    data=st.data(), shape=SHAPES, reason=st.sampled_from([r for r in Reason if r]),
)  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_the_stronger_reason_stays_and_all_are_counted(
    data: Any, shape: tuple[int, int], reason: Reason
) -> None:
    reasons = data.draw(arrays.arrays(np.uint8, shape, elements=REASONS))
    where = data.draw(arrays.arrays(np.bool_, shape))
    wanted = np.where(where & (reasons > reason), reason, reasons)
    mask.add(reasons, where, reason)
    np.testing.assert_array_equal(reasons, wanted)
    free = mask.settle(reasons)
    np.testing.assert_array_equal(free, wanted == mask.FREE)
    np.testing.assert_array_equal(reasons, np.where(wanted == mask.FREE, 0, wanted))
    told = mask.count(reasons)
    assert set(told) == set(Reason)
    assert sum(told.values()) == reasons.size
    for one in Reason:
        assert told[one] == np.count_nonzero(reasons == one)


def test_more_reasons_than_are_counted_at_once() -> None:
    reasons = np.random.default_rng(5).choice(list(Reason), (300, 1000)).astype(np.uint8)
    reasons[:100] = Reason.CLOUD
    assert mask.count(reasons) == {r: np.count_nonzero(reasons == r.value) for r in Reason}


@pytest.mark.parametrize("reason", list(Reason))
def test_one_reason_alone_is_counted(reason: Reason) -> None:
    told = mask.count(np.full((3, 5), reason, np.uint8))
    assert told[reason] == 15
    assert sum(told.values()) == 15


def test_nothing_to_count() -> None:
    assert not any(mask.count(np.empty((0, 4), np.uint8)).values())


def test_marks_may_be_a_part_of_a_larger_array() -> None:
    """What is outside is cut from a whole strip's."""
    reasons = np.full((2, 3), mask.FREE, np.uint8)
    where = np.zeros((4, 8), bool)
    where[1:3, 2:5][:, 1] = True
    mask.add(reasons, where[1:3, 2:5], Reason.CLOUD)
    assert reasons.tolist() == [[mask.FREE, Reason.CLOUD, mask.FREE]] * 2
