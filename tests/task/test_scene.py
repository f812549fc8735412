"""A scene read by windows against the whole image in plain numpy."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import Affine
from rasterio.warp import transform_geom
from rio_cogeo import cog_validate

from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.spec import NO_SCENE, NODATA, Exit, Reason, TargetGrid, seal
from to_folder import InFolder, process


def oracle(scene: Any, scl_classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Index and reasons of the whole scene, in plain numpy."""
    red, nir = scene.red.astype(float), scene.nir.astype(float)
    with np.errstate(invalid="ignore"):
        index = np.rint((nir - red) / (nir + red) / 1e-4)
    height, width = red.shape
    scl = np.repeat(np.repeat(scene.scl, 2, axis=0), 2, axis=1)[:height, :width]
    reasons = np.zeros(red.shape, np.uint8)
    for value, name in sorted(scl_classes, key=lambda pair: -Reason[pair[1].upper()]):
        reasons[scl == value] = Reason[name.upper()]
    reasons[(red == 0) | (nir == 0)] = Reason.NODATA
    index[reasons != 0] = NODATA
    return index, reasons


def done(document: Any, folder: Path) -> tuple[InFolder, np.ndarray, np.ndarray]:
    folder.mkdir(exist_ok=True)
    rasters = process(document, Unsigned(), folder)
    with rasterio.open(rasters.made[0].file) as index, rasterio.open(rasters.reason) as reason:
        assert index.transform == reason.transform == Affine(*rasters.grid.transform)
        return rasters, index.read(1), reason.read(1)


def around(rows: slice, cols: slice) -> dict[str, Any]:
    """An area in degrees that holds the centres of exactly these pixels, and no others."""
    x0, y0 = 600_000 + 10 * cols.start + 4, 5_700_000 - 10 * rows.start - 4
    x1, y1 = 600_000 + 10 * cols.stop - 4, 5_700_000 - 10 * rows.stop + 4
    ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    return transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})


def test_windows_give_what_the_whole_image_gives(scene: Any, kit: Any, tmp_path: Path) -> None:
    red, nir, scl = scene.files
    document = kit.document((kit.band("red", red), kit.band("nir", nir)), scl)
    rasters, index, reason = done(document, tmp_path / "out")
    wanted_index, wanted_reason = oracle(scene, kit.SCL)
    assert (reason == wanted_reason).all()
    # float32 may round a half the other way; nothing else may differ
    assert np.abs(index - wanted_index).max() <= 1
    assert np.count_nonzero(index != wanted_index) < 0.001 * index.size
    assert {r.value: n for r, n in rasters.reasons.items() if n} == dict(
        zip(*np.unique(wanted_reason, return_counts=True), strict=True)
    )
    inside = wanted_reason != Reason.NODATA
    share = round(100 * (wanted_reason == 0).sum() / inside.sum(), 4)
    assert rasters.valid_percent == share


@pytest.mark.parametrize(
    ("rows", "cols"),
    [
        (slice(1, 2), slice(1, 2)),
        (slice(3, 300), slice(7, 12)),
        (slice(2, 9), slice(9, 206)),
        (slice(127, 301), slice(101, 207)),
        (slice(0, 301), slice(0, 207)),
    ],
)
def test_a_clipped_window_is_that_part_of_the_whole(
    scene: Any, kit: Any, tmp_path: Path, rows: slice, cols: slice
) -> None:
    red, nir, scl = scene.files
    bands = (kit.band("red", red), kit.band("nir", nir))
    _, whole, why = done(kit.document(bands, scl), tmp_path / "whole")
    document = kit.document(bands, scl, clip=around(rows, cols))
    rasters, index, reason = done(document, tmp_path / "part")
    # The window may hold a pixel more on a side, all of them outside.
    top = round((5_700_000 - rasters.grid.transform[5]) / 10)
    left = round((rasters.grid.transform[2] - 600_000) / 10)
    inside = np.zeros(whole.shape, bool)
    inside[rows, cols] = True
    part = np.s_[top : top + index.shape[0], left : left + index.shape[1]]
    assert (reason == np.where(inside, why, Reason.OUTSIDE)[part]).all()
    assert (index == np.where(inside, whole, NODATA)[part]).all()
    assert rasters.reasons[Reason.OUTSIDE] == np.count_nonzero(~inside[part])
    assert inside.sum() == inside[part].sum()


