"""From a mask's numbers to reasons, and reasons that grow: closed forms and brute force."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from scenefleet_task import mask
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.spec import Exit, Mask, MaskRule, Reason, TargetGrid, seal
from to_folder import process


def masking(*classes: tuple[int, str]) -> Mask:
    rules = tuple(MaskRule(bits=0xFFFF, value=value, reason=reason) for value, reason in classes)
    return Mask(asset="SCL", href="/scl.tif", rules=rules, dilate=0)


def test_the_lowest_reason_wins_whatever_the_order() -> None:
    both = [r for r in Reason if r is not Reason.VALID]
    for first, second in itertools.permutations(both, 2):
        reasons = np.full((1, 1), mask.FREE, np.uint8)
        mask.add(reasons, np.ones((1, 1), bool), first)
        mask.add(reasons, np.ones((1, 1), bool), second)
        mask.settle(reasons)
        assert reasons[0, 0] == min(first, second)


def test_what_nothing_marks_is_valid() -> None:
    reasons = np.full((2, 2), mask.FREE, np.uint8)
    mask.add(reasons, None, Reason.NODATA)
    mask.add(reasons, np.array([[True, False], [False, False]]), Reason.CLOUD)
    mask.settle(reasons)
    assert reasons.tolist() == [[Reason.CLOUD, 0], [0, 0]]


def test_classes_become_reasons_and_others_are_valid() -> None:
    table = mask.lookup_table(masking((9, "cloud"), (3, "shadow"), (4, "valid")), np.dtype("u1"), 0)
    reasons = np.full((1, 5), mask.FREE, np.uint8)
    np.minimum(reasons, table[np.array([[9, 3, 4, 200, 0]])], out=reasons)
    mask.settle(reasons)
    assert reasons.tolist() == [[Reason.CLOUD, Reason.SHADOW, 0, 0, Reason.NODATA]]


def test_a_class_goes_before_the_headers_nodata() -> None:
    table = mask.lookup_table(masking((0, "snow")), np.dtype("u2"), 0)
    assert table[0] == Reason.SNOW
    assert table.size == 65536


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint32"])
def test_what_is_no_classification_is_refused(dtype: str) -> None:
    with pytest.raises(TaskError, match=dtype) as caught:
        mask.lookup_table(masking((9, "cloud")), np.dtype(dtype), None)
    assert caught.value.exit is Exit.INPUT_MISMATCH


def test_bits_of_landsat_become_reasons_and_the_lowest_wins() -> None:
    bits = [
        (1, 1, "nodata"),
        (2, 2, "cloud"),
        (8, 8, "cloud"),
        (16, 16, "shadow"),
        (32, 32, "snow"),
    ]
    rules = tuple(MaskRule(bits=b, value=v, reason=r) for b, v, r in bits)
    table = mask.lookup_table(
        Mask(asset="qa", href="/qa.tif", rules=rules, dilate=0), np.dtype("u2"), 1
    )
    # codes as a real scene has them (USGS, QA_PIXEL): clear 21824, fill 1, cloud 22280, shadow
    # 23888, snow 30048, shadow and cloud 24344
    codes = [21824, 1, 22280, 23888, 30048, 24344]
    wanted = [mask.FREE, Reason.NODATA, Reason.CLOUD, Reason.SHADOW, Reason.SNOW, Reason.CLOUD]
    assert table[codes].tolist() == wanted


@given(
    numbers=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: hnp.arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 9)))
    ),
    step=st.sampled_from([1, 2]),
)
def test_every_number_gets_its_reason(numbers: np.ndarray, step: int) -> None:
    """From whole arrays and parts of larger ones; what is found may be changed."""
    size = 256**numbers.dtype.itemsize
    table = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    part = numbers[::step, ::step]
    found = mask.look_up(table, part)
    np.testing.assert_array_equal(found, table[part])
    found[:] = 1
    assert found.dtype == np.uint8


@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 24), st.integers(1, 24)),
        elements=st.sampled_from([2, 4, 5, 255, 255, 255]),
    ),
    st.integers(0, 60).map(lambda tenths: tenths / 10),
    st.sampled_from([1.0, 0.5, 1.7]),
)
@settings(deadline=None)
def test_dilation_reaches_pixels_whose_centres_lie_within_the_radius(
    reasons: np.ndarray, radius: float, stretch: float
) -> None:
    got = mask.dilate(reasons, (radius, radius * stretch))
    wanted = reasons.copy()
    rows, cols = np.mgrid[: reasons.shape[0], : reasons.shape[1]]
    for row, col in zip(*np.nonzero(np.isin(reasons, (4, 5))), strict=True):
        if radius == 0:
            continue
        far = ((rows - row) / radius) ** 2 + ((cols - col) / (radius * stretch)) ** 2
        near = far <= 1 + 1e-9
        wanted[near] = np.minimum(wanted[near], reasons[row, col])
    assert (got == wanted).all()


# --- dilation in metres, through a whole scene


def dilated(
    kit: Any, folder: Path, scl: np.ndarray, shape: tuple[int, int], metres: float, **changes: Any
) -> np.ndarray:
    """Reasons of a scene whose bands have data everywhere, at 10 m over a mask at 20 m."""
    size, crs = changes.pop("size", (20.0, 20.0)), changes.pop("crs", kit.UTM)
    west, north = changes.pop("corner", (600_000, 5_700_000))
    only = changes.pop("only", None)
    width, height = size
    fine = Affine(width / 2, 0, west, 0, -height / 2, north)
    red = kit.write(folder / "red.tif", np.full(shape, 900, np.uint16), fine, crs)
    nir = kit.write(folder / "nir.tif", np.full(shape, 2900, np.uint16), fine, crs)
    file = kit.write(folder / "scl.tif", scl, Affine(width, 0, west, 0, -height, north), crs)
    classes = replace(masking((9, "cloud"), (0, "nodata"), (1, "saturated")), href=str(file))
    document = kit.document((kit.band("red", red), kit.band("nir", nir)))
    part = replace(document.parts[0], masks=(replace(classes, dilate=metres),))
    document = seal(replace(document, parts=(part,), **changes))
    (folder / "out").mkdir(exist_ok=True)
    return kit.read(process(document, Unsigned(), folder / "out", only=only).reason)


def disc(shape: tuple[int, int], row: int, col: int, radius: tuple[float, float]) -> np.ndarray:
    """On pixels of 10 m: mask pixels whose centres lie within so many rows and columns of one."""
    rows, cols = np.indices((math.ceil(shape[0] / 2), math.ceil(shape[1] / 2)))
    near = ((rows - row) / radius[0]) ** 2 + ((cols - col) / radius[1]) ** 2 <= 1 + 1e-9
    return near.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]


def test_a_cloud_of_20_m_grows_by_60_m_on_10_m_bands(kit: Any, tmp_path: Path) -> None:
    scl = np.full((21, 20), 4, np.uint8)
    scl[10, 7] = 9
    reason = dilated(kit, tmp_path, scl, (41, 39), 60)
    assert (reason == np.where(disc((41, 39), 10, 7, (3, 3)), Reason.CLOUD, 0)).all()
    # 29 pixels of the mask lie within three of a pixel, by Gauss's circle problem
    assert np.count_nonzero(reason) == 29 * 4
    assert np.flatnonzero(reason[20]).tolist() == list(range(8, 22))  # 60 m either side of 20 m


def test_nodata_and_saturated_pixels_do_not_grow(kit: Any, tmp_path: Path) -> None:
    scl = np.full((8, 8), 4, np.uint8)
    scl[2, 2], scl[6, 6] = 0, 1
    reason = dilated(kit, tmp_path, scl, (16, 16), 100)
    assert (reason[4:6, 4:6] == Reason.NODATA).all()
    assert (reason[12:14, 12:14] == Reason.SATURATED).all()
    assert np.count_nonzero(reason) == 8


@pytest.mark.parametrize(("across", "radius"), [(30.0, (3.0, 2.0)), (11.0, (3.0, 60 / 11))])
def test_pixels_that_are_not_square_make_an_ellipse(
    kit: Any, tmp_path: Path, across: float, radius: tuple[float, float]
) -> None:
    scl = np.full((20, 20), 4, np.uint8)
    scl[9, 11] = 9
    reason = dilated(kit, tmp_path, scl, (40, 40), 60, size=(across, 20.0))
    assert (reason == np.where(disc((40, 40), 9, 11, radius), Reason.CLOUD, 0)).all()


def test_a_grid_in_feet_has_metres_too(kit: Any, tmp_path: Path) -> None:
    """EPSG:2263 is in US survey feet: 20 m are 65.617 of them."""
    scl = np.full((20, 20), 4, np.uint8)
    scl[9, 11] = 9
    feet = 20 * 3937 / 1200
    reason = dilated(
        kit, tmp_path, scl, (40, 40), 60.001,
        size=(feet, feet), crs="EPSG:2263", corner=(980_000, 200_000),
    )  # fmt: skip
    assert (reason == np.where(disc((40, 40), 9, 11, (3, 3)), Reason.CLOUD, 0)).all()


def test_in_degrees_a_metre_is_wider_the_farther_from_the_equator(kit: Any, tmp_path: Path) -> None:
    """At 60 degrees of latitude a degree of longitude is half as long as one of latitude."""
    scl = np.full((20, 30), 4, np.uint8)
    scl[10, 15] = 9
    degree = 20 / 111_195
    reason = dilated(
        kit, tmp_path, scl, (40, 60), 60.5,
        size=(degree, degree), crs="EPSG:4326", corner=(10, 60 + 10 * degree),
    )  # fmt: skip
    marked = np.flatnonzero(reason.any(axis=0)), np.flatnonzero(reason.any(axis=1))
    assert [len(one) for one in marked] == [2 * 13, 2 * 7]
    assert (reason == np.where(disc((40, 60), 10, 15, (3.025, 6.05)), Reason.CLOUD, 0)).all()


def test_what_lies_beyond_a_window_grows_into_it(kit: Any, tmp_path: Path) -> None:
    """Across the seam of two strips (512 rows), and from outside of a window or an area."""
    scl = np.full((270, 12), 4, np.uint8)
    scl[257, 3], scl[10, 9] = 9, 9  # rows 514 and 20 at 10 m
    whole = dilated(kit, tmp_path, scl, (540, 24), 60)
    wanted = disc((540, 24), 257, 3, (3, 3)) | disc((540, 24), 10, 9, (3, 3))
    assert (whole == np.where(wanted, Reason.CLOUD, 0)).all()
    assert whole[508:512].any()
    for only in (Window(500, 0, 12, 24), Window(0, 0, 40, 18), Window(24, 3, 1, 20)):
        part = dilated(kit, tmp_path, scl, (540, 24), 60, only=only)
        rows, cols = slice(only.row, only.bottom + 1), slice(only.col, only.right + 1)
        assert (part == whole[rows, cols]).all()


@pytest.mark.parametrize("resolution", [10.0, 20.0])
def test_an_area_that_cuts_the_common_grid_off_hides_no_cloud(
    kit: Any, tmp_path: Path, resolution: float
) -> None:
    scl = np.full((20, 20), 4, np.uint8)
    scl[10, 4] = 9
    x0, x1, y0, y1 = 600_102, 600_398, 5_699_602, 5_699_998  # the cloud lies west of it
    ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    area = transform_geom(kit.UTM, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    grid = TargetGrid(crs=kit.UTM, resolution=resolution, align=(0, 0), resampling="nearest")
    clipped = dilated(kit, tmp_path, scl, (40, 40), 60, clip=area, grid=grid)
    whole = dilated(kit, tmp_path, scl, (40, 40), 60, grid=grid)
    skip = int(100 / resolution)
    assert (clipped == Reason.CLOUD).any()
    assert (clipped == whole[:, skip:]).all()


def test_a_class_that_is_valid_stays_so_where_the_header_calls_it_nodata(
    kit: Any, tmp_path: Path
) -> None:
    """Many cloud masks hold 0 for clear, and 0 in their header as nodata too."""
    values = np.array([[0, 1], [2, 0]], np.uint8)
    fine = np.full((2, 2), 900, np.uint16)
    file = kit.write(tmp_path / "mask.tif", values, nodata=0)
    red = kit.write(tmp_path / "red.tif", fine)
    bands = (kit.band("red", red), kit.band("nir", red))
    for grid in (None, TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="nearest")):
        for classes, clear in (((0, "valid"), (1, "cloud")), 0), (((1, "cloud"),), Reason.NODATA):
            document = kit.document(bands, file, classes, grid=grid)
            reason = kit.read(process(document, Unsigned(), tmp_path).reason)
            assert reason.tolist() == [[clear, Reason.CLOUD], [0, clear]]
