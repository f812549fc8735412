"""Sources that reach for what is not their own, and files whose headers contradict themselves."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from scenefleet_task.access import Unsigned
from scenefleet_task.connect import RefusedError, place_of, proxy_of
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError, Patience
from scenefleet_task.http_bytes import HttpBytes
from scenefleet_task.names import Name
from scenefleet_task.reach import Reach
from scenefleet_task.read import Raster, open_bands
from scenefleet_task.spec import Exit
from scenefleet_task.tile_table import contradiction

SIDE = 300
PUBLIC = Reach(origin="public")


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(2).integers(1, 9000, (SIDE, SIDE)).astype(np.uint16)


def write(path: Path, values: np.ndarray, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "crs": "EPSG:32631", "nodata": 0,
               "transform": rasterio.Affine(10, 0, 6e5, 0, -10, 57e5), **more}  # fmt: skip
    with rasterio.open(
        path, "w", dtype=values.dtype, count=1, width=values.shape[1], height=values.shape[0],
        **options,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


def opened(href: object, reach: Reach | None = None) -> Raster:
    name = Name(item="i", asset="a", href=str(href), reach=reach or Reach(origin="file"))
    return open_bands([name], Unsigned())[0]


def refused(href: object, reach: Reach | None = None) -> TaskError:
    """What is said of a source that is not read, neither its header nor its pixels."""

    def read() -> None:
        raster = opened(href, reach)
        try:
            raster.read(raster.grid.whole)
        finally:
            raster.close()

    with pytest.raises(TaskError) as caught:
        read()
    assert "/vsipython" not in caught.value.message
    return caught.value


# --- what a content claims to be

RAW = """<VRTDataset rasterXSize="9" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"
 subClass="VRTRawRasterBand"><SourceFilename relativetoVRT="0">{0}</SourceFilename>
</VRTRasterBand></VRTDataset>"""
SIMPLE = """<VRTDataset rasterXSize="300" rasterYSize="300"><SRS>EPSG:32631</SRS>
<GeoTransform>600000,10,0,5700000,0,-10</GeoTransform><VRTRasterBand dataType="UInt16" band="1">
<NoDataValue>0</NoDataValue>{1}<SimpleSource>
<SourceFilename relativeToVRT="{2}">{0}</SourceFilename>
<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
CLAIMS = {
    "raw VRT": RAW.format("/proc/self/environ").encode(),
    "VRT": SIMPLE.format("/etc/hostname", "", 0).encode(),
    "blanks before": b"\n  " + RAW.format("/proc/self/environ").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + RAW.format("/proc/self/environ").encode(),
    "WMS": b"<GDAL_WMS><Service><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>",
    "WCS": b"<WCS_GDAL><ServiceURL>http://127.0.0.1:9/</ServiceURL></WCS_GDAL>",
    "tile index": b"<GDALTileIndexDataset><IndexDataset>/x</IndexDataset></GDALTileIndexDataset>",
    "KML": b"<?xml version='1.0'?><kml><GroundOverlay/></kml>",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(2000),
    "HDF4": b"\x0e\x03\x13\x01" + bytes(2000),
    "netCDF": b"CDF\x01" + bytes(2000),
    "zip": b"PK\3\4" + bytes(2000),
    "gzip": b"\x1f\x8b" + bytes(2000),
    "GeoPackage": b"SQLite format 3\0" + bytes(2000),
    "JPEG": b"\xff\xd8\xff\xe0" + bytes(2000),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(2000),
    "NITF": b"NITF02.10" + bytes(2000),
    "GRIB": b"GRIB" + bytes(2000),
    "PDF": b"%PDF-1.4" + bytes(2000),
    "text": b"ncols 4\nnrows 4\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2 3 4\n" * 3,
    "a driver's prefix": b"NETCDF:/etc/hostname:x",
    "JSON": b'{"type": "FeatureCollection", "features": []}',
}


