"""Resampling against closed forms, numpy and GDAL's own warper; failures against a real server."""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import reproject, transform_bounds

from scenefleet_task.access import PlanetaryComputer, Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window, strips
from scenefleet_task.names import Name
from scenefleet_task.read import Raster, open_bands
from scenefleet_task.spec import Exit
from scenefleet_task.warp import Warped

SIZE = 400
BLOCK = "account/container/red.tif"


def opened(path: object, band: int | None = None) -> Raster:
    return open_bands([Name(item="scene-1", asset="B04", href=str(path), band=band)], Unsigned())[0]


def told(raster: Raster, fallback: float | None = None) -> tuple[float, ...]:
    """The numbers that mean no data: the header's, or else the fallback."""
    usual = fallback if raster.nodata is None else raster.nodata
    return () if usual is None else (usual,)


def shifted(x: float, y: float, size: float = 10, width: int = SIZE, height: int = SIZE) -> Grid:
    """A grid in the scenes' own CRS, `x` metres east and `y` metres south of their corner."""
    return Grid(
        CRS.from_epsg(32631), (size, 0, 600_000 + x, 0, -size, 5_700_000 - y), width, height
    )


def elsewhere(crs: str, size: float, source: Grid) -> Grid:
    """A grid of another CRS around all of a source."""
    a, _, c, _, e, f = source.transform
    west, south, east, north = transform_bounds(
        source.crs, crs, c, f + e * source.height, c + a * source.width, f
    )
    west, north = math.floor(west / size) * size, math.ceil(north / size) * size
    width, height = math.ceil((east - west) / size), math.ceil((north - south) / size)
    return Grid(CRS.from_user_input(crs), (size, 0, west, 0, -size, north), width, height)


@pytest.fixture
def noise() -> np.ndarray:
    """Numbers without any order, with a hole."""
    values = np.random.default_rng(7).integers(1, 9000, (SIZE, SIZE)).astype(np.uint16)
    values[100:140, 200:230] = 0
    return values


@pytest.fixture
def red(tmp_path: Path, kit: Any, noise: np.ndarray) -> Path:
    return kit.write(tmp_path / "red.tif", noise, nodata=0)


# --- closed forms


def test_half_a_pixel_off_a_ramp_is_the_ramp(tmp_path: Path, kit: Any) -> None:
    rows, cols = np.mgrid[:SIZE, :SIZE]
    ramp = (100 + 3 * cols + 8 * rows).astype(np.uint16)
    for resampling in ("bilinear", "cubic"):
        raster = opened(kit.write(tmp_path / "ramp.tif", ramp))
        values, invalid = Warped(raster, shifted(5, 5), resampling).read(shifted(5, 5).whole, ())
        inner = (slice(2, SIZE - 2), slice(2, SIZE - 2))
        assert not invalid[inner].any()
        np.testing.assert_allclose(values[inner], (ramp + 1.5 + 4)[inner], atol=1e-3)
        raster.close()


def test_a_raster_on_its_own_grid_is_itself(red: Path, noise: np.ndarray) -> None:
    for resampling in ("nearest", "bilinear", "cubic", "average"):
        raster = opened(red)
        values, invalid = Warped(raster, raster.grid, resampling).read(
            raster.grid.whole, told(raster)
        )
        assert (invalid == (noise == 0)).all()
        np.testing.assert_allclose(values, noise, atol=2e-3)
        raster.close()


def test_the_mean_of_whole_pixels(tmp_path: Path, kit: Any, noise: np.ndarray) -> None:
    noise[0, 0] = 0  # one of nine: the mean of the others
    noise[3:6, 0:3] = 0  # all nine
    raster = opened(kit.write(tmp_path / "red.tif", noise, nodata=0))
    grid = shifted(0, 0, 30, 133, 133)
    values, invalid = Warped(raster, grid, "average").read(grid.whole, told(raster))
    nine = noise[:399, :399].reshape(133, 3, 133, 3).swapaxes(1, 2).reshape(133, 133, 9)
    counts = (nine > 0).sum(2)
    assert (invalid == (counts == 0)).all()
    wanted = nine.sum(2) / np.maximum(counts, 1)
    np.testing.assert_allclose(values, wanted, rtol=1e-5)
    raster.close()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_classes_of_20_m_repeat_on_10_m(tmp_path: Path, kit: Any, dtype: str) -> None:
    top = 255 if dtype == "uint8" else 65535 if dtype == "uint16" else 2**31 - 1
    classes = np.random.default_rng(1).integers(0, top, (SIZE, SIZE), endpoint=True).astype(dtype)
    coarse = Affine(20, 0, 600_000, 0, -20, 5_700_000)
    raster = opened(kit.write(tmp_path / "scl.tif", classes, coarse, nodata=0))
    grid = shifted(-20, 0, width=2 * SIZE, height=2 * SIZE)
    values, outside = Warped(raster, grid, "bilinear").read_classes(grid.whole)
    assert values.dtype == classes.dtype
    assert outside[:, :2].all()
    assert not outside[:, 2:].any()
    assert (values[:, 2:] == np.repeat(np.repeat(classes, 2, 0), 2, 1)[:, :-2]).all()
    raster.close()


