"""Areas: split at the antimeridian, as RFC 7946 asks; mended and told of, or refused by feature."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape

from scenefleet.recipe import parse
from scenefleet.recipe.area import area_of, box, read, unite


def polygon(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_an_area_within_is_kept_as_it_is():
    assert unite(polygon(170, 0, 180, 1)) == polygon(170, 0, 180, 1)


@pytest.mark.parametrize(
    ("bounds", "same"),
    [
        ((179, 0, 181, 1), (179, 0, -179, 1)),
        ((-181, 0, -179, 1), (179, 0, -179, 1)),
        ((185, 0, 190, 1), (-175, 0, -170, 1)),
        ((170, 0, 360, 1), (170, 0, 0, 1)),
        ((0, -1, 360, 1), (-180, -1, 180, 1)),
        ((-360, -1, 0, 1), (-180, -1, 180, 1)),
    ],
)
def test_an_area_beyond_is_split_and_turned(bounds, same):
    area = unite(polygon(*bounds))
    assert area["type"] in ("Polygon", "MultiPolygon")
    assert shape(area).is_valid
    assert shape(area).equals(shape(box(same)))


def test_features_on_both_sides_are_united():
    features = [polygon(179, 0, 181, 1), polygon(-181, 1, -179, 2), polygon(-179.5, 0, -178, 1)]
    collection = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": geometry} for geometry in features],
    }
    area = shape(unite(collection))
    assert area.area == pytest.approx(2 + 2 + 1)
    assert area.bounds == (-180, 0, 180, 2)


def test_a_hole_over_the_antimeridian():
    holed = polygon(178, 0, 182, 2)
    holed["coordinates"] += polygon(179, 0.5, 181, 1.5)["coordinates"]
    assert shape(unite(holed)).area == pytest.approx(8 - 2)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((359, 0, 361, 1), "not degrees"),
        ((-361, 0, -359, 1), "not degrees"),
        ((0, 89, 1, 91), "not degrees"),
        ((-200, 0, 200, 1), "round the globe more than once"),
    ],
)
def test_what_is_no_area_on_earth(bounds, words):
    with pytest.raises(ValueError, match=words):
        unite(polygon(*bounds))


@pytest.mark.parametrize(
    ("bounds", "same"),
    [((180, 0, -170, 1), (-180, 0, -170, 1)), ((170, 0, -180, 1), (170, 0, 180, 1))],
)
def test_a_box_that_ends_at_the_antimeridian_has_no_flat_half(bounds, same):
    assert box(bounds) == polygon(*same)


@pytest.mark.parametrize("bounds", [(180, 0, -180, 1), (5, 0, 5, 1)])
def test_a_box_without_width(bounds):
    with pytest.raises(ValueError, match="no width"):
        box(bounds)


# --- bad and careless GeoJSON

BOWTIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
EMPTY = {"type": "Polygon", "coordinates": []}
POINT = {"type": "Point", "coordinates": [5, 52]}


def feature(geometry, **properties):
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


def test_overlapping_parts_are_united():
    parts = [polygon(5, 52, 5.1, 52.1), polygon(5.05, 52.05, 5.15, 52.15)]
    value = {"type": "MultiPolygon", "coordinates": [part["coordinates"] for part in parts]}
    area = area_of(value)
    assert shape(area.geometry).is_valid
    assert shape(area.geometry).area == pytest.approx(2 * 0.01 - 0.0025)
    assert area.notes == ()


def test_a_bad_polygon_among_many_is_mended_and_named():
    fields = [feature(polygon(n, 0, n + 0.5, 1), name=f"field {n}") for n in range(1, 21)]
    fields.insert(7, feature(BOWTIE, name="the bow"))
    area = area_of(collection(*fields))
    assert shape(area.geometry).is_valid
    assert shape(area.geometry).area == pytest.approx(20 * 0.5 + 0.5)
    (note,) = area.notes
    assert note.startswith("feature 8 ('the bow') is not valid (Self-intersection[0.5 0.5])")


@pytest.mark.parametrize(
    ("coordinates", "area"),
    [
        ([[[0, 0], [2, 0], [1, 1], [2, 2], [0, 2], [1, 1], [0, 0]]], 2),  # touches itself
        ([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0], [1, 2], [2, 2], [2, 1], [0, 0]]], 16 - 2),
        ([[[0, 0], [0, 1], [1, 1], [1, 0]]], 1),  # not closed
        ([[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]], 1),  # the other way round
        ([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]], 15),
        ([[[0, 0, 7], [1, 0, 7], [1, 1, 7], [0, 1, 7], [0, 0, 7]]], 1),
        ([[[0, 0, 7, 1], [1, 0, 7, 2], [1, 1, 7, 3], [0, 1, 7, 4], [0, 0, 7, 1]]], 1),
        ([[[0, 0], [0, 0], [1, 0], [1, 0], [1, 1], [0, 1], [0, 0]]], 1),  # positions twice
        ([[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], []], 1),  # an empty hole
    ],
)
def test_rings_of_all_sorts(coordinates, area):
    geometry = unite({"type": "Polygon", "coordinates": coordinates})
    assert shape(geometry).is_valid
    assert not shape(geometry).has_z
    assert shape(geometry).area == pytest.approx(area)


def test_the_area_is_never_smaller_where_a_ring_crosses_itself():
    star = [[0, 3], [2, -3], [-3, 1], [3, 1], [-2, -3], [0, 3]]
    geometry = unite({"type": "Polygon", "coordinates": [star]})
    assert shape(geometry).covers(shapely.Point(0, 0)), "gone round twice is not outside"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (feature(None, id=7), "feature 2 (7) has no geometry"),
        (feature(EMPTY, NAME="x"), "feature 2 ('x') is empty"),
        (feature({"type": "MultiPolygon", "coordinates": []}), "feature 2 is empty"),
        (feature({"type": "MultiPolygon", "coordinates": [[], [[]]]}), "feature 2 is empty"),
        (feature(POINT), "feature 2 is a Point"),
        (feature({"type": "LineString", "coordinates": [[5, 52], [6, 52]]}), "is a LineString"),
        (feature({"type": "GeometryCollection", "geometries": [POINT]}), "feature 2 is a Point"),
        (feature(polygon(179, 0, -179, 1)), "feature 2 goes 358 degrees in one step"),
        (feature({"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1]]]}), "not closed"),
    ],
)  # fmt: skip
def test_what_is_passed_over_is_told(other, words):
    area = area_of(collection(feature(polygon(5, 52, 6, 53)), other))
    (note,) = area.notes
    assert words in note


def test_many_notes_are_counted():
    area = area_of(collection(*[feature(BOWTIE)] * 9))
    assert len(area.notes) == 6
    assert "4 more" in area.notes[-1]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (collection(feature(None)), "feature 1 has no geometry"),
        (POINT, "no polygon but Point; .* `bbox"),
        (EMPTY, "is empty"),
        (collection(feature(polygon(5, 52, 6, 53)), feature({"type": "Polygon", "coordinates":
         [[[0, 0], [1, 1], [0, 0]]]}, name="a line")), r"feature 2 \('a line'\): .*2 different"),
        (feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}),
         "the feature is not valid .* and has no area"),
        (feature({"type": "Polygon", "coordinates": [[["a", 0], [1, 1], [2, 2]]]}), "0] is no"),
        (feature({"type": "Polygon", "coordinates": [[None, [1, 1], [2, 2]]]}), "None is no posit"),
        (feature({"type": "Polygon", "coordinates": [[[True, 1], [1, 1], [2, 2]]]}), "no position"),
        (feature({"type": "Polygon", "coordinates": 5}), "5 is no list"),
        (feature({"type": "Polygon"}), "None is no list"),
        (feature({"type": "Polygon", "coordinates": {"a": 1}}), "is no list"),
        ({"type": "FeatureCollection"}, "`features`: .*None is no list"),
        (collection(None), "feature 1 is no GeoJSON object"),
        (feature({"type": "Circle"}, name="c"), r"feature \('c'\) has the type 'Circle'"),
        (feature(polygon(52, 100, 53, 101)), "look like latitude and longitude"),
        (feature(polygon(120_000, 480_000, 121_000, 481_000)), "look like metres"),
        (feature(polygon(0, 0, float("nan"), 1)), "malformed"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(value, words):
    with pytest.raises(ValueError, match=words):
        area_of(value)


def test_collections_without_an_end_are_refused():
    value = polygon(0, 0, 1, 1)
    for _ in range(50):
        value = {"type": "GeometryCollection", "geometries": [value]}
    with pytest.raises(ValueError, match="collections within collections"):
        area_of(value)


@pytest.mark.parametrize(
    ("crs", "good"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", True),
        ("urn:ogc:def:crs:EPSG::4326", True),
        ("EPSG:4326", True),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", True),
        ("WGS 84", True),
        ("urn:ogc:def:crs:EPSG::28992", False),
        ("EPSG:43260", False),
        ("WGS 84 / UTM zone 31N", False),
        ("urn:ogc:def:crs:EPSG::3857", False),
    ],
)
def test_the_old_member_crs(crs, good):
    value = polygon(5, 52, 6, 53) | {"crs": {"type": "name", "properties": {"name": crs}}}
    if good:
        assert unite(value)["type"] == "Polygon"
    else:
        with pytest.raises(ValueError, match="names another CRS, '"):
            unite(value)


@pytest.mark.parametrize("bounds", [(52, 100, 53, 101), (-10, 170, 5, 175)])
def test_a_swapped_box_gets_a_hint(bounds):
    with pytest.raises(ValueError, match="look like latitude and longitude"):
        box(bounds)


# --- files

SQUARE = json.dumps(polygon(5, 52, 6, 53))


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_byte_order_mark_is_read(tmp_path):
    path = written(tmp_path, "a.geojson", b"\xef\xbb\xbf" + SQUARE.encode())
    assert read(path).geometry == polygon(5, 52, 6, 53)


def zipped(folder, name, *inside):
    with zipfile.ZipFile(folder / name, "w") as file:
        for one in inside:
            file.writestr(one, "x")
    return folder / name


FOREIGN = [
    ("a.gpkg", b"SQLite format 3\0" + bytes(100), "a GeoPackage", "ogr2ogr -f GeoJSON -t_srs"),
    ("a.shp", b"\0\0\x27\x0a" + bytes(96), "a shapefile", "EPSG:4326 a.geojson"),
    ("a.dbf", b"\x03abc", "a part of the shapefile a.shp", "a.shp"),
    ("a.parquet", b"PAR1" + bytes(50), "a Parquet file", "ogr2ogr"),
    ("a.fgb", b"fgb\x03fgb\x01", "a FlatGeobuf", "ogr2ogr"),
    ("a.kml", b"<?xml version='1.0'?><kml xmlns='x'>", "KML", "ogr2ogr"),
    ("a.geojson", b"<?xml version='1.0'?><kml xmlns='x'>", "KML", "a-4326.geojson"),
    ("a.gml", b"<gml:FeatureCollection>", "XML", "ogr2ogr"),
    ("a.gpx", b"<gpx>", "GPX", "polygons"),
    ("a.html", b"<!DOCTYPE html><html>", "a web page", "download"),
    ("a.wkt", b"POLYGON ((5 52, 6 52, 6 53, 5 52))", "Well-Known Text", "shapely.from_wkt"),
    ("a.txt", b"SRID=4326;MULTIPOLYGON (((5 52, 6 52, 6 53, 5 52)))", "Well-Known", "python3 -c"),
    ("a.csv", b"id,wkt\n1,POINT (1 2)\n", "a table", "GEOM_POSSIBLE_NAMES"),
    ("a.geojson", "{}".encode("utf-16"), "text in UTF-16", "iconv -f UTF-16"),
    ("a.geojson", b'{"type": "Polygon\xe9"}', "another encoding than UTF-8", "iconv"),
    ("a.tif", b"II*\0" + bytes(9), "a TIFF", "raster"),
    ("a.geojson.gz", b"\x1f\x8b" + bytes(9), "gzip", "gunzip < "),
    ("a.geojson", b"\x1f\x8b" + bytes(9), "gzip", "a-plain.geojson"),
    ("a.bin", b"\0\1\2", "no text", "GeoJSON"),
    ("a.json", b'{"type": "Topology", "objects": {}}', "TopoJSON", "ogr2ogr"),
    ("a.json", b'{"geometryType": "esriGeometryPolygon", "features": []}', "Esri's", "ogr2ogr"),
    ("a.jsonl", b'{"type": "Feature"}\n{"type": "Feature"}\n', "a feature a line", "GeoJSONSeq:"),
    ("a.geojson", b'\x1e{"a": 1}\n\x1e{"a": 1}\n', "a feature a line", "GeoJSONSeq:"),
    ("a.geojson", b"[" * 100_000, "no GeoJSON", "nested"),
    ("a.geojson", b"{'type'", "no GeoJSON", ""),
    ("a.geojson", b"", "no GeoJSON", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "what", "command"), FOREIGN)
def test_a_file_that_is_no_geojson_is_named(tmp_path, name, data, what, command):
    path = written(tmp_path, name, data)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are looked at here
        read(path)
    assert what in str(caught.value)
    assert command in str(caught.value)


def test_zip_files_are_named_by_what_is_in_them(tmp_path):
    for name, inside, what in (
        ("a.kmz", "doc.kml", r"KMZ .*/vsizip/.*a\.kmz"),
        ("b.zip", "x/fields.shp", "a zipped shapefile"),
        ("c.zip", "x.gdb/a.gdbtable", "a zipped File Geodatabase"),
        ("d.zip", "a.geojson", "unpack it"),
    ):
        with pytest.raises(ValueError, match=what):
            read(zipped(tmp_path, name, inside))
    with pytest.raises(ValueError, match="zip"):
        read(written(tmp_path, "e.zip", b"PK\x03\x04broken"))


def test_folders_are_named(tmp_path):
    (tmp_path / "a.gdb").mkdir()
    with pytest.raises(ValueError, match="a File Geodatabase"):
        read(tmp_path / "a.gdb")
    with pytest.raises(ValueError, match="is a folder"):
        read(tmp_path)


def test_the_command_for_well_known_text_does_it(tmp_path):
    """The others are of GDAL's own program, which a machine may lack."""
    path = written(tmp_path, "my area's.wkt", b"POLYGON ((5 52, 6 52, 6 53, 5 53, 5 52))")
    with pytest.raises(ValueError, match="converts it") as caught:
        read(path)
    command = str(caught.value).partition("converts it:  ")[2]
    script = f"PATH={Path(sys.executable).parent}:$PATH; {command}"
    subprocess.run(["bash", "-c", script], check=True, cwd=tmp_path)
    assert shape(read(tmp_path / "my area's.geojson").geometry).area == 1


