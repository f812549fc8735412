"""Memory divided: what fits stays within the promise, and there is always enough to go on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenefleet_task.budget import BASE, MEMORY, Budget, shares
from scenefleet_task.gdal_settings import gdal_cache

MB = 1_000_000
MEMORIES = st.integers(1, 8000).map(lambda n: n * MB)


@given(
    memory=MEMORIES, threads=st.integers(1, 16), tiles=st.integers(1, 400),
    block=st.floats(1e5, 3e8), whole=st.floats(0, 5e8), cached=st.booleans(), ahead=st.booleans(),
)  # fmt: skip
def test_what_fits_stays_within_and_nothing_is_less_than_one(
    memory: int, threads: int, tiles: int, block: float, whole: float, cached: bool, ahead: bool
) -> None:
    found = shares(
        Budget(memory=memory, threads=threads),
        tiles=tiles, block=block, whole=whole, cached=cached, ahead=ahead,
    )  # fmt: skip
    assert 1 <= found.tiles <= tiles
    assert 1 <= found.threads <= threads
    assert (found.ahead > 0) == ahead
    fixed = BASE + whole + (gdal_cache(memory) * 1e6 if cached else 0)
    # a range is held twice for a moment
    needed = fixed + found.tiles * found.threads * block + 2 * found.ahead
    smallest = fixed + block + 2 * 4e6 * ahead
    if smallest <= memory:
        assert needed <= memory + 1
    else:  # the least there can be: whoever promised less is told by the plan
        assert (found.tiles, found.threads) == (1, 1)
        assert found.ahead <= 4e6


@given(
    less=MEMORIES, more=MEMORIES, threads=st.integers(1, 8), block=st.floats(1e5, 1e8),
    cached=st.booleans(), ahead=st.booleans(),
)  # fmt: skip
def test_more_memory_never_means_less_of_anything(
    less: int, more: int, threads: int, block: float, cached: bool, ahead: bool
) -> None:
    one, other = (
        shares(
            Budget(memory=memory, threads=threads),
            tiles=22, block=block, whole=2e7, cached=cached, ahead=ahead,
        )
        for memory in sorted((less, more))
    )  # fmt: skip
    assert other.threads >= one.threads
    assert other.ahead >= one.ahead
    # a thread that joins takes of what the others had: all together never get less
    assert other.tiles * other.threads + other.threads > one.tiles * one.threads


def test_threads_go_before_width() -> None:
    """Two narrow blocks at once are as much memory as one that is twice as wide."""
    free = BASE + 4 * 50 * MB
    for threads, tiles in ((1, 4), (2, 2), (3, 1), (4, 1), (9, 1)):
        found = shares(
            Budget(memory=int(free), threads=threads),
            tiles=22, block=50 * MB, whole=0, cached=False, ahead=False,
        )  # fmt: skip
        assert (found.threads, found.tiles) == (min(threads, 4), tiles)


def test_a_full_scene_of_ndvi_fits_where_nothing_is_said() -> None:
    """Two bands of uint16 and a mask, int16 out: `per_pixel` of `scene._Scene._shares`."""
    block = (2 * (2 + 2 + 0.25) + 2.5 * 3 + 2) * 512 * 512
    for memory, tiles in ((MEMORY, 22), (256 * MB, 10)):
        found = shares(
            Budget(memory=memory), tiles=22, block=block, whole=1.5 * 3 * 512 * 10_980,
            cached=False, ahead=True,
        )  # fmt: skip
        assert found.tiles >= tiles
        assert found.threads == 1


@pytest.mark.parametrize(("memory", "megabytes"), [(1, 16), (80 * MB, 16), (500 * MB, 100)])
def test_gdals_cache_is_a_share_and_at_least_what_it_needs(memory: int, megabytes: int) -> None:
    assert gdal_cache(memory) == megabytes
