"""Renderings of stacked, float32 and scripted outputs, and what a collection says of them."""

from typing import Any

import pytest

from scenefleet.results.collection import build_collection, item_assets
from scenefleet.results.renders import renders

Json = dict[str, Any]


def band(name: str, formula: str, *, low: float, high: float, mean: float, **more: Any) -> Json:
    statistics = {"minimum": low, "maximum": high, "mean": mean, "count": 100}
    told = {"name": name, "description": name.upper(), "scenefleet:formula": formula}
    return {**told, "statistics": statistics, "scenefleet:saturated": 3, **more}


def item(assets: Json) -> Json:
    return {
        "id": "a",
        "type": "Feature",
        "bbox": [5, 51, 6, 52],
        "properties": {"datetime": "2023-06-01T00:00:00Z"},
        "assets": assets,
    }


def asset(*bands: Json, dtype: str = "int16") -> Json:
    nodata = -32768 if dtype == "int16" else "nan"
    return {"href": "./x.tif", "roles": ["data"], "data_type": dtype, "nodata": nodata} | {
        "title": "some outputs as bands",
        "bands": list(bands),
    }


def drawn(*items: Json) -> Json:
    return renders(item_assets(items), items)


def test_a_stacked_file_has_a_rendering_a_band_by_number():
    scale = {"raster:scale": 0.0001, "raster:offset": 0}
    stack = asset(
        band("ndvi", "(nir - red) / (nir + red)", low=-3000, high=9000, mean=4000, **scale),
        band("red", "red", low=10, high=9000, mean=900, **scale),
        band("lst", "lwir11", low=14000, high=15500, mean=14800, **{"raster:scale": 0.02}),
    )
    found = drawn(item({"p": stack}), item({"p": stack}))
    assert list(found) == ["ndvi", "red", "lst"]
    assert [one["assets"] for one in found.values()] == [["p"]] * 3
    assert [one["bidx"] for one in found.values()] == [[1], [2], [3]]
    assert found["ndvi"]["rescale"] == [[-2000, 10000]]
    assert (found["red"]["rescale"], found["red"]["colormap_name"]) == ([[0, 4000]], "gray")
    assert found["lst"]["rescale"] == [[14000, 15500]], "kelvin have no usual range"
    assert found["red"]["title"] == "RED"


def test_an_own_formula_under_a_published_name_has_no_published_colours_or_range():
    scale = {"raster:scale": 0.0001, "raster:offset": 0, "low": 0, "high": 9, "mean": 4}
    own, same, script = (
        drawn(item({"ndvi": asset(band("ndvi", text, **scale))}))["ndvi"]
        for text in ("red - nir", "(nir-red)/(nir+red)", "script")
    )
    assert (own["colormap_name"], own["rescale"]) == ("viridis", [[-10000, 10000]])
    assert (same["colormap_name"], same["rescale"]) == ("rdylgn", [[-2000, 10000]])
    assert script["colormap_name"] == "rdylgn"


def test_float32_is_stretched_in_values_and_has_nan_for_nodata():
    index = asset(band("evi", "a / b", low=-5.0, high=7.0, mean=0.4), dtype="float32")
    reflectance = asset(band("nir", "nir", low=0.0, high=1.1, mean=0.2), dtype="float32")
    found = drawn(item({"evi": index, "nir": reflectance}))
    assert (found["evi"]["rescale"], found["evi"]["nodata"]) == ([[-1, 1]], "nan")
    assert found["nir"]["rescale"] == [[0, 0.4]]
    assert "bidx" not in found["evi"]


def test_a_scripts_output_is_stretched_over_all_items():
    one = asset(band("x", "script", low=-0.5, high=0.25, mean=0.1), dtype="float32")
    other = asset(band("x", "script", low=-0.25, high=0.75, mean=0.1), dtype="float32")
    nothing = asset({"name": "x", "statistics": {"valid_percent": 0, "count": 0}}, dtype="float32")
    nothing["bands"][0]["scenefleet:formula"] = "script"
    assert drawn(item({"x": one}), item({"x": other}))["x"]["rescale"] == [[-0.5, 0.75]]
    assert "rescale" not in drawn(item({"x": nothing}))["x"]


def test_bands_keep_what_they_say_alike():
    kept = {"name": "ndvi", "description": "NDVI", "raster:scale": 0.0001}
    one = asset(
        kept | {"scenefleet:formula": "a", "statistics": {"mean": 1}, "scenefleet:saturated": 1},
        {"name": "red"},
    )
    other = asset(kept | {"scenefleet:formula": "b"}, {"name": "red"})
    assert item_assets([item({"p": one}), item({"p": other})])["p"]["bands"] == [
        kept,
        {"name": "red"},
    ]
    swapped = asset({"name": "red"}, kept)
    assert "bands" not in item_assets([item({"p": one}), item({"p": swapped})])["p"]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_collection_of_stacked_files_is_made(dtype: str):
    stack = asset(
        band("ndvi", "x", low=0, high=1, mean=0.5),
        band("red", "red", low=0, high=1, mean=0.5),
        dtype=dtype,
    )
    made = build_collection("p", [("a/a.json", item({"p": stack}))])
    assert list(made["renders"]) == ["ndvi", "red"]
    assert made["item_assets"]["p"]["data_type"] == dtype
    assert not {"statistics", "scenefleet:saturated"} & set(made["item_assets"]["p"]["bands"][0])