# --- no data


SOURCES = [
    ("uint16", 0, 0, None),
    ("uint16", 0, None, 0.0),  # only the document names it
    ("int16", -9999, -9999, None),
    ("float32", math.nan, math.nan, None),
    ("float32", math.nan, None, None),
    ("float32", -9999, -9999, None),
    ("float32", math.nan, -9999, None),  # another number than the header names
]


@pytest.mark.parametrize(("dtype", "hole", "header", "fallback"), SOURCES)
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
def test_no_data_is_never_mixed_in(
    tmp_path: Path, kit: Any, dtype: str, hole: float, header: Any, fallback: Any, resampling: str
) -> None:
    source = np.full((SIZE, SIZE), 1000, dtype)
    source[100:140, 200:230] = hole
    raster = opened(kit.write(tmp_path / "red.tif", source, nodata=header))
    for grid in (shifted(3, 3), elsewhere("EPSG:3035", 10, raster.grid)):
        values, invalid = Warped(raster, grid, resampling).read(grid.whole, told(raster, fallback))
        assert (values[invalid] == 0).all()
        np.testing.assert_allclose(values[~invalid], 1000, rtol=1e-6)
        beyond = (~invalid).sum() / SIZE**2
        assert 0.97 < beyond < 1.0
    raster.close()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_no_data_is_where_the_pixel_under_the_centre_has_none(
    red: Path, noise: np.ndarray, resampling: str
) -> None:
    raster = opened(red)
    hole = np.zeros((SIZE, SIZE), bool)
    hole[100:140, 200:230] = True
    for off in (3, 7):
        grid = shifted(off, off)
        _, invalid = Warped(raster, grid, resampling).read(grid.whole, told(raster))
        wanted = np.pad(noise == 0, ((0, 1), (0, 1)), constant_values=True)
        move = off // 5
        assert (invalid == wanted[move : move + SIZE, move : move + SIZE]).all()
    raster.close()


@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
def test_no_data_does_not_grow_on_a_coarser_grid(red: Path, resampling: str) -> None:
    raster = opened(red)
    grid = elsewhere("EPSG:3035", 37, raster.grid)
    _, nearest = Warped(raster, grid, "nearest").read(grid.whole, told(raster))
    values, invalid = Warped(raster, grid, resampling).read(grid.whole, told(raster))
    assert (invalid == nearest).all()
    inner = values[~invalid]
    assert inner.std() < 0.75 * 9000 / math.sqrt(12)  # averaged, where nearest keeps all the noise
    _, touched = Warped(raster, grid, "average").read(grid.whole, told(raster))
    assert not (touched & ~nearest).any()
    raster.close()


def test_the_files_own_mask_is_no_data(tmp_path: Path, noise: np.ndarray) -> None:
    noise[noise == 0] = 5
    mask = np.full((SIZE, SIZE), 255, np.uint8)
    mask[50:60, 50:70] = 0
    path = tmp_path / "red.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", dtype="uint16", count=1, width=SIZE, height=SIZE,
            crs="EPSG:32631", transform=Affine(10, 0, 600_000, 0, -10, 5_700_000),
        ) as dataset,
    ):  # fmt: skip
        dataset.write(noise, 1)
        dataset.write_mask(mask)
    raster = opened(path)
    warped = Warped(raster, raster.grid, "bilinear")
    values, invalid = warped.read(raster.grid.whole, told(raster))
    assert (invalid == (mask == 0)).all()
    np.testing.assert_allclose(values[~invalid], noise[mask > 0], atol=2e-3)
    classes, outside = warped.read_classes(raster.grid.whole)
    assert (outside == (mask == 0)).all()
    assert (classes[~outside] == noise[mask > 0]).all()
    raster.close()


def test_other_bands_of_the_file_have_no_say(tmp_path: Path, noise: np.ndarray) -> None:
    path = tmp_path / "two.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=2, width=SIZE, height=SIZE, nodata=0,
        crs="EPSG:32631", transform=Affine(10, 0, 600_000, 0, -10, 5_700_000),
    ) as dataset:  # fmt: skip
        dataset.write(noise, 1)
        dataset.write(np.full_like(noise, 7), 2)
    raster = opened(path, 1)
    _, invalid = Warped(raster, raster.grid, "bilinear").read(raster.grid.whole, told(raster))
    assert (invalid == (noise == 0)).all()
    raster.close()


