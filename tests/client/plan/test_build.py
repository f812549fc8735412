"""Scenes become the right task documents, the same ones each time."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely

from scenefleet.catalog import Scene, from_json, search
from scenefleet.errors import CatalogError
from scenefleet.plan import estimate, plan
from scenefleet.plan.common import common_pixels
from scenefleet.recipe import Recipe, parse
from scenefleet_task import spec

Need = Callable[[str], Path]


def recipe(more: str = "", search: str = "{}") -> Recipe:
    return parse(f"version: 1\nname: test\nsearch: {search}\n{more}", Path("recipe.yaml"))


def scene(**changes: Any) -> Scene:
    """A Sentinel-2 scene of Planetary Computer, as small as it can be."""
    names = {"B04": "red", "B08": "nir", "SCL": None}
    host = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2"
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2A_X",
        "collection": "sentinel-2-l2a",
        "bbox": [5.0, 51.0, 6.0, 52.0],
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]],
        },
        "properties": {"datetime": "2023-06-01T10:50:29Z", "s2:processing_baseline": "05.09"},
        "assets": {
            key: {"href": f"{host}/{key}.tif", "type": "image/tiff; application=geotiff",
                  **({"eo:bands": [{"name": key, "common_name": name}]} if name else {})}
            for key, name in names.items()
        },
        "links": [{"rel": "self", "href": "https://planetarycomputer.microsoft.com/api/stac/v1/x"}],
    }  # fmt: skip
    return from_json(item | changes)


def test_a_document_holds_all_that_the_task_needs() -> None:
    (document,) = plan(recipe(), [scene()]).documents
    assert [(b.name, b.asset, b.scale, b.offset) for b in document.parts[0].bands] == [
        ("nir", "B08", 1e-4, -0.1),
        ("red", "B04", 1e-4, -0.1),
    ]
    (mask,) = document.parts[0].masks
    assert {rule.bits for rule in mask.rules} == {0xFFFF}
    assert tuple((rule.value, rule.reason) for rule in mask.rules) == (
        (0, "nodata"), (1, "saturated"), (3, "shadow"), (8, "cloud"), (9, "cloud"), (10, "cloud"),
    )  # fmt: skip
    assert document.access == "planetary-computer"
    assert spec.decode(spec.encode(document)) == document


def test_the_same_input_gives_the_same_plan() -> None:
    first, second = plan(recipe(), [scene()]), plan(recipe(), [scene()])
    assert first == second
    assert first.id == second.id


def test_the_id_follows_what_is_computed_and_nothing_else() -> None:
    base = plan(recipe(), [scene()]).documents[0].id
    assert plan(recipe("compute: {retries: 3}\noutput: {store: elsewhere}"), [scene()]).documents[
        0
    ].id == base  # fmt: skip
    assert plan(recipe("process: {indices: [gndvi, ndvi]}"), [with_green()]).documents[0].id != base
    assert plan(recipe("process: {mask: none}"), [scene()]).documents[0].id != base
    older = scene(
        properties={"datetime": "2023-06-01T10:50:29Z", "s2:processing_baseline": "03.01"}
    )
    assert plan(recipe(), [older]).documents[0].id != base


def test_what_a_product_says_of_itself_is_no_part_of_an_id() -> None:
    plain = plan(recipe(), [scene()])
    told = plan(recipe("output: {collection: {title: A, license: CC0-1.0}}"), [scene()])
    assert told.documents[0] == plain.documents[0]
    assert told.id == plain.id


def with_green() -> Scene:
    one = scene()
    green = replace(one.assets["B04"], common_names=("green",))
    return replace(one, assets={**one.assets, "B03": green})


def test_another_port_of_a_mirror_is_the_same_task() -> None:
    ids = set()
    for port in (1234, 4321):
        item = json.loads(json.dumps(scene().to_json()))
        for key, asset in item["assets"].items():
            asset["href"] = f"http://127.0.0.1:{port}/{key}.tif"
        item["scenefleet:origin"] = "loopback"
        ids.add(plan(recipe(), [from_json(item)]).documents[0].id)
    assert len(ids) == 1


def test_ids_that_would_leave_the_folder_or_collide_do_not() -> None:
    scenes = [
        scene(id="../../etc/x"),
        scene(id="a/b"),
        scene(id="a-b"),
        scene(id="a-b", collection="sentinel-2-l1c"),
    ]
    folders = [document.folder for document in plan(recipe(), scenes).documents]
    assert len(set(folders)) == 4
    for folder in folders:
        assert "/" not in folder
        assert not folder.startswith(".")


def test_a_scene_without_a_band_is_left_out_and_named() -> None:
    bare = scene(id="bare", assets={"B04": scene().to_json()["assets"]["B04"]})
    made = plan(recipe(), [scene(), bare])
    assert [document.source.id for document in made.documents] == ["S2A_X"]
    assert made.left_out[0].item == "bare"
    assert "nir" in made.left_out[0].reason


def test_no_scene_with_the_band_is_an_error() -> None:
    with pytest.raises(CatalogError, match=r"The only scene cannot be computed:\n.*swir16"):
        plan(recipe("process: {indices: [ndmi]}"), [scene()])


def test_a_mask_without_classification_says_what_to_write() -> None:
    assets = {k: v for k, v in scene().to_json()["assets"].items() if k != "SCL"}
    with pytest.raises(CatalogError, match="mask: none"):
        plan(recipe(), [scene(assets=assets)])
    assert (
        plan(recipe("process: {mask: none}"), [scene(assets=assets)]).documents[0].parts[0].masks
        == ()
    )


def test_a_large_area_is_cut_to_the_scene() -> None:
    ring = [[5 + n / 1000, 51.0] for n in range(900)] + [[5.9, 51.9], [0.0, 60.0], [5.0, 51.0]]
    area = json.dumps({"type": "Polygon", "coordinates": [ring]})
    (document,) = plan(recipe("process: {clip: true}", f"{{area: {area}}}"), [scene()]).documents
    assert document.clip is not None
    longitudes = [point[0] for point in document.clip["coordinates"][0]]
    assert min(longitudes) >= 5.0 - 0.021


def test_a_small_area_is_kept_as_it_is() -> None:
    (document,) = plan(
        recipe("process: {clip: true}", "{bbox: [5.1, 51.1, 5.2, 51.2]}"), [scene()]
    ).documents
    assert document.clip is not None
    assert len(document.clip["coordinates"][0]) == 5


def test_a_recorded_answer_of_planetary_computer_plans(need: Need) -> None:
    folder = need("shared") / "data/stac"
    asked = parse(
        "version: 1\nname: pc\nsearch: {catalog: pc_s2l2a_one_tile_two_months_13.json, "
        "dates: 2020-06-01/2020-07-31, cloud_below: 10}",
        folder / "recipe.yaml",
    )
    found = search(asked.search, base=folder)
    made = plan(asked, found.items)
    assert len(made.documents) == 11
    assert made.left_out == ()
    for document in made.documents:
        assert document.access == "planetary-computer"
        (part,) = document.parts
        assert [(b.asset, b.offset, b.rule) for b in part.bands] == [
            ("B08", 0.0, "s2-baseline<04.00"),
            ("B04", 0.0, "s2-baseline<04.00"),
        ]
        assert part.masks[0].href.endswith("_SCL_20m.tif")
        assert "?" not in part.masks[0].href
        assert part.check is not None
        assert (part.check.said, [band.name for band in part.check.look]) == (
            "removed", ["red", "nir"],
        )  # fmt: skip
        assert len(spec.encode(document)) < 4000
    assert [d.source.datetime for d in made.documents] == sorted(
        d.source.datetime for d in made.documents
    )
    assert made.id == plan(asked, search(asked.search, base=folder).items).id


def boxed(west: float, east: float) -> Scene:
    """Within one side of the antimeridian, or across it where west is greater than east."""
    parts = [(west, east)] if west < east else [(west, 180), (-180, east)]
    rings = [[[[w, 51], [e, 51], [e, 52], [w, 52], [w, 51]]] for w, e in parts]
    geometry = {"type": "MultiPolygon", "coordinates": rings}
    return scene(bbox=[west, 51, east, 52], geometry=geometry)


@pytest.mark.parametrize(
    ("first", "second", "box"),
    [
        ((5, 6), (5.5, 7), (5, 7)),
        ((5.5, 7), (5, 6), (5, 7)),
        ((179, 179.9), (-180, -179.5), (179, -179.5)),
        ((-180, -179.5), (179, 179.9), (179, -179.5)),
        ((179.5, -179.8), (179.2, -179.9), (179.2, -179.8)),
        ((179.5, -179.8), (-179.9, -179.1), (179.5, -179.1)),
        ((179, 180), (178, 179.5), (178, 180)),
        ((-180, 180), (5, 6), (-180, 180)),
    ],
)
def test_the_box_of_united_items_goes_the_short_way_round(
    first: tuple[float, float], second: tuple[float, float], box: tuple[float, float]
) -> None:
    whole = replace(boxed(*first), also=(boxed(*second),))
    (document,) = plan(recipe(), [whole]).documents
    west, south, east, north = document.source.bbox
    assert (west, east) == box
    assert (south, north) == (51, 52)


BOX = "{bbox: [5.1, 51.1, 5.2, 51.2]}"
GRID = "process: {clip: %s, mask: none, grid: {crs: %s, resolution: %s}}"


@pytest.mark.parametrize(
    ("clip", "crs", "resolution", "pixels"),
    [
        ("true", "EPSG:32631", 10, 6_980 * 11_120 / 100),  # a tenth of a degree, at 51 degrees
        ("true", "EPSG:32631", 2, 6_980 * 11_120 / 4),
        ("false", "EPSG:32631", 100, 69_400 * 111_200 / 10_000),
        ("true", "EPSG:4326", 0.0001, 1000 * 1000 * 0.628),
        ("true", "EPSG:2263", 10, 6_980 * 11_120 / 3.048**2),  # in feet
    ],
)
def test_the_estimate_knows_a_common_grid(
    clip: str, crs: str, resolution: float, pixels: float
) -> None:
    asked = recipe(GRID % (clip, crs, resolution), BOX)
    made = plan(asked, [scene()])
    assert common_pixels(made.documents[0]) == pytest.approx(pixels, rel=0.02)
    guess = estimate(made, [scene()], asked, slots=2, cores=2)
    assert guess.bytes_out == pytest.approx(1.55 * pixels, rel=0.02)


def test_a_grid_too_fine_is_refused_before_anything_runs() -> None:
    wide = "{bbox: [5, 51, 6, 52]}"
    with pytest.raises(CatalogError, match=r"about 7\.7e\+11 pixels.*\(metre\): write") as refused:
        plan(recipe(GRID % ("true", "EPSG:32631", 0.1), wide), [scene()])
    fits = str(refused.value).partition("write ")[2].split()[0]
    assert plan(recipe(GRID % ("true", "EPSG:32631", fits), wide), [scene()]).documents
    with pytest.raises(CatalogError, match=r"0\.0001` is in units of the CRS \(metre\)"):
        plan(recipe(GRID % ("true", "EPSG:3035", 0.0001), wide), [scene()])


def test_trust_takes_one_guess_for_an_item_whose_bands_disagree() -> None:
    item = scene().to_json()
    for key, offset in (("B04", 0), ("B08", -0.1)):
        item["assets"][key]["raster:bands"] = [{"scale": 0.0001, "offset": offset}]
    made = plan(recipe("process: {radiometry: trust}"), [from_json(item)])
    assert {band.offset for band in made.documents[0].parts[0].bands} == {0}


def test_a_choice_among_resolutions_is_told_once() -> None:
    host = "https://example.org"
    keys = ("B04_10m", "B04_20m", "B04_60m", "B08_10m", "B8A_20m", "SCL_20m")
    assets = {key: {"href": f"{host}/{key}.tif", "type": "application/geotiff"} for key in keys}
    scenes = [scene(id=f"S2A_{n}", assets=assets) for n in range(3)]
    made = plan(recipe(), scenes)
    assert [band.asset for band in made.documents[2].parts[0].bands] == ["B08_10m", "B04_10m"]
    assert made.notes == (
        "red is read from B04_10m, the finest; there are B04_20m, B04_60m as well",
    )
    assert plan(recipe(), [scene()]).notes == ()


def clipped(geometry: dict[str, Any]) -> str:
    search = json.dumps({"area": geometry})
    with pytest.raises(CatalogError) as caught:
        plan(recipe("process: {clip: true, mask: none, radiometry: trust}", search), [scene()])
    return str(caught.value)


def test_a_clip_of_too_many_fields_says_so_and_what_works() -> None:
    """Circles of 16 vertices whose coordinates compress badly."""
    places = [(5.1 + n % 40 * 0.02, 51.1 + n // 40 * 0.02) for n in range(1000)]
    circles = [
        shapely.Point(x + x * y % 0.001, y).buffer(0.004 + y * x % 0.001, quad_segs=4)
        for x, y in places
    ]
    told = clipped(json.loads(shapely.to_geojson(shapely.MultiPolygon(circles))))
    assert "a clip of 1,000 fields in one scene is not supported yet" in told
    for way in ("leave `process.clip` out", "fewer fields, about ", "one simple outline"):
        assert way in told


def test_a_clip_of_one_long_outline_says_so() -> None:
    ring = shapely.Point(5.5, 51.5).buffer(0.3, quad_segs=1500)
    told = clipped(json.loads(shapely.to_geojson(ring)))
    assert "many vertices of the area" in told
    assert "fields" not in told
