"""Tiles ahead of use: each fetched once, in order, few at once, within a bound, and let go."""

import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import imagecodecs
import numpy as np
import pytest

from scenefleet_task.ahead import AT_ONCE, Ahead, reading
from scenefleet_task.codec import Form, encode
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError
from scenefleet_task.grid import Window
from scenefleet_task.layout import Layout
from scenefleet_task.probe import Finding
from scenefleet_task.spec import Exit
from scenefleet_task.tile_rows import Need, TiledSource

TILE = 64
PLENTY = 10**9


@dataclass
class Stub:
    """A file in memory, as `Bytes`: counts what is asked for, and fails where it is told to."""

    data: bytes
    near: bool = False
    delay: float = 0
    fail: Callable[[int], FetchError | None] = lambda _: None
    """By the number of the request."""
    spoil: Callable[[int, bytes], bytes] = lambda _, data: data
    """By the number of the request: what comes in place of the truth."""
    asked: list[tuple[int, int]] = field(default_factory=list)
    came: list[int] = field(default_factory=list)
    now: int = 0
    most: int = 0
    closed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, size: int) -> bytes | None:
        return self.data[:size]

    def fetch(self, start: int, size: int) -> Any:
        with self.lock:
            number = len(self.asked)
            self.asked.append((start, size))
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(self.delay)
            if error := self.fail(number):
                raise error
            self.came.append(size)
            return memoryview(self.spoil(number, self.data[start : start + size]))
        finally:
            with self.lock:
                self.now -= 1

    def close(self) -> None:
        self.closed += 1

    @property
    def bytes_asked(self) -> int:
        return sum(size for _, size in self.asked)


def source_of(
    values: np.ndarray,
    tile: tuple[int, int] = (TILE, TILE),
    gap: int = 0,
    missing: Sequence[tuple[int, int]] = (),
    form: Form | None = None,
    **stub: Any,
) -> TiledSource:
    """A source whose tiles lie row by row, with `gap` bytes between; `missing` are not there."""
    form = form or Form("deflate", 2)
    height, width = tile
    rows, cols = -(-values.shape[0] // height), -(-values.shape[1] // width)
    padded = np.zeros((rows * height, cols * width), values.dtype)
    padded[: values.shape[0], : values.shape[1]] = values
    data, offsets, sizes = bytearray(16), np.zeros((rows, cols)), np.zeros((rows, cols))
    for row in range(rows):
        for col in range(cols):
            if (row, col) in missing:
                continue
            part = np.ascontiguousarray(
                padded[row * height : (row + 1) * height, col * width : (col + 1) * width]
            )
            if form.compression == "lzw":
                piece = imagecodecs.lzw_encode(part.tobytes())
            else:
                piece = encode(part, form, np.empty_like(part))
            offsets[row, col], sizes[row, col] = len(data), len(piece)
            data += piece + b"\xaa" * gap
    layout = Layout(
        width=values.shape[1], height=values.shape[0], tile_width=width, tile_height=height,
        dtype=values.dtype, form=form, fill=7.0, offsets=offsets.astype(np.int64),
        sizes=sizes.astype(np.int64),
    )  # fmt: skip
    return TiledSource(
        "item scene-1, asset B04, https://host/b04.tif", layout, Stub(bytes(data), **stub)
    )


def stub_of(source: TiledSource) -> Stub:
    assert isinstance(source.bytes, Stub)
    return source.bytes


def numbers(height: int, width: int, dtype: str = "uint16") -> np.ndarray:
    """Different at every pixel, and hard to compress."""
    return np.random.default_rng(height).integers(0, 60_000, (height, width)).astype(dtype)


def cut(height: int, width: int, step: tuple[int, int]) -> list[Window]:
    return [
        Window(row, col, min(step[0], height - row), min(step[1], width - col))
        for row in range(0, height, step[0])
        for col in range(0, width, step[1])
    ]


def grown(window: Window, by: int, height: int, width: int) -> Window:
    top, left = max(0, window.row - by), max(0, window.col - by)
    bottom = min(height, window.row + window.height + by)
    right = min(width, window.col + window.width + by)
    return Window(top, left, bottom - top, right - left)


def part_of(values: np.ndarray, window: Window) -> np.ndarray:
    return values[window.row : window.bottom + 1, window.col : window.right + 1]


def read_all(
    sources: Sequence[tuple[TiledSource, np.ndarray]],
    windows: Sequence[Sequence[Window]],
    threads: int = 1,
    most: int = PLENTY,
) -> None:
    """Reads every block's windows in several threads, and compares each with the truth."""
    only = [source for source, _ in sources]
    with reading(only, [[Need(w) for w in block] for block in windows], most) as ahead:

        def block(n: int) -> None:
            for number, (source, values) in enumerate(sources):
                found = ahead.read(number, source, windows[n][number])
                time.sleep(0.001)  # another thread's blocks come and go meanwhile
                assert (found == part_of(values, windows[n][number])).all()
            ahead.done(n)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(block, range(len(windows))))


