"""Whether numbers carry the offset: metadata against pixels, real ones where there are any."""

import sys
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

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import radiometry_pieces as pieces

REAL = {  # by folder: whether the numbers carry the offset (the shared data's README)
    "exeter-2024": "carried",
    "nl-border-2019": "removed",
    "monthly-2021": "removed",
}


def real_scenes(root: Path) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """Name, truth, red and nir of every real Sentinel-2 scene that has a pixel with data."""
    found = []
    for folder, truth in REAL.items():
        for red in sorted((root / folder).rglob("*B04.tif")):
            values, seen = [], True
            for file in (red, red.with_name(red.name.replace("B04", "B08"))):
                with rasterio.open(file) as dataset:
                    values.append(dataset.read(1))
                    seen &= values[-1] != dataset.nodata
            if np.count_nonzero(seen) > 0:
                found.append((red.parent.name, truth, values[0][seen], values[1][seen]))
    return found


def moved(numbers: np.ndarray, by: int) -> np.ndarray:
    return np.maximum(numbers.astype(int) + by, 1)


def test_no_real_scene_is_told_wrong_as_it_is_or_moved(need: Any) -> None:
    """What is dark is told; that numbers carry the offset, of the one with plants and few clouds.

    The monthly ones are smaller than what a verdict takes.
    """
    scenes = real_scenes(need("shared") / "data")
    assert len(scenes) == 14
    told = set()
    for name, truth, red, nir in scenes:
        other, by = ("removed", -1000) if truth == "carried" else ("carried", 1000)
        for true, shift in ((truth, 0), (other, by)):
            verdict, _ = offset.judge(moved(red, shift), moved(nir, shift), 1000)
            assert verdict in (true, "unclear"), (name, true)
            if verdict == true:
                told.add((name[-15:], verdict))
    assert told == {
        ("20240801T112119", "carried"),
        ("20240801T112119", "removed"),
        ("20240816T112111", "removed"),
        ("20240826T112111", "removed"),
        ("20190411T105029", "removed"),
    }


def test_no_piece_of_a_real_scene_and_no_made_up_ground_is_told_wrong(need: Any) -> None:
    """As `make bench-radiometry` measures it, on a tenth of the pieces and with another seed."""
    found = pieces.measure(need("shared") / "data", many=12, seed=20)
    wrong = {kind: count for kind, count in found.items() if count["wrong"] or count["overruled"]}
    assert not wrong
    # and it says something: of true scenes, and of those of which it should
    assert sum(n["right"] for kind, n in found.items() if kind.startswith("exeter-2024")) > 100
    assert found["made up: forest and lush crops"]["unclear"] == 0
    for kind in ("desert", "snow", "a town", "dry grass and stubble"):
        assert found[f"made up: {kind}"]["right"] == 0


BRIGHT = {
    "desert": ((2500, 4500), (3000, 5000)),
    "cloud and snow": ((5000, 9000), (5000, 9000)),
    "dry ground without the offset": ((1100, 1700), (1500, 2600)),
    "dry ground with it": ((2100, 2700), (2500, 3600)),
    "stubble, nir far above red": ((900, 1590), (2500, 3800)),
}


@pytest.mark.parametrize("name", BRIGHT)
def test_bright_scenes_do_not_tell(name: str) -> None:
    red, nir = BRIGHT[name]
    dice = np.random.default_rng(3)
    size = 224 * 224
    verdict, _ = offset.judge(dice.integers(*red, size), dice.integers(*nir, size), 1000)
    assert verdict == "unclear"


@pytest.mark.parametrize("count", [0, 3999, 128 * 128 - 1])
def test_too_few_pixels_do_not_tell(count: int) -> None:
    assert offset.judge(np.full(count, 300), np.full(count, 3000), 1000)[0] == "unclear"


def test_a_lake_tells_only_that_nothing_is_added() -> None:
    """Under haze, or with glint or mud, water is as bright as clear water and the offset."""
    dice = np.random.default_rng(4)
    red, nir = dice.integers(150, 400, 20_000), dice.integers(60, 200, 20_000)
    assert offset.judge(red, nir, 1000)[0] == "removed"
    assert offset.judge(red + 1000, nir + 1000, 1000)[0] == "unclear"