def test_a_projected_file_gets_the_command(tmp_path):
    value = polygon(1, 1, 2, 2) | {"crs": {"type": "name", "properties": {"name": "EPSG:28992"}}}
    with pytest.raises(ValueError, match=r"EPSG:28992.*ogr2ogr -f GeoJSON -t_srs EPSG:4326 a-4326"):
        read(written(tmp_path, "a.geojson", json.dumps(value).encode()))
    value = polygon(120_000, 480_000, 121_000, 481_000)
    with pytest.raises(ValueError, match=r"look like metres.*-s_srs EPSG:CODE"):
        read(written(tmp_path, "a.geojson", json.dumps(value).encode()))


def test_a_recipe_keeps_the_notes_and_shows_them_to_none_of_its_copies(tmp_path):
    written(tmp_path, "a.geojson", json.dumps(feature(BOWTIE, name="x")).encode())
    text = "version: 1\nname: a\nsearch: {area: a.geojson}"
    recipe = parse(text, tmp_path / "recipe.yaml")
    (note,) = recipe.search.area_notes
    assert "('x')" in note
    assert "area_notes" not in recipe.search.model_dump_json()


def test_text_in_place_of_a_file(tmp_path):
    with pytest.raises(ValueError, match="Well-Known Text; write `bbox"):
        read(tmp_path / "POLYGON ((5 52, 6 52, 6 53, 5 52))")


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ("[4.95, 52.0, 4.9, 52.02]", "crosses the antimeridian and is 359.95 degrees wide; west"),
        ("[170, 0, -170, 1]", None),
        ("[4.9, 52.0, 4.95, 52.02]", None),
    ],
)
def test_a_box_with_west_and_east_exchanged_is_noted(bounds, words):
    recipe = parse(f"version: 1\nname: a\nsearch: {{bbox: {bounds}}}\n", Path("r.yaml"))
    notes = recipe.search.area_notes
    assert [note.startswith("`search.bbox`: this box") for note in notes] == [True] * bool(words)
    assert all(words in note for note in notes)


def test_an_area_that_is_empty_or_in_another_encoding_says_so(tmp_path):
    file = tmp_path / "latin.geojson"
    for blank in (b"", b"\n \n", b"\xef\xbb\xbf"):
        file.write_bytes(blank)
        with pytest.raises(ValueError, match="is no GeoJSON: it is empty"):
            read(file)
    file.write_bytes('{"type": "Feature", "name": "Fläche"}'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"iconv .* > latin-utf8\.geojson"):
        read(file)
