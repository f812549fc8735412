"""What tells quickly that no pixel is without data, against looking at every one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scenefleet_task.layer import all_beside

DTYPES = st.sampled_from(["u1", "u2", "i2", "u4", "i4"])


@given(
    numbers=DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, (2, 3))),
    nodata=st.lists(
        st.sampled_from([0.0, -9999.0, 0.5, 255.0, 65535.0, float("nan"), -1e300]), max_size=3
    ),
)
def test_where_no_number_is_nodata_it_is_told_quickly(
    numbers: np.ndarray, nodata: list[float]
) -> None:
    found = all_beside(numbers, tuple(nodata))
    low, high = int(numbers.min()), int(numbers.max())
    assert found == (bool(nodata) and all(n < low or n > high for n in nodata))
    assert not (found and np.isin(numbers, nodata).any())


@pytest.mark.parametrize("dtype", ["f4", "u2"])
def test_nothing_is_said_of_reals_or_without_a_number(dtype: str) -> None:
    """Reals may hold NaN, which is no data as well."""
    assert all_beside(np.ones((2, 2), dtype), (0.0,)) == (dtype == "u2")
    assert not all_beside(np.ones((2, 2), dtype), ())
