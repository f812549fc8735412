"""The files that `Cog` writes: valid for others' validators, read back equal by others' readers.

rio-cogeo and GDAL's own validator (Debian's GDAL, another version than rasterio's) judge the form;
rasterio, tifffile and Debian's GDAL read every level. What is expected is known before writing.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import struct
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import rasterio
import tifffile
from rasterio.crs import CRS
from rasterio.transform import Affine
from rio_cogeo import cog_validate

from scenefleet_task import overview, tiff
from scenefleet_task.blocks import cut
from scenefleet_task.codec import Form, encode
from scenefleet_task.cog import SMALL, Cog
from scenefleet_task.grid import Grid
from scenefleet_task.outputs import COLOURS, REASON, TILE, Layer, reason_tags
from scenefleet_task.put import Digest, digest_of
from scenefleet_task.spec import NO_SCENE, NODATA, Output, Reason
from scenefleet_task.statistics import Statistics, gather

Dtype = Literal["int16", "float32", "uint8"]
Holes = Literal["none", "some", "all"]
UTM = Grid(CRS.from_epsg(32631), (10.0, 0.0, 600_000.0, 0.0, -10.0, 5_700_000.0), 1, 1)
LOCAL = (
    'PROJCS["here",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["latitude_of_center",50.7],'
    'PARAMETER["longitude_of_center",-3.5],PARAMETER["false_easting",0],'
    'PARAMETER["false_northing",0],UNIT["metre",1]]'
)


@dataclass(frozen=True)
class Case:
    """A raster to be written."""

    shape: tuple[int, int]
    dtype: Dtype
    compression: str
    bands: int = 1
    holes: Holes = "some"

    def __str__(self) -> str:
        height, width = self.shape
        return f"{height}x{width}-{self.dtype}x{self.bands}-{self.compression}-{self.holes}"

    @property
    def tile(self) -> int:
        return 256 if self.shape[1] == 512 else 512

    def is_empty(self, values: np.ndarray) -> bool:
        if self.dtype == "uint8":
            return False
        return bool(np.isnan(values).all() if self.dtype == "float32" else (values == NODATA).all())


KINDS: list[tuple[Dtype, str, int]] = [
    ("int16", "deflate", 1), ("int16", "zstd", 3), ("float32", "deflate", 3),
    ("float32", "zstd", 1), ("uint8", "deflate", 1), ("uint8", "zstd", 1),
]  # fmt: skip
SMALL_SIZES = [(1, 1), (1, 2000), (2000, 1), (700, 300)]
SIZES = [(512, 512), (511, 513), (513, 1024), (1030, 1050)]
CASES = [
    *(Case(size, *kind) for size in SMALL_SIZES for kind in KINDS),
    # of large ones each kind in turn, so that every size meets half of them
    *(Case(size, *kind) for n, size in enumerate(SIZES) for kind in KINDS[n % 2 :: 2]),
    Case((1500, 2711), "int16", "deflate"),
    Case((1500, 2711), "float32", "zstd"),
    *(
        Case((1100, 700), dtype, compression, bands, "all")
        for dtype, compression, bands in KINDS
        if dtype != "uint8"
    ),
    Case((1100, 700), "int16", "deflate", 1, "none"),
    Case((1, 1), "int16", "zstd", 1, "all"),
    Case((512, 512), "float32", "zstd", 2, "all"),
]


def nodata_of(dtype: str) -> float:
    return {"int16": NODATA, "float32": math.nan, "uint8": NO_SCENE}[dtype]


def layer_of(dtype: Dtype, bands: int = 1) -> Layer:
    if dtype == "uint8":
        return REASON
    outputs = tuple(
        Output(name=f"band{n}", title="", formula="red", scale=10.0**-n)
        for n in range(1, bands + 1)
    )
    return Layer(
        name="made", dtype=dtype, nodata=nodata_of(dtype), overviews="AVERAGE", bands=outputs
    )


def pixels(case: Case) -> np.ndarray:
    """Waves and noise, different in each band; the first tile and some pixels are nodata."""
    rng = np.random.default_rng(abs(hash(case.shape)))
    rows, cols = (np.arange(length) for length in case.shape)
    noise = rng.integers(-9, 9, case.shape, dtype=np.int16)
    planes = [
        np.rint(9000 * np.outer(np.sin(rows / (40 + n)), np.cos(cols / 90))) + noise
        for n in range(case.bands)
    ]
    if case.dtype == "uint8":
        return (np.abs(planes[0]) // 1000).astype(np.uint8)
    values = np.stack(planes, axis=-1)
    if case.dtype == "float32":
        values = values / 7
    values = values.astype(case.dtype)
    nodata = nodata_of(case.dtype)
    if case.holes == "all":
        values[:] = nodata
    elif case.holes == "some":
        values[rng.random(case.shape) < 0.02] = nodata
        values[: case.tile, : case.tile] = nodata
    return values if case.bands > 1 else values[..., 0]


class ToFile:
    """An upload that keeps its streams in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: dict[int, list[bytes]] = {}

    def write(self, stream: int, data: bytes) -> None:
        self._streams.setdefault(stream, []).append(data)

    def finish(self, head: bytes, order: Sequence[int]) -> Digest:
        data = head + b"".join(b"".join(self._streams.get(stream, [])) for stream in order)
        self._path.write_bytes(data)
        return digest_of(data)

    def close(self) -> None:
        pass