@pytest.mark.parametrize("content", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("name", ["a.tif", "a.jp2", "a.vrt"])
def test_no_content_chooses_its_driver(
    range_server: Any, content: bytes, far: bool, name: str
) -> None:
    """A local `.vrt` is the user's own, and is read by its rules; what these hold is not read."""
    (range_server.root / name).write_bytes(content)
    error = refused(range_server.url(name) if far else range_server.root / name)
    assert error.exit in {Exit.SOURCE_UNREADABLE, Exit.SOURCE_DENIED}
    assert "not a raster that is read" in error.message or "VRT is not read" in error.message


def test_a_task_that_is_given_a_raw_vrt_publishes_nothing(kit: Any, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text(RAW.format("/proc/self/environ"))
    bands = tuple(kit.band(name, tmp_path / "a.tif") for name in ("red", "nir"))
    ran = kit.run(kit.document(bands), tmp_path / "store", tmp_path / "work", SECRET="TOPSECRET")
    assert ran.code == Exit.SOURCE_UNREADABLE
    assert "TOPSECRET" not in ran.stderr + ran.stdout
    assert not (tmp_path / "store" / "products").exists()


def test_overviews_in_another_file_are_not_opened(tmp_path: Path, values: np.ndarray) -> None:
    """GDAL does so: a header may name any file."""
    small = np.full((SIDE // 2, SIDE // 2), 77, np.uint16)
    write(tmp_path / "other.tif", small)
    file = write(tmp_path / "a.tif", values)
    with rasterio.open(file, "r+") as dataset:
        dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(tmp_path / "other.tif"))
    with rasterio.open(file) as dataset:
        assert (dataset.read(1, out_shape=small.shape) == 77).all()
    assert "names other files for its overviews" in refused(file).message


def test_a_geolocation_in_another_file_is_not_opened(tmp_path: Path, values: np.ndarray) -> None:
    file = write(tmp_path / "a.tif", values)
    with rasterio.open(file, "r+") as dataset:
        dataset.update_tags(ns="GEOLOCATION", X_DATASET="/etc/x.tif", Y_DATASET="/etc/y.tif")
    assert "names other files for its place" in refused(file).message


def test_nothing_beside_a_file_is_looked_for(range_server: Any, values: np.ndarray) -> None:
    write(range_server.root / "a.tif", values)
    (range_server.root / "a.tif.aux.xml").write_text("<PAMDataset/>")
    raster = opened(range_server.url("a.tif"))
    raster.read(raster.grid.whole)
    raster.read_small((30, 30))
    raster.close()
    assert {request.split("?")[0] for request in range_server.requests} == {"/a.tif"}


def test_a_crs_of_an_address_is_not_asked_for(range_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jp2"
    values = np.zeros((SIDE, SIDE), np.uint8)
    write(file, values, driver="JP2OpenJPEG", GMLJP2="YES", GeoJP2="NO", nodata=None)
    content = file.read_bytes()
    [said] = set(re.findall(rb'srsName="([^"]*)"', content))
    to = range_server.address.encode() + b"/"
    to += b"x" * (len(said) - len(to))
    file.write_bytes(content.replace(said, to))
    assert "no CRS" in refused(file).message
    assert not range_server.requests


def test_a_task_has_few_drivers(tmp_path: Path) -> None:
    """Also after it has warped, which brings VRT; a script has the same."""
    script = (
        "import os; from scenefleet_task.drivers import keep_few; keep_few(os.environ)\n"
        "import rasterio\n"
        "with rasterio.Env() as env: print(sorted(env.drivers()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "task")},
    )  # fmt: skip
    assert ran.stdout.strip() == "['GTiff', 'JP2OpenJPEG', 'MEM', 'Memory', 'PNG']"
    assert not ran.stderr


# --- what is no file


@pytest.mark.parametrize(
    "href",
    ["/vsicurl/http://127.0.0.1/a.tif", "/vsizip//tmp/a.zip/a.tif", "/vsimem/a.tif", "/vsistdin/",
     "/VSICURL?url=http://127.0.0.1/a.tif", "<VRTDataset/>", "GTIFF_DIR:1:/tmp/a.tif",
     "NETCDF:/tmp/a.nc:x", "file:///etc/hostname", "//host/a.tif", "a.tif", "WMS:http://h/",
     "/proc/self/environ", "/dev/zero", "/sys/kernel/x", "ftp://h/a.tif", "\\\\h\\a.tif"],
)  # fmt: skip
def test_what_is_no_plain_path_or_address_is_refused(href: str) -> None:
    error = refused(href)
    assert error.exit is Exit.SOURCE_DENIED
    assert "it is not read: " in error.message


@pytest.mark.parametrize("origin", ["public", "private", "loopback"])
def test_a_local_path_of_a_catalogue_is_refused(
    tmp_path: Path, values: np.ndarray, origin: Any
) -> None:
    file = write(tmp_path / "a.tif", values)
    assert "catalogue on the web" in refused(file, Reach(origin=origin)).message


def test_pipes_sockets_devices_and_links_to_them_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.tif")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.tif"))
        (tmp_path / "zero.tif").symlink_to("/dev/zero")
        (tmp_path / "env.tif").symlink_to("/proc/self/environ")
        (tmp_path / "proc").symlink_to("/proc/self")
        for name in ("fifo.tif", "s.tif", "zero.tif", "env.tif", "proc/environ"):
            error = refused(tmp_path / name)
            assert error.exit in {Exit.SOURCE_UNREADABLE, Exit.SOURCE_DENIED}, name


def test_a_local_file_that_changes_while_it_is_read(tmp_path: Path, values: np.ndarray) -> None:
    file = write(tmp_path / "a.tif", values)
    raster = opened(file)
    with file.open("r+b") as changed:
        changed.seek(5000)
        changed.write(b"other")
    os.utime(file, ns=(0, 0))
    with pytest.raises(TaskError, match="changed while it was read"):
        raster.read(raster.grid.whole)
    raster.close()


# --- addresses


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What names resolve to: a list for each time that they are asked for."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **more)
        found = known[host].pop(0)
        return [one for address in found for one in real(address, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def get(url: str, reach: Reach) -> bytes:
    file = HttpBytes(url, Unsigned(), reach=reach, patience=Patience(tries=1, connect=3))
    try:
        return bytes(file.start(4) or b"")
    finally:
        file.close()


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["192.0.2.1", "127.0.0.1"]])
def test_a_name_that_means_this_machine_is_not_connected_to(
    range_server: Any, names: Any, addresses: list[str]
) -> None:
    (range_server.root / "a.tif").write_bytes(b"II*\0")
    port = range_server.address.rpartition(":")[2]
    for _ in range(2):
        names["files.example"] = [addresses]
        with pytest.raises(FetchError, match="not read from") as caught:
            get(f"http://files.example:{port}/a.tif", PUBLIC)
        assert caught.value.finding.exit is Exit.SOURCE_DENIED
    assert not range_server.requests


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "fe80::1", "::ffff:169.254.169.254"]
)
@pytest.mark.parametrize("origin", ["public", "private", "loopback", "file"])
def test_a_machines_own_services_are_never_asked(names: Any, address: str, origin: Any) -> None:
    names["files.example"] = [[address]]
    with pytest.raises(FetchError, match="network services"):
        get("http://files.example/a.tif", Reach(origin=origin, hosts=("files.example",)))


