"""Real scenes, and HLS's numbers, against the rule of each product in plain numpy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenefleet_task.access import Unsigned
from scenefleet_task.spec import NODATA, Mask, MaskRule, Output, Part, Reason, TaskDocument
from to_folder import InFolder, process

QA_PIXEL = {
    1: "nodata", 2: "cloud", 4: "cloud", 8: "cloud", 16: "shadow", 32: "snow"
}  # fmt: skip
"""Bits 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 cloud shadow, 5 snow: Landsat 8-9 Collection 2
Level 2 Science Product Guide (LSDS-1619), table 5-3 on QA_PIXEL."""
FMASK = {2: "cloud", 4: "cloud", 8: "shadow", 16: "snow", 32: "water"}
"""Bits 1 cloud, 2 adjacent to cloud or shadow, 3 shadow, 4 snow, 5 water; 255 is fill: HLS Product
User Guide 2.0, table 9."""


def place(folder: Path, asset: str, number: int = 0) -> str:
    """Where an asset of a recorded item lies."""
    item = json.loads((folder / "items.json").read_text())["features"][number]
    return str((folder / item["assets"][asset]["href"]).resolve())


def bits(table: dict[int, str], *more: MaskRule) -> tuple[MaskRule, ...]:
    return (*more, *(MaskRule(bits=b, value=b, reason=reason) for b, reason in table.items()))


def planned(kit: Any, bands: tuple[Any, ...], mask: Mask, *formulas: str) -> TaskDocument:
    """Formulas as a client writes them, and each band as it is."""
    texts = [*formulas, *(band.name for band in bands)]
    outputs = tuple(
        Output(name=f"output{n}", title="", formula=text, scale=1e-4)
        for n, text in enumerate(texts)
    )
    part = Part(item="scene-1", bands=bands, masks=(mask,), check=None)
    return kit.document(bands, parts=(part,), outputs=outputs)


def done(kit: Any, document: TaskDocument, folder: Path) -> tuple[InFolder, list[Any], np.ndarray]:
    folder.mkdir(exist_ok=True)
    rasters = process(document, Unsigned(), folder)
    return rasters, [kit.read(made.file) for made in rasters.made], kit.read(rasters.reason)


def test_landsat_by_the_usgs_rules(need: Any, kit: Any, tmp_path: Path) -> None:
    folder = need("shared") / "data/landsat-2019"
    rule = {"scale": 2.75e-05, "offset": -0.2, "nodata": 0.0}
    keys = {"green": "green", "red": "red", "nir": "nir08", "swir16": "swir16"}
    bands = tuple(kit.band(name, place(folder, key), **rule) for name, key in keys.items())
    qa = place(folder, "qa_pixel")
    mask = Mask(asset="qa_pixel", href=qa, rules=bits(QA_PIXEL), dilate=0.0)
    document = planned(kit, bands, mask, "(green - swir16) / (green + swir16)")
    rasters, [mndwi, *reflectance], reason = done(kit, document, tmp_path / "out")

    code = kit.read(Path(qa)).astype(int)
    wanted = np.zeros(code.shape, np.uint8)
    for bit, why in sorted(QA_PIXEL.items(), key=lambda pair: -Reason[pair[1].upper()]):
        wanted[(code & bit) != 0] = Reason[why.upper()]
    numbers = {name: kit.read(Path(place(folder, key))) for name, key in keys.items()}
    wanted[np.any([values == 0 for values in numbers.values()], axis=0)] = Reason.NODATA
    green, swir = (numbers[name] * 2.75e-05 - 0.2 for name in ("green", "swir16"))
    wanted[(wanted == 0) & (green + swir == 0)] = Reason.NO_SIGNAL
    assert (reason == wanted).all()
    # the scene is half cloud (code 22280), a third fill, and clear land or water (21824, 21952)
    assert rasters.reasons[Reason.CLOUD] > 140_000
    assert rasters.reasons[Reason.SHADOW] > 5000
    assert (reason[code == 21824] == 0).mean() > 0.99

    valid = reason == 0
    for got, name in zip(reflectance, keys, strict=True):
        exact = np.clip((numbers[name] * 2.75e-05 - 0.2) / 1e-4, -32767, 32767)
        assert np.abs(got - exact)[valid].max() <= 0.51
        assert (got[~valid] == NODATA).all()
    sound = valid & (np.abs(green + swir) > 0.01)
    assert sound.sum() > 15_000
    index = np.clip((green - swir)[sound] / (green + swir)[sound] / 1e-4, -32767, 32767)
    assert np.abs(mndwi[sound] - index).max() <= 1


def test_hls_by_its_guide(kit: Any, tmp_path: Path) -> None:
    """Made up, for the folder of real data has none: int16 of 10000, -9999 where there is none,
    reflectances below zero, and every byte that Fmask can hold."""
    shape = (256, 300)
    rng = np.random.default_rng(8)
    numbers = {name: rng.integers(-300, 9000, shape).astype(np.int16) for name in ("red", "nir")}
    numbers["red"][5:30, 7:50] = -9999
    numbers["nir"][25:60, 40:70] = -9999
    fmask = np.arange(256, dtype=np.uint8)[:, np.newaxis].repeat(300, axis=1)
    corner = (30, 0, 600_000, 0, -30, 5_700_000)
    transform = type(kit.ORIGIN)(*corner)
    for header in (255, None):
        file = kit.write(tmp_path / "fmask.tif", fmask, transform, nodata=header)
        # the header names -9999 for one band, the document for the other
        bands = tuple(
            kit.band(
                name,
                kit.write(tmp_path / f"{name}.tif", values, transform, nodata=own),
                nodata=-9999.0,
            )
            for (name, values), own in zip(numbers.items(), (-9999, None), strict=True)
        )
        rules = bits(FMASK, MaskRule(bits=0xFFFF, value=255, reason="nodata"))
        mask = Mask(asset="Fmask", href=str(file), rules=rules, dilate=0.0)
        document = planned(kit, bands, mask)
        _, [red, nir], reason = done(kit, document, tmp_path / "out")
        wanted = np.zeros(shape, np.uint8)
        for bit, why in ((32, 7), (16, 6), (8, 5), (4, 4), (2, 4)):
            wanted[(fmask & bit) != 0] = why
        wanted[fmask == 255] = Reason.NODATA
        wanted[(numbers["red"] == -9999) | (numbers["nir"] == -9999)] = Reason.NODATA
        assert (reason == wanted).all()
        valid = reason == 0
        # bits 0 (cirrus, reserved) and 6 and 7 (aerosol) mask nothing
        assert set(np.unique(fmask[valid])) == {0, 1, 64, 65, 128, 129, 192, 193}
        assert (red[valid] == numbers["red"][valid]).all()
        assert (nir[valid] == numbers["nir"][valid]).all()
        assert red[valid].min() < 0


@pytest.mark.parametrize("metres", [0.0, 60.0, 100.0])
def test_exeters_clouds_grow_as_brute_force_says(
    need: Any, kit: Any, tmp_path: Path, metres: float
) -> None:
    """A day of which half is cloud; the oracle measures the distance of every pair on a crop."""
    folder = need("shared") / "data/exeter-2024"
    bands = tuple(
        kit.band(name, place(folder, key, 1), offset=-0.1)
        for name, key in (("red", "B04"), ("nir", "B08"))
    )
    scl = place(folder, "SCL", 1)
    part = kit.document(bands, scl).parts[0]
    mask = replace(part.masks[0], dilate=metres)
    document = planned(kit, bands, mask, "(nir - red) / (nir + red)")
    rasters, [ndvi, red, nir], reason = done(kit, document, tmp_path / "out")

    classes = kit.read(Path(scl))
    numbers = [kit.read(Path(band.href)).astype(float) for band in bands]
    wanted = brute(classes, metres / 20)
    wanted[(numbers[0] == 0) | (numbers[1] == 0)] = Reason.NODATA
    crop = np.s_[100:160, 150:230]
    assert len(np.unique(classes[crop])) > 5
    assert (reason[crop] == wanted[crop]).all()
    assert (metres == 0) == (reason == brute(classes, 0)).all()

    valid = reason == 0
    one, two = (np.clip(values - 1000, -1e9, 1e9) * 1e-4 for values in numbers)
    assert np.abs(red - one / 1e-4)[valid].max() <= 0.51
    assert np.abs(nir - two / 1e-4)[valid].max() <= 0.51
    sound = valid & (one + two > 0.01)
    assert np.abs(ndvi[sound] - np.clip((two - one) / (two + one) / 1e-4, -32767, 32767)[sound]).max() <= 1  # fmt: skip  # noqa: E501
    assert sum(rasters.reasons.values()) == classes.size


def brute(classes: np.ndarray, radius: float) -> np.ndarray:
    """Reasons of SCL where every masked pixel's distance to every other counts.

    Only right in the crop that is compared, which lies farther than the radius from the edges of
    what is looked at.
    """
    reasons = np.full(classes.shape, 99)
    own = {0: 2, 1: 3, 3: 5, 8: 4, 9: 4, 10: 4, 11: 6}
    for value, reason in own.items():
        reasons[classes == value] = reason
    if radius:
        part = np.s_[90:170, 140:240]
        rows, cols = np.indices(reasons[part].shape)
        grown = reasons[part].copy()
        for reason in (4, 5, 6):
            for row, col in zip(*np.nonzero(reasons[part] == reason), strict=True):
                near = (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
                grown[near] = np.minimum(grown[near], reason)
        reasons[part] = grown
    return np.where(reasons == 99, 0, reasons).astype(np.uint8)