# --- windows, and GDAL


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize(
    ("crs", "size"), [("EPSG:3035", 10), ("EPSG:3035", 37), ("EPSG:4326", 1e-4)]
)
def test_every_window_has_the_same_pixels(
    tmp_path: Path, kit: Any, crs: str, size: float, resampling: str
) -> None:
    values = np.random.default_rng(2).integers(0, 9000, (700, 1300)).astype(np.uint16)
    raster = opened(kit.write(tmp_path / "wide.tif", values, nodata=0))
    grid = elsewhere(crs, size, raster.grid)
    warped = Warped(raster, grid, resampling)
    whole, nowhere = warped.read(grid.whole, told(raster))
    assert 0.5 < 1 - nowhere.mean() < 1
    for height in (64, 512):
        parts = [warped.read(part, told(raster)) for part in strips(grid.whole, height)]
        assert (np.concatenate([v for v, _ in parts]) == whole).all()
        assert (np.concatenate([i for _, i in parts]) == nowhere).all()
    for row, col, height, width in ((10, 3, 90, 200), (1, grid.width - 330, 70, 330)):
        some, none = warped.read(Window(row, col, height, width), told(raster))
        place = (slice(row, row + height), slice(col, col + width))
        assert (some == whole[place]).all()
        assert (none == nowhere[place]).all()
    raster.close()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
def test_gdal_warps_an_array_to_the_same(red: Path, noise: np.ndarray, resampling: str) -> None:
    """The oracle allows an eighth of a pixel, but here its lines are too short to use it."""
    raster = opened(red)
    grid = elsewhere("EPSG:3035", 10, raster.grid)
    values, invalid = Warped(raster, grid, resampling).read(grid.whole, told(raster))
    wanted = np.empty((grid.height, grid.width), np.float32)
    reproject(
        noise.astype(np.float32), wanted, src_transform=Affine(*raster.grid.transform),
        src_crs=raster.grid.crs, src_nodata=0, dst_transform=Affine(*grid.transform),
        dst_crs=grid.crs, dst_nodata=math.nan, resampling=Resampling[resampling], XSCALE=1,
        YSCALE=1,
    )  # fmt: skip
    assert np.mean(invalid == np.isnan(wanted)) > 0.9995
    both = ~invalid & ~np.isnan(wanted)
    off = np.abs(values - wanted)[both]
    assert np.quantile(off, 0.99) < 40  # of 9000 between neighbours: under 0.005 pixels
    assert np.median(off) < 8
    raster.close()


@pytest.mark.parametrize("crs", ["EPSG:32630", "EPSG:27700"])
def test_exeter_in_other_crs_keeps_its_numbers(need: Any, crs: str) -> None:
    folder = need("shared") / "data/exeter-2024/S2_L2A_exeter_20240801T112119"
    raster, scl = opened(folder / "B04.tif"), opened(folder / "SCL.tif")
    grid = elsewhere(crs, 10, raster.grid)
    values, invalid = Warped(raster, grid, "bilinear").read(grid.whole, told(raster, 0))
    whole = raster.read(raster.grid.whole)
    assert values[~invalid].mean() == pytest.approx(whole[whole > 0].mean(), rel=2e-3)
    assert values[~invalid].max() <= whole.max()
    classes, outside = Warped(scl, grid, "bilinear").read_classes(grid.whole)
    share = np.bincount(classes[~outside], minlength=12) / (~outside).sum()
    known = scl.read(scl.grid.whole)
    np.testing.assert_allclose(share, np.bincount(known.ravel(), minlength=12) / known.size, atol=2e-3)  # fmt: skip  # noqa: E501
    # area: as many pixels of 100 m2 as the source's pixels hold
    a, b, _, d, e, _ = raster.grid.transform
    assert (~outside).sum() * 100 == pytest.approx(abs(a * e - b * d) * known.size, rel=5e-3)
    raster.close()
    scl.close()