def write(
    path: Path,
    layer: Layer,
    values: np.ndarray,
    *,
    compression: str = "deflate",
    grid: Grid = UTM,
    wide: int = 1,
    threads: int = 1,
    tags: list[dict[str, str]] | None = None,
) -> Cog:
    """Writes an array as a scene's way does it: blocks in order, encoded in some threads."""
    height, width = values.shape[:2]
    grid = Grid(grid.crs, grid.transform, width, height)
    blocks = cut(grid.whole, TILE, wide)
    parts = [values[b.row : b.row + b.height, b.col : b.col + b.width] for b in blocks]
    with ThreadPoolExecutor(threads) as pool:
        cog = Cog(layer, grid, compression, ToFile(path))
        for block, encoded in zip(blocks, pool.map(cog.encode, parts), strict=True):
            cog.append(encoded, block.row, block.col)
        assert (
            cog.finish(tags or [{"n": "1"}] * max(1, len(layer.bands))).size == path.stat().st_size
        )
    return cog


def statistics(values: np.ndarray) -> list[dict[str, str]]:
    """Of a stack of int16, as tags."""
    tags = []
    for n in range(values.shape[-1]):
        found = Statistics(whole=True)
        for piece in gather(np.ascontiguousarray(values[..., n])):
            found.join(piece)
        tags.append(found.tags())
    return tags


def levels_of(values: np.ndarray, tile: int) -> list[np.ndarray]:
    """The raster and its overviews, each made of the whole array at once."""
    levels = [values]
    while max(levels[-1].shape[:2]) > tile:
        halve = overview.nearest if values.dtype == np.uint8 else overview.mean
        levels.append(halve(levels[-1]))
    return levels


def interleaved(values: np.ndarray) -> np.ndarray:
    """Of rasterio's (bands, height, width)."""
    return np.ascontiguousarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))


@dataclass(frozen=True)
class Written:
    path: Path
    levels: list[np.ndarray]
    """What it must hold."""
    cog: Cog


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Written]:
    """All cases on disk."""
    folder = tmp_path_factory.mktemp("cogs")
    files = {}
    for n, case in enumerate(CASES):
        values = pixels(case)
        path = folder / f"{n:02d}.tif"
        layer = layer_of(case.dtype, case.bands)
        cog = write(path, layer, values, compression=case.compression)
        files[case] = Written(path, levels_of(values, case.tile), cog)
    return files


# --- Debian's GDAL, in a process of its own