@pytest.mark.parametrize("nir", [-0.01, -0.02, -0.03])
@pytest.mark.parametrize("share", [0.15, 1.0])
def test_water_that_was_corrected_too_far_does_not_tell(nir: float, share: float) -> None:
    """It reflects less than nothing, which is what the offset is for."""
    dice = np.random.default_rng(8)
    lake = dice.random(40_000) < share
    red = np.where(lake, dice.normal(60, 60, lake.size), dice.normal(1500, 200, lake.size))
    low = np.where(lake, dice.normal(1e4 * nir, 60, lake.size), dice.normal(3000, 300, lake.size))
    verdict, _ = offset.judge(np.rint(red) + 1000, np.rint(low) + 1000, 1000)
    assert verdict == "unclear"


@pytest.mark.parametrize("dark", [1, 20, 50])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_numbers_of_an_edge_or_a_cast_shadow_tell_nothing(dark: int, share: float) -> None:
    red, nir = (numbers.ravel().astype(int) for numbers in ground(1000))
    edge = np.arange(red.size) < share * red.size
    verdict, sight = offset.judge(np.where(edge, dark, red), np.where(edge, dark, nir), 1000)
    assert verdict == "carried"
    assert sight.shares.blind == pytest.approx(share, abs=0.001)
    assert sight.shares.below == 0


def test_edges_leave_too_few_pixels() -> None:
    assert offset.judge(np.full(90_000, 1), np.full(90_000, 1), 1000)[0] == "unclear"


@pytest.mark.parametrize("said", ["carried", "removed"])
@pytest.mark.parametrize(("share", "doubt"), [(0.15, True), (0.3, False)])
def test_one_voice_is_overruled_only_where_no_doubt_is_left(
    said: str, share: float, doubt: bool
) -> None:
    """15% of dark pixels settle a dispute, and do not overrule; 30% do."""
    red, nir = np.full(40_000, 2000), np.full(40_000, 3000)
    red[: int(share * red.size)] = 400
    disputed = OffsetCheck(shift=1000, said="disputed", evidence=("a sign",))
    assert offset.settle(disputed, red, nir, "i").carried is False
    check = replace(disputed, said=said)
    if said == "removed":
        assert offset.settle(check, red, nir, "i").settled == "both"
    elif doubt:
        finding = offset.settle(check, red, nir, "i")
        assert (finding.verdict, finding.settled, finding.carried) == ("unclear", "metadata", True)
    else:
        with pytest.raises(TaskError, match=r"30\.0% lie below 700"):
            offset.settle(check, red, nir, "i")


def test_plants_near_the_limit_settle_a_dispute_and_do_not_overrule() -> None:
    red, nir = (numbers.ravel().astype(int) for numbers in ground(1000, low=235))
    disputed = OffsetCheck(shift=1000, said="disputed", evidence=("a sign",))
    assert offset.settle(disputed, red, nir, "i").carried is True
    finding = offset.settle(replace(disputed, said="removed"), red, nir, "i")
    assert (finding.settled, finding.carried) == ("metadata", False)


def ground(shift: int, low: int = 250) -> tuple[np.ndarray, np.ndarray]:
    """Lush fields: red and nir of 160 x 160 pixels, with so much added."""
    place = np.arange(25_600).reshape(160, 160)
    red, nir = low + place % 297, low + 3900 + place % 1031
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
    with pytest.raises(TaskError, match="too bright, too few or too much alike") as caught:
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


@pytest.mark.parametrize("said", ["carried", "removed"])
def test_dark_edges_leave_honest_metadata_alone(kit: Any, tmp_path: Path, said: str) -> None:
    """5% of digital number 1, a swath's edge or a shadow, over ground that does not tell."""
    shift = 1000 if said == "carried" else 0
    red, nir = np.full((200, 200), 300 + shift), np.full((200, 200), 3000 + shift)
    red[:10], nir[:10] = 1, 1
    numbers = red.astype(np.uint16), nir.astype(np.uint16)
    best = -0.1 if said == "carried" else 0.0
    values, rasters = ndvi(checked(kit, tmp_path, said, numbers, best), tmp_path / "out")
    assert rasters.parts[0].finding.carried is (said == "carried")
    assert (values[10:] == 8182).all()  # 2700 / 3300
