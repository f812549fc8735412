"""What is written, int16 or float32, apart or stacked: against numpy, and as readers take it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from scenefleet_task.access import Unsigned
from scenefleet_task.item import Put, make_item
from scenefleet_task.result import Output as PutFile
from scenefleet_task.spec import (
    NODATA,
    RESERVED,
    DocumentError,
    Output,
    Reason,
    Script,
    TaskDocument,
    from_json,
    seal,
    to_json,
)
from scenefleet_task.thumbnail import picture
from to_folder import InFolder, process

SHAPE = (1100, 530)
NDVI = Output(name="ndvi", title="NDVI", formula="(nir - red) / (nir + red)", scale=1e-4)
HEAT = Output(name="heat", title="lwir11, kelvin", formula="lwir11", scale=0.02)
RATIO = Output(name="ratio", title="", formula="nir / red", scale=1e-4)


@pytest.fixture
def bands(kit: Any, tmp_path: Path) -> tuple[Any, ...]:
    """Red and near infrared, and a thermal band as Landsat scales it; nodata in a corner."""
    rng = np.random.default_rng(11)
    numbers = {
        "red": rng.integers(200, 3000, SHAPE),
        "nir": rng.integers(800, 9000, SHAPE),
        "lwir11": rng.integers(38_000, 46_000, SHAPE),
    }
    numbers["lwir11"][1050, :3] = 1, 20_000, 65_535
    made = []
    for name, values in numbers.items():
        values[:130, :200] = 0
        file = kit.write(tmp_path / f"{name}.tif", values.astype(np.uint16), nodata=0)
        rule = {"scale": 0.00341802, "offset": 149.0} if name == "lwir11" else {}
        made.append(kit.band(name, file, **rule))
    return tuple(made)


def measured(kit: Any, bands: tuple[Any, ...]) -> dict[str, np.ndarray]:
    """Values in float64, NaN where there are none: the oracle."""
    values = {}
    for band in bands:
        numbers = kit.read(Path(band.href)).astype(float)
        numbers[numbers == 0] = np.nan
        values[band.name] = numbers * band.scale + band.offset
    red, nir = values["red"], values["nir"]
    return {"ndvi": (nir - red) / (nir + red), "ratio": nir / red, "heat": values["lwir11"]}


def document_of(kit: Any, bands: tuple[Any, ...], **changes: Any) -> TaskDocument:
    return kit.document(bands, **{"outputs": (NDVI, HEAT, RATIO), **changes})


def done(document: TaskDocument, folder: Path) -> InFolder:
    folder.mkdir(exist_ok=True)
    return process(document, Unsigned(), folder)


def item_of(document: TaskDocument, rasters: InFolder) -> dict[str, Any]:
    put = PutFile(name="x", path="x.tif", size=1, sha256="0" * 64)
    files = dict.fromkeys(rasters.files, put)
    item = make_item(document, rasters.rasters, Put(rasters=files, reason=put, thumbnail=put))
    json.dumps(item, allow_nan=False)
    return item


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_files_hold_the_values_and_say_what_they_are(
    kit: Any, tmp_path: Path, bands: tuple[Any, ...], dtype: str, stacked: bool
) -> None:
    document = document_of(kit, bands, dtype=dtype, stacked=stacked)
    rasters = done(document, tmp_path / "out")
    oracle, reason = measured(kit, bands), kit.read(rasters.reason)
    names = [output.name for output in document.outputs]
    assert set(rasters.files) == ({"ndvi-test"} if stacked else set(names))
    assert not list((tmp_path / "out").glob("*.draft.tif"))
    for file in (*rasters.files.values(), rasters.reason):
        assert cog_validate(file, strict=True) == (True, [], [])
    for made in rasters.made:
        with rasterio.open(made.file) as dataset:
            assert dataset.descriptions == (tuple(names) if stacked else (made.output.name,))
            assert set(dataset.dtypes) == {dtype}
            assert dataset.count == (3 if stacked else 1)
            assert dataset.overviews(made.band) == [2, 4]
            scale = dataset.scales[made.band - 1]
            got, tags = dataset.read(made.band), dataset.tags(made.band)
            half = dataset.read(made.band, out_shape=(SHAPE[0] // 2, SHAPE[1] // 2))
            nodata = dataset.nodata
        if dtype == "int16":
            assert (nodata, scale) == (NODATA, made.output.scale)
            assert ((got == NODATA) == (reason != 0)).all()
        else:
            assert math.isnan(nodata)
            assert scale == 1
            assert (np.isnan(got) == (reason != 0)).all()
        check_values(made, got, oracle[made.output.name], dtype)
        check_statistics(tags, made, got[reason == 0])
        check_overview(got, half, reason == 0)


def check_values(made: Any, got: np.ndarray, oracle: np.ndarray, dtype: str) -> None:
    valid = np.isfinite(oracle)
    if dtype == "float32":
        np.testing.assert_allclose(got[valid], oracle[valid], rtol=2e-6, atol=1e-6)
        assert made.saturated == 0
        return
    scaled = oracle[valid] / made.output.scale
    assert np.abs(got[valid] - np.clip(scaled, -32767, 32767)).max() <= 0.51
    beyond = np.abs(np.rint(scaled)) > 32767
    assert made.saturated == np.count_nonzero(beyond)
    assert (got[valid][beyond] == 32767).all()
    # near infrared is often more than 3.2767 times red; nothing is hotter than 655 K
    assert (made.saturated > 1000) == (made.output.name == "ratio")


def check_statistics(tags: dict[str, str], made: Any, stored: np.ndarray) -> None:
    exact = stored.astype(float)
    wanted = {
        "MINIMUM": exact.min(), "MAXIMUM": exact.max(), "MEAN": exact.mean(), "STDDEV": exact.std()
    }  # fmt: skip
    for name, value in wanted.items():
        assert float(tags[f"STATISTICS_{name}"]) == pytest.approx(value, rel=1e-9)
    share = 100 * stored.size / (SHAPE[0] * SHAPE[1])
    assert float(tags["STATISTICS_VALID_PERCENT"]) == pytest.approx(share, abs=0.01)
    told = made.statistics.to_stac()
    assert told["count"] == stored.size
    assert told["stddev"] == pytest.approx(exact.std(), rel=1e-9)


def check_overview(got: np.ndarray, half: np.ndarray, valid: np.ndarray) -> None:
    """Each overview pixel is the mean of the valid ones of its four, or nodata."""
    fours = np.ma.array(got.astype(float), mask=~valid)
    fours = fours.reshape(SHAPE[0] // 2, 2, SHAPE[1] // 2, 2)
    mean = fours.mean(axis=(1, 3))
    empty = np.ma.getmaskarray(mean)
    assert empty.any()
    assert (np.isnan(half) if got.dtype.kind == "f" else half == NODATA)[empty].all()
    off = np.abs(half[~empty] - mean.data[~empty])
    assert off.max() <= (1e-4 if got.dtype.kind == "f" else 1)


def test_a_temperature_is_kept_to_two_hundredths_of_a_kelvin(
    kit: Any, tmp_path: Path, bands: tuple[Any, ...]
) -> None:
    rasters = done(document_of(kit, bands, outputs=(HEAT,)), tmp_path / "out")
    stored = kit.read(rasters.made[0].file)
    # number 1 is the coldest the band can tell, 65535 the hottest: 149.0 K and 373.0 K
    assert (stored[1050, :3] * 0.02).tolist() == pytest.approx([149.0, 217.36, 373.0], abs=0.011)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_the_item_tells_of_every_band(
    kit: Any, tmp_path: Path, bands: tuple[Any, ...], dtype: str, stacked: bool
) -> None:
    document = document_of(kit, bands, dtype=dtype, stacked=stacked)
    rasters = done(document, tmp_path / "out")
    item = item_of(document, rasters)
    kit.validate(item)
    assets = item["assets"]
    if stacked:
        told = assets["ndvi-test"]["bands"]
    else:
        told = [{**assets[name], **assets[name]["bands"][0]} for name in ("ndvi", "heat", "ratio")]
    assert [one["name"] for one in told] == ["ndvi", "heat", "ratio"]
    assert [one["scenefleet:formula"] for one in told] == [
        "(nir - red) / (nir + red)", "lwir11", "nir / red"
    ]  # fmt: skip
    scales = [one.get("raster:scale") for one in told]
    assert scales == ([1e-4, 0.02, 1e-4] if dtype == "int16" else [None] * 3)
    for one, made in zip(told, rasters.made, strict=True):
        assert one["statistics"] == made.statistics.to_stac()
        assert one["scenefleet:saturated"] == made.saturated
    asset = assets["ndvi-test" if stacked else "heat"]
    assert (asset["nodata"], asset["data_type"]) == (NODATA if dtype == "int16" else "nan", dtype)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_scene_without_one_valid_pixel(
    kit: Any, tmp_path: Path, dtype: str, stacked: bool
) -> None:
    empty = kit.write(tmp_path / "empty.tif", np.zeros((600, 40), np.uint16), nodata=0)
    bands = tuple(kit.band(name, empty) for name in ("red", "nir", "lwir11"))
    document = document_of(kit, bands, dtype=dtype, stacked=stacked)
    rasters = done(document, tmp_path / "out")
    for made in rasters.made:
        assert cog_validate(made.file, strict=True) == (True, [], [])
        with rasterio.open(made.file) as dataset:
            got, tags = dataset.read(made.band), dataset.tags(made.band)
        assert (np.isnan(got) if dtype == "float32" else got == NODATA).all()
        assert {k: v for k, v in tags.items() if k.startswith("STAT")} == {
            "STATISTICS_VALID_PERCENT": "0"
        }
        picture(made.small, made.output)
    kit.validate(item_of(document, rasters))
    assert rasters.valid_percent == 0


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_values_near_the_end_of_float32_and_beyond(kit: Any, tmp_path: Path, dtype: str) -> None:
    """2e38 fits float32, and int16 only cut off; 4e38 fits neither and is no value at all."""
    file = kit.write(tmp_path / "band.tif", np.array([[1, 2, 3, 4]], np.uint16))
    band = kit.band("red", file, scale=1.0, nodata=None)
    outputs = tuple(
        Output(name=name, title="", formula=text, scale=1e-4)
        for name, text in (("up", "red * 1e38"), ("down", "-red * 1e38"), ("one", "red / red"))
    )
    document = kit.document((band,), outputs=outputs, dtype=dtype)
    rasters = done(document, tmp_path / "out")
    up, down, one = (kit.read(made.file)[0] for made in rasters.made)
    assert kit.read(rasters.reason).tolist() == [[0, 0, 0, Reason.NO_SIGNAL]]
    if dtype == "int16":
        assert up.tolist() == [32767, 32767, 32767, NODATA]
        assert down.tolist() == [-32767, -32767, -32767, NODATA]
        assert one.tolist() == [10_000, 10_000, 10_000, NODATA]
        assert [made.saturated for made in rasters.made] == [3, 3, 0]
    else:
        np.testing.assert_allclose(up, [1e38, 2e38, 3e38, np.nan], rtol=1e-6)
        np.testing.assert_allclose(down, [-1e38, -2e38, -3e38, np.nan], rtol=1e-6)
        assert [made.saturated for made in rasters.made] == [0, 0, 0]
        assert rasters.made[0].statistics.deviation == pytest.approx(
            np.std(np.array([1e38, 2e38, 3e38])), rel=1e-6
        )
    item_of(document, rasters)
    picture(rasters.made[0].small, rasters.made[0].output)


def test_a_float_output_keeps_what_int16_would_round(kit: Any, tmp_path: Path) -> None:
    file = kit.write(tmp_path / "band.tif", np.array([[1, 2, 3]], np.uint16))
    band = kit.band("red", file, scale=1e-6, nodata=None)
    output = Output(name="red", title="", formula="red", scale=1e-4)
    for dtype, wanted in (("float32", [1e-6, 2e-6, 3e-6]), ("int16", [0, 0, 0])):
        document = kit.document((band,), outputs=(output,), dtype=dtype)
        got = kit.read(done(document, tmp_path / "out").made[0].file)[0]
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


# --- documents that cannot be: told before a source is opened


SCRIPT = Script(name="x.py", sha256="0" * 64, bands=("red",), overlap=0, seconds=1)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"outputs": (replace(NDVI, formula="swir16 / red"),)}, "ndvi: uses band 'swir16'; there are"),
    ({"outputs": (replace(NDVI, formula="red +"),)}, "ndvi: column 6: the formula's end stands"),
    ({"outputs": (replace(NDVI, formula=None),)}, "no formula, and the document names no script"),
    ({"outputs": (NDVI, NDVI)}, "the name 'ndvi' is taken"),
    ({"outputs": ()}, "at least one part and one output"),
    ({"outputs": (replace(NDVI, scale=0.0),)}, "ndvi: its scale is 0"),
    ({"outputs": (replace(NDVI, name="../ndvi"),)}, "no safe file name"),
    ({"product": "reason", "stacked": True}, "the name 'reason' is taken"),
    ({"script": SCRIPT}, "has a formula, and the document a script"),
    ({"script": replace(SCRIPT, bands=("swir22",))}, "uses band 'swir22'|has a formula"),
    *(({"outputs": (replace(NDVI, name=n),)}, f"the name '{n}' is taken") for n in RESERVED),
]


@pytest.mark.parametrize(("changes", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_a_document_that_cannot_be_computed_says_where(
    kit: Any, changes: dict[str, Any], said: str
) -> None:
    document = kit.document((kit.band("red", "/r.tif"), kit.band("nir", "/n.tif")), **changes)
    with pytest.raises(DocumentError, match=said):
        from_json(to_json(document))


def test_parts_that_cannot_be_read_say_where(kit: Any) -> None:
    red = kit.band("red", "/r.tif")
    whole = kit.document((red, kit.band("nir", "/n.tif")), "/scl.tif")
    [part] = whole.parts
    wrong = [
        (replace(part, bands=(*part.bands, red)), "each name once"),
        (replace(part, bands=()), "at least one band"),
        (replace(part, bands=(replace(red, scale=0.0), part.bands[1])), "red: its scale is 0"),
        (replace(part, masks=(replace(part.masks[0], dilate=-1.0),)), "SCL: dilate is -1.0 m"),
    ]
    for one, said in wrong:
        with pytest.raises(DocumentError, match=said):
            from_json(to_json(seal(replace(whole, parts=(one,)))))
    other = replace(part, item="scene-2", bands=(red,))
    with pytest.raises(DocumentError, match="'scene-2' has other bands than the first"):
        from_json(to_json(seal(replace(whole, parts=(part, other)))))
