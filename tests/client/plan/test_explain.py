"""Which way pixels will be read, by what is known before a file is opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenefleet.catalog import Scene, from_json
from scenefleet.plan import Alike, Reading, explain, plan
from scenefleet.recipe import parse

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def scene(name: str = "s1", media: str | None = COG, suffix: str = ".tif") -> Scene:
    bands = {"B04": ["red"], "B08": ["nir"], "SCL": []}
    assets: dict[str, dict[str, Any]] = {
        key: {
            "href": f"https://example.org/{name}/{key}{suffix}",
            "eo:bands": [{"common_name": band} for band in names],
        }
        for key, names in bands.items()
    }
    if media is not None:
        for asset in assets.values():
            asset["type"] = media
    ring = [[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]
    return from_json(
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": "sentinel-2-l2a",
            "bbox": [5.0, 51.0, 6.0, 52.0],
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "links": [],
            "properties": {
                "datetime": "2023-06-01T10:00:00Z",
                "platform": "sentinel-2a",
                "s2:processing_baseline": "05.09",
            },
            "assets": assets,
        }
    )


def explained(scenes: list[Scene], process: str = "{}") -> tuple[Alike, ...]:
    text = f"version: 1\nname: a\nsearch: {{}}\nprocess: {process}"
    return explain(plan(parse(text, Path("recipe.yaml")), scenes), scenes)


@pytest.mark.parametrize(
    ("media", "suffix", "way", "why"),
    [
        (COG, ".tif", "tiles", "if the file is a tiled GeoTIFF"),
        (COG, "", "tiles", "log says"),
        ("image/vnd.stac.geotiff; cloud-optimized=true", ".jp2", "tiles", "if the file"),
        ("image/jp2", ".jp2", "gdal", "its item says image/jp2, which is no GeoTIFF"),
        (None, ".tif?x=1", "tiles", "if the file"),
        (None, ".TIFF", "tiles", "if the file"),
        (None, "", "tiles", "if the file"),
        (None, ".nc", "gdal", "a file .nc is no GeoTIFF"),
    ],
)
def test_by_media_type_then_by_name(media: str | None, suffix: str, way: str, why: str) -> None:
    (group,) = explained([scene(media=media, suffix=suffix)])
    assert sorted(one.asset for one in group.sources) == ["B04", "B08", "SCL"]
    assert {one.way for one in group.sources} == {way}
    assert all(why in one.why for one in group.sources)


def test_a_grid_of_the_recipe_resamples_all() -> None:
    (group,) = explained([scene()], "{grid: {crs: EPSG:3035, resolution: 20}}")
    assert {(one.way, one.why) for one in group.sources} == {
        ("gdal", "the recipe's grid resamples")
    }


def test_tasks_that_are_alike_are_told_together() -> None:
    tiffs = [scene(f"t{n}") for n in range(3)]
    other = [scene(f"j{n}", media="image/jp2", suffix=".jp2") for n in range(2)]
    groups = explained([tiffs[0], other[0], *tiffs[1:], other[1]])
    assert [(group.tasks, group.first) for group in groups] == [(3, "t0"), (2, "j0")]


def test_assets_of_two_stations_are_told_once_unless_they_differ() -> None:
    same = replace(scene("a"), also=(scene("b"),))
    mixed = replace(scene("c"), also=(scene("d", media="image/jp2", suffix=".jp2"),))
    (one, two) = explained([same, mixed])
    assert len(one.sources) == 3
    assert len(two.sources) == 6
    assert Reading("B04", "gdal", "its item says image/jp2, which is no GeoTIFF") in two.sources


def test_what_only_the_look_reads_is_told_as_such() -> None:
    (group,) = explained([scene()], "{indices: [{near: nir}]}")
    assert [one.asset for one in group.sources] == ["B08", "SCL", "B04"]
    assert [one.way for one in group.sources] == ["tiles", "tiles", "gdal"]
    assert group.sources[-1].why == "only the look at its pixels reads it, and no output"
    assert "B04" not in {
        one.asset
        for one in explained([scene()], "{radiometry: trust, indices: [{near: nir}]}")[0].sources
    }