def test_degrees_go_on_beyond_180(tmp_path: Path, kit: Any, noise: np.ndarray) -> None:
    place = Affine(100, 0, 620_000, 0, -100, 7_300_000)  # UTM 60: its east is beyond 180 degrees
    raster = opened(kit.write(tmp_path / "red.tif", noise, place, "EPSG:32660", nodata=0))
    grid = Grid(CRS.from_epsg(4326), (0.002, 0, 179.4, 0, -0.001, 65.8), 700, 500)
    values, invalid = Warped(raster, grid, "nearest").read(grid.whole, told(raster))
    beyond = 301  # the first column east of 180
    assert (~invalid[:, :beyond]).any()
    assert (~invalid[:, beyond:]).sum() > 10_000
    row, col = 180, 425
    lon, lat = 179.4 + (col + 0.5) * 0.002, 65.8 - (row + 0.5) * 0.001
    assert lon > 180
    (x,), (y,) = rasterio.warp.transform("EPSG:4326", "EPSG:32660", [lon - 360], [lat])
    assert values[row, col] == noise[int((7_300_000 - y) / 100), int((x - 620_000) / 100)]
    raster.close()


# --- failures


@pytest.fixture
def served(range_server: Any, kit: Any) -> Any:
    values = np.random.default_rng(3).integers(1, 9000, (1024, 1024)).astype(np.uint16)
    kit.write(range_server.root / BLOCK, values, nodata=0)
    return range_server


def read_served(server: Any, access: Any = None) -> np.ndarray:
    name = Name(item="scene-1", asset="B04", href=server.url(BLOCK))
    raster = open_bands([name], access or Unsigned())[0]
    try:
        grid = elsewhere("EPSG:3035", 10, raster.grid)
        warped = Warped(raster, grid, "bilinear")
        return np.concatenate(
            [warped.read(part, told(raster))[0] for part in strips(grid.whole, 256)]
        )
    finally:
        raster.close()


FAILURES = [
    ("404", {"status": 404, "after": 2}, Exit.SOURCE_MISSING, "404"),
    ("403", {"status": 403, "after": 2}, Exit.SOURCE_DENIED, "403"),
    ("503", {"status": 503, "after": 2}, Exit.SOURCE_UNREACHABLE, "503"),
    ("short", {"truncate": 300_000}, Exit.SOURCE_UNREADABLE, "truncated: 300000 bytes are there"),
    ("corrupt", {"corrupt": range(1_500_000, 1_500_400)}, Exit.SOURCE_UNREADABLE, "corrupt"),
    ("hangs up", {"hang_up": True, "after": 1}, Exit.SOURCE_UNREACHABLE, "Retry later"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "exit_", "said"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES]
)
def test_a_source_that_fails_is_never_no_data(
    served: Any, kit: Any, fault: dict[str, Any], exit_: Exit, said: str
) -> None:
    served.faults[BLOCK] = kit.Fault(**fault)
    with pytest.raises(TaskError, match=said) as caught:
        read_served(served)
    assert caught.value.exit is exit_
    assert f"item scene-1, asset B04, {served.url(BLOCK)}" in caught.value.message


def test_a_moments_trouble_does_no_harm(served: Any, kit: Any) -> None:
    well = read_served(served)
    served.faults[BLOCK] = kit.Fault(status=503, after=1, times=2)
    assert (read_served(served) == well).all()


def test_a_token_refused_in_the_middle_is_renewed(
    monkeypatch: pytest.MonkeyPatch, served: Any
) -> None:
    well = read_served(served)
    monkeypatch.setenv("PC_SDK_SAS_URL", served.token_service)
    PlanetaryComputer().sign("/warm/up")
    settings = importlib.import_module("planetary_computer.settings").Settings
    sas = importlib.import_module("planetary_computer.sas")
    settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()
    served.guarded = True
    name = Name(item="scene-1", asset="B04", href=served.url(BLOCK))
    try:
        raster = open_bands([name], PlanetaryComputer())[0]
        warped = Warped(raster, elsewhere("EPSG:3035", 10, raster.grid), "bilinear")
        parts = list(strips(warped.grid.whole, 256))
        first = warped.read(parts[0], told(raster))[0]
        served.revoke()
        second = warped.read(parts[3], told(raster))[0]
        raster.close()
    finally:
        settings.get.cache_clear()
        sas.TOKEN_CACHE.clear()
    assert (first == well[:256]).all()
    assert (second == well[768:1024]).all()
    assert len(served.tokens) == 2


def test_a_crs_without_a_way_to_it_is_told(red: Path) -> None:
    raster = opened(red)
    moon = CRS.from_user_input("+proj=longlat +R=1737400 +no_defs +type=crs")
    grid = Grid(moon, (0.001, 0, 4, 0, -0.001, 52), 10, 10)
    far = Grid(CRS.from_epsg(32631), (10, 0, 0, 0, -10, 0), 10, 10)
    values, invalid = Warped(raster, far, "bilinear").read(far.whole, told(raster))
    assert invalid.all()
    assert not values.any()
    with pytest.raises(TaskError, match="choose another CRS") as caught:
        Warped(raster, grid, "bilinear")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    raster.close()
