"""Whether numbers carry the offset: metadata against pixels, real ones where there are any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from scenefleet_task import offset
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.spec import NODATA, Exit, OffsetCheck, Part, seal
from to_folder import process

REAL = {  # by folder: whether the numbers carry the offset (the shared data's README)
    "exeter-2024": "carried",
    "nl-border-2019": "removed",
    "monthly-2021": "removed",
}


def real_scenes(root: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Truth, red and nir of every real Sentinel-2 scene that has a pixel with data."""
    found = []
    for folder, truth in REAL.items():
        for red in sorted((root / folder).rglob("*B04.tif")):
            values, seen = [], True
            for file in (red, red.with_name(red.name.replace("B04", "B08"))):
                with rasterio.open(file) as dataset:
                    values.append(dataset.read(1))
                    seen &= values[-1] != dataset.nodata
            if np.count_nonzero(seen) > 0:
                found.append((truth, values[0][seen], values[1][seen]))
    return found


def moved(numbers: np.ndarray, by: int) -> np.ndarray:
    return np.maximum(numbers.astype(int) + by, 1)


def test_every_real_scene_is_told_as_it_is_and_moved(need: Any) -> None:
    scenes = real_scenes(need("shared") / "data")
    assert len(scenes) == 14
    for truth, red, nir in scenes:
        assert offset.judge(red, nir, 1000)[0] == truth
        other, by = ("removed", -1000) if truth == "carried" else ("carried", 1000)
        assert offset.judge(moved(red, by), moved(nir, by), 1000)[0] == other


@pytest.mark.parametrize(
    ("red", "nir"),
    [
        ((2500, 4500), (3000, 5000)),  # desert
        ((5000, 9000), (5000, 9000)),  # cloud and snow
        ((1100, 1700), (1500, 2600)),  # dry ground without the offset: brighter than leaves
        ((2100, 2700), (2500, 3600)),  # dry ground with it
    ],
)
def test_bright_scenes_do_not_tell(red: tuple[int, int], nir: tuple[int, int]) -> None:
    dice = np.random.default_rng(3)
    verdict, _ = offset.judge(dice.integers(*red, 5000), dice.integers(*nir, 5000), 1000)
    assert verdict == "unclear"


@pytest.mark.parametrize("count", [0, 3999])
def test_too_few_pixels_do_not_tell(count: int) -> None:
    assert offset.judge(np.full(count, 300), np.full(count, 3000), 1000)[0] == "unclear"


def test_a_lake_tells_as_plants_do() -> None:
    dice = np.random.default_rng(4)
    red, nir = dice.integers(150, 400, 5000), dice.integers(20, 200, 5000)
    assert offset.judge(red, nir, 1000)[0] == "removed"
    assert offset.judge(red % 160 + 1020, nir + 1000, 1000)[0] == "carried"


