"""Names the kind of a file that is given as an area and is no GeoJSON, and what converts it."""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path
from typing import Any, cast

from scenefleet.inputs import parse_json

_MAGIC = (
    (b"SQLite format 3\0", "a GeoPackage"),
    (b"\x00\x00\x27\x0a", "a shapefile"),
    (b"PAR1", "a Parquet file"),
    (b"fgb\x03", "a FlatGeobuf"),
    (b"ARROW1", "an Arrow file"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"II*\0", "a TIFF, which is a raster"),
    (b"MM\0*", "a TIFF, which is a raster"),
    (b"II+\0", "a TIFF, which is a raster"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG"),
    (b"\x89HDF", "an HDF5 file"),
)
_BESIDE_SHP = (".shx", ".dbf", ".prj", ".cpg", ".sbn", ".qpj")
_WKT = re.compile(
    r"\s*(SRID\s*=\s*\d+\s*;\s*)?(MULTI)?(POLYGON|POINT|LINESTRING|CURVE|SURFACE)\s*[ZM]*\s*\("
    r"|\s*GEOMETRYCOLLECTION\s*[ZM]*\s*\(",
    re.IGNORECASE,
)
_TO_GEOJSON = "ogr2ogr -f GeoJSON -t_srs EPSG:4326"
_BYTES = 4096
"""Of a file, that tell what it is."""


def foreign(data: bytes, path: Path) -> str | None:
    """Describes a file's kind and how it becomes GeoJSON; None where it may be GeoJSON.

    Args:
        data: the file's bytes.
        path: for its name, and for the command.
    """
    head = data[:_BYTES]
    if head[:2] == b"PK":
        return _zipped(path)
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return _told(what, path, _command_for(what, path))
    if path.suffix.lower() in _BESIDE_SHP:
        shp = path.with_suffix(".shp")
        return _told(f"a part of the shapefile {shp.name}", path, convert(shp))
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _told("text in UTF-16", path, _recode("UTF-16", path))
    return _text(head.removeprefix(b"\xef\xbb\xbf"), path)


def foreign_folder(path: Path) -> str:
    """Describes a folder that is given as an area."""
    if path.suffix.lower() == ".gdb":
        return _told("a File Geodatabase", path, f"{convert(path)} LAYER")
    return f"{str(path)!r} is a folder; an area is a GeoJSON file"


def foreign_json(value: Any, path: Path) -> str | None:  # noqa: ANN401 - any JSON value
    """Describes JSON that is no GeoJSON, as far as its kind is known; else None."""
    if not isinstance(value, dict):
        return None
    members = cast("dict[str, Any]", value)
    if members.get("type") == "Topology":
        return _told("TopoJSON", path, convert(path))
    if "geometryType" in members or "rings" in members:
        return _told("Esri's JSON", path, convert(path))
    return None


def lines_of_json(text: str, path: Path) -> str | None:
    """Tells whether a text that is no JSON is GeoJSON a line (a GeoJSON text sequence)."""
    lines = [line.lstrip("\x1e") for line in text.splitlines() if line.strip()][:2]
    try:
        values = [parse_json(line) for line in lines]
    except ValueError:
        return None
    if len(values) < 2 or not all(isinstance(value, dict) for value in values):
        return None
    return _told("GeoJSON with a feature a line", path, convert(path, driver="GeoJSONSeq:"))


def not_utf8(path: Path) -> str:
    """Tells what to do with a text in another encoding."""
    return _told("text in another encoding than UTF-8", path, _recode("ISO-8859-1", path))


def is_wkt(text: str) -> bool:
    """Tells whether a text is a geometry as Well-Known Text."""
    return _WKT.match(text) is not None


def convert(path: Path, *, more: str = "", driver: str = "") -> str:
    """The command that makes GeoJSON in degrees of a file that GDAL reads."""
    options = f" {more}" if more else ""
    return f"{_TO_GEOJSON}{options} {_target(path)} {driver}{shlex.quote(str(path))}"


def _text(head: bytes, path: Path) -> str | None:
    text = head.decode("utf-8", errors="replace").lstrip()
    if text.startswith("<"):
        return _markup(text[:1000].lower(), path)
    if is_wkt(text):
        script = "import shapely; print(shapely.to_geojson(shapely.from_wkt(open({!r}).read())))"
        command = shlex.join(["python3", "-c", script.format(str(path))])
        return _told("Well-Known Text", path, f"{command} > {_target(path)}")
    if path.suffix.lower() in (".csv", ".tsv"):
        more = "-s_srs EPSG:4326 -oo GEOM_POSSIBLE_NAMES=wkt,WKT,geometry,geom,the_geom"
        return _told("a table", path, convert(path, more=more))
    if "\0" in text:
        return f"{str(path)!r} is no text and of no kind that is known; an area is a GeoJSON file"
    return None


def _markup(start: str, path: Path) -> str:
    if "<html" in start or "<!doctype html" in start:
        return f"{str(path)!r} is a web page; the download may have failed"
    if "<gpx" in start:
        return f"{str(path)!r} is GPX, which holds points and lines; an area is made of polygons"
    return _told("KML" if "<kml" in start else "XML (GML, perhaps)", path, convert(path))


def _zipped(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            names = [name.lower() for name in file.namelist()[:1000]]
    except (OSError, zipfile.BadZipFile):
        names = []
    inside = Path(f"/vsizip/{path}")
    target = _target(path)
    for suffix, what in ((".kml", "a KMZ (zipped KML)"), (".shp", "a zipped shapefile")):
        if any(name.endswith(suffix) for name in names):
            return _told(what, path, f"{_TO_GEOJSON} {target} {shlex.quote(str(inside))}")
    if any(".gdb/" in name for name in names):
        command = f"{_TO_GEOJSON} {target} {shlex.quote(str(inside))} LAYER"
        return _told("a zipped File Geodatabase", path, command)
    return f"{str(path)!r} is a zip file; unpack it, and name the GeoJSON file in it as `area`"


def _command_for(what: str, path: Path) -> str | None:
    if what in ("a shapefile", "a FlatGeobuf", "a Parquet file", "an Arrow file"):
        return convert(path)
    if what == "a GeoPackage":
        return f"{convert(path)} (then the layer's name, where it holds several)"
    if "gzip" not in what:
        return None
    # by redirection: gunzip itself refuses a name that does not end in `.gz`
    plain = path.with_suffix("") if path.suffix == ".gz" else path.with_stem(f"{path.stem}-plain")
    return f"gunzip < {shlex.quote(str(path))} > {shlex.quote(str(plain))}"


def _told(what: str, path: Path, command: str | None) -> str:
    text = f"{str(path)!r} is {what}, and an area is read from GeoJSON"
    return text if command is None else f"{text}. This converts it:  {command}"


def _recode(encoding: str, path: Path) -> str:
    source = shlex.quote(str(path))
    return f"iconv -f {encoding} -t UTF-8 {source} > {_target(path, 'utf8')}"


def _target(path: Path, mark: str = "4326") -> str:
    """A name for the file that a command makes, other than its source's."""
    name = path.with_suffix(".geojson").name
    return shlex.quote(f"{path.stem}-{mark}.geojson" if name == path.name else name)
