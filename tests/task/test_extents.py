"""Bands of one scene that cover different ground: their union counts; beyond an edge is no data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.spec import NODATA, Exit, OffsetCheck, Output, Part, Reason, TargetGrid, seal
from to_folder import InFolder, process

LEFT, TOP = 600_000, 5_700_000
NODE = {"deadline": None, "max_examples": 25}


def write(
    path: Path, values: np.ndarray, row: int, col: int, size: int = 1, *, tiles: bool = True
) -> Path:
    """A raster of pixels of `size` times 10 m whose corner is at a row and column of 10 m."""
    height, width = values.shape
    options: dict[str, Any] = {"compress": "deflate"} if tiles else {}
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, count=1, width=width, height=height,
        crs="EPSG:32631", tiled=True, blockxsize=32, blockysize=48,
        transform=Affine(10 * size, 0, LEFT + 10 * col, 0, -10 * size, TOP - 10 * row), **options,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


def on_canvas(
    values: np.ndarray, row: int, col: int, size: int, corner: tuple[int, int], shape: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The oracle: numbers by pixels of 10 m on a canvas, and True where there are some."""
    wide = np.repeat(np.repeat(values, size, 0), size, 1)
    canvas, there = np.zeros(shape, np.int64), np.zeros(shape, bool)
    for r in range(wide.shape[0]):
        y = row + r - corner[0]
        if 0 <= y < shape[0]:
            left = col - corner[1]
            x0, x1 = max(0, left), min(shape[1], left + wide.shape[1])
            if x0 < x1:
                canvas[y, x0:x1] = wide[r, x0 - left : x1 - left]
                there[y, x0:x1] = True
    return canvas, there


def done(document: Any, folder: Path, **more: Any) -> tuple[InFolder, np.ndarray, np.ndarray]:
    rasters = process(document, Unsigned(), folder, **more)
    with rasterio.open(rasters.made[0].file) as index, rasterio.open(rasters.reason) as reason:
        return rasters, index.read(1), reason.read(1)


def index_of(red: np.ndarray, nir: np.ndarray, valid: np.ndarray) -> np.ndarray:
    red, nir = red.astype(float), nir.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.rint((nir - red) / (nir + red) / 1e-4)
    return np.where(valid, index, NODATA)


def noise(shape: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 9000, shape).astype(np.uint16)


@pytest.mark.parametrize("tiles", [True, False])
def test_two_bands_of_which_one_is_smaller(kit: Any, tmp_path: Path, tiles: bool) -> None:
    red, nir = noise((200, 200), 1), noise((150, 150), 2)
    files = [
        write(tmp_path / "red.tif", red, 0, 0, tiles=tiles),
        write(tmp_path / "nir.tif", nir, 50, 50, tiles=tiles),
    ]
    document = kit.document((kit.band("red", files[0]), kit.band("nir", files[1])))
    rasters, index, reason = done(document, tmp_path / "out")
    assert {way.name for _, way in rasters.read} == {"tiles" if tiles else "gdal"}
    assert rasters.reasons[Reason.NODATA] == 17_500
    inside = np.zeros((200, 200), bool)
    inside[50:, 50:] = True
    assert (reason == np.where(inside, 0, Reason.NODATA)).all()
    assert np.abs(index[50:, 50:] - index_of(red[50:, 50:], nir, inside[50:, 50:])).max() <= 1
    assert rasters.valid_percent == 100
    assert rasters.made[0].statistics.to_stac()["count"] == 22_500