def ground(shift: int, low: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Fields: red and nir of 80 x 80 pixels, with so much added."""
    place = np.arange(6400).reshape(80, 80)
    red, nir = low + place % 397, low + 2400 + place % 1031
    return (red + shift).astype(np.uint16), (nir + shift).astype(np.uint16)


def checked(
    kit: Any, folder: Path, said: str, numbers: tuple[np.ndarray, np.ndarray], best: float
) -> Any:
    """A document whose metadata says so, and whose best guess of the offset is `best`."""
    bands = tuple(
        kit.band(name, kit.write(folder / f"{name}.tif", values, nodata=0), offset=best)
        for name, values in zip(("red", "nir"), numbers, strict=True)
    )
    check = OffsetCheck(
        shift=1000, said=said, evidence=("a sign", "another"), bands=("red", "nir"), look=bands
    )
    part = Part(item="scene-1", bands=bands, masks=(), check=check)
    return seal(replace(kit.document(bands), parts=(part,)))


def ndvi(document: Any, folder: Path) -> tuple[np.ndarray, Any]:
    folder.mkdir()
    rasters = process(document, Unsigned(), folder)
    with rasterio.open(rasters.made[0].file) as dataset:
        return dataset.read(1), rasters


@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("best", [0.0, -0.1])
def test_disputed_metadata_is_settled_by_the_pixels(
    kit: Any, tmp_path: Path, carried: bool, best: float
) -> None:
    """One ground in both forms gives the same NDVI to its last digit, whatever the best guess."""
    document = checked(kit, tmp_path, "disputed", ground(1000 if carried else 0), best)
    values, rasters = ndvi(document, tmp_path / "out")
    red, nir = (numbers.astype(float) for numbers in ground(0))
    assert (values == np.rint((nir - red) / (nir + red) * 10_000)).mean() > 0.999
    plain = kit.document(
        tuple(
            kit.band(n, kit.write(tmp_path / "plain" / f"{n}.tif", v, nodata=0))
            for n, v in zip(("red", "nir"), ground(0), strict=True)
        )
    )
    assert (values == ndvi(plain, tmp_path / "plain-out")[0]).all()
    assert rasters.parts[0].finding.settled == "pixels"
    assert rasters.parts[0].finding.carried is carried


def test_agreeing_metadata_is_confirmed(kit: Any, tmp_path: Path) -> None:
    values, rasters = ndvi(checked(kit, tmp_path, "carried", ground(1000), -0.1), tmp_path / "out")
    assert rasters.parts[0].finding.settled == "both"
    assert (values != NODATA).all()


@pytest.mark.parametrize(("said", "shift", "best"), [("carried", 0, -0.1), ("removed", 1000, 0.0)])
def test_metadata_that_lies_is_refused(
    kit: Any, tmp_path: Path, said: str, shift: int, best: float
) -> None:
    with pytest.raises(TaskError, match="its pixels say") as caught:
        ndvi(checked(kit, tmp_path, said, ground(shift), best), tmp_path / "out")
    assert caught.value.exit is Exit.RADIOMETRY
    assert "a sign; another" in caught.value.message
    assert "radiometry: trust" in caught.value.message


def test_bright_pixels_leave_it_to_metadata_or_refuse(kit: Any, tmp_path: Path) -> None:
    bright = ground(0, low=4000)
    _, rasters = ndvi(checked(kit, tmp_path / "a", "carried", bright, -0.1), tmp_path / "out")
    assert rasters.parts[0].finding.settled == "metadata"
    with pytest.raises(TaskError, match="too bright or too few") as caught:
        ndvi(checked(kit, tmp_path / "b", "disputed", bright, -0.1), tmp_path / "out-b")
    assert caught.value.exit is Exit.RADIOMETRY


def test_bands_are_looked_at_that_no_formula_uses(kit: Any, tmp_path: Path) -> None:
    document = checked(kit, tmp_path, "disputed", ground(1000), 0.0)
    check = document.parts[0].check
    swir = kit.band("swir16", kit.write(tmp_path / "swir.tif", ground(1000)[1], nodata=0))
    check = replace(check, bands=("swir16",))
    part = replace(document.parts[0], bands=(swir,), check=check)
    output = replace(kit.NDVI, name="swir16", formula="swir16")
    values, _ = ndvi(seal(replace(document, parts=(part,), outputs=(output,))), tmp_path / "out")
    assert (values == ground(0)[1]).all()  # reflectance x 10000


def test_a_band_that_is_not_in_question_keeps_its_offset(kit: Any, tmp_path: Path) -> None:
    """As the aerosol thickness beside Sentinel-2's reflectances, which carries no offset."""
    document = checked(kit, tmp_path, "disputed", ground(1000), 0.0)
    aot = kit.band("aot", kit.write(tmp_path / "aot.tif", ground(0)[0], nodata=0), scale=0.001)
    part = replace(document.parts[0], bands=(*document.parts[0].bands, aot))
    output = replace(kit.NDVI, name="aot", formula="aot", scale=0.001)
    values, rasters = ndvi(
        seal(replace(document, parts=(part,), outputs=(output,))), tmp_path / "o"
    )
    assert rasters.parts[0].finding.carried
    assert (values == ground(0)[0]).all()


def test_trusted_metadata_is_believed_unlooked(kit: Any, tmp_path: Path) -> None:
    document = checked(kit, tmp_path, "disputed", ground(1000), 0.0)
    part = document.parts[0]
    part = replace(part, check=replace(part.check, look=()))
    _, rasters = ndvi(seal(replace(document, parts=(part,))), tmp_path / "out")
    assert rasters.parts[0].finding is None
    assert rasters.parts[0].bands["red"].offset == 0
