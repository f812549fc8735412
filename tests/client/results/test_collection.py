"""The product's STAC collection: pystac opens it, validates it, and a copied folder still holds."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pystac
import pytest
from pystac.extensions.render import RenderExtension
from pystac.validation import JsonSchemaSTACValidator
from pystac.validation.stac_validator import GetSchemaError

from scenefleet.catalog.globe import span
from scenefleet.errors import StoreError
from scenefleet.recipe import PublishedPart
from scenefleet.results.collection import build_collection, item_assets, write_collection
from scenefleet.results.footprint import bounds, rings

StacItem = Callable[..., dict[str, Any]]


class OfflineValidator(JsonSchemaSTACValidator):
    """Validates against the core schemas that pystac ships; notes extensions, whose are online."""

    def __init__(self) -> None:
        super().__init__()
        self.extensions: set[str] = set()
        self.validated: list[str] = []

    def _get_schema(self, schema_uri: str) -> dict[str, Any]:
        if schema_uri not in self.schema_cache:
            raise GetSchemaError(schema_uri, ConnectionError("tests fetch no schema"))
        return super()._get_schema(schema_uri)

    def validate_core(self, stac_dict: dict[str, Any], *args: Any, **kwargs: Any) -> str | None:
        found = super().validate_core(stac_dict, *args, **kwargs)
        assert found, "no schema was applied"
        self.validated.append(stac_dict["id"])
        return found

    def validate_extension(self, *args: Any, **kwargs: Any) -> str | None:
        self.extensions.add(args[3] if len(args) > 3 else kwargs["extension_id"])
        return None


@pytest.fixture
def validator():
    before = pystac.validation.RegisteredValidator.get_validator()
    offline = OfflineValidator()
    pystac.validation.set_validator(offline)
    yield offline
    pystac.validation.set_validator(before)


@pytest.fixture
def product(store, fleet, stac_item: StacItem) -> list[str]:
    """The finished scenes as items and small files in the store; their ids."""
    done = [outcome for outcome in fleet.outcomes if outcome.state == "done"]
    for outcome in done:
        store.write(outcome.item_path, json.dumps(stac_item(outcome)).encode())
        for path in outcome.outputs.values():
            store.write(path, b"pixels")
    return [outcome.item for outcome in done]


def test_pystac_opens_and_validates_the_folder(root: Path, store, product, validator):
    assert write_collection(store, "ndvi-gelderland") == len(product) == 24
    path = root / "products/ndvi-gelderland/collection.json"
    collection = pystac.Collection.from_file(str(path))
    collection.validate_all()
    assert sorted(validator.validated) == sorted(["ndvi-gelderland", *product])
    assert "https://stac-extensions.github.io/render/v2.0.0/schema.json" in validator.extensions
    assert [item.id for item in collection.get_items()] == sorted(
        product, key=lambda item: item.split("_")[2]
    )


def test_the_validator_of_these_tests_refuses_what_is_wrong(root: Path, store, product, validator):
    write_collection(store, "ndvi-gelderland")
    path = root / "products/ndvi-gelderland/collection.json"
    broken = json.loads(path.read_text()) | {"extent": {"spatial": {"bbox": [[1]]}}}
    with pytest.raises(pystac.errors.STACValidationError):
        validator.validate_core(broken, pystac.STACObjectType.COLLECTION, "1.1.0")


def test_a_copied_folder_keeps_all_its_links(root: Path, store, product, tmp_path, validator):
    write_collection(store, "ndvi-gelderland")
    copy = tmp_path / "elsewhere" / "copy"
    shutil.move(root / "products/ndvi-gelderland", copy)
    collection = pystac.Collection.from_file(str(copy / "collection.json"))
    items = list(collection.get_items())
    assert len(items) == 24
    for item in items:
        assert item.get_root() is collection
        assert item.get_parent() is collection
        assert item.get_collection() is collection
        for asset in item.get_assets().values():
            assert Path(asset.get_absolute_href() or "").is_relative_to(copy)
            assert Path(asset.get_absolute_href() or "").read_bytes() == b"pixels"


def test_the_collection_is_the_same_however_the_store_lists(root: Path, store, product, tmp_path):
    write_collection(store, "ndvi-gelderland")
    path = root / "products/ndvi-gelderland/collection.json"
    first = path.read_bytes()
    assert write_collection(store, "ndvi-gelderland") == 24
    assert path.read_bytes() == first

    items = [
        (p.relative_to(path.parent).as_posix(), json.loads(p.read_text()))
        for p in path.parent.glob("*/*.json")
    ]
    for order in (items, items[::-1]):
        assert build_collection("ndvi-gelderland", order) == json.loads(first)


def test_extent_summaries_and_assets_come_from_the_items(root: Path, store, product, fleet):
    write_collection(store, "ndvi-gelderland")
    text = (root / "products/ndvi-gelderland/collection.json").read_text()
    collection = json.loads(text)
    done = [outcome for outcome in fleet.outcomes if outcome.state == "done"]
    points = [p for outcome in done for p in outcome.geometry["coordinates"][0]]
    xs, ys = zip(*points, strict=True)
    assert collection["extent"]["spatial"]["bbox"] == [[min(xs), min(ys), max(xs), max(ys)]]
    times = sorted(outcome.datetime for outcome in done)
    assert collection["extent"]["temporal"]["interval"] == [[times[0], times[-1]]]
    clouds = [outcome.cloud_cover for outcome in done]
    assert collection["summaries"]["eo:cloud_cover"] == {
        "minimum": min(clouds),
        "maximum": max(clouds),
    }
    assert collection["summaries"]["platform"] == ["Sentinel-2A", "Sentinel-2B"]
    assert collection["item_assets"]["ndvi"]["raster:scale"] == 0.0001
    # what differs from item to item is not said of all
    assert not {"href", "file:size", "file:checksum", "statistics"} & {
        field for asset in collection["item_assets"].values() for field in asset
    }
    assert "https://stac-extensions.github.io/file/v2.1.0/schema.json" not in text


def test_the_licence_is_other_with_the_sources_terms(root: Path, store, product):
    write_collection(store, "ndvi-gelderland")
    path = root / "products/ndvi-gelderland/collection.json"
    collection = json.loads(path.read_text())
    assert collection["license"] == "other"
    terms = [link for link in collection["links"] if link["rel"] == "license"]
    assert [link["href"] for link in terms] == [
        "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
    ]
    assert [provider["name"] for provider in collection["providers"]] == ["ESA"]


def test_licence_links_of_items_win_over_what_is_known(fleet, stac_item: StacItem):
    item = stac_item(fleet.outcomes[0])
    item["links"].append({"rel": "license", "href": "https://example.org/terms"})
    item["links"].append({"rel": "license", "href": "javascript:alert(1)"})
    made = build_collection("p", [("a/a.json", item)])
    links = [link["href"] for link in made["links"] if link["rel"] == "license"]
    assert links == ["https://example.org/terms"]


def test_renders_tell_a_tile_server_how_to_draw_stored_numbers(root: Path, store, product):
    write_collection(store, "ndvi-gelderland")
    path = root / "products/ndvi-gelderland/collection.json"
    collection = pystac.Collection.from_file(str(path))
    renders = RenderExtension.ext(collection).renders
    assert list(renders) == ["ndvi", "reason"]
    assert renders["reason"].colormap == {"0": [255, 255, 255, 255], "4": [160, 190, 215, 255]}
    assert renders["ndvi"].assets == ["ndvi"]
    assert renders["ndvi"].rescale == [[-2000.0, 10000.0]]
    assert renders["ndvi"].nodata == -32768
    assert renders["ndvi"].colormap_name == "rdylgn"


def test_renders_read_the_scale_of_an_only_band(fleet, stac_item: StacItem):
    item = stac_item(fleet.outcomes[0])
    asset = item["assets"]["ndvi"]
    band = {"name": "ndvi", "raster:scale": asset.pop("raster:scale"), "statistics": {"mean": 0.4}}
    asset["bands"] = [band]
    made = build_collection("p", [("a/a.json", item)])
    assert made["renders"]["ndvi"]["rescale"] == [[-2000.0, 10000.0]]
    assert made["item_assets"]["ndvi"]["bands"] == [{"name": "ndvi", "raster:scale": 0.0001}]


def test_what_assets_do_not_share_is_left_out():
    def item(title: str, unit: str) -> dict[str, Any]:
        return {"assets": {"ndvi": {"href": "x", "title": title, "unit": unit, "roles": ["data"]}}}

    assert item_assets([item("NDVI", "1"), item("NDVI", "%")]) == {
        "ndvi": {"title": "NDVI", "roles": ["data"]}
    }


def test_a_product_without_items_gets_no_collection(root: Path, store):
    assert write_collection(store, "empty") == 0
    assert not root.exists()
    with pytest.raises(ValueError, match="has no items"):
        build_collection("empty", [])


def test_files_that_are_no_items_are_passed_over(store, product):
    store.write("products/ndvi-gelderland/notes.json", b"{}")
    store.write("products/ndvi-gelderland/a/b.json", b"{}")
    store.write("products/ndvi-gelderland/a/deeper/deeper.json", b"{}")
    assert write_collection(store, "ndvi-gelderland") == 24


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"type": "Catalog"}', b"\xff\xfe"])
def test_a_broken_item_is_named_with_what_to_do(root: Path, store, product, data):
    store.write("products/ndvi-gelderland/broken/broken.json", data)
    with pytest.raises(StoreError, match=r"broken/broken\.json is no STAC item.*Delete the file"):
        write_collection(store, "ndvi-gelderland")
    assert not (root / "products/ndvi-gelderland/collection.json").exists()


def test_paths_are_written_as_urls(fleet, stac_item: StacItem):
    made = build_collection("p", [("50%/50%.json", stac_item(fleet.outcomes[0]))])
    assert made["links"][-1]["href"] == "./50%25/50%25.json"


def test_items_without_bbox_use_their_geometry(fleet, stac_item: StacItem):
    item = stac_item(fleet.outcomes[0])
    expected = item.pop("bbox")
    made = build_collection("p", [("a/a.json", item)])
    assert made["extent"]["spatial"]["bbox"] == [expected]


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(3.0, 4.0), (5.5, 7.0)], (3.0, 7.0)),
        ([(-10.0, -5.0), (5.0, 10.0)], (-10.0, 10.0)),
        ([(179.0, -179.0)], (179.0, -179.0)),
        ([(176.0, 178.0), (-179.0, -177.0)], (176.0, -177.0)),
        ([(170.0, -170.0), (-172.0, -160.0)], (170.0, -160.0)),
        ([(-180.0, 180.0)], (-180.0, 180.0)),
        ([(-180.0, 0.0), (0.0, 180.0)], (-180.0, 180.0)),
        ([(-100.0, 100.0), (120.0, 130.0)], (-100.0, 130.0)),
        ([], (-180.0, 180.0)),
    ],
)
def test_span_is_the_narrowest_stretch_round_the_globe(intervals, expected):
    assert span(intervals) == expected


def test_rings_run_on_over_the_antimeridian():
    jump = [[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0], [179.0, 0.0]]
    (ring,) = rings({"type": "Polygon", "coordinates": [jump]})
    assert [x for x, _ in ring] == [179.0, 181.0, 181.0, 179.0, 179.0]
    assert bounds([ring]) == (179.0, 0.0, -179.0, 1.0)


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[["a", 1]]]},
        {"type": "Polygon", "coordinates": [[[float("nan"), 1.0], [1.0, 2.0]]]},
        {"type": "Polygon", "coordinates": [[[1.0, 99.0], [1.0, 2.0]]]},
        {"type": "GeometryCollection"},
    ],
)
def test_a_geometry_that_cannot_be_drawn_has_no_rings(geometry):
    assert rings(geometry) == []
    assert bounds(rings(geometry)) is None


ABOUT = PublishedPart.model_validate(
    {
        "title": "NDVI of Gelderland",
        "description": "Made for *us*.",
        "license": "CC-BY-4.0",
        "license_url": "https://example.org/terms",
        "providers": [{"name": "Us", "url": "https://example.org", "roles": ["processor", "host"]}],
        "keywords": ["ndvi"],
    }
)


def test_the_recipe_says_title_licence_and_providers(root: Path, store, product, validator):
    write_collection(store, "ndvi-gelderland", ABOUT)
    path = root / "products/ndvi-gelderland/collection.json"
    collection = pystac.Collection.from_file(str(path))
    collection.validate()
    assert (collection.title, collection.description) == ("NDVI of Gelderland", "Made for *us*.")
    assert (collection.license, collection.keywords) == ("CC-BY-4.0", ["ndvi"])
    told = [(one.name, one.roles, one.url) for one in collection.providers]
    assert told == [
        ("Us", ["processor", "host"], "https://example.org"),
        ("ESA", ["producer"], "https://sentinels.copernicus.eu/"),
    ]
    terms = [link.href for link in collection.links if link.rel == "license"]
    assert terms[0] == "https://example.org/terms"
    assert "sentinel.esa.int" in terms[1]


def test_a_thumbnail_is_among_the_collections_assets(root: Path, store, product, fleet, validator):
    write_collection(store, "ndvi-gelderland")
    path = root / "products/ndvi-gelderland/collection.json"
    collection = pystac.Collection.from_file(str(path))
    collection.validate()
    thumbnail = collection.assets["thumbnail"]
    assert (thumbnail.media_type, thumbnail.roles) == ("image/png", ["thumbnail"])
    assert Path(thumbnail.get_absolute_href()).read_bytes() == b"pixels"


def test_the_thumbnail_is_of_the_scene_with_most_valid_pixels(fleet, stac_item: StacItem):
    shares = [40.0, 90.0, 90.0, float("nan"), None]
    items = [
        (f"a {n}/a {n}.json", stac_item(outcome, **{"scenefleet:valid_percent": share}))
        for n, (outcome, share) in enumerate(zip(fleet.outcomes[::2], shares, strict=False))
    ]
    del items[1][1]["assets"]["thumbnail"]
    assert build_collection("p", items)["assets"]["thumbnail"] == {
        "href": "./a%202/thumbnail.png",
        "title": f"Thumbnail of {items[2][1]['id']}",
        "roles": ["thumbnail"],
        "type": "image/png",
    }
    for _, item in items:
        item["assets"].pop("thumbnail", None)
    assert "assets" not in build_collection("p", items)
