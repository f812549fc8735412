"""What others' headers and files beside them say: it counts, or the file is refused by name."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from fuzz_sources.patch import with_numbers, with_text
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.header import Header
from scenefleet_task.item import Put, make_item
from scenefleet_task.names import Name
from scenefleet_task.radiometry import HEADER, UNTOLD, numbers_of
from scenefleet_task.read import Raster, open_bands
from scenefleet_task.result import Output as PutFile
from scenefleet_task.spec import Exit, Mask, MaskRule, Output, Reason, TargetGrid, seal
from to_folder import InFolder, process

ORIGIN = Affine(10, 0, 600_000, 0, -10, 5_700_000)
SHAPE = (150, 170)


def write(path: Path, *bands: np.ndarray, **more: Any) -> Path:
    """A tiled GeoTIFF of several bands."""
    height, width = bands[0].shape
    options: dict[str, Any] = {
        "crs": "EPSG:32631", "transform": ORIGIN, "tiled": True, "blockxsize": 64,
        "blockysize": 64, "compress": "deflate",
    }  # fmt: skip
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands[0].dtype, count=len(bands), width=width,
        height=height, **{**options, **more},
    ) as dataset:  # fmt: skip
        for number, values in enumerate(bands, 1):
            dataset.write(values, number)
    return path


def noise(seed: int, dtype: str = "uint16", low: int = 1, high: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, SHAPE).astype(dtype)


def opened(path: object, **more: Any) -> Raster:
    return open_bands([Name(item="s", asset="image", href=str(path), collection="mine", **more)],
                  Unsigned())[0]  # fmt: skip


def refused(path: object, **more: Any) -> str:
    with pytest.raises(TaskError) as caught:
        opened(path, **more)
    assert caught.value.exit is Exit.INPUT_MISMATCH
    assert "item s, asset image" in caught.value.message
    return caught.value.message


def done(document: Any, folder: Path) -> tuple[InFolder, np.ndarray, np.ndarray]:
    rasters = process(document, Unsigned(), folder)
    with rasterio.open(rasters.made[0].file) as index, rasterio.open(rasters.reason) as reason:
        return rasters, index.read(1), reason.read(1)


def ndvi(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    one, two = red.astype(float), nir.astype(float)
    return np.rint((two - one) / (two + one) / 1e-4)


# --- several bands in one file


@pytest.mark.parametrize("interleave", ["band", "pixel"])
@pytest.mark.parametrize("far", [False, True], ids=["local", "http"])
def test_each_band_of_a_file_is_read_by_its_number(
    kit: Any, tmp_path: Path, range_server: Any, interleave: str, far: bool
) -> None:
    bands = [noise(n) for n in range(4)]
    classes = np.where(noise(9) < 20, 8, 4).astype(np.uint16)
    path = write(range_server.root / "image.tif", *bands, classes, interleave=interleave)
    href = range_server.url("image.tif") if far else path
    red, nir = (kit.band(name, href, asset="image", band=n) for name, n in (("red", 2), ("nir", 4)))
    rules = (MaskRule(bits=0xFFFF, value=8, reason="cloud"),)
    mask = Mask(asset="image", href=str(href), band=5, rules=rules, dilate=0.0)
    document = kit.document((red, nir))
    part = replace(document.parts[0], masks=(mask,))
    rasters, index, reason = done(seal(replace(document, parts=(part,))), tmp_path / "out")
    assert (reason == np.where(classes == 8, Reason.CLOUD, 0)).all()
    valid = reason == 0
    assert np.abs(index - ndvi(bands[1], bands[3]))[valid].max() <= 1
    assert {way.name for _, way in rasters.read} == {"tiles" if interleave == "band" else "gdal"}
    told = item_of(document, rasters)["properties"]["scenefleet:radiometry"][0]["bands"]
    assert (told["red"]["band"], told["nir"]["band"]) == (2, 4)
    if far and interleave == "band":
        assert sum(answer.start == 0 for answer in range_server.answers) == 1  # one header for all


def item_of(document: Any, rasters: Any) -> dict[str, Any]:
    file = PutFile(name="x", path="x/x.tif", size=1, sha256="0" * 64)
    put = Put(rasters={"ndvi": file}, reason=file, thumbnail=file)
    return make_item(document, rasters.rasters, put)


def test_a_band_is_found_by_its_description(kit: Any, tmp_path: Path) -> None:
    red, nir = noise(1), noise(2)
    path = write(tmp_path / "image.tif", nir, red)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("B08", " b04 ")
    bands = (kit.band("red", path, band_name="B04"), kit.band("nir", path, band_name="b08"))
    _, index, _ = done(kit.document(bands), tmp_path / "out")
    assert np.abs(index - ndvi(red, nir)).max() <= 1
    said = refused(path, band_name="B05", use="rededge1")
    assert "no band of the file is called 'B05': it has 2 bands (1 B08, 2 b04)" in said
    assert "`collections: {mine: {bands: {rededge1: {asset: image, band: 1}}}}`" in said


def test_a_file_of_more_bands_than_told_is_refused_with_them_and_the_key(tmp_path: Path) -> None:
    path = write(tmp_path / "image.tif", noise(1), noise(2), noise(3))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("blue", "green\nred", None)
    said = refused(path, use="red")
    assert "3 bands (1 blue, 2 without a description, 3 without a description)" in said
    assert "\n" not in said
    assert "`collections: {mine: {bands: {red: {asset: image, band: 1}}}}`" in said
    assert "masks: [{asset: image, band: 1, classes: ...}]" in refused(path)
    assert "it has no band 4: the file has 3 bands" in refused(path, band=4, use="red")
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("blue", "green", "Red")
    assert "{red: {asset: image, band: 3}}" in refused(path, use="red")


def test_two_bands_of_one_description_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "image.tif", noise(1), noise(2))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("nir", "NIR")
    assert "2 bands of the file are called 'nir'" in refused(path, band_name="nir")


@pytest.mark.parametrize("grid", [False, True])
def test_a_band_that_is_read_masks_nothing_though_the_file_calls_it_alpha(
    kit: Any, tmp_path: Path, grid: bool
) -> None:
    """GDAL calls the fourth of four bands of 8 bits so by itself."""
    bands = [noise(n, "uint8") for n in range(4)]
    bands[3][20:30] = 0
    path = write(tmp_path / "image.tif", *bands)
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3] is ColorInterp.alpha
    red, nir = (kit.band(name, path, band=n, nodata=None) for name, n in (("red", 1), ("nir", 4)))
    common = TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="bilinear")
    document = kit.document((red, nir), grid=common if grid else None)
    _, index, reason = done(document, tmp_path / "out")
    assert not reason.any()
    assert np.abs(index - ndvi(bands[0], bands[3])).max() <= (5 if grid else 1)
    # where it is not read, it is the mask that it says it is
    green = kit.band("nir", path, band=2, nodata=None)
    _, _, reason = done(kit.document((red, green), grid=document.grid), tmp_path / "masked")
    assert (reason[20:30] == Reason.NODATA).all()
    assert (reason == 0).sum() == reason.size - 10 * SHAPE[1]


# --- scale and offset


def header(**more: Any) -> Header:
    values: dict[str, Any] = {
        "grid": None, "band": 1, "count": 1, "dtype": np.dtype("uint16"), "nodata": None,
        "scale": None, "offset": None, "masked": False, "alpha": 0, "palette": False,
    }  # fmt: skip
    return Header(**{**values, **more})


NAME = Name(item="s", asset="B04", href="/x.tif", use="red", collection="mine")


@pytest.mark.parametrize(
    ("told", "said", "right", "rule", "warns"),
    [
        ((None, None), (None, None), (1, 0), UNTOLD, False),
        ((None, None), (1e-4, -0.1), (1e-4, -0.1), HEADER, False),
        ((1e-4, 0.0), (None, None), (1e-4, 0), "test", False),
        ((1e-4, -0.1), (1e-4, -0.1), (1e-4, -0.1), "test", False),
        ((1e-4, -0.1), (float(np.float32(1e-4)), float(np.float32(-0.1))), (1e-4, -0.1), "test",
         False),
        ((1e-4, 0.0), (1e-4, -0.1), (1e-4, 0), "test", True),
        ((1e-4, None), (1e-4, -0.1), (1e-4, -0.1), f"test, offset by {HEADER}", False),
        ((None, 0.0), (1e-4, -0.1), (1e-4, 0), f"test, scale by {HEADER}", True),
        # an offset in other units than the scale's is nobody's
        ((1e-4, None), (1, -1000.0), (1e-4, 0), "test", True),
        ((1e-4, None), (1e-2, -10.0), (1e-4, 0), "test", True),
    ],
)  # fmt: skip
def test_a_header_counts_where_nothing_else_tells(
    kit: Any, caplog: pytest.LogCaptureFixture, told: Any, said: Any, right: Any, rule: str,
    warns: bool,
) -> None:  # fmt: skip
    band = kit.band("red", "/x.tif", scale=told[0], offset=told[1])
    with caplog.at_level(logging.WARNING, "scenefleet_task"):
        found = numbers_of(band, header(scale=said[0], offset=said[1]), NAME)
    assert ((found.scale, found.offset), found.rule) == (right, rule)
    assert ("its header says scale" in caplog.text) == warns


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_a_scale_that_leaves_no_values_is_refused(kit: Any, scale: float) -> None:
    band = kit.band("red", "/x.tif", scale=None, offset=None)
    with pytest.raises(TaskError, match="which leaves no values"):
        numbers_of(band, header(scale=scale, offset=0.0), NAME)


@pytest.mark.parametrize("offset", [float("nan"), float("-inf")])
def test_an_offset_that_leaves_no_values_is_refused(kit: Any, offset: float) -> None:
    band = kit.band("red", "/x.tif", scale=None, offset=None)
    with pytest.raises(TaskError, match="which leaves no values"):
        numbers_of(band, header(scale=1e-4, offset=offset), NAME)


def scaled(path: Path, scale: float, offset: float) -> Path:
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [scale] * dataset.count, [offset] * dataset.count
    return path


def test_the_output_says_what_the_header_says_otherwise(kit: Any, tmp_path: Path) -> None:
    red, nir = (
        scaled(write(tmp_path / f"{n}.tif", noise(n, low=2000, high=9000)), 1e-4, -0.1)
        for n in (1, 2)
    )
    left = kit.band("red", red, scale=None, offset=None)
    told = kit.band("nir", nir, scale=1e-4, offset=0.0)
    document = kit.document((left, told))
    rasters, index, _ = done(document, tmp_path / "out")
    values = kit.read(red) * 1e-4 - 0.1, kit.read(nir) * 1e-4
    assert np.abs(index - ndvi(*values)).max() <= 1
    bands = item_of(document, rasters)["properties"]["scenefleet:radiometry"][0]["bands"]
    assert bands["red"] == {
        "asset": "RED", "scale": 1e-4, "offset": -0.1, "nodata": 0.0, "rule": HEADER,
    }  # fmt: skip
    assert bands["nir"]["rule"] == "test"
    assert bands["nir"]["header"] == {"scale": 1e-4, "offset": -0.1}


def test_each_band_has_the_scale_of_its_own_header(kit: Any, tmp_path: Path) -> None:
    bands = [noise(1), noise(2)]
    path = write(tmp_path / "image.tif", *bands)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.01, 0.02), (1.0, 2.0)
    one, two = (
        kit.band(name, path, scale=None, offset=None, band=n)
        for name, n in (("red", 1), ("nir", 2))
    )
    _, index, _ = done(kit.document((one, two)), tmp_path / "out")
    assert np.abs(index - ndvi(bands[0] * 0.01 + 1, bands[1] * 0.02 + 2)).max() <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_of_a_product_of_whole_numbers_are_refused(
    kit: Any, tmp_path: Path, dtype: str
) -> None:
    path = write(tmp_path / "red.tif", noise(1).astype(dtype) / 200)
    band = kit.band("red", path, scale_from="product")
    document = kit.document((band, replace(band, name="nir")))
    with pytest.raises(TaskError, match="asset: RED, scale: 1, offset: 0") as caught:
        process(document, Unsigned(), tmp_path / "out")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    for who in ("recipe", "item"):
        process(
            kit.document((replace(band, scale=1.0, scale_from=who), kit.band("nir", path))),
            Unsigned(), tmp_path / who,
        )  # fmt: skip
    scaled(path, 1e-4, 0)  # the header says the product's own
    process(document, Unsigned(), tmp_path / "told")


@pytest.mark.parametrize("who", ["item", "header", "recipe"])
@pytest.mark.parametrize("reflectance", [True, False])
def test_floats_that_are_reflectances_already_are_not_scaled_again(
    kit: Any, tmp_path: Path, who: str, reflectance: bool
) -> None:
    values = noise(1, "float32", low=100, high=9000)
    values[0, 0], values[5, 5] = np.nan, 30_000  # a hole, a glint
    values *= np.float32(1e-4 if reflectance else 1)
    path = write(tmp_path / "red.tif", values)
    told: dict[str, Any] = {"scale_from": who}
    if who == "header":
        scaled(path, 1e-4, 0)
        told = {"scale": None, "offset": None}
    document = kit.document((kit.band("red", path, **told), kit.band("nir", path, **told)))
    if who == "recipe" or not reflectance:
        process(document, Unsigned(), tmp_path / "out")
        return
    with pytest.raises(TaskError, match=rf"are reflectances already, but the {who}") as caught:
        process(document, Unsigned(), tmp_path / "out")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    assert "asset: RED, scale: 1, offset: 0" in caught.value.message


# --- no data


@pytest.mark.parametrize("way", ["tiles", "gdal"])
def test_a_number_of_the_documents_own_holds_beside_the_headers(
    kit: Any, tmp_path: Path, way: str
) -> None:
    values = noise(1)
    values[3:9, 5:60], values[80:90], values[100:110] = 0, 65535, 9
    compress = "deflate" if way == "tiles" else None
    red = write(tmp_path / "red.tif", values, nodata=65535, compress=compress)
    nir = write(tmp_path / "nir.tif", noise(2), compress=compress)
    bands = (kit.band("red", red, nodata=9.0, always=(0.0,)), kit.band("nir", nir, nodata=None))
    rasters, _, reason = done(kit.document(bands), tmp_path / "out")
    assert {one.name for _, one in rasters.read} == {way}
    wrong = np.isin(values, (0, 65535))  # 9 only where the header names none
    assert (reason == np.where(wrong, Reason.NODATA, 0)).all()
    assert rasters.parts[0].bands["red"].nodata == (65535, 0)


LOWEST = float(np.finfo(np.float32).min)


@pytest.mark.parametrize("way", ["tiles", "gdal", "grid"])
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (LOWEST, None),  # what ESRI's programs fill with, and the header does not say so
        (-LOWEST, None),
        (LOWEST, "  nan"),
        (LOWEST, "-9999"),
        (LOWEST, "-3.40282e+38"),  # rounded
        (LOWEST, "-1.7976931348623157e+308"),  # of another type of number
        (9.96920996838687e36, None),  # netCDF's
        (1e20, "-9999"),  # CMIP's
    ],
)
def test_numbers_that_nothing_measures_are_no_data_whatever_the_header_says(
    kit: Any, tmp_path: Path, way: str, written: float, text: str | None
) -> None:
    values = noise(1, "float32")
    values[40:60, 30:90] = written
    filled = values == np.float32(written)
    options = {"compress": None} if way == "gdal" else {}
    red = write(tmp_path / "red.tif", values, **options)
    if text:
        red.write_bytes(with_text(red.read_bytes(), 42113, text))
    nir = write(tmp_path / "nir.tif", noise(2, "float32"), **options)
    grid = TargetGrid(crs="EPSG:32631", resolution=10, align=(0, 0), resampling="bilinear")
    told = {"scale": 1.0, "nodata": None, "scale_from": "recipe"}
    bands = (kit.band("red", red, **told), kit.band("nir", nir, **told))
    document = kit.document(bands, **({"grid": grid} if way == "grid" else {}))
    rasters, index, reason = done(document, tmp_path / "out")
    assert {one.name for _, one in rasters.read} == {"tiles" if way == "tiles" else "gdal"}
    assert (reason == np.where(filled, Reason.NODATA, 0)).all()
    assert ((index == -32768) == filled).all()


def test_an_items_nodata_that_gives_way_to_the_headers_is_told(
    kit: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    red = write(tmp_path / "red.tif", noise(1), nodata=65535)
    nir = write(tmp_path / "nir.tif", noise(2), nodata=7)
    bands = (kit.band("red", red, nodata=7.0), kit.band("nir", nir, nodata=7.0))
    with caplog.at_level(logging.WARNING, "scenefleet_task"):
        document = kit.document(bands)
        rasters, _, _ = done(document, tmp_path / "out")
    assert "65535 is no data, so the item's 7 counts as a measurement" in caplog.text
    told = item_of(document, rasters)["properties"]["scenefleet:radiometry"][0]["bands"]
    assert (told["red"]["nodata"], told["red"]["item"]) == (65535, {"nodata": 7})
    assert "item" not in told["nir"]


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize("count", [1, 3])
def test_several_numbers_of_no_data_are_never_mixed_in(
    kit: Any, tmp_path: Path, resampling: str, count: int
) -> None:
    values = np.full(SHAPE, 1000, np.uint16)
    values[20:40, 30:60], values[80:120, 10:50] = 0, 65535
    others = [np.full(SHAPE, 7, np.uint16)] * (count - 1)
    path = write(tmp_path / "red.tif", *others, values, nodata=65535)
    band = kit.band("red", path, always=(0.0,), band=count)
    output = Output(name="red", title="", formula="red", scale=1e-4)
    grid = TargetGrid(crs="EPSG:3035", resolution=7, align=(0, 0), resampling=resampling)
    document = kit.document((band,), outputs=(output,), grid=grid)
    _, red, reason = done(document, tmp_path / "out")
    assert (red[reason == 0] == 1000).all()
    share = (reason == 0).sum() * 49 / (values.size * 100)
    assert share == pytest.approx((values == 1000).mean(), abs=0.03)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize(("crs", "size"), [("EPSG:3035", 37), ("EPSG:4326", 1e-4)])
def test_piece_by_piece_gives_what_gdal_gives_of_the_file(
    kit: Any, tmp_path: Path, resampling: str, crs: str, size: float
) -> None:
    rng = np.random.default_rng(5)
    values = rng.integers(1, 9000, (700, 1300)).astype(np.uint16)
    values[100:140, 200:230] = 0
    one = write(tmp_path / "one.tif", values, nodata=0)
    two = write(tmp_path / "two.tif", np.full_like(values, 7), values, nodata=0)
    output = Output(name="red", title="", formula="red", scale=1.0)
    grid = TargetGrid(crs=crs, resolution=size, align=(0, 0), resampling=resampling)
    found = []
    for path, band in ((one, None), (two, 2)):
        red = kit.band("red", path, scale=1.0, band=band)
        document = kit.document((red,), outputs=(output,), grid=grid, dtype="float32")
        found.append(done(document, tmp_path / path.stem))
    (_, values_one, why_one), (_, values_two, why_two) = found
    assert (why_one != why_two).mean() < 1e-4  # a centre on a pixel's edge may fall either way
    both = (why_one == 0) & (why_two == 0)
    apart = np.abs(values_one - values_two)[both]
    # positions are interpolated along lines of other lengths: a ten-thousandth of a pixel
    assert np.quantile(apart, 0.999) < (3 if resampling != "nearest" else 1)


# --- types, places


@pytest.mark.parametrize("dtype", ["complex_int16", "complex64", "complex128"])
def test_complex_numbers_are_refused_by_name(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "c.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype=dtype, count=1, width=9, height=9,
                       crs="EPSG:32631", transform=ORIGIN):  # fmt: skip
        pass
    assert f"its numbers are complex ({dtype})" in refused(path)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "float64"])
def test_all_other_kinds_of_numbers_are_read(kit: Any, tmp_path: Path, dtype: str) -> None:
    red, nir = noise(1, dtype, high=100), noise(2, dtype, high=100)
    files = [write(tmp_path / f"{n}.tif", v) for n, v in (("red", red), ("nir", nir))]
    bands = (kit.band("red", files[0]), kit.band("nir", files[1]))
    _, index, _ = done(kit.document(bands), tmp_path / "out")
    assert np.abs(index - ndvi(red, nir)).max() <= 1


def test_a_table_of_colours_is_no_reflectance_but_may_be_a_mask(kit: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", noise(1, "uint8"), photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {4: (0, 255, 0, 255)})
    document = kit.document((kit.band("red", path), kit.band("nir", path)))
    with pytest.raises(TaskError, match="colours of a table") as caught:
        process(document, Unsigned(), tmp_path / "out")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    red = write(tmp_path / "red.tif", noise(2))
    done(kit.document((kit.band("red", red), kit.band("nir", red)), path), tmp_path / "masked")


WORLD = "10\n0\n0\n-10\n600005\n5699995\n"


def unplaced(path: Path, **more: Any) -> Path:
    with rasterio.open(path, "w", driver="GTiff", dtype="uint16", count=1, width=9, height=9,
                       **more):  # fmt: skip
        pass
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_a_place_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    path = unplaced(tmp_path / "red.tif", crs="EPSG:32631")
    assert "it has no geotransform: where its pixels lie is not known" in refused(path)
    for world in ("red.tfw", "red.TFW", "red.tifw", "red.wld"):
        (tmp_path / world).write_text(WORLD)
        said = refused(path)
        assert f"only the world file {world} beside it" in said
        assert "gdal_translate red.tif" in said
        (tmp_path / world).unlink()
    corners = [(0, 0, 5.0, 51.0), (0, 9, 6.0, 51.0), (9, 0, 5.0, 50.0)]
    points = [GroundControlPoint(*corner) for corner in corners]
    path = unplaced(tmp_path / "gcps.tif", gcps=points, crs="EPSG:4326")
    assert "no geotransform, but 3 ground control points" in refused(path)
    path = unplaced(tmp_path / "flat.tif", crs="EPSG:32631", transform=Affine(10, 0, 1, 0, 0, 2))
    assert "its pixels have no area" in refused(path)
    path = unplaced(tmp_path / "where.tif", transform=ORIGIN)
    assert "the raster has no CRS" in refused(path)


@pytest.mark.parametrize(
    "transform",
    [
        Affine(10, 0, 600_000, 0, 10, 5_690_000),  # south up
        Affine.translation(600_000, 5_700_000) @ Affine.rotation(20) @ Affine.scale(10, -10),
        Affine(10, 2, 600_000, 1, -10, 5_700_000),  # sheared
    ],
)
def test_a_turned_grid_stays_as_it_is(kit: Any, tmp_path: Path, transform: Affine) -> None:
    files = [write(tmp_path / f"{n}.tif", noise(n), transform=transform) for n in (1, 2)]
    bands = (kit.band("red", files[0]), kit.band("nir", files[1]))
    rasters, index, _ = done(kit.document(bands), tmp_path / "out")
    assert rasters.grid.transform == pytest.approx(tuple(transform)[:6])
    assert np.abs(index - ndvi(noise(1), noise(2))).max() <= 1


# --- files beside it


def masked_beside(path: Path, mask: np.ndarray) -> None:
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK="NO", GDAL_DISABLE_READDIR_ON_OPEN="TRUE"),
        rasterio.open(path, "r+") as dataset,
    ):
        dataset.write_mask(mask)
    assert Path(f"{path}.msk").exists()


@pytest.mark.parametrize("grid", [False, True])
def test_a_mask_beside_a_local_file_masks(kit: Any, tmp_path: Path, grid: bool) -> None:
    files = [write(tmp_path / f"{n}.tif", noise(n)) for n in (1, 2)]
    holes = np.zeros(SHAPE, bool)
    holes[30:50, 20:70] = True
    masked_beside(files[0], np.where(holes, 0, 255).astype(np.uint8))
    bands = (kit.band("red", files[0]), kit.band("nir", files[1]))
    common = TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="bilinear")
    document = kit.document(bands, grid=common if grid else None)
    _, _, reason = done(document, tmp_path / "out")
    assert (reason == np.where(holes, Reason.NODATA, 0)).all()


def test_a_mask_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "red.tif", noise(1))
    Path(f"{path}.msk").write_bytes(b"no mask at all")
    with pytest.raises(TaskError, match=r"the mask beside it, red\.tif\.msk, cannot be read") as no:
        opened(path)
    assert no.value.exit is Exit.SOURCE_UNREADABLE
    small = write(tmp_path / "small.tif", np.zeros((20, 20), np.uint8))
    small.rename(f"{path}.msk")
    with pytest.raises(TaskError, match=r"red\.tif\.msk, cannot be read as a mask \(it has"):
        opened(path)


def test_a_raster_beside_a_file_that_is_no_mask_is_an_error(tmp_path: Path) -> None:
    """As GDAL has it, a mask says so in its own tags."""
    path = write(tmp_path / "red.tif", noise(1))
    write(tmp_path / "plain.tif", np.zeros(SHAPE, np.uint8)).rename(f"{path}.msk")
    with pytest.raises(TaskError, match="without which GDAL takes it for no mask"):
        opened(path)


def test_a_look_leaves_out_what_the_files_own_mask_takes_out(tmp_path: Path) -> None:
    path = write(tmp_path / "red.tif", noise(1))
    mask = np.full(SHAPE, 255, np.uint8)
    mask[: SHAPE[0] // 2] = 0
    masked_beside(path, mask)
    raster = opened(path)
    invalid = raster.small_invalid((10, 10))
    raster.close()
    assert invalid is not None
    assert invalid[:4].all()
    assert not invalid[6:].any()


@pytest.mark.parametrize(
    ("holds", "named"),
    [
        ("<GeoTransform>600000,10,0,5700000,0,-10</GeoTransform>", "a geotransform"),
        ("<SRS>EPSG:32631</SRS>", "a CRS"),
        ('<PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand>', "a nodata number"),
        (
            '<PAMRasterBand band="1"><Offset>-0.1</Offset><Scale>0.0001</Scale></PAMRasterBand>',
            "an offset and a scale",
        ),
    ],
)
@pytest.mark.parametrize("ending", [".tif.aux.xml", ".aux.xml"])
def test_what_an_auxiliary_file_says_of_pixels_is_not_passed_over(
    tmp_path: Path, holds: str, named: str, ending: str
) -> None:
    path = write(tmp_path / "red.tif", noise(1))
    (tmp_path / f"red{ending}").write_text(f"<PAMDataset>{holds}</PAMDataset>")
    with pytest.raises(TaskError, match=f"red{ending} beside it holds {named}") as no:
        opened(path)
    assert no.value.exit is Exit.INPUT_MISMATCH
    assert "gdal_translate" in str(no.value)


def test_an_auxiliary_file_that_is_too_large_to_look_at_is_not_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "red.tif", noise(1))
    with Path(f"{path}.aux.xml").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(TaskError, match="holds 20000001 bytes, more than the 20000000 that are"):
        opened(path)


def test_statistics_beside_a_file_say_nothing_of_its_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "red.tif", noise(1))
    Path(f"{path}.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Histograms/><Metadata><MDI key='STATISTICS_MEAN'>"
        "4</MDI></Metadata></PAMRasterBand></PAMDataset>"
    )
    opened(path).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["red.tif", "red.tif.aux.xml"]


def with_crs_text(path: Path, wkt: str) -> Path:
    """Puts a CRS into a GeoTIFF as Esri's programs do: as text, of which GDAL takes all."""
    text = f"ESRI PE String = {wkt}|"
    user_defined, model, citation = 32767, 1024, 3073
    keys = (1, 1, 0, 2, model, 0, 1, user_defined, citation, 34737, len(text), 0)
    path.write_bytes(with_numbers(with_text(path.read_bytes(), 34737, text), 34735, keys))
    return path