def tiles_asked(source: TiledSource) -> Counter[tuple[int, int]]:
    """How often each tile's bytes were asked for."""
    layout, count = source.layout, Counter[tuple[int, int]]()
    for row, col in np.ndindex(layout.offsets.shape):
        start, size = layout.offsets[row, col], layout.sizes[row, col]
        for at, length in stub_of(source).asked:
            if size and at <= start and start + size <= at + length:
                count[row, col] += 1
    return count


STEPS = [(64, 1000), (64, 128), (64, 64), (128, 96), (50, 70), (33, 1000), (1000, 33)]


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("margin", [0, 5])
def test_each_tile_is_fetched_once_whatever_the_blocks(
    step: tuple[int, int], margin: int, threads: int
) -> None:
    """Two sources: one by tiles of 64, one of half its resolution by tiles of 32 x 80."""
    fine, coarse = numbers(300, 410), numbers(150, 205, "uint8")
    pair = [(source_of(fine), fine), (source_of(coarse, (32, 80), form=Form("deflate", 1)), coarse)]
    windows = []
    for w in cut(300, 410, step):
        half = Window(
            w.row // 2, w.col // 2, w.bottom // 2 - w.row // 2 + 1, w.right // 2 - w.col // 2 + 1
        )
        windows.append([grown(w, margin, 300, 410), grown(half, margin, 150, 205)])
    read_all(pair, windows, threads, most=60_000)
    for source, _ in pair:
        assert set(tiles_asked(source).values()) == {1}
        assert len(tiles_asked(source)) == source.layout.offsets.size


