"""Whole scenes read by their tiles over HTTP, while the server fails: right pixels, or an error.

The oracle is the same scene as local files in strips, which go through GDAL.
"""

import importlib
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform_geom

import range_server as servers
from scenefleet_task.access import PlanetaryComputer, Unsigned
from scenefleet_task.ahead import AT_ONCE
from scenefleet_task.blocks import CELL
from scenefleet_task.budget import Budget
from scenefleet_task.failure import TaskError
from scenefleet_task.names import names_of
from scenefleet_task.put_folder import FolderTarget
from scenefleet_task.read import opened
from scenefleet_task.scene import process as process_scene
from scenefleet_task.spec import Exit, Mask, MaskRule, Reason
from to_folder import process

HEIGHT, WIDTH, TILE = 780, 700, 128
FOLDER = "account/container"
RED = f"{FOLDER}/red.tif"
GAP = 16_384
"""Bytes between tiles that may be fetched along."""
ROW = 100_000
"""Bytes: a row of tiles is more, a header or what `probe` asks for is less."""
SECRET = "TOPSECRET"


@dataclass(frozen=True)
class World:
    """A scene behind a server, and what it must become."""

    server: Any
    files: dict[str, Path]
    """As served."""
    document: Callable[..., Any]
    """`document(address, **changes)` has its sources behind the address."""
    index: np.ndarray
    reason: np.ndarray


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, kit: Any) -> tuple[Path, np.ndarray, np.ndarray]:
    """The scene's files, and the oracle: NDVI and reasons by GDAL's way."""
    folder = tmp_path_factory.mktemp("made")
    noise = np.random.default_rng(5)
    red, nir = (noise.integers(300, 9000, (HEIGHT, WIDTH)).astype(np.uint16) for _ in range(2))
    red[400:420, 200:600] = 0
    scl = noise.choice([4, 5, 6], (HEIGHT // 2, WIDTH // 2)).astype(np.uint8)
    cloud = noise.random(scl.shape) < 0.0005
    scl[cloud] = 9
    half = Affine(20, 0, 600_000, 0, -20, 5_700_000)
    for name, values, transform in (
        ("red", red, kit.ORIGIN), ("nir", nir, kit.ORIGIN), ("scl", scl, half)
    ):  # fmt: skip
        kit.write(folder / f"{name}.tif", values, transform, nodata=0, tile=TILE)
        with rasterio.open(
            folder / f"{name}-strips.tif", "w", driver="GTiff", dtype=values.dtype, count=1,
            width=values.shape[1], height=values.shape[0], crs=kit.UTM, transform=transform,
            nodata=0, compress="deflate",
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
    document = document_of(kit, lambda name: folder / f"{name}-strips.tif")
    oracle = process(document, Unsigned(), folder / "oracle")
    assert {way.name for _, way in oracle.read} == {"gdal"}
    return folder, kit.read(oracle.files["ndvi"]), kit.read(oracle.reason)


def document_of(kit: Any, place: Callable[[str], object], **changes: Any) -> Any:
    rules = tuple(MaskRule(bits=0xFFFF, value=v, reason=r) for v, r in kit.SCL)
    mask = Mask(asset="SCL", href=str(place("scl")), rules=rules, dilate=60.0)
    bands = tuple(kit.band(name, place(name)) for name in ("red", "nir"))
    whole = kit.document(bands, place("scl"))
    (part,) = whole.parts
    return kit.document(bands, parts=(replace(part, masks=(mask,)),), **changes)


@pytest.fixture
def world(range_server: Any, kit: Any, made: Any) -> World:
    folder, index, reason = made
    files = {}
    for name in ("red", "nir", "scl"):
        files[name] = range_server.root / FOLDER / f"{name}.tif"
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_bytes((folder / f"{name}.tif").read_bytes())

    def document(address: str = "", **changes: Any) -> Any:
        base = address or range_server.address
        return document_of(kit, lambda name: f"{base}/{FOLDER}/{name}.tif", **changes)

    return World(range_server, files, document, index, reason)


@pytest.fixture(autouse=True)
def keeps_secrets_and_threads(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> Iterator[None]:
    """After every test: no token in a log or an output, no thread left behind."""
    caplog.set_level("DEBUG", "scenefleet_task")
    yield
    assert SECRET not in caplog.text
    for file in (tmp_path / "out").rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("fetch", "compute", "put"))]


def right(world: World, kit: Any, folder: Path, access: Any = None, **more: Any) -> Any:
    """Processes the scene by its tiles, and compares every pixel."""
    document = more.pop("document", None) or world.document()
    rasters = process(document, access or Unsigned(), folder / "out", **more)
    assert {way.name for _, way in rasters.read} == {"tiles"}
    assert (kit.read(rasters.files["ndvi"]) == world.index).all()
    assert (kit.read(rasters.reason) == world.reason).all()
    return rasters


def wrong(world: World, folder: Path, access: Any = None, **more: Any) -> TaskError:
    """Processes the scene, which must fail, and leave nothing."""
    began = time.monotonic()
    with pytest.raises(TaskError) as caught:
        process(world.document(), access or Unsigned(), folder / "out", **more)
    assert time.monotonic() - began < 20
    assert not list((folder / "out").glob("*.tif"))
    assert not list((folder / "out").glob(".*"))
    assert SECRET not in caught.value.message
    assert "?" not in caught.value.message.replace("?<redacted>", "")
    return caught.value


def names_tile(error: TaskError, world: World) -> bool:
    named = f"item scene-1, asset RED, {world.server.address}/{RED}: " in error.message
    return named and "in row " in error.message and ", column" in error.message


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("memory", [500_000_000, 175_000_000, 140_000_000])
def test_a_scene_over_http_is_the_same_scene(
    world: World, kit: Any, tmp_path: Path, threads: int, memory: int
) -> None:
    """And its files' bytes do not depend on threads, nor each tile's fetch on blocks."""
    rasters = right(world, kit, tmp_path, budget=Budget(memory=memory, threads=threads))
    local = process(
        document_of(kit, lambda name: world.files[name]), Unsigned(), tmp_path / "local"
    )
    for name in ("ndvi", "reason"):
        assert rasters.rasters.files[name] == local.rasters.files[name]
    for path, count in tile_requests(world).items():
        assert count == 1, path


def test_little_is_asked_for_beside_the_tiles(world: World, kit: Any, tmp_path: Path) -> None:
    right(world, kit, tmp_path)
    whole = sum(sum(sizes for _, sizes in tiles_of(file)) for file in world.files.values())
    answers = world.server.answers
    assert sum(answer.size for answer in answers) < 1.05 * whole
    rows = 7 + 7 + 4
    assert len(answers) == rows + 3  # a header each
    assert all(answer.ranged for answer in answers)


def tiles_of(file: Path) -> list[tuple[int, int]]:
    """Offset and size of a file's own tiles, as GDAL tells them."""
    with rasterio.open(file) as dataset:
        return [
            (int(offset), int(dataset.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=1)))
            for row in range(-(-dataset.height // TILE))
            for col in range(-(-dataset.width // TILE))
            if (offset := dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1))
        ]


def tile_requests(world: World) -> Counter[tuple[str, int]]:
    """How often each tile was given out; GDAL's look at the header counts not."""
    count = Counter[tuple[str, int]]()
    for name, file in world.files.items():
        for n, (offset, size) in enumerate(tiles_of(file)):
            for answer in world.server.answers:
                inside = answer.start <= offset and offset + size <= answer.start + answer.size
                if answer.path == f"{FOLDER}/{name}.tif" and inside and answer.start:
                    count[name, n] += 1
    return count


# --- faults

ONCE: dict[str, dict[str, Any]] = {
    "503": {"status": 503},
    "429": {"status": 429},
    "500": {"status": 500},
    "connection dropped": {"hang_up": True},
    "a short answer": {"short": 4000},
    "a length that lies": {"missing": 1},
    "another range": {"shift": 5000},
    "a range that lies": {"content_range": "bytes 0-{end}/{size}"},
    "the whole file": {"whole": True},
    "no body": {"status": 206},
    "stalled": {"stall": 1.5},
}


@pytest.mark.parametrize("fault", ONCE.values(), ids=ONCE)
def test_a_fault_that_passes_does_no_harm(
    world: World, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    world.server.faults[RED] = servers.Fault(**fault, after=2, times=2, least=ROW)
    right(world, kit, tmp_path, budget=Budget(threads=2))


FOR_EVER: dict[str, tuple[dict[str, Any], Exit, str]] = {
    "503": ({"status": 503}, Exit.SOURCE_UNREACHABLE, "HTTP 503"),
    "429": ({"status": 429}, Exit.SOURCE_UNREACHABLE, "HTTP 429"),
    "500": ({"status": 500}, Exit.SOURCE_UNREACHABLE, "HTTP 500"),
    "403": ({"status": 403}, Exit.SOURCE_DENIED, "HTTP 403"),
    "404": ({"status": 404}, Exit.SOURCE_MISSING, "HTTP 404"),
    "412": ({"status": 412}, Exit.SOURCE_UNREACHABLE, "changed while it was read"),
    "connection dropped": ({"hang_up": True}, Exit.SOURCE_UNREACHABLE, "connection broke"),
    "a short answer": ({"short": 1}, Exit.SOURCE_UNREACHABLE, "connection broke"),
    "a length that lies": ({"missing": 1}, Exit.SOURCE_UNREACHABLE, "connection broke"),
    "another range": ({"shift": 5000}, Exit.SOURCE_UNREACHABLE, "connection broke"),
    "the whole file": ({"whole": True}, Exit.SOURCE_UNREACHABLE, "whole file came"),
    "cut short": (
        {"truncate": 700_000, "after": 0},
        Exit.SOURCE_UNREADABLE,
        "truncated: 700000 bytes",
    ),
    "cut short meanwhile": (
        {"truncate": 700_000, "after": 1},
        Exit.SOURCE_UNREACHABLE,
        "changed while it was read",
    ),
}


@pytest.mark.parametrize(("fault", "exit_", "said"), FOR_EVER.values(), ids=FOR_EVER)
def test_a_fault_that_stays_is_an_error_that_names_the_tile(
    world: World, tmp_path: Path, fault: Any, exit_: Exit, said: str
) -> None:
    least = 0 if "truncate" in fault else ROW
    world.server.faults[RED] = servers.Fault(**{"after": 2, **fault}, least=least)
    error = wrong(world, tmp_path, budget=Budget(threads=2))
    assert error.exit is exit_
    assert said in error.message
    assert names_tile(error, world)


def middle_of(file: Path, tile: int) -> range:
    offset, size = tiles_of(file)[tile]
    return range(offset + size // 2, offset + size // 2 + 1)


def test_a_byte_turned_over_on_the_way_is_fetched_again(
    world: World, kit: Any, tmp_path: Path
) -> None:
    flipped = middle_of(world.files["red"], 8)
    world.server.faults[RED] = servers.Fault(corrupt=flipped, times=6, least=ROW)
    right(world, kit, tmp_path)
    assert tile_requests(world)["red", 8] == 2
    assert (
        sum(tile_requests(world).values())
        == sum(len(tiles_of(file)) for file in world.files.values()) + 1
    )


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("tile", [0, 8, 41])
def test_a_byte_turned_over_for_good_names_the_tile(
    world: World, kit: Any, tmp_path: Path, tile: int, local: bool
) -> None:
    file = world.files["red"]
    content = bytearray(file.read_bytes())
    content[middle_of(file, tile).start] ^= 0xFF
    file.write_bytes(content)
    document = document_of(kit, lambda n: world.files[n]) if local else world.document()
    with pytest.raises(TaskError) as caught:
        process(document, Unsigned(), tmp_path / "out")
    assert caught.value.exit is Exit.SOURCE_UNREADABLE
    place = file if local else f"{world.server.address}/{RED}"
    row, col = divmod(tile, 6)
    assert caught.value.message.startswith(
        f"item scene-1, asset RED, {place}: its tile in row {row}, column {col} is corrupt ("
    )
    assert not list((tmp_path / "out").glob("*.tif"))


def test_a_local_file_cut_short_names_the_tile(world: World, kit: Any, tmp_path: Path) -> None:
    file = world.files["red"]
    file.write_bytes(file.read_bytes()[:700_000])
    with pytest.raises(TaskError, match="truncated: 700000 bytes are there") as caught:
        process(document_of(kit, lambda n: world.files[n]), Unsigned(), tmp_path / "out")
    assert "in row " in caught.value.message
    assert caught.value.exit is Exit.SOURCE_UNREADABLE


@pytest.mark.parametrize("version", ["weak", "strong"])
def test_a_server_of_versions_gives_the_scene(
    world: World, kit: Any, tmp_path: Path, version: str
) -> None:
    world.server.version = version
    right(world, kit, tmp_path)


@pytest.mark.parametrize("version", ["weak", "strong", "date", "none"])
def test_a_file_replaced_in_mid_scene_is_an_error(
    world: World, kit: Any, tmp_path: Path, version: str
) -> None:
    """By the same raster a pixel further: every tile is sound, and none is of this file.

    Without any word of a version, the size tells, or the tiles that lie elsewhere.
    """
    world.server.version = version
    file = world.files["red"]
    moved = np.roll(kit.read(file), 1, axis=1)
    other = kit.write(tmp_path / "other.tif", moved, nodata=0, tile=TILE).read_bytes()
    world.server.delay = 0.01

    def swap() -> None:
        while sum(a.size >= ROW for a in world.server.answers if a.path == RED) < 2:
            time.sleep(0.002)
        new = file.with_suffix(".new")
        new.write_bytes(other)
        new.replace(file)

    late = threading.Thread(target=swap)
    late.start()
    # one row of tiles at a time, so that there is something left to fetch
    with pytest.raises(TaskError) as caught:
        one_row_at_a_time(world, tmp_path)
    late.join()
    assert "item scene-1, asset RED" in caught.value.message
    assert not list((tmp_path / "out").glob("*.tif"))


def one_row_at_a_time(world: World, folder: Path) -> None:
    """Waits in the store's place until what is fetched ahead stands still, block by block."""
    out = folder / "out"
    out.mkdir()
    target = FolderTarget(out)

    class Slow:
        def __init__(self, name: str) -> None:
            self.upload = target.begin(name, out)

        def write(self, stream: int, data: bytes) -> None:
            time.sleep(0.02)
            self.upload.write(stream, data)

        def finish(self, head: bytes, order: Any) -> Any:
            return self.upload.finish(head, order)

        def close(self) -> None:
            self.upload.close()

    document, access = world.document(), Unsigned()
    with opened(names_of(document), access) as rasters:
        process_scene(document, rasters, out, Slow, budget=Budget(memory=100_000_000))


# --- tokens


@pytest.fixture
def signing(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The server wants tokens, and the package asks it for them."""
    monkeypatch.setenv("PC_SDK_SAS_URL", world.server.token_service)
    settings = importlib.import_module("planetary_computer.settings").Settings
    sas = importlib.import_module("planetary_computer.sas")
    settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()
    world.server.guarded = True
    yield world
    settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()


def test_a_signed_scene_takes_one_token(signing: World, kit: Any, tmp_path: Path) -> None:
    right(signing, kit, tmp_path, PlanetaryComputer())
    assert len(signing.server.tokens) == 1


@pytest.mark.parametrize("after", [1, 3, 6])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_token_refused_in_mid_scene_is_renewed(
    signing: World, kit: Any, tmp_path: Path, after: int, threads: int
) -> None:
    signing.server.revoke_after = after
    right(signing, kit, tmp_path, PlanetaryComputer(), budget=Budget(threads=threads))
    assert 2 <= len(signing.server.tokens) <= 1 + 3  # once a file


def test_a_token_refused_for_ever_is_an_error(signing: World, tmp_path: Path) -> None:
    signing.server.faults[RED] = servers.Fault(status=403, after=2, least=ROW)
    error = wrong(signing, tmp_path, PlanetaryComputer())
    assert error.exit is Exit.SOURCE_DENIED
    assert names_tile(error, signing)
    assert (
        2 <= len(signing.server.tokens) <= 1 + AT_ONCE
    )  # each range once, those under way at most


def test_a_token_service_that_fails_in_mid_scene_is_an_error(
    signing: World, tmp_path: Path
) -> None:
    class Fails(PlanetaryComputer):
        def sign(self, href: str, *, fresh: bool = False) -> Any:
            if fresh:
                signing.server.token_fault = 404
            return super().sign(href, fresh=fresh)

    signing.server.revoke_after = 2
    error = wrong(signing, tmp_path, Fails())
    assert "gave no read token" in error.message
    assert "in row " in error.message


# --- ways


def test_a_scene_elsewhere_by_redirects(world: World, kit: Any, tmp_path: Path) -> None:
    with servers.RangeServer(world.server.root) as other:
        for name in world.files:
            path = f"{FOLDER}/{name}.tif"
            world.server.faults[path] = servers.Fault(redirect=other.address)
        right(world, kit, tmp_path)


def told(rasters: Any) -> dict[str, tuple[str, str]]:
    return {name.asset: (way.name, way.why) for name, way in rasters.read}


def test_a_file_in_an_archive_is_not_read(world: World, kit: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "red.zip", "w") as archive:
        archive.write(world.files["red"], "red.tif")
    for red in (f"/vsizip/{tmp_path}/red.zip/red.tif", f"{tmp_path}/red.zip"):
        document = document_of(kit, lambda n, red=red: red if n == "red" else world.files[n])
        with pytest.raises(TaskError, match=r"virtual file systems|zip archive; unpack it"):
            process(document, Unsigned(), tmp_path / "out")


@pytest.mark.parametrize("far", [False, True])
def test_numbers_with_their_high_byte_first_go_through_gdal(
    world: World, kit: Any, tmp_path: Path, far: bool
) -> None:
    values = kit.read(world.files["red"])
    with rasterio.open(
        world.files["red"], "w", driver="GTiff", dtype="uint16", count=1, width=WIDTH,
        height=HEIGHT, crs=kit.UTM, transform=kit.ORIGIN, nodata=0, compress="deflate",
        tiled=True, blockxsize=TILE, blockysize=TILE, ENDIANNESS="BIG",
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    document = world.document() if far else document_of(kit, lambda n: world.files[n])
    rasters = process(document, Unsigned(), tmp_path / "out")
    assert told(rasters)["RED"] == ("gdal", "its numbers have their high byte first")
    assert (kit.read(rasters.files["ndvi"]) == world.index).all()


@pytest.mark.parametrize("always", [False, True])
def test_a_server_without_ranges_has_its_file_copied(
    world: World, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    """It is asked for whole; a moment later it may give ranges."""
    monkeypatch.chdir(tmp_path)
    world.server.ranges = not always
    world.server.faults[RED] = servers.Fault(whole=True, times=1)
    right(world, kit, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_copy_that_breaks_off_is_made_again(
    world: World, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world.server.ranges = False
    world.server.faults[RED] = servers.Fault(hang_up=True, times=2, after=1)
    right(world, kit, tmp_path)


# --- area


def area_of(*points: tuple[float, float]) -> dict[str, Any]:
    """A polygon by rows and columns of pixels."""
    ring = [[600_000 + 10 * col, 5_700_000 - 10 * row] for row, col in [*points, points[0]]]
    return transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})


AREAS = {
    "L": area_of((20, 20), (20, 80), (700, 80), (700, 650), (770, 650), (770, 20)),
    "diagonal": area_of((10, 10), (10, 60), (770, 690), (770, 640)),
    "in one tile": area_of((300, 300), (300, 330), (330, 330), (330, 300)),
    "at a corner of four": area_of((506, 506), (506, 518), (518, 518), (518, 506)),
    "at a tile's edge": area_of((300, 500), (300, 511), (330, 511), (330, 500)),
}


def clipped(world: World, kit: Any, folder: Path, area: Any, threads: int) -> np.ndarray:
    """Processes an area, compares it with that part of the scene, and gives what is inside."""
    rasters = process(
        world.document(clip=area), Unsigned(), folder / "out", budget=Budget(threads=threads)
    )
    index, reason = kit.read(rasters.files["ndvi"]), kit.read(rasters.reason)
    top = round((5_700_000 - rasters.grid.transform[5]) / 10)
    left = round((rasters.grid.transform[2] - 600_000) / 10)
    part = np.s_[top : top + index.shape[0], left : left + index.shape[1]]
    inside = reason != Reason.OUTSIDE
    assert inside.any()
    assert (reason[inside] == world.reason[part][inside]).all()
    assert (index[inside] == world.index[part][inside]).all()
    assert (index[~inside] == -32768).all()
    everywhere = np.zeros(world.reason.shape, bool)
    everywhere[part] = inside
    return everywhere


def wanted_of(inside: np.ndarray) -> dict[str, set[int]]:
    """The oracle: the tiles that pixels inside depend on."""
    # clouds from 60 m around them, and half the resolution
    around = tiles_with(spread(inside, 6), 2 * TILE)
    return {
        "red": tiles_with(inside, TILE),
        "nir": tiles_with(inside, TILE),
        "scl": around,
    }


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
@pytest.mark.parametrize("threads", [1, 2])
def test_an_area_has_the_whole_scenes_pixels_by_each_tile_once(
    world: World, kit: Any, tmp_path: Path, area: Any, threads: int
) -> None:
    inside = clipped(world, kit, tmp_path, area, threads)
    asked = tile_requests(world)
    assert set(asked.values()) == {1}
    for name, wanted in wanted_of(inside).items():
        assert {n for file, n in asked if file == name} >= wanted


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
def test_an_area_fetches_only_what_it_touches(
    world: World, kit: Any, tmp_path: Path, area: Any
) -> None:
    """But for cells of 64 pixels, by which an area's touch is told."""
    inside = clipped(world, kit, tmp_path, area, 1)
    asked, held = tile_requests(world), 0
    for name, wanted in wanted_of(spread_square(inside, CELL)).items():
        found = {n for file, n in asked if file == name}
        assert found <= wanted
        tiles = tiles_of(world.files[name])
        held += sum(tiles[n][1] for n in found)
    headers = [a for a in world.server.answers if a.ranged and not a.start]
    ranges = [a for a in world.server.answers if a.ranged and a.start]
    assert sum(a.size for a in ranges) <= held + GAP * len(ranges)
    assert len(headers) == 3


def tiles_with(inside: np.ndarray, side: int) -> set[int]:
    """Numbers of tiles that hold an inside pixel."""
    rows, cols = np.nonzero(inside)
    across = -(-inside.shape[1] // side)
    return set((rows // side * across + cols // side).tolist())


def spread(inside: np.ndarray, by: int) -> np.ndarray:
    out = inside.copy()
    for _ in range(by):
        wide = np.pad(out, 1)
        out = wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return out


def spread_square(inside: np.ndarray, by: int) -> np.ndarray:
    """Whatever lies up to so many rows and columns from an inside pixel."""
    wide = np.pad(inside, by)
    for axis, size in enumerate(wide.shape):
        sums = np.cumsum(wide, axis=axis, dtype=np.int64)
        low, high = np.clip([np.arange(size) - by - 1, np.arange(size) + by], -1, size - 1)
        below = np.where(
            np.expand_dims(low < 0, 1 - axis), 0, np.take(sums, np.maximum(low, 0), axis=axis)
        )
        wide = np.take(sums, high, axis=axis) - below > 0
    return wide[by:-by, by:-by]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_store_that_fails_in_mid_scene_ends_all_threads(
    world: World, tmp_path: Path, threads: int
) -> None:
    """Nothing is read or computed any more when the error arrives, nor from closed files."""
    out = tmp_path / "out"
    out.mkdir()
    target = FolderTarget(out)

    class Full:
        def __init__(self, name: str) -> None:
            self.upload = target.begin(name, out)

        def write(self, stream: int, data: bytes) -> None:
            del stream, data
            raise TaskError(Exit.STORE_FULL, "the store is full")

        def finish(self, head: bytes, order: Any) -> Any:
            return self.upload.finish(head, order)

        def close(self) -> None:
            self.upload.close()

    document, access = world.document(), Unsigned()
    with opened(names_of(document), access) as rasters:
        budget = Budget(memory=160_000_000, threads=threads)
        with pytest.raises(TaskError, match="the store is full") as caught:
            process_scene(document, rasters, out, Full, budget=budget)
        assert caught.value.exit is Exit.STORE_FULL
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith(("fetch", "compute"))]
