"""A year of real composites, and indices whose medians another program has published."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from scenefleet_task.access import Unsigned
from scenefleet_task.item import Put, make_item
from scenefleet_task.result import Output as PutFile
from scenefleet_task.spec import Output, TaskDocument, from_json, to_json
from to_folder import process

FORMULAS = {
    "ndvi": "(nir - red) / (nir + red)",
    "ndwi": "(green - nir) / (green + nir)",
    "ndbi": "(swir16 - nir) / (swir16 + nir)",
}
"""As Awesome Spectral Indices has them, its letters written out as the common names of bands."""
KEYS = {"green": "B03", "red": "B04", "nir": "B08", "swir16": "B11"}
EMPTY = {"2020-12", "2021-01"}


def planned(kit: Any, folder: Path, feature: dict[str, Any], **changes: Any) -> TaskDocument:
    bands = tuple(
        kit.band(name, (folder / feature["assets"][key]["href"]).resolve(), nodata=None)
        for name, key in KEYS.items()
    )
    outputs = tuple(
        Output(name=name, title="", formula=text, scale=1e-4) for name, text in FORMULAS.items()
    )
    document = kit.document(bands, item=feature["id"], outputs=outputs, **changes)
    return from_json(to_json(document))


def features(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "items.json").read_text())["features"]


@pytest.mark.parametrize(("dtype", "stacked"), [("int16", False), ("float32", True)])
def test_every_month_of_a_year_is_written_and_its_gaps_are_marked(
    need: Any, kit: Any, tmp_path: Path, dtype: str, stacked: bool
) -> None:
    folder = need("shared") / "data/monthly-2021"
    seen = []
    for feature in features(folder):
        month = feature["properties"]["datetime"][:7]
        document = planned(kit, folder, feature, dtype=dtype, stacked=stacked)
        work = tmp_path / month
        work.mkdir()
        rasters = process(document, Unsigned(), work)
        for file in {made.file for made in rasters.made}:
            assert cog_validate(file, strict=True) == (True, [], [])
        reason = kit.read(rasters.reason)
        numbers = [kit.read(Path(band.href)) for band in document.parts[0].bands]
        assert ((reason == 2) == np.any([n == 65_535 for n in numbers], axis=0)).all()
        for made in rasters.made:
            check_statistics(made, reason == 0, month in EMPTY)
        put = PutFile(name="x", path="x.tif", size=1, sha256="0" * 64)
        files = dict.fromkeys(rasters.files, put)
        item = make_item(document, rasters.rasters, Put(rasters=files, reason=put, thumbnail=put))
        json.dumps(item, allow_nan=False)
        if month in EMPTY:
            assert rasters.valid_percent == 0
            continue
        seen.append(month)
        green, red, nir, swir = (values[reason == 0].astype(float) for values in numbers)
        pairs = ((nir, red), (green, nir), (swir, nir))
        for made, (one, two) in zip(rasters.made, pairs, strict=True):
            with rasterio.open(made.file) as dataset:
                stored = dataset.read(made.band)[reason == 0] * dataset.scales[made.band - 1]
            np.testing.assert_allclose(stored, (one - two) / (one + two), atol=5.1e-5)
    assert len(seen) == 10


def check_statistics(made: Any, valid: np.ndarray, empty: bool) -> None:
    """No NaN, whatever the month; a month of gaps has a share of 0 and no values."""
    told = made.statistics.to_stac()
    if empty:
        assert told == {"valid_percent": 0.0, "count": 0}
        return
    assert all(math.isfinite(value) for value in told.values())
    with rasterio.open(made.file) as dataset:
        stored, tags = dataset.read(made.band)[valid].astype(float), dataset.tags(made.band)
    assert told["count"] == valid.sum()
    assert told["mean"] == pytest.approx(stored.mean(), rel=1e-9)
    assert told["stddev"] == pytest.approx(stored.std(), rel=1e-9)
    assert float(tags["STATISTICS_MEAN"]) == told["mean"]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_medians_of_the_dutch_border_are_those_of_spyndex(
    need: Any, kit: Any, tmp_path: Path, dtype: str
) -> None:
    """NDVI, NDWI and NDBI by spyndex 0.12.0, from the shared data's README."""
    folder = need("shared") / "data/nl-border-2019"
    [feature] = features(folder)
    rasters = process(
        planned(kit, folder, feature, dtype=dtype, stacked=True), Unsigned(), tmp_path
    )
    valid = kit.read(rasters.reason) == 0
    assert valid.mean() > 0.99
    with rasterio.open(rasters.made[0].file) as dataset:
        values = dataset.read()[:, valid] * np.array(dataset.scales)[:, np.newaxis]
    published = {"ndvi": 0.36617, "ndwi": -0.33794, "ndbi": -0.06348}
    assert [made.output.name for made in rasters.made] == [*published]
    off = 1e-4 if dtype == "int16" else 6e-6  # they are given to five decimals
    for found, wanted in zip(np.median(values, axis=1), published.values(), strict=True):
        assert found == pytest.approx(wanted, abs=off)