def test_tiles_are_asked_for_in_the_order_of_their_use() -> None:
    values = numbers(640, 640)
    pair = [(source_of(values, delay=0.001), values) for _ in range(2)]
    order: list[tuple[int, int]] = []
    for number, (source, _) in enumerate(pair):
        stub = stub_of(source)
        stub.fail = lambda _, number=number, stub=stub: order.append((number, stub.asked[-1][0]))
    windows = [[w, w] for w in cut(640, 640, (64, 640))]
    # only one row fits: so one is under way at a time, and the order is strict
    read_all(pair, windows, most=1)
    assert order == [
        (n, int(pair[n][0].layout.offsets[row, 0])) for row in range(10) for n in range(2)
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_so_many_ranges_are_under_way_and_no_more(threads: int) -> None:
    values = numbers(64 * 40, 128)
    source = source_of(values, delay=0.01)
    windows = [[w] for w in cut(64 * 40, 128, (64, 128))]
    with reading([source], [[Need(w) for w in block] for block in windows], PLENTY) as ahead:
        while len(stub_of(source).came) < 40:
            time.sleep(0.01)
        assert stub_of(source).most == AT_ONCE
        for n, (window,) in enumerate(windows):
            assert (ahead.read(0, source, window) == part_of(values, window)).all()
            ahead.done(n)
    assert len(stub_of(source).asked) == 40


def settle(stub: Stub, least: int) -> None:
    """Waits until so many bytes were asked for, ten seconds at most, and nothing is under way."""
    deadline = time.monotonic() + 10
    while stub.bytes_asked < least and time.monotonic() < deadline:
        time.sleep(0.001)
    quiet = 0
    while quiet < 5:
        before = len(stub.asked)
        time.sleep(0.002)
        quiet = 0 if stub.now or len(stub.asked) > before else quiet + 1


@pytest.mark.parametrize("most", [1, 20_000, 50_000, 100_000])
def test_what_waits_for_its_use_is_within_the_bound(most: int) -> None:
    """What came and was not used yet, at every moment; one row of tiles may always wait."""
    values = numbers(64 * 30, 128)
    source = source_of(values, delay=0.0005)
    row = int(source.layout.sizes.sum(axis=1).max())
    windows = cut(64 * 30, 128, (64, 128))
    used = 0
    waiting: list[int] = []
    made_use_of = min(most, row * 10) - row
    whole = int(source.layout.sizes.sum())
    with reading([source], [[Need(w)] for w in windows], most) as ahead:
        for n, window in enumerate(windows):
            # computing: what may be fetched meanwhile has been
            settle(stub_of(source), min(used + made_use_of + 1, whole))
            waiting.append(stub_of(source).bytes_asked - used)
            ahead.read(0, source, window)
            used += int(source.layout.sizes[n].sum())
            ahead.done(n)
    assert max(waiting) <= max(most, row)
    assert min(waiting[:-10]) > made_use_of
    assert stub_of(source).bytes_asked == whole


def test_rows_are_let_go_and_their_memory_used_again() -> None:
    values = numbers(64 * 60, 640)
    source = source_of(values)
    windows = cut(64 * 60, 640, (64, 640))
    row = 64 * 640 * 2
    tracemalloc.start()
    try:
        with reading([source], [[Need(w)] for w in windows], 100_000) as ahead:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for n, window in enumerate(windows):
                ahead.read(0, source, window)
                ahead.done(n)
            peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 100_000 + 5 * row  # of 60


def test_only_tiles_that_are_wanted_are_fetched() -> None:
    values = numbers(256, 640)
    source = source_of(values, gap=20_000)  # further apart than is fetched along
    touched = [
        np.array([n in cols for n in range(10)])
        for cols in ({0, 1}, {1, 2}, set(), {0, 9})
    ]  # fmt: skip
    windows = cut(256, 640, (64, 640))
    needs = [[Need(w, t)] for w, t in zip(windows, touched, strict=True)]
    with reading([source], needs, PLENTY) as ahead:
        for n, (window, wanted) in enumerate(zip(windows, touched, strict=True)):
            if wanted.any():
                found = ahead.read(0, source, window)
                seen = np.repeat(wanted, 64)
                assert (found[:, seen] == part_of(values, window)[:, seen]).all()
                assert (found[:, ~seen] == 7).all()
            ahead.done(n)
    assert dict(tiles_asked(source)) == dict.fromkeys(
        [(0, 0), (0, 1), (1, 1), (1, 2), (3, 0), (3, 9)], 1
    )
    assert stub_of(source).bytes_asked == sum(source.layout.sizes[at] for at in tiles_asked(source))


def test_what_blocks_want_of_a_shared_row_is_joined() -> None:
    """Two blocks in one row of tiles, of which each wants others."""
    values = numbers(64, 640)
    source = source_of(values, gap=20_000)
    windows = cut(64, 640, (32, 640))
    touched = [np.array([n in cols for n in range(10)]) for cols in ({0, 4}, {4, 5})]
    needs = [[Need(w, t)] for w, t in zip(windows, touched, strict=True)]
    with reading([source], needs, PLENTY) as ahead:
        for n, window in enumerate(windows):
            seen = np.repeat(touched[n], 64)
            found = ahead.read(0, source, window)
            assert (found[:, seen] == part_of(values, window)[:, seen]).all()
            ahead.done(n)
    assert sorted(tiles_asked(source)) == [(0, 0), (0, 4), (0, 5)]


def test_neighbours_come_in_one_range_and_small_gaps_come_along() -> None:
    values = numbers(128, 640)
    near, far = source_of(values, gap=100), source_of(values, gap=20_000)
    for source, ranges in ((near, 2), (far, 20)):
        read_all([(source, values)], [[w] for w in cut(128, 640, (64, 640))])
        assert len(stub_of(source).asked) == ranges


def test_tiles_that_are_not_there_are_not_asked_for() -> None:
    values = numbers(128, 256)
    values[:64, 64:128] = values[64:] = 7
    source = source_of(values, missing=[(0, 1), (1, 0), (1, 1), (1, 2), (1, 3)])
    read_all([(source, values)], [[w] for w in cut(128, 256, (64, 256))])
    assert stub_of(source).bytes_asked == source.layout.sizes.sum()


def test_a_source_nobody_knew_of_is_read_on_demand() -> None:
    """Another part's: it fills gaps that are not known before."""
    first, second = numbers(256, 256), numbers(257, 256)[:256]
    sources = [source_of(first), source_of(second)]
    windows = cut(256, 256, (64, 128))
    with reading(sources, [[Need(w), None] for w in windows], PLENTY) as ahead:
        for n, window in enumerate(windows):
            ahead.read(0, sources[0], window)
            if n in (2, 5):
                found = ahead.read(1, sources[1], grown(window, 3, 256, 256))
                assert (found == part_of(second, grown(window, 3, 256, 256))).all()
            ahead.done(n)
    assert 0 < len(tiles_asked(sources[1])) < 16


def test_what_is_nearby_is_read_as_it_is_used() -> None:
    values = numbers(256, 256)
    source = source_of(values, near=True)
    windows = cut(256, 256, (64, 256))
    with reading([source], [[Need(w)] for w in windows], PLENTY) as ahead:
        assert not stub_of(source).asked
        for n, window in enumerate(windows):
            assert (ahead.read(0, source, window) == part_of(values, window)).all()
            assert len(stub_of(source).asked) == 4 * (n + 1)
            ahead.done(n)


def test_a_reader_that_overtakes_does_not_have_its_tiles_fetched_again() -> None:
    """A second thread reads what the bound did not let be asked for yet."""
    values = numbers(64 * 6, 128)
    source = source_of(values)
    windows = cut(64 * 6, 128, (64, 128))
    with reading([source], [[Need(w)] for w in windows], 1) as ahead:
        for n in (3, 0, 1, 2, 5, 4):
            assert (ahead.read(0, source, windows[n]) == part_of(values, windows[n])).all()
            ahead.done(n)
    assert len(stub_of(source).asked) == 6


# --- faults


BROKEN = FetchError(Finding(Exit.SOURCE_UNREACHABLE, "HTTP 503, also after retries. Retry later."))


def fetchers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("fetch")]