UTM_TEXT = (
    'PROJCS["x",GEOGCS["g",DATUM["D_x",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM['
    '"Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER['
    '"Central_Meridian",3.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",'
    '0.0],UNIT["Meter",1.0],EXTENSION["PROJ4","+proj=utm +zone=31 +ellps=WGS84 '
    '+nadgrids=GRIDS +units=m +no_defs"]]'
)


@pytest.mark.parametrize("grids", ["/somewhere/shift.gsb", "@optional.gsb,@null", "@null"])
def test_a_crs_that_names_a_file_is_refused(tmp_path: Path, grids: str) -> None:
    path = write(tmp_path / "red.tif", noise(1))
    with_crs_text(path, UTM_TEXT.replace("GRIDS", grids))
    if grids == "@null":  # no file: WKT of Web Mercator has it
        opened(path).close()
        return
    with pytest.raises(TaskError, match="its CRS names a file") as no:
        opened(path)
    assert no.value.exit is Exit.INPUT_MISMATCH


def test_behind_an_address_nothing_beside_a_file_is_asked_for(
    kit: Any, tmp_path: Path, range_server: Any
) -> None:
    path = write(range_server.root / "red.tif", noise(1))
    masked_beside(path, np.zeros(SHAPE, np.uint8))
    raster = opened(range_server.url("red.tif"))
    assert not raster.masked
    raster.close()
    assert all("msk" not in request and "aux" not in request for request in range_server.requests)