def test_a_slanted_area_keeps_its_pixels(scene: Any, kit: Any, tmp_path: Path) -> None:
    red, nir, scl = scene.files
    bands = (kit.band("red", red), kit.band("nir", nir))
    ring = [
        [600_105.0, 5_699_900.0],
        [601_700, 5_699_000],
        [600_900, 5_697_500],
        [600_105, 5_699_900],
    ]
    area = transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    rasters, index, reason = done(kit.document(bands, scl, clip=area), tmp_path / "out")
    cols, rows = np.meshgrid(np.arange(index.shape[1]) + 0.5, np.arange(index.shape[0]) + 0.5)
    x, y = rasters.grid.transform[2] + 10 * cols, rasters.grid.transform[5] - 10 * rows
    lon, lat = Transformer.from_crs(32631, 4326, always_xy=True).transform(x, y)
    outside = ~shapely.contains_xy(shapely.geometry.shape(area), lon, lat)
    assert np.count_nonzero((reason == Reason.OUTSIDE) != outside) <= 2
    assert ((index == NODATA) == (reason != 0)).all()


def test_bands_of_20_m_are_taken_to_10_m(scene: Any, kit: Any, tmp_path: Path) -> None:
    coarse = np.arange(151 * 104).reshape(151, 104).astype(np.uint16) % 4000 + 500
    swir = kit.write(
        tmp_path / "b11.tif", coarse, Affine(20, 0, 600_000, 0, -20, 5_700_000), nodata=0
    )
    bands = (kit.band("red", scene.files[0]), kit.band("nir", swir))
    _, index, _ = done(kit.document(bands), tmp_path / "out")
    fine = np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)[:301, :207].astype(float)
    with np.errstate(invalid="ignore"):
        wanted = np.rint((fine - scene.red) / (fine + scene.red) / 1e-4)
    wanted[scene.red == 0] = NODATA
    assert np.abs(index - wanted).max() <= 1


def test_both_baselines_of_one_ground_give_equal_bytes(
    scene: Any, kit: Any, tmp_path: Path
) -> None:
    """The offset of processing baseline 04.00, with nodata staying 0."""
    shifted = {
        name: kit.write(
            tmp_path / f"{name}-new.tif",
            np.where(values, values + 1000, 0).astype(np.uint16), nodata=0,
        )
        for name, values in (("red", scene.red), ("nir", scene.nir))
    }  # fmt: skip
    red, nir, scl = scene.files
    old = kit.document((kit.band("red", red), kit.band("nir", nir)), scl)
    new = kit.document(
        tuple(kit.band(name, file, offset=-0.1) for name, file in shifted.items()), scl
    )
    first, index_old, _ = done(old, tmp_path / "old")
    second, index_new, _ = done(new, tmp_path / "new")
    assert (index_old == index_new).all()
    assert first.made[0].file.read_bytes() == second.made[0].file.read_bytes()
    assert first.reason.read_bytes() == second.reason.read_bytes()


def test_the_headers_nodata_wins_over_the_documents(kit: Any, tmp_path: Path) -> None:
    values = np.array([[0, 7, 65535, 900]], np.uint16)
    other = np.array([[800, 800, 800, 800]], np.uint16)
    with_header = kit.write(tmp_path / "a.tif", values, nodata=65535)
    without = kit.write(tmp_path / "b.tif", values)
    red = kit.write(tmp_path / "red.tif", other)
    for file, invalid in ((with_header, [0, 0, 2, 0]), (without, [0, 2, 0, 0])):
        document = kit.document((kit.band("red", red), kit.band("nir", file, nodata=7.0)))
        _, index, reason = done(document, tmp_path / "out")
        assert reason.tolist() == [invalid]
        assert ((index == NODATA) == (reason != 0)).all()