@pytest.mark.parametrize("near", [False, True])
def test_a_fetch_that_fails_names_the_source_and_the_tiles(near: bool) -> None:
    values = numbers(256, 256)
    source = source_of(values, near=near, fail=lambda n: BROKEN if n == 2 else None)
    with pytest.raises(TaskError) as caught:
        read_all([(source, values)], [[w] for w in cut(256, 256, (64, 256))])
    assert caught.value.exit is Exit.SOURCE_UNREACHABLE
    where = "row 0, column 2" if near else "row 2, columns 0 to 3"
    assert caught.value.message == (
        "item scene-1, asset B04, https://host/b04.tif: HTTP 503, also after retries. "
        f"Retry later. (while reading its tiles in {where})"
    )


def test_a_failure_ends_soon_and_leaves_no_thread() -> None:
    """What is queued is not fetched; what is under way is waited for, and told to end."""
    values = numbers(64 * 100, 128)
    source = source_of(values, delay=0.05, fail=lambda n: BROKEN if n == 0 else None)
    with pytest.raises(TaskError):
        read_all([(source, values)], [[w] for w in cut(64 * 100, 128, (64, 128))], threads=2)
    assert len(stub_of(source).asked) < 40
    assert stub_of(source).closed == 1
    assert not fetchers()