LOOK = """
import contextlib, hashlib, io, json, sys
from osgeo import gdal
from osgeo_utils.samples import validate_cloud_optimized_geotiff as validator

gdal.UseExceptions()
found = []
for path in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = validator.main(["validate", "--full-check=yes", path])
    dataset = gdal.Open(path)
    first = dataset.GetRasterBand(1)
    hashes = []
    for level in range(-1, first.GetOverviewCount()):
        bands = [dataset.GetRasterBand(n + 1) for n in range(dataset.RasterCount)]
        if level >= 0:
            bands = [band.GetOverview(level) for band in bands]
        hashes.append([hashlib.sha256(band.ReadRaster()).hexdigest() for band in bands])
    info = gdal.Info(dataset, format="json")
    found.append({"code": code, "said": said.getvalue(), "hashes": hashes, "info": info})
print(json.dumps(found))
"""
Look = Callable[[list[Path]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def look(need: Any) -> Look:
    """What Debian's GDAL, its validator included, finds in files."""
    python = need("gdal")

    def found(paths: list[Path]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [python, "-I", "-c", LOOK], input=json.dumps([str(path) for path in paths]),
            capture_output=True, text=True, timeout=120, check=False, env={"PATH": "/usr/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return found


@pytest.fixture(scope="module")
def looked(look: Look, written: dict[Case, Written]) -> dict[Case, dict[str, Any]]:
    found = look([one.path for one in written.values()])
    return dict(zip(written, found, strict=True))


def hashes(levels: list[np.ndarray]) -> list[list[str]]:
    """As `LOOK` has them: by level, of each band."""
    planes = ([level] if level.ndim == 2 else np.moveaxis(level, -1, 0) for level in levels)
    return [[hashlib.sha256(plane.tobytes()).hexdigest() for plane in level] for level in planes]


def sound(found: dict[str, Any]) -> bool:
    """Valid, and without a warning."""
    said = found["said"]
    return not found["code"] and "is a valid cloud opt" in said and "warning" not in said


def test_debians_validator_finds_what_is_wrong(
    look: Look, written: dict[Case, Written], tmp_path: Path
) -> None:
    """It can fail: a leader tells another size than the table does."""
    good = written[Case((1500, 2711), "int16", "deflate")].path
    data = bytearray(good.read_bytes())
    with tifffile.TiffFile(good) as tif:
        offset = next(o for o in tif.pages[0].dataoffsets if o)
    data[offset - 4] ^= 1
    broken = tmp_path / "broken.tif"
    broken.write_bytes(data)
    [found] = look([broken])
    assert found["code"] == 1
    assert "leader" in found["said"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rio_cogeo_finds_nothing_wrong(
    written: dict[Case, Written], tmp_path: Path, case: Case
) -> None:
    found = cog_validate(written[case].path, strict=True)
    if case.shape[1] > 1:
        assert found == (True, [], [])
        return
    # it takes overviews' widths for their decimation, so that GDAL's own file is wrong as well
    with rasterio.open(
        tmp_path / "gdal.tif", "w", driver="COG", dtype="uint8", count=1,
        width=case.shape[1], height=case.shape[0], crs=UTM.crs, transform=Affine(*UTM.transform),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, *case.shape), np.uint8))
    assert found == cog_validate(tmp_path / "gdal.tif", strict=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_debians_gdal_finds_nothing_wrong_and_the_same_pixels(
    written: dict[Case, Written], looked: dict[Case, dict[str, Any]], case: Case
) -> None:
    found = looked[case]
    assert sound(found), found
    assert found["hashes"] == hashes(written[case].levels)
    structure = found["info"]["metadata"]["IMAGE_STRUCTURE"]
    assert structure["LAYOUT"] == "COG"
    assert structure["COMPRESSION"] == case.compression.upper()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rasterio_reads_every_level_back(written: dict[Case, Written], case: Case) -> None:
    one = written[case]
    levels = one.levels
    with rasterio.open(one.path) as dataset:
        assert len(dataset.overviews(1)) == len(levels) - 1
        assert dataset.profile["tiled"]
        assert dataset.block_shapes == [(case.tile, case.tile)] * case.bands
        nodata = dataset.nodata
        np.testing.assert_array_equal(interleaved(dataset.read()), levels[0])
    assert repr(nodata) == repr(float(nodata_of(case.dtype)))
    for n, level in enumerate(levels[1:]):
        with rasterio.open(one.path, overview_level=n) as dataset:
            np.testing.assert_array_equal(interleaved(dataset.read()), level)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tifffile_reads_every_level_back(written: dict[Case, Written], case: Case) -> None:
    levels = written[case].levels
    with tifffile.TiffFile(written[case].path) as tif:
        assert not tif.is_bigtiff
        assert len(tif.pages) == len(levels)
        for page, level in zip(tif.pages, levels, strict=True):
            np.testing.assert_array_equal(page.asarray(maxworkers=1), level)
            assert page.is_tiled
            assert bool(page.subfiletype) == (page.index > 0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tiles_keep_what_the_ghost_area_promises(written: dict[Case, Written], case: Case) -> None:
    """Size before, last four bytes behind, row by row without a gap, to the last byte."""
    data = written[case].path.read_bytes()
    assert data[8 : 8 + 43] == b"GDAL_STRUCTURAL_METADATA_SIZE=000140 bytes\n"
    assert data[51 : 51 + 140].decode() == (
        "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
        "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
    )
    with tifffile.TiffFile(written[case].path) as tif:
        pages = [(page.dataoffsets, page.databytecounts) for page in tif.pages]
        ends = [page.offset for page in tif.pages]
    assert ends == sorted(ends)
    tiles = [t for page in reversed(pages) for t in zip(*page, strict=True) if t[1]]
    end = None
    for offset, size in tiles:
        assert end is None or offset == end + 4
        assert offset > ends[-1]
        assert data[offset - 4 : offset] == struct.pack("<I", size)
        end = offset + size + 4
        assert data[end - 4 : end] == data[end - 8 : end - 4]
    assert end in (None, len(data))
    assert (end is None) == all(map(case.is_empty, written[case].levels))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tiles_of_nodata_are_not_there(written: dict[Case, Written], case: Case) -> None:
    """They have no place in the file; readers gave nodata for them (above)."""
    one, side = written[case], case.tile
    missing = 0
    with tifffile.TiffFile(one.path) as tif, rasterio.open(one.path) as dataset:
        for n, (level, page) in enumerate(zip(one.levels, tif.pages, strict=True)):
            places = itertools.product(*(range(0, length, side) for length in level.shape[:2]))
            counts = zip(page.dataoffsets, page.databytecounts, strict=True)
            for (row, col), count in zip(places, counts, strict=True):
                empty = case.is_empty(level[row : row + side, col : col + side])
                missing += empty
                assert (count == (0, 0)) == empty
                if not n:
                    name = f"BLOCK_SIZE_{col // side}_{row // side}"
                    assert (dataset.get_tag_item(name, "TIFF", bidx=1) is None) == empty
    assert (missing > 0) == (case.dtype != "uint8" and case.holes != "none")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_small_picture_is_the_first_level_that_fits(
    written: dict[Case, Written], case: Case
) -> None:
    level = next(x for x in written[case].levels if max(x.shape[:2]) <= SMALL)
    for band in range(1, case.bands + 1):
        wanted = level[..., band - 1] if case.bands > 1 else level
        np.testing.assert_array_equal(written[case].cog.small(band), wanted)


# --- what describes a raster


GRIDS = {
    "without a code": (CRS.from_wkt(LOCAL), UTM.transform),
    "rotated": (UTM.crs, (8.0, 6.0, 600_000.0, 6.0, -8.0, 5_700_000.0)),
    "degrees": (CRS.from_epsg(4326), (0.0001, 0.0, 4.4, 0.0, -0.0001, 51.5)),
    "south up": (CRS.from_epsg(32731), (30.0, 0.0, 300_000.0, 0.0, 30.0, 7_000_000.0)),
    "oblong pixels": (CRS.from_epsg(3035), (10.0, 0.0, 4e6, 0.0, -20.0, 3e6)),
}


def test_the_place_on_earth_is_kept(tmp_path: Path, look: Look) -> None:
    values = pixels(Case((600, 530), "int16", "deflate"))
    paths = [tmp_path / f"{name}.tif" for name in GRIDS]
    for path, (crs, transform) in zip(paths, GRIDS.values(), strict=True):
        write(path, layer_of("int16"), values, grid=Grid(crs, transform, 1, 1))
        with rasterio.open(path) as dataset:
            assert dataset.crs == crs
            assert dataset.transform == Affine(*transform)
        assert cog_validate(path, strict=True) == (True, [], [])
    for found, (_, transform) in zip(look(paths), GRIDS.values(), strict=True):
        assert sound(found)
        a, b, c, d, e, f = transform
        assert found["info"]["geoTransform"] == pytest.approx([c, a, b, f, d, e], abs=1e-12)


def test_names_scales_and_statistics_are_kept(tmp_path: Path, look: Look) -> None:
    case = Case((1030, 700), "int16", "zstd", 3)
    values = pixels(case)
    tags = statistics(values)
    write(tmp_path / "a.tif", layer_of("int16", 3), values, compression="zstd", tags=tags)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.descriptions == ("band1", "band2", "band3")
        assert dataset.scales == (0.1, 0.01, 0.001)
        assert dataset.offsets == (0, 0, 0)
        assert dataset.interleaving.value == "PIXEL"
    [found] = look([tmp_path / "a.tif"])
    for n, band in enumerate(found["info"]["bands"]):
        valid = values[..., n][values[..., n] != NODATA].astype(float)
        tags = band["metadata"][""]
        assert band["description"] == f"band{n + 1}"
        assert band["scale"] == 10.0 ** -(n + 1)
        assert (band["minimum"], band["maximum"]) == (valid.min(), valid.max())
        assert float(tags["STATISTICS_MEAN"]) == pytest.approx(valid.mean(), rel=1e-12)
        assert float(tags["STATISTICS_STDDEV"]) == pytest.approx(valid.std(), rel=1e-12)
        share = 100 * valid.size / values[..., n].size
        assert float(tags["STATISTICS_VALID_PERCENT"]) == pytest.approx(share, abs=0.005)


def test_a_real_has_no_scale(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", layer_of("float32", 2), pixels(Case((9, 9), "float32", "zstd", 2)))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.scales == (1.0, 1.0)
        assert math.isnan(dataset.nodata)


def test_reasons_have_colours_and_names(tmp_path: Path, look: Look) -> None:
    values = pixels(Case((1030, 700), "uint8", "deflate"))
    write(tmp_path / "a.tif", REASON, values, tags=[reason_tags()])
    with rasterio.open(tmp_path / "a.tif") as dataset:
        colours = dataset.colormap(1)
        for n, reason in enumerate(Reason):
            assert colours[reason.value] == (*COLOURS[reason], 255)
            assert dataset.tags(1)[f"REASON_{n}"] == reason.name.lower()
        assert dataset.tags(1)["REASON_255"] == "no scene here"
        assert colours[NO_SCENE][3] == 0
        assert dataset.colorinterp[0].name == "palette"
    [found] = look([tmp_path / "a.tif"])
    assert found["info"]["bands"][0]["colorInterpretation"] == "Palette"
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        assert dataset.colormap(1) == colours


# --- the same bytes


@pytest.mark.parametrize("dtype", ["int16", "float32", "uint8"])
@pytest.mark.parametrize("size", [(1500, 2711), (1100, 512)])
def test_bytes_depend_on_nothing_but_pixels(
    tmp_path: Path, dtype: Dtype, size: tuple[int, int]
) -> None:
    """Neither on blocks' width, nor on threads, nor on chance."""
    values = pixels(Case(size, dtype, "deflate"))
    found = set()
    for wide, threads in [(1, 1), (2, 3), (6, 2)]:
        path = tmp_path / f"{wide}-{threads}.tif"
        write(path, layer_of(dtype), values, wide=wide, threads=threads)
        found.add(path.read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_parts_of_a_larger_array_are_encoded_as_copies_are(tmp_path: Path, dtype: Dtype) -> None:
    """A block may be a view whose rows lie apart."""
    case = Case((530, 700), dtype, "deflate", 3)
    values = pixels(case)
    planes = np.moveaxis(np.ascontiguousarray(np.moveaxis(values, -1, 0)), 0, -1)
    assert not planes.flags.c_contiguous
    write(tmp_path / "a.tif", layer_of(dtype, 3), values)
    write(tmp_path / "b.tif", layer_of(dtype, 3), planes)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


# --- over 4 GB


@dataclass(frozen=True)
class Large:
    """A raster of which only a few tiles are stored; the rest of the file is a hole on disk."""

    path: Path
    big: bool
    places: dict[tuple[int, int, int], np.ndarray]
    """Tiles that are really there, by level, row and column."""
    length: int


def grids(height: int, width: int) -> list[tuple[int, int]]:
    sizes = [(height, width)]
    while max(sizes[-1]) > TILE:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def described(height: int, width: int) -> dict[int, tiff.Tag]:
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff", dtype="int16", nodata=NODATA, count=1, width=width, height=height,
            crs=UTM.crs, transform=Affine(*UTM.transform), tiled=True, blockxsize=TILE,
            blockysize=TILE, compress="deflate", predictor=2, sparse_ok=True,
        ) as dataset:  # fmt: skip
            dataset.set_band_description(1, "large")
        return tiff.first_tags(bytes(memory.read()))


def large(path: Path, claimed: int) -> Large:
    """A file of 110 x 100 tiles, each of `claimed` bytes; see `Large`."""
    height, width = 110 * TILE - 100, 100 * TILE - 7
    sizes = grids(height, width)
    form = Form("deflate", 2)
    rng = np.random.default_rng(4)
    places, stored, levels = {}, {}, []
    wanted = [(0, 0, 0), (0, 50, 3), (0, 109, 98), (0, 109, 99), (1, 0, 0), (2, 5, 7),
              (len(sizes) - 1, 0, 0)]  # fmt: skip
    for n, (rows, cols) in enumerate(sizes):
        shape = -(-rows // TILE), -(-cols // TILE)
        counts = np.full(shape, claimed, np.int64)
        for place in (p for p in wanted if p[0] == n):
            values = rng.integers(-3000, 9000, (TILE, TILE)).astype(np.int16)
            places[place] = values
            stored[place] = encode(values, form, np.empty_like(values))
            counts[place[1:]] = len(stored[place])
        levels.append(tiff.Level(cols, rows, counts.reshape(-1)))
    head = tiff.head(described(height, width), levels)
    length = len(head) + sum(level.length for level in levels)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(length)
        at = len(head)
        for n in reversed(range(len(levels))):
            columns = -(-sizes[n][1] // TILE)
            for number, size in enumerate(levels[n].sizes.tolist()):
                tile = stored.get((n, *divmod(number, columns)))
                if tile is not None:
                    file.seek(at)
                    file.write(tiff.wrapped(tile))
                at += size + 8
    assert at == length
    return Large(path, head[:4] == b"II+\0", places, length)


LOOK_LARGE = """
import hashlib, json, sys
from osgeo import gdal
gdal.UseExceptions()
path, places = json.load(sys.stdin)
dataset = gdal.Open(path)  # a band does not keep it open
band = dataset.GetRasterBand(1)
found = []
for level, col, row, width, height in places:
    one = band.GetOverview(level - 1) if level else band
    found.append(hashlib.sha256(one.ReadRaster(col, row, width, height)).hexdigest())
print(json.dumps(found))
"""


# the second is as close below 4 GB as such tiles come, so that its offsets need all 32 bits
@pytest.mark.parametrize(("claimed", "big"), [(480_000, True), (291_750, False), (293_500, True)])
def test_tiles_on_both_sides_of_4_gb_are_found(
    tmp_path: Path, need: Any, claimed: int, big: bool
) -> None:
    """Offsets need more than 32 bits; the file takes a few megabytes on disk."""
    file = large(tmp_path / "large.tif", claimed)
    try:
        assert file.big == big
        assert (file.length > 2**32) == big
        assert file.path.stat().st_blocks * 512 < 2**25
        if not big:
            assert file.length > 0.99 * 2**32
        check_large(file)
        check_large_in_debian(file, need("gdal"))
    finally:
        file.path.unlink()


def seen(file: Large) -> list[tuple[int, int, int, np.ndarray]]:
    """Level, first row and column, and the pixels within the raster."""
    sizes = grids(110 * TILE - 100, 100 * TILE - 7)
    out = []
    for (level, row, col), values in file.places.items():
        height, width = sizes[level]
        part = values[: height - row * TILE, : width - col * TILE]
        out.append((level, row * TILE, col * TILE, part))
    return out


def check_large(file: Large) -> None:
    for level, row, col, values in seen(file):
        options = {"overview_level": level - 1} if level else {}
        with rasterio.open(file.path, **options) as dataset:
            window = rasterio.windows.Window(col, row, values.shape[1], values.shape[0])
            np.testing.assert_array_equal(dataset.read(1, window=window), values)
            assert dataset.descriptions == (("large",) if not level else (None,))
    with tifffile.TiffFile(file.path) as tif:
        assert tif.is_bigtiff == file.big
        offsets = []
        for (level, row, col), values in file.places.items():
            page = tif.pages[level]
            number = row * -(-page.imagewidth // TILE) + col
            offset, size = page.dataoffsets[number], page.databytecounts[number]
            tif.filehandle.seek(offset)
            decoded = page.decode(tif.filehandle.read(size), number)[0]
            got = np.asarray(decoded).reshape(decoded.shape[-3:-1])
            np.testing.assert_array_equal(got, values[: got.shape[0], : got.shape[1]])
            offsets.append(offset)
        assert (max(offsets) > 2**32) == file.big
        assert min(offsets) < 2**32


def check_large_in_debian(file: Large, python: Path) -> None:
    wanted = [hashlib.sha256(v.tobytes()).hexdigest() for *_, v in seen(file)]
    places = [(level, c, r, v.shape[1], v.shape[0]) for level, r, c, v in seen(file)]
    done = subprocess.run(
        [python, "-I", "-c", LOOK_LARGE], input=json.dumps([str(file.path), places]),
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == wanted


def test_the_larger_form_begins_just_before_it_must() -> None:
    """A classic file ends within 4 GiB, whatever its tiles; no smaller one is written large."""
    tags = described(9000, 9000)
    seen_big = set()
    for short in range(-600, 30_000, 97):
        sizes = np.full(18 * 18, 2**32 // (18 * 18), np.int64) - 8
        sizes[-1] += 2**32 - sizes.sum() - 8 * sizes.size - short
        level = tiff.Level(9000, 9000, sizes)
        head = tiff.head(tags, [level])
        big = head[:4] == b"II+\0"
        seen_big.add(big)
        end = len(head) + level.length
        assert big or end <= 2**32
        assert not big or end > 2**32 - 65_536
        first = 16 if big else 8
        assert head[first : first + 4] == b"GDAL"
    assert seen_big == {True, False}


def test_tags_are_read_back_as_they_were_written() -> None:
    """Of both forms, in the one reading that there is: what is copied is what GDAL wrote."""
    tags = described(9000, 9000)
    for claimed in (5000, 20_000_000):
        level = tiff.Level(9000, 9000, np.full(18 * 18, claimed, np.int64))
        again = tiff.first_tags(tiff.head(tags, [level]))
        assert set(again) == set(tags)
        for number in set(tags) - {256, 257, 324, 325}:
            assert again[number] == tags[number]