def test_the_address_that_was_checked_is_the_one_connected_to(
    range_server: Any, names: Any
) -> None:
    """The name means another one a moment later."""
    (range_server.root / "a.tif").write_bytes(b"II*\0")
    port = range_server.address.rpartition(":")[2]
    names["files.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    url = f"http://files.example:{port}/a.tif"
    assert get(url, Reach(origin="loopback")) == b"II*\0"
    assert names["files.example"] == [["169.254.169.254"]]
    with pytest.raises(FetchError, match="network services"):
        get(url, Reach(origin="loopback"))


@pytest.mark.parametrize(
    "to",
    ["http://169.254.169.254", "http://168.63.129.16", "file://", "http://[::ffff:a9fe:a9fe]",
     "http://0x7f.1", "ftp://127.0.0.1", "http://user@127.0.0.1"],
)  # fmt: skip
def test_a_redirect_is_judged_as_any_address(range_server: Any, kit: Any, to: str) -> None:
    range_server.faults["a.tif"] = kit.Fault(redirect=to)
    with pytest.raises(FetchError, match="not read") as caught:
        get(range_server.url("a.tif"), Reach(origin="loopback"))
    assert caught.value.finding.exit is Exit.SOURCE_DENIED
    assert range_server.count("a.tif") == 1


def test_a_redirect_to_this_machine_from_a_named_host(
    range_server: Any, kit: Any, names: Any
) -> None:
    range_server.faults["a.tif"] = kit.Fault(redirect=range_server.address)
    port = range_server.address.rpartition(":")[2]
    names["files.example"] = [["127.0.0.1"]]
    with pytest.raises(FetchError, match="this machine itself"):
        get(f"http://files.example:{port}/a.tif", Reach(origin="public", hosts=("files.example",)))


class Proxy(BaseHTTPRequestHandler):
    """Passes on what it is asked for, by its own idea of where that is."""

    seen: list[tuple[str, str | None]]
    onward: tuple[str, int]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Proxy-Authorization")))
        self.send_response(206)
        self.send_header("Content-Range", "bytes 0-3/4")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"II*\0")


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[Any]]]:
    seen: list[Any] = []
    handler = type("Handler", (Proxy,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


def test_a_proxy_is_used_and_its_own_address_is_not_judged(
    proxy: Any, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = proxy
    monkeypatch.setenv("http_proxy", f"http://me:p%40ss@{address}")
    monkeypatch.setenv("no_proxy", "near.example")
    assert get("http://files.invalid/a.tif?x=1", PUBLIC) == b"II*\0"
    assert seen == [("http://files.invalid/a.tif?x=1", "Basic bWU6cEBzcw==")]
    names["files.example"] = [["127.0.0.1"]]
    with pytest.raises(FetchError, match="this machine itself"):
        get("http://files.example/a.tif", PUBLIC)
    assert proxy_of(place_of("http://near.example/a.tif")) is None
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(RefusedError, match="http:// only"):
        proxy_of(place_of("http://far.example/a.tif"))


# --- tables of tiles

FORMS: dict[str, dict[str, Any]] = {
    "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"},
    "plain tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64},
    "strips": {"blockysize": 16, "compress": "deflate"},
    "BigTIFF": {"blockysize": 16, "bigtiff": "yes"},
    "high byte first": {"blockysize": 16, "ENDIANNESS": "BIG"},
}


def table(data: bytes) -> tuple[str, int, int]:
    """Form of a word, and where offsets and byte counts lie, of 4 or 8 bytes each."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    (place,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, place)
    head, entry = (8, 20) if big else (2, 12)
    found: dict[int, tuple[int, int]] = {}
    for at in range(place + head, place + head + count * entry, entry):
        tag, kind = struct.unpack_from(f"{order}HH", data, at)
        (where,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, at + entry // 2 + 2)
        found[tag] = kind, where
    offsets = found.get(324) or found[273]
    counts = found.get(325) or found[279]
    assert offsets[0] in (4, 16)
    return order, offsets[1] | (offsets[0] == 16) << 60, counts[1] | counts[0] << 56


def with_entry(file: Path, number: int, offset: int | None, count: int | None) -> None:
    data = bytearray(file.read_bytes())
    order, offsets, counts = table(bytes(data))
    wide, place = offsets >> 60 & 1, offsets & (1 << 56) - 1
    if offset is not None:
        form, size = (f"{order}Q", 8) if wide else (f"{order}I", 4)
        struct.pack_into(form, data, place + number * size, offset)
    if count is not None:
        kind, place = counts >> 56, counts & (1 << 56) - 1
        form, size = {3: (f"{order}H", 2), 4: (f"{order}I", 4), 16: (f"{order}Q", 8)}[kind]
        struct.pack_into(form, data, place + number * size, count)
    file.write_bytes(data)


BAD: dict[str, tuple[int | None, int | None, str]] = {
    "no bytes, but a place": (None, 0, "has a place in the file, but no bytes"),
    "no place, but bytes": (0, None, "has bytes, but no place"),
    "in the header": (4, None, "lies in the file's own header"),
    "beyond the file": (4_000_000_000, None, "truncated"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("offset", "count", "said"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("far", [False, True])
def test_contradictory_tables_are_errors(
    range_server: Any, values: np.ndarray, form: Any, offset: Any, count: Any, said: str, far: bool
) -> None:
    file = write(range_server.root / "a.tif", values, **form)
    with_entry(file, 3, offset, count)
    error = refused(range_server.url("a.tif") if far else file)
    assert error.exit is Exit.SOURCE_UNREADABLE
    assert said in error.message


def test_ranges_that_overlap_are_an_error_and_equal_ones_are_not(
    tmp_path: Path, values: np.ndarray
) -> None:
    file = write(tmp_path / "a.tif", values, blockysize=16)
    with rasterio.open(file) as dataset:
        first, second = (
            int(dataset.get_tag_item(f"BLOCK_OFFSET_0_{n}", "TIFF", bidx=1)) for n in (0, 1)
        )
    with_entry(file, 1, first, None)
    raster = opened(file)
    found = raster.read(raster.grid.whole)
    raster.close()
    assert (found[16:32] == values[:16]).all()
    with_entry(file, 1, second + 2, None)
    assert "overlaps with another" in refused(file).message


def test_a_table_of_overviews_or_a_mask_counts_too(
    kit: Any, tmp_path: Path, values: np.ndarray
) -> None:
    file = kit.write(tmp_path / "a.tif", np.tile(values, (2, 2)), tile=128)
    data = file.read_bytes()
    with rasterio.open(file, OVERVIEW_LEVEL=0) as dataset:
        place = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    assert data.count(struct.pack("<I", place)) == 1
    file.write_bytes(data.replace(struct.pack("<I", place), struct.pack("<I", 0)))
    assert "has bytes, but no place" in refused(file).message


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_true_sparse_files_stay_sparse(tmp_path: Path, form: Any) -> None:
    values = np.zeros((SIDE, SIDE), np.uint16)
    values[:10] = 5
    form = {**form, "compress": "lzw"}
    file = write(tmp_path / "a.tif", values, sparse_ok=True, **form)
    raster = opened(file)
    assert (raster.read(raster.grid.whole) == values).all()
    raster.close()


def test_directories_that_go_round_or_on_for_ever_end() -> None:
    empty = struct.pack("<2sHIHI", b"II", 42, 8, 0, 8)
    assert contradiction(lambda start, size: empty[start : start + size], len(empty)) is None
    many = struct.pack("<2sHI", b"II", 42, 8) + b"".join(
        struct.pack("<HI", 0, 8 + 6 * (n + 1)) for n in range(1000)
    )
    assert "directories" in str(contradiction(lambda s, n: many[s : s + n], len(many)))


# --- what GDAL complains of


def test_a_broken_jpeg_is_an_error_and_not_pixels(tmp_path: Path) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    picture = (np.sin(x / 40) * 60 + np.cos(y / 30) * 60 + 128).astype(np.uint8)
    file = write(tmp_path / "a.tif", picture, compress="jpeg", blockysize=16, nodata=None)
    with rasterio.open(file) as dataset:
        place = int(dataset.get_tag_item("BLOCK_OFFSET_0_3", "TIFF", bidx=1))
        size = int(dataset.get_tag_item("BLOCK_SIZE_0_3", "TIFF", bidx=1))
    data = bytearray(file.read_bytes())
    data[place + size // 2 : place + size // 2 + 2] = b"\xff\xd9"  # the picture ends here
    file.write_bytes(data)
    with rasterio.open(file) as dataset:
        dataset.read(1)  # GDAL draws it all the same
    assert refused(file).exit is Exit.SOURCE_UNREADABLE


@pytest.mark.parametrize("compress", ["packbits", "ccittfax3", "ccittfax4", "lzw", "lzma"])
def test_a_strip_cut_short_is_an_error(tmp_path: Path, compress: str) -> None:
    fax = compress.startswith("ccitt")
    values = np.random.default_rng(4).integers(0, 2 if fax else 200, (SIDE, SIDE)).astype(np.uint8)
    more = {"nbits": 1} if fax else {}
    file = write(tmp_path / "a.tif", values, compress=compress, blockysize=16, nodata=None, **more)
    with rasterio.open(file) as dataset:
        size = int(dataset.get_tag_item("BLOCK_SIZE_0_3", "TIFF", bidx=1))
    with_entry(file, 3, None, size // 2)
    assert refused(file).exit is Exit.SOURCE_UNREADABLE


def test_jpeg_2000_cut_short_is_an_error(tmp_path: Path, values: np.ndarray) -> None:
    file = write(tmp_path / "a.jp2", values, driver="JP2OpenJPEG", reversible="YES", quality=100,
                 nodata=None, blockxsize=128, blockysize=128)  # fmt: skip
    raster = opened(file)
    assert (raster.read(raster.grid.whole) == values).all()
    raster.close()
    whole = file.read_bytes()
    for share in (0.3, 0.6, 0.9, 0.99):
        file.write_bytes(whole[: int(len(whole) * share)])
        assert refused(file).exit is Exit.SOURCE_UNREADABLE


def test_deflate_in_strips_is_checked_to_its_last_byte(tmp_path: Path, values: np.ndarray) -> None:
    """libtiff stops before the checksum."""
    file = write(tmp_path / "a.tif", values, compress="deflate", blockysize=16)
    with rasterio.open(file) as dataset:
        place = int(dataset.get_tag_item("BLOCK_OFFSET_0_3", "TIFF", bidx=1))
        size = int(dataset.get_tag_item("BLOCK_SIZE_0_3", "TIFF", bidx=1))
    data = bytearray(file.read_bytes())
    data[place + size - 1] ^= 1
    file.write_bytes(data)
    assert "deflate says" in refused(file).message


# --- memory


def test_blocks_as_large_as_images_are_refused_with_the_number(kit: Any, tmp_path: Path) -> None:
    values = np.random.default_rng(5).integers(1, 9000, (6000, 6000)).astype(np.uint16)
    file = write(tmp_path / "a.tif", values, compress="deflate", blockysize=6000)
    bands = tuple(kit.band(name, file) for name in ("red", "nir"))
    document = kit.document(bands)
    small, usual = (
        kit.run(document, tmp_path / m, tmp_path / f"w{m}", SCENEFLEET_MEMORY=m)
        for m in ("220000000", "500000000")
    )
    assert small.code == Exit.SOURCE_UNREADABLE
    assert "6000 x 6000 pixels) takes" in small.result.message
    assert "resources.memory" in small.result.message
    assert small.result.peak_memory_mb < 220
    assert usual.code == 0, usual.result.message
    assert usual.result.peak_memory_mb < 500


# --- the user's own VRT


def vrt(path: Path, source: object, more: str = "", relative: int = 0) -> Path:
    path.write_text(SIMPLE.format(source, more, relative))
    return path


@pytest.mark.parametrize("relative", [False, True])
def test_a_vrt_of_local_rasters_is_read(tmp_path: Path, values: np.ndarray, relative: bool) -> None:
    file = write(tmp_path / "a.tif", values)
    mosaic = vrt(tmp_path / "m.vrt", "a.tif" if relative else file, "", int(relative))
    raster = opened(mosaic)
    assert (raster.read(raster.grid.whole) == values).all()
    assert raster.nodata == 0
    raster.close()


def test_a_task_reads_the_users_vrt_and_no_other(
    kit: Any, tmp_path: Path, values: np.ndarray
) -> None:
    write(tmp_path / "red.tif", values)
    write(tmp_path / "nir.tif", values[::-1].copy())
    for name in ("red", "nir"):
        vrt(tmp_path / f"{name}.vrt", f"{name}.tif", "", 1)
    documents = [
        kit.document(tuple(kit.band(name, tmp_path / f"{name}.{kind}") for name in ("red", "nir")))
        for kind in ("vrt", "tif")
    ]
    found = []
    for n, document in enumerate(documents):
        ran = kit.run(document, tmp_path / f"s{n}", tmp_path / f"w{n}")
        assert ran.code == 0, ran.result.message
        [made] = (tmp_path / f"s{n}").rglob("ndvi.tif")
        found.append(kit.read(made))
    assert (found[0] == found[1]).all()


VRTS = {
    "another VRT": "<X/>m.vrt",
    "an address": "http://127.0.0.1:9/a.tif",
    "a virtual file system": "/vsicurl/http://127.0.0.1:9/a.tif",
    "a driver's prefix": "NETCDF:/etc/x.nc:v",
    "a file of the system": "/proc/self/environ",
    "text": "/etc/hostname",
    "a file that is not there": "/nowhere/a.tif",
    "XML": "&lt;VRTDataset/&gt;",
}


@pytest.mark.parametrize("source", VRTS.values(), ids=VRTS)
def test_a_vrts_sources_are_held_to_the_rules(tmp_path: Path, source: str) -> None:
    mosaic = tmp_path / "m.vrt"
    text = SIMPLE.format(source, "", 0)
    if source.startswith("<X/>"):
        vrt(tmp_path / "other.vrt", "/etc/hostname")
        text = SIMPLE.format(tmp_path / "other.vrt", "", 0)
    mosaic.write_text(text)
    assert "the VRT is not read" in refused(mosaic).message


@pytest.mark.parametrize(
    "more",
    ["<PixelFunctionType>f</PixelFunctionType>",
     "<PixelFunctionLanguage>Python</PixelFunctionLanguage>",
     "<Overview><SourceFilename>/etc/x.tif</SourceFilename></Overview>",
     "<KernelFilteredSource/>", "<AveragedSource/>", "<ArraySource/>"],
)  # fmt: skip
def test_what_else_a_vrt_may_hold_is_refused_by_name(
    tmp_path: Path, values: np.ndarray, more: str
) -> None:
    file = write(tmp_path / "a.tif", values)
    error = refused(vrt(tmp_path / "m.vrt", file, more))
    assert "which is not read; convert it with gdal_translate -of COG" in error.message


@pytest.mark.parametrize("kind", ["VRTWarpedDataset", "VRTPansharpenedDataset",
                                  "VRTProcessedDataset"])  # fmt: skip
def test_derived_vrts_are_refused(tmp_path: Path, values: np.ndarray, kind: str) -> None:
    file = write(tmp_path / "a.tif", values)
    mosaic = vrt(tmp_path / "m.vrt", file)
    mosaic.write_text(mosaic.read_text().replace("<VRTDataset", f'<VRTDataset subClass="{kind}"'))
    assert f"of the kind '{kind}'" in refused(mosaic).message


def test_entities_of_a_vrt_do_not_grow(tmp_path: Path) -> None:
    mosaic = tmp_path / "m.vrt"
    mosaic.write_text('<!DOCTYPE a [<!ENTITY b "bbb">]>' + SIMPLE.format("&b;", "", 0))
    assert "declares entities" in refused(mosaic).message


@pytest.mark.parametrize(
    ("beside", "text", "named"),
    [
        ("a.tif.msk", "", "the mask a.tif.msk beside it"),
        ("a.tif.aux.xml", "<P><NoDataValue>7</NoDataValue></P>", "a nodata number in a.tif.aux"),
        ("a.aux.xml", "<P><SRS>EPSG:32631</SRS></P>", "a CRS in a.aux.xml"),
    ],
)
def test_what_lies_beside_a_file_of_a_vrt_is_not_passed_over(
    tmp_path: Path, values: np.ndarray, beside: str, text: str, named: str
) -> None:
    """GDAL reads it there, and a mask that is passed over makes pixels valid that are none."""
    file = write(tmp_path / "a.tif", values)
    mosaic = vrt(tmp_path / "m.vrt", file)
    (tmp_path / beside).write_text(text)
    assert named in str(refused(mosaic))


def test_a_corrupt_file_of_a_vrt_is_named(tmp_path: Path, values: np.ndarray) -> None:
    file = write(tmp_path / "a.tif", values, compress="lzma", blockysize=16)
    mosaic = vrt(tmp_path / "m.vrt", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
    file.write_bytes(data)
    assert refused(mosaic).exit is Exit.SOURCE_UNREADABLE
