"""Real pixels: numbers that are known from elsewhere (the shared data's README)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rio_cogeo import cog_validate

from scenefleet_task.spec import Mask, MaskRule, Part, Source, TaskDocument, safe_name, seal


def planned(kit: Any, folder: Path, number: int, bands: Any, mask: Any = None) -> TaskDocument:
    """A document of one of the recorded items."""
    item = json.loads((folder / "items.json").read_text())["features"][number]

    def place(asset: str) -> str:
        return str((folder / item["assets"][asset]["href"]).resolve())

    source = Source(
        id=item["id"], collection=item["collection"], href=None,
        datetime=item["properties"]["datetime"], bbox=tuple(item["bbox"]),
        geometry=item["geometry"], properties={},
    )  # fmt: skip
    rules = tuple(MaskRule(bits=0xFFFF, value=v, reason=r) for v, r in kit.SCL)
    part = Part(
        item=item["id"],
        bands=tuple(kit.band(n, place(asset), asset=asset, **rule) for n, asset, rule in bands),
        masks=(Mask(asset=mask, href=place(mask), rules=rules, dilate=0.0),) if mask else (),
        check=None,
    )
    changes = {"product": "real", "folder": safe_name(item["id"]), "source": source}
    return seal(replace(kit.document(part.bands), parts=(part,), **changes))


def run(kit: Any, document: TaskDocument, tmp_path: Path) -> tuple[np.ndarray, np.ndarray, Any]:
    ran = kit.run(document, tmp_path / "store", tmp_path / "work")
    assert ran.code == 0, ran.stderr
    folder = tmp_path / "store/products/real" / document.folder
    for name in ("ndvi", "reason"):
        assert cog_validate(folder / f"{name}.tif", strict=True) == (True, [], [])
    kit.validate(kit.item(tmp_path / "store", document))
    return kit.read(folder / "ndvi.tif"), kit.read(folder / "reason.tif"), ran.result


def test_exeter_clear_land_has_the_known_median(need: Any, kit: Any, tmp_path: Path) -> None:
    folder = need("shared") / "data/exeter-2024"
    rule = {"offset": -0.1, "rule": "s2-baseline>=04.00"}
    bands = (("red", "B04", rule), ("nir", "B08", rule))
    document = planned(kit, folder, 0, bands, "SCL")
    ndvi, reason, result = run(kit, document, tmp_path)
    scl = kit.read(Path(document.parts[0].masks[0].href))
    land = np.isin(scl, (4, 5))
    assert land.sum() == 113_004
    assert (reason[land] == 0).all()
    assert np.median(ndvi[land]) * 1e-4 == pytest.approx(0.5317, abs=0.0005)
    assert ((ndvi == -32768) == (reason != 0)).all()
    assert result.reasons["valid"] == np.isin(scl, (2, 4, 5, 6, 7)).sum()
    # No EPSG code: the CRS goes into the item as text.
    properties = kit.item(tmp_path / "store", document)["properties"]
    assert properties["proj:code"] is None
    assert "Lambert Azimuthal" in properties["proj:wkt2"].replace("_", " ")


def test_the_offset_is_what_makes_the_difference(need: Any, kit: Any, tmp_path: Path) -> None:
    folder = need("shared") / "data/exeter-2024"
    document = planned(kit, folder, 0, (("red", "B04", {}), ("nir", "B08", {})), "SCL")
    ndvi, _, _ = run(kit, document, tmp_path)
    land = np.isin(kit.read(Path(document.parts[0].masks[0].href)), (4, 5))
    assert np.median(ndvi[land]) * 1e-4 == pytest.approx(0.3404, abs=0.0005)


def test_the_dutch_border_has_the_known_median(need: Any, kit: Any, tmp_path: Path) -> None:
    folder = need("shared") / "data/nl-border-2019"
    rule = {"nodata": None}  # the header says 65535
    document = planned(kit, folder, 0, (("red", "B04", rule), ("nir", "B08", rule)))
    ndvi, reason, _ = run(kit, document, tmp_path)
    assert np.median(ndvi[reason == 0]) * 1e-4 == pytest.approx(0.36617, abs=0.0001)
    item = kit.item(tmp_path / "store", document)
    assert item["properties"]["scenefleet:radiometry"][0]["bands"]["red"]["nodata"] == 65535


def test_landsat_is_what_its_scale_and_offset_say(need: Any, kit: Any, tmp_path: Path) -> None:
    folder = need("shared") / "data/landsat-2019"
    rule = {"scale": 2.75e-05, "offset": -0.2, "nodata": 0.0}
    document = planned(kit, folder, 0, (("red", "red", rule), ("nir", "nir08", rule)))
    ndvi, reason, result = run(kit, document, tmp_path)
    red, nir = (kit.read(Path(band.href)).astype(float) for band in document.parts[0].bands)
    nodata = (red == 0) | (nir == 0)
    assert (nodata == (reason == 2)).all()
    assert 0.25 < nodata.mean() < 0.4
    red, nir = red * 2.75e-05 - 0.2, nir * 2.75e-05 - 0.2
    wanted = np.clip((nir - red) / (nir + red) / 1e-4, -32767, 32767)
    sound = ~nodata & (np.abs(nir + red) > 0.01)
    assert sound.sum() > 100_000
    assert np.abs(ndvi[sound] - wanted[sound]).max() <= 1
    assert result.valid_percent > 99


def test_a_month_without_data_is_a_gap_not_an_error(need: Any, kit: Any, tmp_path: Path) -> None:
    folder = need("shared") / "data/monthly-2021"
    bands = (("red", "B04", {"nodata": None}), ("nir", "B08", {"nodata": None}))
    document = planned(kit, folder, 1, bands)
    assert document.source.datetime.startswith("2020-12")
    ndvi, _, result = run(kit, document, tmp_path)
    assert (ndvi == -32768).all()
    assert result.reasons["nodata"] == ndvi.size
    assert result.valid_percent == 0
