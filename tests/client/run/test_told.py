"""What is read back of an output's item: as the task writes it, and nothing of what is damaged."""

from __future__ import annotations

from typing import Any

import pytest

from scenefleet.run.model import BandRead, OffsetFound, PartRead, TaskOutcome
from scenefleet.run.told import cut_percent, negative, outside_percent, radiometry

CHECK = {
    "metadata": "disputed",
    "evidence": ["s2:processing_baseline 05.11: numbers carry 1000", "raster:bands offset 0"],
    "pixels": "removed",
    "settled_by": "pixels",
    "shares": {"below": 0.22, "green": 0.0, "water": 0.0},
}
BAND = {"asset": "B04", "scale": 0.0001, "offset": 0.0, "nodata": "nan", "rule": "pixels"}
PART = {"item": "a", "bands": {"red": BAND}, "check": CHECK}


def item(radiometry_: Any = None, **assets: Any) -> dict[str, Any]:
    return {"properties": {"scenefleet:radiometry": radiometry_ or [PART]}, "assets": assets}


def test_parts_are_read_with_their_evidence() -> None:
    without = {"item": "b", "bands": {"red": {**BAND, "offset": -0.1, "rule": "s2"}}}
    assert radiometry(item([PART, without])) == (
        PartRead(
            item="a",
            bands={"red": BandRead(scale=0.0001, offset=0.0, rule="pixels")},
            check=OffsetFound(
                metadata="disputed",
                evidence=tuple(CHECK["evidence"]),
                pixels="removed",
                settled_by="pixels",
                shares={"below": 0.22, "green": 0.0, "water": 0.0},
            ),
        ),
        PartRead(item="b", bands={"red": BandRead(scale=0.0001, offset=-0.1, rule="s2")}),
    )


@pytest.mark.parametrize("damaged", [{"red": {}}, [{"item": 1}], "x", 3, [PART, None]])
def test_damaged_radiometry_is_none(damaged: Any) -> None:
    assert radiometry(item(damaged)) == ()
    assert radiometry({"properties": None}) == ()
    assert radiometry({}) == ()


def band(name: str, saturated: Any, count: Any = 1000) -> dict[str, Any]:
    return {"name": name, "scenefleet:saturated": saturated, "statistics": {"count": count}}


def test_cut_values_are_shares_of_the_valid_ones_in_either_layout() -> None:
    stacked = {"bands": [band("ndvi", 0), band("evi", 5)]}
    single = {**band("x", 2), "bands": [{"name": "lst"}]}
    none_valid = {"bands": [band("empty", 0, 0)]}
    found = cut_percent(item(p=stacked, lst=single, e=none_valid, reason={"href": "r.tif"}))
    assert found == {"evi": 0.5, "lst": 0.2}


def test_values_outside_the_range_are_shares_of_the_valid_ones() -> None:
    bands = [{**band("ndvi", 0), "scenefleet:outside_range": 30}, band("evi", 5)]
    assert outside_percent(item(p={"bands": bands})) == {"ndvi": 3.0}


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ({"decided": "keep", "pixels": 5}, ("keep", 2.5)),
        ({"decided": "mask", "pixels": 0}, ("mask", 0.0)),
        ({"decided": "keep"}, (None, None)),
        (None, (None, None)),
        ("much", (None, None)),
    ],
)
def test_reflectance_below_zero_is_a_share_of_the_valid_pixels(told: Any, right: Any) -> None:
    properties = {"scenefleet:reasons": {"valid": 200, "cloud": 9}, "scenefleet:negative": told}
    assert negative({"properties": properties}) == right
    assert negative({"properties": {"scenefleet:negative": told}}) == (None, None)


@pytest.mark.parametrize(
    "assets", [None, [], {"a": None}, {"a": {"bands": 3}}, {"a": {"bands": [None, {"name": "x"}]}}]
)
def test_damaged_assets_tell_of_no_cut(assets: Any) -> None:
    assert cut_percent({"assets": assets}) == {}


@pytest.mark.parametrize(
    ("state", "percent", "reasons", "empty"),
    [
        ("done", 0.0, {"valid": 0, "cloud": 9}, True),
        ("done", 0.0, {"valid": 1, "cloud": 10**8}, False),  # a share that was rounded
        ("done", 0.0, {}, True),
        ("done", None, {}, False),
        ("failed", 0.0, {"valid": 0}, False),
    ],
)
def test_an_output_is_empty_by_its_count(
    state: Any, percent: float | None, reasons: dict[str, int], empty: bool
) -> None:
    outcome = TaskOutcome(
        task="t",
        item="i",
        collection="c",
        datetime="2023-06-01T00:00:00Z",
        geometry={},
        state=state,
        valid_percent=percent,
        reasons=reasons,
    )
    assert outcome.is_empty is empty
