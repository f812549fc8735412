"""A server that lies in one of ten answers, for both ways of reading: right bytes, or an error."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import range_server as servers
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError
from scenefleet_task.gdal_file import CHUNK, KEPT
from scenefleet_task.grid import Window
from scenefleet_task.names import Name
from scenefleet_task.read import open_bands, opened
from scenefleet_task.spec import Exit
from to_folder import process

HEIGHT, WIDTH = 900, 800
FOLDER = "account/container"
FAULTS: dict[str, dict[str, Any]] = {
    "a short body": {"missing": 100},
    "no body": {"missing": 10**9},
    "a wrong length": {"short": 100},
    "another range": {"shift": 700},
    "a range that is told wrong": {"content_range": "bytes 0-{end}/{size}"},
    "the whole file": {"whole": True},
    "500": {"status": 500},
    "503": {"status": 503, "body": servers.AZURE_BUSY},
    "reset": {"reset": True},
    "closed": {"hang_up": True},
    "a page": {"status": 200, "body": b"<html>busy</html>"},
    "stalled": {"stall": 1.2},
}
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tiled": True, "blockxsize": 128, "blockysize": 128},
    "tiles, high byte first": {
        "tiled": True, "blockxsize": 128, "blockysize": 128, "ENDIANNESS": "BIG",
    },
    "strips": {"blockysize": 32},
}  # fmt: skip


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "0.7")
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "9")
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.001")


@pytest.fixture
def numbers() -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(6)
    red, nir = (noise.integers(300, 9000, (HEIGHT, WIDTH)).astype(np.uint16) for _ in range(2))
    return red, nir


def served(kit: Any, server: Any, numbers: Any, compress: str | None, **layout: Any) -> Any:
    """A document of red and near infrared behind a server."""
    for name, values in zip(("red", "nir"), numbers, strict=True):
        path = server.root / FOLDER / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        more = {"compress": compress} if compress else {}
        with rasterio.open(
            path, "w", driver="GTiff", dtype="uint16", count=1, width=WIDTH, height=HEIGHT,
            crs=kit.UTM, transform=kit.ORIGIN, nodata=0, **more, **layout,
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
    return kit.document(
        tuple(kit.band(name, server.url(f"{FOLDER}/{name}.tif")) for name in ("red", "nir"))
    )


def one_in_ten(seed: int, kinds: list[dict[str, Any]]) -> Callable[[], servers.Fault | None]:
    chance = random.Random(seed)
    return lambda: servers.Fault(**chance.choice(kinds)) if chance.random() < 0.1 else None


def index(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    red, nir = (np.maximum(n.astype(np.float32) * np.float32(1e-4), 0) for n in (red, nir))
    return (nir - red) / (nir + red)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("compress", ["deflate", "zstd", None])
def test_a_scene_of_a_server_that_lies_is_right(
    range_server: Any, kit: Any, numbers: Any, tmp_path: Path, compress: str | None, layout: Any
) -> None:
    document = served(kit, range_server, numbers, compress, **layout)
    range_server.version = "strong"
    range_server.trouble = one_in_ten(len(str(layout)), [*FAULTS.values()])
    rasters = process(document, Unsigned(), tmp_path / "out")
    by_tiles = "ENDIANNESS" not in layout and "tiled" in layout and compress
    assert {way.name for _, way in rasters.read} == {"tiles" if by_tiles else "gdal"}
    wanted = index(*numbers)
    assert (kit.read(rasters.reason) == 0).all()
    assert np.abs(kit.read(rasters.files["ndvi"]) * 1e-4 - wanted).max() < 0.6e-4


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("always", [False, True])
def test_each_lie_by_itself_through_gdal(
    range_server: Any, kit: Any, numbers: Any, fault: dict[str, Any], always: bool
) -> None:
    """One that passes does no harm; one that stays is an error, and never a pixel."""
    served(kit, range_server, numbers, None, blockysize=32)
    path = f"{FOLDER}/red.tif"
    name = Name(item="i", asset="a", href=range_server.url(path))
    with opened([name], Unsigned()) as (raster,):
        stalls = {**fault, "stall": 1.2} if "stall" in fault else fault
        times = 10**9 if always else 2
        range_server.faults[path] = servers.Fault(**stalls, times=times, least=1000)
        window = Window(0, 0, HEIGHT, WIDTH)
        if not always:
            assert (raster.read(window) == numbers[0]).all()
            return
        with pytest.raises(TaskError) as caught:
            raster.read(window)
        assert caught.value.exit in {Exit.SOURCE_UNREACHABLE, Exit.SOURCE_UNREADABLE}


@pytest.mark.parametrize("version", ["strong", "weak", "date"])
@pytest.mark.parametrize("heeds", [True, False])
def test_a_file_replaced_while_gdal_reads_it_is_an_error(
    range_server: Any, kit: Any, numbers: Any, version: str, heeds: bool
) -> None:
    served(kit, range_server, numbers, None, blockysize=32)
    range_server.version, range_server.heeds_if_match = version, heeds
    file = range_server.root / FOLDER / "red.tif"
    name = Name(item="i", asset="a", href=range_server.url(f"{FOLDER}/red.tif"))
    with opened([name], Unsigned()) as (raster,):
        first = raster.read(Window(0, 0, 64, WIDTH))
        assert (first == numbers[0][:64]).all()
        served(kit, range_server, numbers[::-1], None, blockysize=32)
        import os

        os.utime(file, (1_900_000_000, 1_900_000_000))
        with pytest.raises(TaskError, match="changed while it was read") as caught:
            raster.read(Window(500, 0, 300, WIDTH))
        assert caught.value.exit is Exit.SOURCE_UNREACHABLE


def test_another_tag_in_one_answer_is_an_error(range_server: Any, kit: Any, numbers: Any) -> None:
    served(kit, range_server, numbers, "deflate", blockysize=32)
    range_server.version = "strong"
    path = f"{FOLDER}/red.tif"
    name = Name(item="i", asset="a", href=range_server.url(path))
    with opened([name], Unsigned()) as (raster,):
        range_server.faults[path] = servers.Fault(tag='"another"', times=1)
        with pytest.raises(TaskError, match="changed while it was read"):
            raster.read(Window(0, 0, HEIGHT, WIDTH))


def test_what_came_corrupt_is_read_again(range_server: Any, kit: Any, numbers: Any) -> None:
    served(kit, range_server, numbers, "deflate", blockysize=32)
    path = f"{FOLDER}/red.tif"
    name = Name(item="i", asset="a", href=range_server.url(path))
    with opened([name], Unsigned()) as (raster,):
        flipped = range(500_000, 500_020)
        range_server.faults[path] = servers.Fault(corrupt=flipped, times=3, least=1000)
        assert (raster.read(Window(0, 0, HEIGHT, WIDTH)) == numbers[0]).all()


def test_a_look_at_the_pixels_bears_with_broken_transfers(
    range_server: Any, kit: Any, numbers: Any
) -> None:
    for n, values in enumerate(numbers):
        kit.write(range_server.root / f"{n}.tif", values, nodata=0)
    with rasterio.open(range_server.root / "0.tif") as dataset:
        wanted = dataset.read(1, out_shape=(HEIGHT // 2, WIDTH // 2))
    for seed in range(12):
        range_server.trouble = one_in_ten(seed, [*FAULTS.values()])
        name = Name(item="i", asset="a", href=range_server.url("0.tif"))
        with opened([name], Unsigned()) as (raster,):
            assert (raster.read_small((HEIGHT // 2, WIDTH // 2)) == wanted).all()


# --- what GDAL is given


class Memory:
    """Bytes that count what is asked of them."""

    near = False

    def __init__(self, data: bytes, bad: range = range(0)) -> None:
        self.data, self.bad = data, bad
        self.asked: list[tuple[int, int]] = []

    def fetch(self, start: int, size: int) -> bytes:
        from scenefleet_task.probe import Finding

        self.asked.append((start, size))
        if any(n in self.bad for n in (start, start + size - 1)):
            raise FetchError(Finding(Exit.SOURCE_UNREACHABLE, "gone"))
        return self.data[start : start + size]

    def close(self) -> None:
        pass


def file_of(memory: Memory, kept: int = KEPT) -> Any:
    from scenefleet_task.open_raster import RasterFile

    return RasterFile(memory, len(memory.data), memory.data[:CHUNK], kept)


@pytest.mark.parametrize("kept", [KEPT, 0])
def test_any_part_of_a_file_is_its_bytes(kept: int) -> None:
    data = np.random.default_rng(1).bytes(70 * CHUNK + 123)
    memory = Memory(data)
    file = file_of(memory, kept)
    rng = np.random.default_rng(2)
    for _ in range(300):
        start = int(rng.integers(0, len(data)))
        size = int(rng.integers(0, rng.choice([100, CHUNK, 50 * CHUNK])))
        assert file.read(start, size) == data[start : start + size]
        if rng.random() < 0.2:
            file.prefetch([(int(n), 2 * CHUNK) for n in rng.integers(0, len(data), 4)])
    assert max(size for _, size in memory.asked) <= 32 * CHUNK
    file.close()


def test_reading_in_sequence_asks_for_more_at_once_and_once_only() -> None:
    data = bytes(100 * CHUNK)
    memory = Memory(data)
    file = file_of(memory)
    for start in range(0, len(data), 1000):
        file.read(start, 1000)
    sizes = [size // CHUNK for _, size in memory.asked]
    assert sizes[:6] == [2, 4, 8, 16, 32, 32]
    assert sum(sizes) == 99
    file.close()


def test_a_range_that_fails_is_remembered_whatever_gdal_makes_of_it() -> None:
    memory = Memory(bytes(100 * CHUNK), bad=range(50 * CHUNK, 51 * CHUNK))
    file = file_of(memory)
    assert file.read(10, 10) == bytes(10)
    assert file.read(50 * CHUNK, 10) == b""
    assert file.failed.finding.text == "gone"
    assert file.read(0, 10) == b""
    file.forget()
    assert file.read(0, 10) == bytes(10)
    file.close()


def test_what_lies_beyond_the_end_is_not_asked_for(
    range_server: Any, kit: Any, numbers: Any
) -> None:
    served(kit, range_server, numbers, None, blockysize=32)
    file = range_server.root / FOLDER / "red.tif"
    file.write_bytes(file.read_bytes()[:400_000])
    for href in (str(file), range_server.url(f"{FOLDER}/red.tif")):
        raster = open_bands([Name(item="i", asset="a", href=href)], Unsigned())[0]
        with pytest.raises(TaskError, match="truncated: 400000 bytes are there"):
            raster.read(Window(0, 0, HEIGHT, WIDTH))
        assert (raster.read(Window(0, 0, 64, WIDTH)) == numbers[0][:64]).all()
        raster.close()
