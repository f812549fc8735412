"""What Planetary Computer and Earth Search really answered; and real items of real pixels."""

import json

import pytest

from scenefleet.catalog import access, check_of, decide, find_band, search
from scenefleet.catalog.masks import find_masks

PC = "https://planetarycomputer.microsoft.com/api/stac/v1/"


@pytest.fixture
def recorded(need):
    folder = need("shared") / "data/stac"

    def load(name):
        return json.loads((folder / f"{name}.json").read_text())

    return load


@pytest.fixture
def planetary_computer(recorded, stac_api):
    """The recorded landing page and collection, and 33 recorded items in pages of 10."""
    api = stac_api(recorded("pc_search_s2l2a_b0212_33")["features"], level="cql2", page=10)
    api.counts = None  # as the real one, which never says how many match
    landing = json.dumps(recorded("pc_landing")).replace(PC, api.url)
    api.landing = json.loads(landing)
    collection = json.dumps(recorded("pc_collection_sentinel-2-l2a")).replace(PC, api.url)
    api.raw["/collections/sentinel-2-l2a"] = (200, "application/json", collection)
    return api


def test_planetary_computer_by_post_pages(planetary_computer, query, patience, tmp_path):
    asked = query(
        planetary_computer.url, cloud_below=70, bbox=[166, 53, 175, 60], dates="2019-01-01"
    )
    result = search(asked, base=tmp_path, patience=patience)
    clouds = [
        item["properties"]["eo:cloud_cover"]
        for item in planetary_computer.items
        if item["properties"]["eo:cloud_cover"] < 70
    ]
    assert len(result.items) == len(clouds) > 10
    assert result.notes == (
        "The scenes cover 40.2% of the area; for the rest the server gave nothing that passes "
        "cloud_below 70.",
    )
    assert result.dropped == ()
    assert planetary_computer.searches[0][1]["filter-lang"] == "cql2-json"


def test_all_recorded_scenes_and_what_a_plan_needs_of_them(
    planetary_computer, query, patience, tmp_path
):
    result = search(query(planetary_computer.url), base=tmp_path, patience=patience)
    assert len(result.items) == 33
    assert len(planetary_computer.searches) == 4
    for scene in result.items:
        assert access(scene) == "planetary-computer"
        assert (find_band(scene, "red"), find_band(scene, "nir")) == ("B04", "B08")
        assert decide(scene, "B04").rule == "s2-baseline<04.00"
        assert [key for key, _ in find_masks(scene)] == ["SCL"]
        assert scene.assets["B04"].shape == (10980, 10980)
        assert scene.assets["SCL"].gsd == 20
        assert scene.assets["B04"].href.startswith("https://sentinel2l2a01.blob.core.windows.net/")


@pytest.mark.parametrize(
    ("file", "collection", "count", "rules"),
    [
        ("pc_s2l2a_one_tile_two_months_13", "sentinel-2-l2a", 13, {"s2-baseline<04.00"}),
        ("pc_s2l2a_two_items", "sentinel-2-l2a", 2, {"s2-baseline>=04.00"}),
        ("pc_items_landsat-c2-l2_page_next", "landsat-c2-l2", 10, {"landsat-c2-l2"}),
        ("e84v1_search_s2_landsat_next", "sentinel-2-l2a", 1, {"earthsearch-offset-applied"}),
        ("e84v1_search_s2_landsat_next", "landsat-c2-l2", 1, {"landsat-c2-l2"}),
    ],
)
def test_recorded_answers_as_files_of_items(need, query, file, collection, count, rules):
    asked = query(f"{file}.json", collections=[collection])
    result = search(asked, base=need("shared") / "data/stac")
    assert len(result.items) == count
    bands = [(scene, find_band(scene, name)) for scene in result.items for name in ("red", "nir")]
    found = [decide(scene, key) for scene, key in bands]
    assert {one.rule for one in found} == rules
    assert {one.confidence for one in found} == {"certain"}
    for one, (scene, _) in zip(found, bands, strict=True):
        assert (check_of([one], scene, "refuse") is None) == (collection == "landsat-c2-l2")
    assert "sig=" not in "".join(json.dumps(scene.to_json()) for scene in result.items)


@pytest.mark.parametrize(
    ("folder", "collection", "count", "rule", "masks"),
    [
        ("exeter-2024", "sentinel-2-l2a", 3, "s2-baseline>=04.00", ["SCL"]),
        ("nl-border-2019", "sentinel-2-l1c", 1, "s2-baseline<04.00", []),
        ("monthly-2021", "sentinel-2-l2a-monthly", 12, "earthsearch-offset-applied", []),
        ("landsat-2019", "landsat-c2-l2", 1, "landsat-c2-l2", ["qa_pixel"]),
    ],
)
def test_items_of_real_pixels(need, query, folder, collection, count, rule, masks):
    data = need("shared") / "data"
    result = search(query(f"{folder}/items.json", collections=[collection]), base=data)
    assert len(result.items) == count
    for scene in result.items:
        key = find_band(scene, "nir")
        assert decide(scene, key).rule == rule
        assert [name for name, _ in find_masks(scene)] == masks
        assert access(scene) == "none"
        assert scene.assets[key].href == str(data / folder / scene.id / f"{key}.tif")


@pytest.mark.parametrize(
    ("file", "name", "key", "scale", "offset", "unit"),
    [
        ("e84v1_search_s2_landsat_next", "lwir", "lwir11", 0.00341802, 149, "kelvin"),
        ("e84v1_search_s2_landsat_next", "nir", "nir08", 2.75e-05, -0.2, "reflectance"),
        ("pc_items_landsat-c2-l2_page_next", "coastal", "coastal", 2.75e-05, -0.2, "reflectance"),
    ],
)
def test_landsats_bands_by_any_common_name(need, query, file, name, key, scale, offset, unit):
    asked = query(f"{file}.json", collections=["landsat-c2-l2"])
    scene = search(asked, base=need("shared") / "data/stac").items[0]
    assert find_band(scene, name) == key
    one = decide(scene, key)
    assert (one.scale, one.offset, one.unit, one.nodata) == (scale, offset, unit, 0)
    assert [key for key, _ in find_masks(scene)] == ["qa_pixel", "qa_radsat"]


def test_the_bits_of_landsats_masks_are_as_the_recorded_items_say(need, query):
    asked = query("e84v1_search_s2_landsat_next.json", collections=["landsat-c2-l2"])
    (scene,) = search(asked, base=need("shared") / "data/stac").items
    told = {}
    for key, _ in find_masks(scene):
        for bit in scene.document["assets"][key]["classification:bitfields"]:
            told[key, bit["offset"]] = bit["name"]
    (_, pixel), (_, radsat) = find_masks(scene)
    assert {told["qa_pixel", bit] for bit in pixel.always} == {"fill"}
    kinds = {kind: [told["qa_pixel", bit] for bit in bits] for kind, bits in pixel.kinds.items()}
    assert kinds == {
        "clouds": ["dilated_cloud", "cirrus", "cloud"],
        "shadows": ["cloud_shadow"],
        "snow": ["snow"],
        "water": ["water"],
    }
    saturated = [told["qa_radsat", bit] for bit, why in radsat.always.items() if why == "saturated"]
    assert saturated == [f"band{n}" for n in range(1, 8)]
    assert told["qa_radsat", 11] == "occlusion"
    assert radsat.always[11] == "nodata"
