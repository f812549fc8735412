"""One acquisition in two files: each with its own gaps, mask and radiometry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.item import Put, make_item
from scenefleet_task.result import Output as PutFile
from scenefleet_task.spec import (
    NODATA,
    Exit,
    OffsetCheck,
    Part,
    Reason,
    TargetGrid,
    TaskDocument,
)
from to_folder import InFolder, process

SHAPE = (600, 40)  # two strips


@dataclass(frozen=True)
class Ground:
    """Reflectance x 10000 that both parts have seen, and where each has data."""

    red: np.ndarray
    nir: np.ndarray
    west: np.ndarray
    """True where the first part has data."""
    east: np.ndarray
    """True where the second has; the two overlap in a strip."""


@pytest.fixture
def ground() -> Ground:
    rng = np.random.default_rng(5)
    rows, cols = np.indices(SHAPE)
    slant = cols - rows / 40
    red, nir = (rng.integers(low, low + 3000, SHAPE) for low in (300, 2500))
    west, east = slant < 14, slant > 8
    west[300:304], east[300:304] = False, False  # neither has data there
    return Ground(red, nir, west, east)


def lush(shape: tuple[int, int]) -> Ground:
    """Fields by which the pixels of either part tell what they carry."""
    rng = np.random.default_rng(6)
    red = rng.integers(280, 520, shape)
    cols = np.indices(shape)[1]
    middle = shape[1] // 2
    return Ground(red, red + rng.integers(3600, 4500, shape), cols < middle + 4, cols > middle - 4)


def part(kit: Any, folder: Path, ground: Ground, name: str, offset: int, **changes: Any) -> Part:
    """A part whose numbers carry `offset`; 1 in its mask is cloud, 255 was never looked at."""
    there = getattr(ground, name)
    bands = tuple(
        kit.band(
            band,
            kit.write(
                folder / f"{name}-{band}.tif",
                np.where(there, getattr(ground, band) + offset, 0).astype(np.uint16), nodata=0,
            ),
            offset=-offset * 1e-4,
        )
        for band in ("red", "nir")
    )  # fmt: skip
    mask = np.where(there, changes.pop("cloud", np.zeros(there.shape)), 255).astype(np.uint8)
    file = kit.write(folder / f"{name}-mask.tif", mask, nodata=255)
    masks = kit.document(bands, file, ((1, "cloud"),)).parts[0].masks
    made = Part(item=f"item-{name}", bands=bands, masks=masks, check=None)
    return replace(made, **changes)


def united(kit: Any, *parts: Part, **changes: Any) -> TaskDocument:
    return kit.document(parts[0].bands, parts=parts, **changes)


def done(document: TaskDocument, folder: Path, **more: Any) -> tuple[InFolder, Any, Any]:
    folder.mkdir(exist_ok=True)
    rasters = process(document, Unsigned(), folder, **more)
    with rasterio.open(rasters.made[0].file) as index, rasterio.open(rasters.reason) as reason:
        return rasters, index.read(1), reason.read(1)


def index_of(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    return np.rint((nir - red) / (nir + red) * 10_000)


@pytest.mark.parametrize("offsets", [(0, 0), (1000, 0), (0, 1000), (1000, 1000)])
def test_two_halves_are_the_ground_whatever_their_offsets(
    kit: Any, tmp_path: Path, ground: Ground, offsets: tuple[int, int]
) -> None:
    clouds = np.random.default_rng(6).random((2, *SHAPE)) < 0.1
    parts = (
        part(kit, tmp_path, ground, "west", offsets[0], cloud=clouds[0]),
        part(kit, tmp_path, ground, "east", offsets[1], cloud=clouds[1]),
    )
    rasters, index, reason = done(united(kit, *parts), tmp_path / "out")
    cloud = np.where(ground.west, clouds[0], clouds[1])  # the first wins where both have data
    nothing = ~ground.west & ~ground.east
    wanted = np.where(nothing, Reason.NODATA, np.where(cloud, Reason.CLOUD, 0))
    assert (reason == wanted).all()
    valid = reason == 0
    assert np.abs(index - index_of(ground.red, ground.nir))[valid].max() <= 1
    assert (index[~valid] == NODATA).all()
    assert rasters.reasons[Reason.NODATA] == np.count_nonzero(nothing)
    # a window that lies in one part alone, and one across the seam
    for only in (Window(0, 0, 30, 6), Window(500, 10, 40, 20)):
        _, some, why = done(united(kit, *parts), tmp_path / "some", only=only)
        here = np.s_[only.row : only.bottom + 1, only.col : only.right + 1]
        assert (some == index[here]).all()
        assert (why == reason[here]).all()


def test_the_first_part_wins_where_both_have_data(kit: Any, tmp_path: Path, ground: Ground) -> None:
    other = replace(ground, red=ground.nir, nir=ground.red)
    first = part(kit, tmp_path, ground, "west", 0)
    second = part(kit, tmp_path, other, "east", 0)
    _, index, reason = done(united(kit, first, second), tmp_path / "a")
    _, turned, _ = done(united(kit, second, first), tmp_path / "b")
    wanted, negative = index_of(ground.red, ground.nir), index_of(ground.nir, ground.red)
    valid, both = reason == 0, ground.west & ground.east
    assert both.sum() > 1000
    assert np.abs(index - np.where(ground.west, wanted, negative))[valid].max() <= 1
    assert np.abs(turned - np.where(ground.east, negative, wanted))[valid].max() <= 1
    assert (index[both] == -turned[both]).all()


def test_a_cloud_of_the_first_part_is_not_seen_through(
    kit: Any, tmp_path: Path, ground: Ground
) -> None:
    """What is masked has data: the second part, of the same moment, is no second try."""
    parts = (
        part(kit, tmp_path, ground, "west", 0, cloud=np.ones(SHAPE)),
        part(kit, tmp_path, ground, "east", 1000),
    )
    _, _, reason = done(united(kit, *parts), tmp_path / "out")
    assert (reason[ground.west] == Reason.CLOUD).all()
    assert (reason[ground.east & ~ground.west] == 0).all()


def test_where_a_mask_says_nothing_the_next_part_is_asked(
    kit: Any, tmp_path: Path, ground: Ground
) -> None:
    """A pixel with data that was never classified counts as none, in either part."""
    blind = np.zeros(SHAPE)
    blind[20:30] = 255
    parts = (
        part(kit, tmp_path, ground, "west", 1000, cloud=blind),
        part(kit, tmp_path, ground, "east", 0),
    )
    _, index, reason = done(united(kit, *parts), tmp_path / "out")
    rows = np.zeros(SHAPE, bool)
    rows[20:30] = True
    assert (reason[rows & ~ground.east] == Reason.NODATA).all()
    assert (reason[rows & ground.east] == 0).all()
    valid = reason == 0
    assert np.abs(index - index_of(ground.red, ground.nir))[valid].max() <= 1


def test_each_part_is_looked_at_by_itself(kit: Any, tmp_path: Path) -> None:
    """One item says the offset is in, the other contradicts itself: its pixels tell, and the item
    written says of each what was read how."""
    ground = lush((600, 80))
    parts = [part(kit, tmp_path, ground, name, 1000) for name in ("west", "east")]
    checks = [
        OffsetCheck(shift=1000, said=said, evidence=("test",), bands=("red", "nir"), look=one.bands)
        for said, one in zip(("carried", "disputed"), parts, strict=True)
    ]
    wrong = tuple(replace(band, offset=0.0) for band in parts[1].bands)
    parts = [replace(parts[0], check=checks[0]), replace(parts[1], check=checks[1], bands=wrong)]
    document = united(kit, *parts)
    rasters, index, reason = done(document, tmp_path / "out")
    valid = reason == 0
    assert np.abs(index - index_of(ground.red, ground.nir))[valid].max() <= 1
    file = PutFile(name="x", path="x.tif", size=1, sha256="0" * 64)
    put = Put(rasters={"ndvi": file}, reason=file, thumbnail=file)
    item = make_item(document, rasters.rasters, put)
    told = item["properties"]["scenefleet:radiometry"]
    assert [one["item"] for one in told] == ["item-west", "item-east"]
    assert [one["check"]["settled_by"] for one in told] == ["both", "pixels"]
    assert [one["bands"]["red"]["offset"] for one in told] == pytest.approx([-0.1, -0.1])
    assert told[1]["bands"]["red"]["rule"] == "pixels"
    assert item["properties"]["scenefleet:source"]["united_with"] == ["item-east"]


def test_parts_on_a_common_grid(kit: Any, tmp_path: Path, ground: Ground) -> None:
    """Parts whose files end where their data do: the grid holds both, and each fills its share."""
    files = {}
    for name, cols in (("west", slice(0, 20)), ("east", slice(20, 40))):
        corner = Affine(10, 0, 600_000 + 10 * cols.start, 0, -10, 5_700_000)
        for band in ("red", "nir"):
            numbers = getattr(ground, band)[:, cols].astype(np.uint16)
            files[name, band] = kit.write(tmp_path / f"{name}-{band}.tif", numbers, corner)
    parts = [
        Part(
            item=name, masks=(), check=None,
            bands=tuple(kit.band(band, files[name, band]) for band in ("red", "nir")),
        )
        for name in ("west", "east")
    ]  # fmt: skip
    grid = TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="nearest")
    rasters, index, reason = done(united(kit, *parts, grid=grid), tmp_path / "out")
    assert (rasters.grid.height, rasters.grid.width) == SHAPE
    assert not reason.any()
    assert np.abs(index - index_of(ground.red, ground.nir)).max() <= 1


def test_a_part_on_another_grid_is_refused_by_name(
    kit: Any, tmp_path: Path, ground: Ground
) -> None:
    first = part(kit, tmp_path, ground, "west", 0)
    shifted = Affine(10, 0, 600_005, 0, -10, 5_700_000)
    small = kit.write(tmp_path / "small.tif", np.ones((20, 20), np.uint16), shifted)
    second = Part(
        item="item-small", masks=(), check=None,
        bands=(kit.band("red", small), kit.band("nir", small)),
    )  # fmt: skip
    with pytest.raises(TaskError, match="do not line up") as caught:
        done(united(kit, first, second), tmp_path / "out")
    assert caught.value.exit is Exit.INPUT_MISMATCH
    assert "item-west" in caught.value.message
    assert "item-small" in caught.value.message