@st.composite
def covers(draw: Any) -> tuple[int, int, int, int, int]:
    """Row, column, height, width in pixels of its own, and their size; all lie on multiples."""
    size = draw(st.sampled_from([1, 2, 6]))
    place = st.integers(-120 // size, 120 // size)
    length = st.integers(1, 200 // size)
    return draw(place) * size, draw(place) * size, draw(length), draw(length), size


Box = tuple[int, int, int, int]
"""First row and column of 10 m, and those after the last."""


def shares(one: Box, other: Box) -> bool:
    return all(one[n] < other[n + 2] and other[n] < one[n + 2] for n in (0, 1))


def union(boxes: list[tuple[Box, int]]) -> Box:
    """The oracle: boxes with the size of their pixels; a coarse pixel that is not whole beyond the
    finest ones' edge does not extend them."""
    fine = min(size for _, size in boxes)
    first = [box for box, size in boxes if size == fine]
    edges = [
        *(min(b[n] for b in first) for n in (0, 1)),
        *(max(b[n] for b in first) for n in (2, 3)),
    ]
    found = list(edges)
    for box, size in boxes:
        for n in (0, 1):
            if edges[n] - box[n] >= size:
                found[n] = min(found[n], box[n])
            if box[n + 2] - edges[n + 2] >= size:
                found[n + 2] = max(found[n + 2], box[n + 2])
    return found[0], found[1], found[2], found[3]


def refused(document: Any, folder: Path) -> None:
    with pytest.raises(TaskError, match="share no ground") as caught:
        process(document, Unsigned(), folder)
    assert caught.value.exit is Exit.INPUT_MISMATCH


@settings(**NODE)
@given(
    places=st.tuples(covers(), covers(), covers()),
    tiles=st.booleans(),
    dilate=st.sampled_from([0, 40]),
    window=st.none() | st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    seed=st.integers(0, 99),
)
def test_any_bands_and_mask_anywhere(
    kit: Any, tmp_path_factory: Any, places: Any, tiles: bool, dilate: int, window: Any, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    made: list[Any] = []
    boxes: list[tuple[Box, int]] = []
    for n, (row, col, height, width, size) in enumerate(places):
        values = noise((height, width), seed + n)
        if n == 2:
            values = np.where(values < 500, 8, 4).astype(np.uint8)
        file = write(folder / f"{n}.tif", values, row, col, size, tiles=tiles)
        made.append((values, row, col, size, file))
        boxes.append(((row, col, row + height * size, col + width * size), size))
    bands = tuple(kit.band(name, made[n][-1], nodata=None) for n, name in ((0, "red"), (1, "nir")))
    document = kit.document(bands, made[2][-1])
    [part] = document.parts
    masks = tuple(replace(mask, dilate=float(dilate)) for mask in part.masks)
    document = seal(replace(document, parts=(replace(part, masks=masks),)))
    whole = union(boxes[:2])
    if not (shares(boxes[0][0], boxes[1][0]) and shares(boxes[2][0], whole)):
        refused(document, folder / "out")
        return
    corner, shape = whole[:2], (whole[2] - whole[0], whole[3] - whole[1])
    red, nir, scl = (on_canvas(*one[:4], corner, shape) for one in made)
    cloud = grown(made[2], corner, shape, dilate / 10) if dilate else (scl[0] == 8)
    reasons = np.where(cloud, Reason.CLOUD, 0)
    reasons = np.where(red[1] & nir[1] & scl[1], reasons, Reason.NODATA)
    fine = min(boxes[0][1], boxes[1][1])  # a pixel is what lies under its centre
    wanted, one, two = (v[fine // 2 :: fine, fine // 2 :: fine] for v in (reasons, red[0], nir[0]))
    only = None
    if window:
        row, col = int(window[0] * wanted.shape[0]), int(window[1] * wanted.shape[1])
        only = Window(row, col, 60, 50)
        wanted, one, two = (v[row : row + 60, col : col + 50] for v in (wanted, one, two))
    rasters, index, reason = done(document, folder / "out", only=only)
    assert reason.shape == wanted.shape
    assert (reason == wanted).all()
    assert np.abs(index - index_of(one, two, wanted == 0)).max() <= 1
    assert rasters.reasons[Reason.NODATA] == (wanted == Reason.NODATA).sum()


def grown(mask: Any, corner: Any, shape: Any, radius: float) -> np.ndarray:
    """Cloud grown on the mask's own grid: pixels whose centres are within the radius."""
    values, row, col, size, _ = mask
    cloud = np.argwhere(values == 8)
    rows, cols = np.indices(values.shape)
    near = np.zeros(values.shape, np.uint8)
    for r, c in cloud:
        near |= ((rows - r) ** 2 + (cols - c) ** 2 <= (radius / size) ** 2 + 1e-9).astype(np.uint8)
    found, there = on_canvas(near, row, col, size, (corner[0], corner[1]), shape)
    return (found > 0) & there


def test_a_clip_beyond_one_bands_edge(kit: Any, tmp_path: Path) -> None:
    red, nir = noise((200, 200), 1), noise((150, 150), 2)
    files = [write(tmp_path / "red.tif", red, 0, 0), write(tmp_path / "nir.tif", nir, 50, 50)]
    x0, y0, x1, y1 = LEFT + 304, TOP - 404, LEFT + 1196, TOP - 1496
    ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    area = transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    bands = (kit.band("red", files[0]), kit.band("nir", files[1]))
    rasters, _, reason = done(kit.document(bands, clip=area), tmp_path / "out")
    top = round((TOP - rasters.grid.transform[5]) / 10)
    left = round((rasters.grid.transform[2] - LEFT) / 10)
    whole = np.full((200, 200), Reason.OUTSIDE, np.uint8)
    whole[40:150, 30:120] = Reason.NODATA
    whole[50:150, 50:120] = 0
    assert (reason == whole[top : top + reason.shape[0], left : left + reason.shape[1]]).all()
    assert rasters.reasons[0] == 100 * 70


def test_parts_side_by_side_fill_each_other(kit: Any, tmp_path: Path) -> None:
    """Each on a grid of its own extent, and one band of the second shorter."""
    west, east = noise((100, 60), 1), noise((100, 70), 2)
    parts: list[Part] = []
    for name, values, col in (("west", west, 0), ("east", east, 50)):
        red = write(tmp_path / f"{name}-red.tif", values, 0, col)
        nir = write(tmp_path / f"{name}-nir.tif", values[:80] + np.uint16(500), 0, col)
        bands = (kit.band("red", red), kit.band("nir", nir))
        parts.append(Part(item=name, bands=bands, masks=(), check=None))
    document = kit.document(parts[0].bands)
    _, index, reason = done(seal(replace(document, parts=tuple(parts))), tmp_path / "out")
    assert reason.shape == (100, 120)
    assert (reason[:80] == 0).all()
    assert (reason[80:] == Reason.NODATA).all()
    both = np.concatenate([west, east[:, 10:]], axis=1)[:80].astype(float)
    assert np.abs(index[:80] - np.rint(500 / (2 * both + 500) / 1e-4)).max() <= 1


def test_bands_without_common_ground_are_refused_with_both_extents(
    kit: Any, tmp_path: Path
) -> None:
    values = noise((20, 20), 1)
    near, far = write(tmp_path / "a.tif", values, 0, 0), write(tmp_path / "b.tif", values, 0, 20)
    with pytest.raises(TaskError, match="share no ground") as caught:
        process(kit.document((kit.band("red", near), kit.band("nir", far))), Unsigned(), tmp_path)
    assert caught.value.exit is Exit.INPUT_MISMATCH
    assert "x 600000 to 600200, y 5699800 to 5700000" in caught.value.message
    assert "x 600200 to 600400" in caught.value.message


def test_a_union_of_too_many_pixels_is_refused_with_both_extents(kit: Any, tmp_path: Path) -> None:
    """Two parts, hundreds of kilometres apart."""
    values = noise((20, 20), 1)
    parts: list[Part] = []
    for name, place in (("one", 0), ("two", 70_000)):
        file = write(tmp_path / f"{name}.tif", values, place, place)
        bands = (kit.band("red", file), kit.band("nir", file))
        parts.append(Part(item=name, bands=bands, masks=(), check=None))
    document = seal(replace(kit.document(parts[0].bands), parts=tuple(parts)))
    with pytest.raises(TaskError, match=r"70020 x 70020 pixels.*1300000 to 1300200") as caught:
        process(document, Unsigned(), tmp_path)
    assert caught.value.exit is Exit.INPUT_MISMATCH


def test_on_a_common_grid_the_ground_of_all_counts_too(kit: Any, tmp_path: Path) -> None:
    red, nir = noise((200, 200), 1), noise((150, 150), 2)
    files = [write(tmp_path / "red.tif", red, 0, 0), write(tmp_path / "nir.tif", nir, 50, 50)]
    grid = TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="nearest")
    bands = (kit.band("red", files[0]), kit.band("nir", files[1]))
    _, _, reason = done(kit.document(bands, grid=grid), tmp_path / "out")
    assert reason.shape == (200, 200)
    assert (reason == Reason.NODATA).sum() == 17_500


def test_a_look_compares_the_ground_that_both_bands_have(kit: Any, tmp_path: Path) -> None:
    """Plants on the common ground; compared corner by corner they would be none."""
    rows, cols = np.indices((200, 200))
    plants = (rows + cols) % 40 < 20
    red = np.where(plants, 1320, 3000).astype(np.uint16)
    nir = np.where(plants, 5200, 3200).astype(np.uint16)
    files = [
        write(tmp_path / "red.tif", red, 0, 0),
        write(tmp_path / "nir.tif", nir[20:, :], 20, 0),
    ]
    one, two = kit.band("red", files[0]), kit.band("nir", files[1])
    check = OffsetCheck(
        shift=1000, said="disputed", evidence=("test",), bands=("red",), look=(one, two)
    )
    part = Part(item="scene-1", bands=(one,), masks=(), check=check)
    output = Output(name="red", title="", formula="red", scale=1e-4)
    document = kit.document((one,), parts=(part,), outputs=(output,))
    rasters, _, _ = done(document, tmp_path / "out")
    finding = rasters.parts[0].finding
    assert (finding.verdict, round(finding.shares.green, 2)) == ("carried", 0.5)
