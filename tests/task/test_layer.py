"""What tells quickly that no pixel is without data, against looking at every one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scenefleet_task.layer import all_above

DTYPES = st.sampled_from(["u1", "u2", "i2", "u4", "i4"])


@given(
    numbers=DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, (2, 3))),
    nodata=st.sampled_from([0.0, -9999.0, 0.5, 255.0, 65535.0, float("nan"), -1e300]),
)
def test_where_all_numbers_are_above_nodata_none_is_nodata(
    numbers: np.ndarray, nodata: float
) -> None:
    found = all_above(numbers, nodata)
    assert found == all(int(number) > nodata for number in numbers.flat)
    assert not (found and (numbers == nodata).any())


@pytest.mark.parametrize("dtype", ["f4", "u2"])
def test_nothing_is_said_of_reals_or_without_a_number(dtype: str) -> None:
    """Reals may hold NaN, which is no data as well."""
    assert all_above(np.ones((2, 2), dtype), 0.0) == (dtype == "u2")
    assert not all_above(np.ones((2, 2), dtype), None)