def test_whatever_ends_it_leaves_no_thread() -> None:
    values = numbers(640, 128)
    source = source_of(values, delay=0.01)
    windows = cut(640, 128, (64, 128))
    with ExitStack() as stack:
        ahead = stack.enter_context(reading([source], [[Need(w)] for w in windows], PLENTY))
        ahead.read(0, source, windows[0])
        assert fetchers()
    assert not fetchers()
    ahead.done(0)  # a thread that is late does no harm
    assert not fetchers()


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "a byte turned over": lambda d: d[:1000] + bytes([d[1000] ^ 0xFF]) + d[1001:],
    "a bit turned over": lambda d: d[:1500] + bytes([d[1500] ^ 1]) + d[1501:],
    "the checksum turned over": lambda d: d[:-1] + bytes([d[-1] ^ 1]),
    "the end is zeros": lambda d: d[: len(d) // 2] + bytes(len(d) - len(d) // 2),
    "cut short": lambda d: d[: len(d) // 2],
    "nothing": lambda _: b"",
    "zeros": lambda d: bytes(len(d)),
    "a page": lambda d: b"<html>busy</html>".ljust(len(d)),
}


def spoil_one(source: TiledSource, how: Callable[[bytes], bytes], times: int) -> None:
    """Spoils the tile in row 1, column 2 for its first `times` requests."""
    stub, layout = stub_of(source), source.layout
    start, size = int(layout.offsets[1, 2]), int(layout.sizes[1, 2])
    met = [0]

    def spoil(number: int, data: bytes) -> bytes:
        at = start - stub.asked[number][0]
        if not 0 <= at < len(data):
            return data
        met[0] += 1
        if met[0] > times:
            return data
        return data[:at] + how(data[at : at + size]).ljust(size, b"\0")[:size] + data[at + size :]

    stub.spoil = spoil


@pytest.mark.parametrize("how", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("times", [1, PLENTY], ids=["once", "for ever"])
@pytest.mark.parametrize("near", [False, True])
def test_a_corrupt_tile_is_fetched_once_more_or_named(
    how: Callable[[bytes], bytes], times: int, near: bool
) -> None:
    values = numbers(192, 256)
    source = source_of(values, near=near)
    spoil_one(source, how, times)
    windows = [[w] for w in cut(192, 256, (64, 256))]
    if times == 1 and not near:
        read_all([(source, values)], windows)
        assert tiles_asked(source)[1, 2] == 2
        assert sum(tiles_asked(source).values()) == 12 + 1
        return
    with pytest.raises(TaskError) as caught:
        read_all([(source, values)], windows)
    assert caught.value.exit is Exit.SOURCE_UNREADABLE
    assert caught.value.message.startswith(
        "item scene-1, asset B04, https://host/b04.tif: its tile in row 1, column 2 is corrupt ("
    )
    assert tiles_asked(source)[1, 2] == (1 if near else 2)


FORMS = [Form("zstd", 2), Form("lzw", 1), Form("deflate", 1)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.compression)
def test_a_tile_that_is_cut_is_told_in_every_compression(form: Form) -> None:
    """What has no checksum is held to its size at least."""
    values = numbers(192, 256)
    source = source_of(values, form=form, near=True)
    sizes = source.layout.sizes.copy()
    sizes[1, 2] = sizes[1, 2] // 2
    object.__setattr__(source.layout, "sizes", sizes)
    with pytest.raises(TaskError, match="row 1, column 2 is corrupt"):
        read_all([(source, values)], [[w] for w in cut(192, 256, (64, 256))])


def test_a_corrupt_tile_whose_second_fetch_fails_is_named_too() -> None:
    values = numbers(192, 256)
    source = source_of(values, fail=lambda n: BROKEN if n == 3 else None)
    spoil_one(source, SPOILT["cut short"], 1)
    with pytest.raises(TaskError, match=r"HTTP 503.*row 1, column 2\)") as caught:
        read_all([(source, values)], [[w] for w in cut(192, 256, (64, 256))])
    assert caught.value.exit is Exit.SOURCE_UNREACHABLE


def test_an_ahead_of_nothing_ends() -> None:
    ahead = Ahead([], [[], []], PLENTY)
    ahead.done(0)
    ahead.close()
    assert not fetchers()
