"""Reflectance at or below zero: counted, and kept, clipped or masked as the document says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenefleet_task import compute
from scenefleet_task.access import Unsigned
from scenefleet_task.spec import NODATA, Band, DocumentError, Negative, Reason, seal, to_json
from scenefleet_task.spec import from_json as read_document
from to_folder import process

RED = np.array([[1300, 900, 1000, 995, 1300, 0]], np.uint16)
NIR = np.array([[4000, 980, 1200, 1010, 990, 1300]], np.uint16)
"""Plants; both below zero; red at zero; a sum near zero; nir below zero; no data."""


def document(kit: Any, folder: Path, how: str, dtype: str = "int16", **changes: Any) -> Any:
    bands = tuple(
        kit.band(name, kit.write(folder / f"{name}.tif", values, nodata=0), offset=-0.1)
        for name, values in (("red", RED), ("nir", NIR))
    )
    output = replace(kit.NDVI, range=(-1.0, 1.0))
    negative = Negative(how=how, bands=("red", "nir"))
    made = replace(
        kit.document(bands), outputs=(output,), negative=negative, dtype=dtype, **changes
    )
    return seal(made)


def done(made: Any, folder: Path, kit: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    folder.mkdir()
    found = process(made, Unsigned(), folder)
    return found, kit.read(found.made[0].file)[0], kit.read(found.reason)[0]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_kept_it_is_computed_with_and_counted(kit: Any, tmp_path: Path, dtype: str) -> None:
    found, index, reason = done(document(kit, tmp_path, "keep", dtype), tmp_path / "out", kit)
    # (nir - red) / (nir + red) of reflectances x 10000
    right = [2700 / 3300, 80 / -120, 1.0, 15 / 5, -310 / 290]
    stored = np.rint(np.multiply(right, 1e4)) if dtype == "int16" else right
    assert index[:5] == pytest.approx(stored, rel=1e-5)
    assert reason.tolist() == [0, 0, 0, 0, 0, Reason.NODATA]
    assert found.made[0].beyond == 2  # 3.0 and -1.069; 1.0 is within
    assert found.negative == 4
    assert found.reasons[Reason.NEGATIVE] == 0


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_clipped_it_counts_as_zero(kit: Any, tmp_path: Path, dtype: str) -> None:
    found, index, reason = done(document(kit, tmp_path, "clip", dtype), tmp_path / "out", kit)
    right = np.array([2700 / 3300, 0, 1.0, 1.0, -1.0])
    stored = np.rint(right * 1e4) if dtype == "int16" else right
    kept = [0, 2, 3, 4]
    assert index[kept] == pytest.approx(stored[kept], rel=1e-5)
    # 0 / 0 has no value
    assert reason.tolist() == [0, Reason.NO_SIGNAL, 0, 0, 0, Reason.NODATA]
    assert found.made[0].beyond == 0
    assert found.negative == 3


def test_masked_it_is_invalid_with_a_reason_of_its_own(kit: Any, tmp_path: Path) -> None:
    found, index, reason = done(document(kit, tmp_path, "mask"), tmp_path / "out", kit)
    assert reason.tolist() == [0, 10, 10, 10, 10, Reason.NODATA]
    assert (index[1:] == NODATA).all()
    assert index[0] == 8182
    assert (found.made[0].beyond, found.negative) == (0, 0)
    assert found.reasons[Reason.NEGATIVE] == 4


def test_a_stronger_reason_goes_before(kit: Any, tmp_path: Path) -> None:
    scl = kit.write(tmp_path / "scl.tif", np.array([[4, 8, 3, 4, 4, 4]], np.uint8))
    bands = document(kit, tmp_path, "mask").parts[0].bands
    made = seal(
        replace(kit.document(bands, scl), negative=Negative(how="mask", bands=("red", "nir")))
    )
    _, _, reason = done(made, tmp_path / "out", kit)
    assert reason.tolist() == [0, Reason.CLOUD, Reason.SHADOW, 10, 10, Reason.NODATA]


@pytest.mark.parametrize("how", ["keep", "clip", "mask"])
def test_other_bands_are_left_alone(kit: Any, tmp_path: Path, how: str) -> None:
    """A temperature in degrees, say: only what the document names is reflectance."""
    values = np.array([[5, 20, 300]], np.uint16)
    band = kit.band(
        "lwir11", kit.write(tmp_path / "t.tif", values, nodata=0), scale=1.0, offset=-20
    )
    output = replace(kit.NDVI, name="t", formula="lwir11", scale=0.1)
    made = seal(
        replace(kit.document((band,)), outputs=(output,), negative=Negative(how=how, bands=()))
    )
    found, index, reason = done(made, tmp_path / "out", kit)
    assert index.tolist() == [-150, 0, 2800]
    assert not reason.any()
    assert found.negative == 0


def test_a_script_gets_what_is_decided(kit: Any, tmp_path: Path) -> None:
    """Values as they are, or 0 for what is clipped; what is masked is not valid to it either."""
    text = (
        "import numpy as np\n"
        "BANDS = ('red', 'nir')\nOUTPUTS = ('least', 'seen')\n"
        "def process(scene):\n"
        "    least = np.minimum(scene['red'], scene['nir'])\n"
        "    return {'least': least, 'seen': scene.valid.astype('float32')}\n"
    )
    script = tmp_path / "script.py"
    script.write_text(text)
    least = {"keep": [300, -100, 0, -5, -10], "clip": [300, 0, 0, 0, 0], "mask": [300]}
    for how, right in least.items():
        made = document(kit, tmp_path / how, how)
        names = (replace(kit.NDVI, name=n, formula=None, title=n) for n in ("least", "seen"))
        made = seal(
            replace(made, outputs=tuple(names), script=kit_script(text, script), dtype="float32")
        )
        (tmp_path / how / "out").mkdir()
        found = process(made, Unsigned(), tmp_path / how / "out", script=script)
        values = kit.read(found.made[0].file)[0] * 1e4
        reason = kit.read(found.reason)[0]
        assert values[: len(right)] == pytest.approx(right, abs=0.01)
        assert reason[:5].tolist() == ([0, 10, 10, 10, 10] if how == "mask" else [0] * 5)
        assert np.nansum(kit.read(found.made[1].file)[0]) == (1 if how == "mask" else 5)


def kit_script(text: str, path: Path) -> Any:
    import hashlib

    from scenefleet_task.spec import Script

    digest = hashlib.sha256(text.encode()).hexdigest()
    return Script(name=path.name, sha256=digest, bands=("red", "nir"), overlap=0, seconds=60)


@pytest.mark.parametrize(
    ("scale", "offset", "numbers", "right"),
    [
        (1e-4, -0.1, np.array([999, 1000, 1001], np.uint16), [True, True, False]),
        (1e-4, 0.0, np.array([0, 1, 65535], np.uint16), [True, False, False]),
        (2.75e-05, -0.2, np.array([7272, 7273, 1], np.uint16), [True, False, True]),
        (1e-4, 0.0, np.array([-5, 0, 5], np.int16), [True, True, False]),
        (-1e-4, 0.1, np.array([999, 1000, 1001], np.uint16), [False, True, True]),
        (1.0, 0.0, np.array([-0.1, 0.0, 0.1], np.float32), [True, True, False]),
        (1.0, 0.0, np.array([np.nan, -1, 1], np.float32), [False, True, False]),
    ],
)
def test_what_is_at_or_below_zero(
    scale: float, offset: float, numbers: np.ndarray, right: list[bool]
) -> None:
    found = compute.not_positive(numbers, scale, offset)
    assert found is not None
    assert found.tolist() == right
    lifted = compute.lift(numbers, scale, offset)
    assert (lifted <= 0).tolist() == right


def test_nothing_is_looked_for_where_all_is_bright() -> None:
    assert compute.not_positive(np.array([1001, 5000], np.uint16), 1e-4, -0.1) is None
    assert compute.not_positive(np.array([1, 999], np.uint16), -1e-4, 0.1) is None


def test_a_document_says_it_in_its_id_and_names_bands_it_has(kit: Any, tmp_path: Path) -> None:
    made = {how: document(kit, tmp_path / how, how) for how in ("keep", "clip", "mask")}
    assert len({one.id for one in made.values()}) == 3
    for one in made.values():
        assert read_document(to_json(one)) == one
    wrong = replace(made["mask"], negative=Negative(how="mask", bands=("green",)))
    with pytest.raises(DocumentError, match="no band 'green'"):
        read_document(to_json(seal(wrong)))
    wrong = replace(made["mask"], outputs=(replace(made["mask"].outputs[0], range=(1.0, -1.0)),))
    with pytest.raises(DocumentError, match="its range"):
        read_document(to_json(seal(wrong)))
    assert isinstance(made["keep"].parts[0].bands[0], Band)


def test_the_item_counts_them_and_tells_the_range(kit: Any, tmp_path: Path) -> None:
    ran = kit.run(document(kit, tmp_path, "keep"), tmp_path / "store", tmp_path / "work")
    assert ran.code == 0
    item = json.loads((tmp_path / "store/products/ndvi-test/scene-1/scene-1.json").read_text())
    assert item["properties"]["scenefleet:negative"] == {"decided": "keep", "pixels": 4}
    band = item["assets"]["ndvi"]
    assert (band["scenefleet:range"], band["scenefleet:outside_range"]) == ([-1.0, 1.0], 2)
    reason = item["assets"]["reason"]
    assert reason["nodata"] == 255
    last = reason["classification:classes"][-1]
    assert (last["value"], last["nodata"]) == (255, True)