def test_a_mask_within_the_file_is_nodata(kit: Any, tmp_path: Path) -> None:
    red = kit.write(tmp_path / "red.tif", np.full((4, 4), 800, np.uint16))
    masked = tmp_path / "nir.tif"
    valid = np.eye(4, dtype=np.uint8) * 255
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            masked, "w", driver="GTiff", dtype="uint16", count=1, width=4, height=4,
            crs=kit.UTM, transform=kit.ORIGIN,
        ) as dataset,
    ):  # fmt: skip
        dataset.write(np.full((4, 4), 900, np.uint16), 1)
        dataset.write_mask(valid)
    document = kit.document((kit.band("red", red), kit.band("nir", masked, nodata=None)))
    _, _, reason = done(document, tmp_path / "out")
    assert (reason == np.where(valid, 0, Reason.NODATA)).all()


def test_nan_in_a_float_band_is_nodata(kit: Any, tmp_path: Path) -> None:
    numbers = np.array([[0.1, np.nan, np.inf, 0.3]], np.float32)
    red = kit.write(tmp_path / "red.tif", numbers)
    nir = kit.write(tmp_path / "nir.tif", np.full((1, 4), 0.4, np.float32), nodata=np.nan)
    bands = tuple(kit.band(n, f, scale=1.0, nodata=None) for n, f in (("red", red), ("nir", nir)))
    _, index, reason = done(kit.document(bands), tmp_path / "out")
    assert index.tolist() == [[6000, NODATA, NODATA, 1429]]
    assert reason.tolist() == [[0, 2, 2, 0]]


def test_two_indices_share_one_validity(scene: Any, kit: Any, tmp_path: Path) -> None:
    red, nir, scl = scene.files
    blue_values = scene.red.copy()
    blue_values[20, 20] = 0
    blue = kit.write(tmp_path / "blue.tif", blue_values, nodata=0)
    bands = (kit.band("red", red), kit.band("nir", nir), kit.band("blue", blue))
    other = replace(kit.NDVI, name="other", formula="(nir - blue) / (nir + blue)")
    document = seal(replace(kit.document(bands, scl), outputs=(kit.NDVI, other)))
    rasters, _, reason = done(document, tmp_path / "out")
    assert reason[20, 20] == Reason.NODATA
    for raster in rasters.made:
        assert ((kit.read(raster.file) == NODATA) == (reason != 0)).all()


def test_a_zero_sum_is_no_signal(kit: Any, tmp_path: Path) -> None:
    red = kit.write(tmp_path / "red.tif", np.array([[900, 1500]], np.uint16))
    nir = kit.write(tmp_path / "nir.tif", np.array([[1100, 2500]], np.uint16))
    bands = tuple(kit.band(n, f, offset=-0.1) for n, f in (("red", red), ("nir", nir)))
    rasters, index, reason = done(kit.document(bands), tmp_path / "out")
    assert reason.tolist() == [[Reason.NO_SIGNAL, 0]]
    assert index.tolist() == [[NODATA, 5000]]
    assert rasters.valid_percent == 50


