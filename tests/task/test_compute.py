from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scenefleet_task import compute
from scenefleet_task.evaluate import Program

S2_OLD = (1e-4, 0.0)
S2_NEW = (1e-4, -0.1)
LANDSAT = (2.75e-05, -0.2)


NDVI = Program({"i": "(a - b) / (a + b)"})


def pack(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    return packed(values, valid)[0]


def packed(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, int]:
    out = np.empty(values.shape, np.int16)
    return out, compute.pack(compute.settled(values), valid, 1e-4, out)


def difference(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = NDVI.run({"a": a, "b": b})["i"]
    none = np.zeros(found.array.shape, np.bool_)
    return found.array, none if found.undefined is None else found.undefined


def index(a: Any, b: Any, rules: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    first, second = (
        compute.lift(np.atleast_2d(np.asarray(n)), *rule)
        for n, rule in zip((a, b), rules, strict=True)
    )
    value, undefined = difference(first, second)
    return pack(value, ~undefined)


def exact(a: Any, b: Any, rules: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """The oracle: reflectance and index in float64, as written in a textbook."""
    x, y = (np.asarray(n, float) * scale + offset for n, (scale, offset) in zip((a, b), rules, strict=True))  # fmt: skip  # noqa: E501
    return (x - y) / (x + y) / 1e-4


NUMBERS = st.lists(st.tuples(st.integers(1, 20000), st.integers(1, 20000)), min_size=1, max_size=60)


@given(NUMBERS)
def test_the_same_ground_in_both_baselines_gives_the_same_numbers(
    pairs: list[tuple[int, int]],
) -> None:
    a, b = np.array(pairs, np.uint16).T
    old = index(a, b, (S2_OLD, S2_OLD))
    new = index(a + np.uint16(1000), b + np.uint16(1000), (S2_NEW, S2_NEW))
    assert (old == new).all()


@given(NUMBERS, st.sampled_from([S2_OLD, LANDSAT]), st.sampled_from([S2_OLD, LANDSAT]))
def test_index_is_the_textbooks_to_its_last_digit(
    pairs: list[tuple[int, int]], first: tuple[float, float], second: tuple[float, float]
) -> None:
    a, b = np.array(pairs, np.uint16).T
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = exact(a, b, (first, second))
        total = a * first[0] + first[1] + b * second[0] + second[1]
    near = np.abs(total) > 0.01  # below, float32 itself is off by a digit of the index
    got = index(a, b, (first, second))[0]
    wanted = np.clip(wanted, -32767, 32767)
    assert (np.abs(got[near] - wanted[near]) <= 0.51 + np.abs(wanted[near]) * 2e-5).all()


def test_values_beyond_int16_stop_at_its_ends_and_are_counted() -> None:
    # Reflectances 0.0301 and -0.03: a difference of 0.0601 over a sum of 0.0001.
    numbers = np.array([[1301, 700, 2000]], np.uint16), np.array([[700, 1301, 1500]], np.uint16)
    a, b = (compute.lift(n, *S2_NEW) for n in numbers)
    value, undefined = difference(a, b)
    values, saturated = packed(value, ~undefined)
    assert values.tolist() == [[32767, -32767, 3333]]
    assert saturated == 2


def test_a_zero_denominator_has_no_value() -> None:
    a = compute.lift(np.array([[1000, 900, 1100]], np.uint16), *S2_NEW)
    b = compute.lift(np.array([[1000, 1100, 1100]], np.uint16), *S2_NEW)
    value, undefined = difference(a, b)
    assert undefined.tolist() == [[True, True, False]]
    assert pack(value, ~undefined).tolist() == [[-32768, -32768, 0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_reaches_the_cast(bad: float) -> None:
    a = np.array([[bad, 0.5]], np.float32)
    value, undefined = difference(a, np.array([[bad, 0.25]], np.float32))
    assert np.isfinite(value).all()
    assert pack(value, ~undefined).tolist() == [[-32768, 3333]]


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 9)),
        elements=st.floats(width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38]),
    )
)
def test_one_look_at_values_finds_all_that_are_not_finite(values: np.ndarray) -> None:
    before = values.tobytes()
    found = compute.settled(values)
    assert values.tobytes() == before
    finite = np.isfinite(values)
    assert (found.undefined is None) == finite.all()
    if found.undefined is not None:
        np.testing.assert_array_equal(found.undefined, ~finite)
    assert found.array[finite].tobytes() == values[finite].tobytes()
    assert not found.array[~finite].any()
    assert (found.low, found.high) == (found.array.min(), found.array.max())


@pytest.mark.parametrize("rule", [S2_OLD, S2_NEW, LANDSAT, (1.0, 0.0)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_numbers_are_lifted_into_an_array_of_the_callers(
    rule: tuple[float, float], dtype: str
) -> None:
    numbers = np.arange(60, dtype=dtype).reshape(6, 10)[::2, 1:]
    out = np.full(numbers.shape, np.nan, np.float32)
    assert compute.lift(numbers, *rule, out) is out
    assert out.tobytes() == compute.lift(numbers, *rule).tobytes()


def test_offset_in_digital_numbers_is_whole_where_it_should_be() -> None:
    assert compute.shift_of(1e-4, -0.1) == -1000
    assert compute.shift_of(1e-4, -0.09999995) == -1000
    assert compute.shift_of(*LANDSAT) == pytest.approx(-7272.727, abs=1e-3)