def test_outputs_are_cogs_that_tell_what_they_hold(kit: Any, tmp_path: Path) -> None:
    height, width = 1100, 1300
    place = np.arange(height * width).reshape(height, width)
    red = kit.write(tmp_path / "red.tif", (place % 3001 + 1).astype(np.uint16), nodata=0)
    nir_values = (place % 4099).astype(np.uint16)
    nir_values[:400, :300] = 0
    nir = kit.write(tmp_path / "nir.tif", nir_values, nodata=0)
    document = kit.document((kit.band("red", red), kit.band("nir", nir)))
    rasters, index, reason = done(document, tmp_path / "out")

    for file in (rasters.made[0].file, rasters.reason):
        assert cog_validate(file, strict=True) == (True, [], [])
    valid = index[index != NODATA].astype(float)
    with rasterio.open(rasters.made[0].file) as dataset:
        assert dataset.nodata == NODATA
        assert dataset.scales == (0.0001,)
        assert dataset.offsets == (0.0,)
        assert dataset.descriptions == ("ndvi",)
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.tags(1, ns="IMAGE_STRUCTURE").get("PREDICTOR", "2") == "2"
        assert dataset.profile["compress"] == "deflate"
        tags = dataset.tags(1)
        assert int(tags["STATISTICS_MINIMUM"]) == valid.min()
        assert int(tags["STATISTICS_MAXIMUM"]) == valid.max()
        assert float(tags["STATISTICS_MEAN"]) == pytest.approx(valid.mean(), rel=1e-12)
        assert float(tags["STATISTICS_STDDEV"]) == pytest.approx(valid.std(), rel=1e-9)
        share = 100 * valid.size / index.size
        assert float(tags["STATISTICS_VALID_PERCENT"]) == pytest.approx(share, abs=0.01)
        assert dataset.overviews(1) == [2, 4]
        half = dataset.read(1, out_shape=(height // 2, width // 2))
    with rasterio.open(rasters.reason) as dataset:
        assert dataset.nodata == NO_SCENE
        assert dataset.colormap(1)[Reason.CLOUD][:3] == (160, 190, 215)
        assert dataset.tags(1)["REASON_4"] == "cloud"
        assert set(np.unique(dataset.read(1, out_shape=(275, 325)))) <= set(np.unique(reason))
    check_overview(index, half)


def check_overview(index: np.ndarray, half: np.ndarray) -> None:
    """Each overview pixel is the mean of the valid ones of its four, or nodata."""
    fours = np.ma.masked_equal(index, NODATA).astype(float)
    fours = fours.reshape(index.shape[0] // 2, 2, index.shape[1] // 2, 2)
    mean = fours.mean(axis=(1, 3))
    assert (half == NODATA)[np.ma.getmaskarray(mean)].all()
    kept = ~np.ma.getmaskarray(mean)
    assert np.abs(half[kept] - mean.data[kept]).max() <= 1


def test_a_scene_with_no_valid_pixel_is_written_all_the_same(kit: Any, tmp_path: Path) -> None:
    red = kit.write(tmp_path / "red.tif", np.zeros((30, 30), np.uint16), nodata=0)
    document = kit.document((kit.band("red", red), kit.band("nir", red)))
    rasters, index, reason = done(document, tmp_path / "out")
    assert (index == NODATA).all()
    assert (reason == Reason.NODATA).all()
    assert rasters.valid_percent == 0
    assert rasters.made[0].statistics.to_stac() == {"valid_percent": 0.0, "count": 0}


@pytest.mark.parametrize("what", ["crs", "shift", "elsewhere", "no crs"])
def test_bands_that_do_not_fit_are_refused(scene: Any, kit: Any, tmp_path: Path, what: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "crs": {"crs": "EPSG:32632"},
        "shift": {"transform": Affine(10, 0, 600_005, 0, -10, 5_700_000)},
        "elsewhere": {"transform": Affine(10, 0, 602_070, 0, -10, 5_700_000)},
        "no crs": {"crs": None},
    }
    nir = kit.write(tmp_path / "nir.tif", scene.nir, **changes[what])
    document = kit.document((kit.band("red", scene.files[0]), kit.band("nir", nir)))
    with pytest.raises(TaskError, match="asset NIR") as caught:
        process(document, Unsigned(), tmp_path)
    assert caught.value.exit is Exit.INPUT_MISMATCH
    assert "scene-1" in caught.value.message


@pytest.mark.parametrize("what", ["float32", "crs", "elsewhere"])
@pytest.mark.parametrize("common", [False, True])
def test_masks_that_do_not_fit_are_refused(
    scene: Any, kit: Any, tmp_path: Path, what: str, common: bool
) -> None:
    """On a common grid a mask may lie anywhere, but its numbers must be whole all the same."""
    values = scene.scl
    dtype = "float32" if what == "float32" else "uint8"
    crs = "EPSG:32632" if what == "crs" else kit.UTM
    transform = Affine(20, 0, 610_000 if what == "elsewhere" else 600_000, 0, -20, 5_700_000)
    mask = kit.write(tmp_path / "mask.tif", values.astype(dtype), transform, crs)
    red, nir, _ = scene.files
    grid = TargetGrid(crs=kit.UTM, resolution=20, align=(0, 0), resampling="nearest")
    bands = (kit.band("red", red), kit.band("nir", nir))
    document = kit.document(bands, mask, grid=grid if common else None)
    if common and what != "float32":
        _, _, reason = done(document, tmp_path / "out")
        assert (reason[-1] == Reason.NODATA).all()
        return
    with pytest.raises(TaskError, match="asset SCL") as caught:
        process(document, Unsigned(), tmp_path)
    assert caught.value.exit is Exit.INPUT_MISMATCH


@pytest.mark.parametrize("common", [False, True])
def test_an_area_elsewhere_is_no_overlap(
    scene: Any, kit: Any, tmp_path: Path, common: bool
) -> None:
    """One that ends on the scene's very edge has nothing of it either."""
    red, nir, _ = scene.files
    grid = TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="nearest")
    for west, east in ((590_000, 591_000), (599_000, 599_999.9)):
        ring = [[west, 5_699_900], [east, 5_699_900], [east, 5_699_000], [west, 5_699_000]]
        ring.append(ring[0])
        polygon = {"type": "Polygon", "coordinates": [ring]}
        document = kit.document(
            (kit.band("red", red), kit.band("nir", nir)),
            clip=transform_geom("EPSG:32631", "EPSG:4326", polygon),
            grid=grid if common else None,
        )
        with pytest.raises(TaskError, match="does not touch") as caught:
            process(document, Unsigned(), tmp_path)
        assert caught.value.exit is Exit.NO_OVERLAP
        assert not list(tmp_path.glob("*.draft.tif"))


def test_an_area_between_pixel_centres_is_no_overlap(scene: Any, kit: Any, tmp_path: Path) -> None:
    ring = [
        [600_106.0, 5_699_894.0],
        [600_109, 5_699_894],
        [600_109, 5_699_891],
        [600_106, 5_699_894],
    ]
    area = transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    red, nir, _ = scene.files
    document = kit.document((kit.band("red", red), kit.band("nir", nir)), clip=area)
    with pytest.raises(TaskError, match="no pixel's centre") as caught:
        process(document, Unsigned(), tmp_path)
    assert caught.value.exit is Exit.NO_OVERLAP
    assert not list(tmp_path.glob("*.draft.tif"))


def test_a_scene_is_read_by_windows_only(range_server: Any, kit: Any, tmp_path: Path) -> None:
    """A small area of a large file asks for few of its bytes."""
    values = np.random.default_rng(1).integers(1, 9000, (2048, 2048)).astype(np.uint16)
    for name in ("red", "nir"):
        kit.write(range_server.root / f"{name}.tif", values, tile=256)
    bands = tuple(kit.band(name, range_server.url(f"{name}.tif")) for name in ("red", "nir"))
    document = kit.document(bands, clip=around(slice(1000, 1010), slice(1000, 1010)))
    rasters, index, _ = done(document, tmp_path / "out")
    assert json.dumps(rasters.grid.transform)
    assert index.shape[0] <= 12
    assert range_server.count("red.tif") <= 6
