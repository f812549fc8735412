"""Which addresses may be read, by where the items came from; forms that hide what they mean."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scenefleet_task.reach import (
    Origin,
    Reach,
    address_problem,
    file_problem,
    href_problem,
    is_local_name,
    least_trusted,
    origin_of,
)

ORIGINS: tuple[Origin, ...] = ("public", "private", "loopback", "file")
EVERYWHERE = (
    "",
    " ",
    "http://",
    "https:///data/x.tif",
    "http:/127.0.0.1/x.tif",
    "http:/\\127.0.0.1/x.tif",
    "http:\\\\127.0.0.1\\x.tif",
    "http:127.0.0.1/x.tif",
    " http://files.example/x.tif",
    "http://files.example/x.tif\n",
    "http://files.example\t/x.tif",
    "http://files.example/a b.tif",
    "http://files.example/\x1b[31m.tif",
    "http://files.example/\u202ex.tif",
    "ftp://files.example/x.tif",
    "s3://bucket/x.tif",
    "gs://bucket/x.tif",
    "data:image/tiff;base64,AAAA",
    "jar:http://files.example/x.zip!/x.tif",
    "file://files.example/x.tif",
    "file:///proc/self/environ",
    "FILE:/etc/passwd",
    "/proc/self/environ",
    "/proc",
    "/dev/stdin",
    "/dev/fd/3",
    "/sys/class/net/eth0/address",
    "/data/../proc/self/environ",
    "//proc/self/environ",
    "/./proc/self/environ",
    "//files.example/x.tif",
    "x.tif",
    "../x.tif",
    "~/x.tif",
    "/vsicurl/http://files.example/x.tif",
    "/VSICURL/http://files.example/x.tif",
    "/vsicurl?url=http://files.example/x.tif",
    "/vsicurl_streaming/http://files.example/x.tif",
    "/vsis3/bucket/x.tif",
    "/vsizip//data/x.zip/x.tif",
    "/vsisubfile/0_100,/data/x.tif",
    "/vsimem/x.tif",
    "/vsistdin/",
    "/vsistdin?buffer_limit=-1",
    "/vsi",
    "http://files.example/vsicurl/http://127.0.0.1/x.tif",
    "http://files.example/%2Fvsizip/x.tif",
    "http://files.example/%252Fvsizip/x.tif",
    "https://files.example/read?url=http://127.0.0.1/x.tif",
    "https://files.example/read?a=1&URL=file:///etc/passwd",
    "https://files.example/read?a=1%26url%3Dfile:///etc/passwd",
    "<VRTDataset></VRTDataset>",
    "/data/<VRTDataset>",
    "<GDAL_WMS></GDAL_WMS>",
    "http://files.example/<VRTDataset>",
    "vrt:///data/x.tif?bands=1",
    "vrt://http://files.example/x.tif",
    "NETCDF:/data/x.nc:red",
    'HDF5:"/data/x.h5"://red',
    "GTIFF_DIR:1:/data/x.tif",
    "GTIFF_RAW:/data/x.tif",
    "WMS:http://files.example/",
    "WCS:http://files.example/",
    "PG:host=files.example",
    "MEM:::DATAPOINTER=1",
    '{"type":"streamed"}',
    "http://user@files.example/x.tif",
    "http://user:word@files.example/x.tif",
    "http://files.example:80@127.0.0.1/x.tif",
    "http://files.example%40127.0.0.1/x.tif",
    "http://files.example#@127.0.0.1/x.tif",
    "http://files.example/x.tif#sig=word",
    "http://files.example/x.tif#",
    "http://files.example:0/x.tif",
    "http://files.example:99999/x.tif",
    "http://files.example:8x/x.tif",
    "http://files..example/x.tif",
    "http://-/x.tif",
    "http://files.exa%6dple/x.tif",
    "http://%31%32%37.0.0.1/x.tif",
    "http://\uff18.8.8.8/x.tif",
    "http://\uff11\uff12\uff17\uff0e\uff10\uff0e\uff10\uff0e\uff11/x.tif",
    "http://127\u30020\u30020\u30021/x.tif",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/x.tif",
    "http://\u24dbocalhost/x.tif",
    "http://m\u00fcller.example/x.tif",
    "http://2130706433/x.tif",
    "http://0x7f000001/x.tif",
    "http://0x7f.0.0.1/x.tif",
    "http://0X7F.1/x.tif",
    "http://017700000001/x.tif",
    "http://0177.0.0.1/x.tif",
    "http://127.1/x.tif",
    "http://127.0.1/x.tif",
    "http://127.0.0.1./x.tif",
    "http://127.0.0.01/x.tif",
    "http://1.2.3.4.5/x.tif",
    "http://files.example.0x7f/x.tif",
    "http://0/x.tif",
    "http://0.0.0.0/x.tif",
    "http://0.1.2.3/x.tif",
    "http://[::]/x.tif",
    "http://[::1/x.tif",
    "http://::1/x.tif",
    "http://[::1%25lo]/x.tif",
    "http://[2600::1%25eth0]/x.tif",
    "http://[::ffff:0.0.0.0]/x.tif",
    "http://255.255.255.255/x.tif",
    "http://240.0.0.1/x.tif",
    "http://224.0.0.1/x.tif",
    "http://[ff02::1]/x.tif",
    "http://169.254.169.254/metadata/identity",
    "http://169.254.169.254:80/x.tif",
    "http://169.254.0.1/x.tif",
    "http://2852039166/x.tif",
    "http://0xA9FEA9FE/x.tif",
    "http://[fe80::1]/x.tif",
    "http://[fe80::1%25eth0]/x.tif",
    "http://[::ffff:169.254.169.254]/x.tif",
    "http://[::ffff:a9fe:a9fe]/x.tif",
    "http://[0:0:0:0:0:ffff:169.254.169.254]/x.tif",
    "http://[::169.254.169.254]/x.tif",
    "http://[::ffff:0:a9fe:a9fe]/x.tif",
    "http://[64:ff9b::169.254.169.254]/x.tif",
    "http://[64:ff9b:1::169.254.169.254]/x.tif",
    "http://[64:ff9b:1:a9fe:a9:fe00::]/x.tif",
    "http://[2002:a9fe:a9fe::1]/x.tif",
    "http://[2001:0:a9fe:a9fe::1]/x.tif",
    "http://[2600::5efe:169.254.169.254]/x.tif",
    "http://[2600::200:5efe:169.254.169.254]/x.tif",
    "http://168.63.129.16/x.tif",
    "http://[::ffff:168.63.129.16]/x.tif",
    "http://[64:ff9b::a83f:8110]/x.tif",
    "http://100.100.100.200/x.tif",
    "http://192.0.0.192/x.tif",
    "http://[fd00:ec2::254]/x.tif",
    "http://metadata.google.internal/x.tif",
    "http://METADATA.google.internal./x.tif",
    "http://metadata/x.tif",
    "http://" + "a" * 300 + "/x.tif",
    "http://files.example/" + "a" * 9000,
)
HERE = (
    "http://127.0.0.1/x.tif",
    "http://127.8.9.1:8000/x.tif",
    "HTTP://localhost/x.tif",
    "http://LOCALHOST./x.tif",
    "http://a.localhost/x.tif",
    "http://localhost.localdomain/x.tif",
    "http://ip6-loopback/x.tif",
    "http://[::1]/x.tif",
    "http://[0:0:0:0:0:0:0:1]/x.tif",
    "http://[::ffff:127.0.0.1]/x.tif",
    "http://[::ffff:7f00:1]/x.tif",
)
HERE_IN_DISGUISE = (
    "http://[64:ff9b::7f00:1]/x.tif",
    "http://[2002:7f00:1::]/x.tif",
    "http://[::127.0.0.1]/x.tif",
)
INSIDE = (
    "http://10.0.0.5/x.tif",
    "http://172.16.0.1/x.tif",
    "http://192.168.1.1:8080/x.tif",
    "http://100.64.0.1/x.tif",
    "http://198.18.0.1/x.tif",
    "http://[fd12::1]/x.tif",
    "http://[fec0::1]/x.tif",
    "http://[::ffff:10.0.0.5]/x.tif",
    "http://[64:ff9b::10.0.0.5]/x.tif",
    "http://[2002:a00:5::1]/x.tif",
)
OUTSIDE = (
    "https://files.example/x.tif",
    "https://files.example./x.tif",
    "HTTPS://Files.Example:8443/a/b%20c.tif",
    "https://files.example/x.tif?file=a&band=2&band=3",
    "https://files.example/year=2023/x.tif",
    "https://xn--mller-kva.example/x.tif",
    "https://my_account.blob.core.windows.net/c/x.tif",
    "http://8.8.8.8/x.tif",
    "http://[2600::1]/x.tif",
    "http://[::ffff:8.8.8.8]/x.tif",
    "https://files.example/vsitests/x.tif",
    "https://files.example/\u00e9t\u00e9.tif",
)


@pytest.mark.parametrize("href", EVERYWHERE)
def test_what_nobody_may_name(href: str) -> None:
    for origin in ORIGINS:
        assert href_problem(href, Reach(origin=origin, hosts=("169.254.169.254",)))


@pytest.mark.parametrize("href", HERE)
def test_this_machine_is_for_catalogues_on_it(href: str) -> None:
    host = urlsplit(href).netloc.lower()
    for origin in ("public", "private"):
        assert href_problem(href, Reach(origin=origin, hosts=(host,)))
    for origin in ("loopback", "file"):
        assert href_problem(href, Reach(origin=origin)) is None


@pytest.mark.parametrize("href", HERE_IN_DISGUISE)
def test_this_machine_by_another_address(href: str) -> None:
    assert href_problem(href, Reach(origin="public"))
    assert href_problem(href, Reach(origin="private"))


@pytest.mark.parametrize("href", INSIDE)
def test_a_private_network_is_not_for_a_public_catalogue(href: str) -> None:
    assert "allow_private" in (href_problem(href, Reach(origin="public")) or "")
    for origin in ("private", "loopback", "file"):
        assert href_problem(href, Reach(origin=origin)) is None


def test_a_private_host_that_the_recipe_names() -> None:
    reach = Reach(origin="public", hosts=("10.0.0.5", "mine.example"))
    assert href_problem("http://10.0.0.5/x.tif", reach) is None
    assert address_problem("Mine.Example.", "10.0.0.5", reach) is None
    assert address_problem("other.example", "10.0.0.5", reach)
    assert "this machine" in (address_problem("mine.example", "127.0.0.1", reach) or "")
    assert "network services" in (address_problem("mine.example", "169.254.169.254", reach) or "")


@pytest.mark.parametrize("href", OUTSIDE)
def test_what_everybody_may_name(href: str) -> None:
    for origin in ORIGINS:
        assert href_problem(href, Reach(origin=origin)) is None


@pytest.mark.parametrize(
    "href", ["/data/x.tif", "/data/a b.tif", "/data/a#1.tif", "/a/../b.tif", "/data/vsitests/x.tif"]
)
def test_paths_are_for_items_of_files(href: str) -> None:
    assert href_problem(href, Reach(origin="file")) is None
    for origin in ("public", "private", "loopback"):
        assert "this machine" in (href_problem(href, Reach(origin=origin)) or "")


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("10.0.0.5", "private"),
        ("100.64.3.4", "private"),
        ("fd12::1", "private"),
        ("fec0::1", "private"),
        ("fe80::1%eth0", "private"),
        ("::ffff:10.0.0.5", "private"),
        ("8.8.8.8", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("2600::1", "public"),
        ("2002:7f00:1::", "public"),
    ],
)
def test_where_a_catalogue_lies(address: str, origin: Origin) -> None:
    assert origin_of(address) == origin


def test_what_came_by_several_hands_is_as_good_as_the_worst() -> None:
    assert least_trusted("file", "loopback") == "loopback"
    assert least_trusted("file", "public", "private") == "public"


@pytest.mark.parametrize("address", ["", "files.example", "127.1", "0177.0.0.1"])
def test_what_is_no_address(address: str) -> None:
    assert "no IP address" in (address_problem("h", address, Reach(origin="file")) or "")


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "127.9.9.9", "::1", "0.0.0.0"])  # noqa: S104
def test_names_of_this_machine(host: str) -> None:
    assert is_local_name(host)
    assert not is_local_name("files.example")


def test_a_path_that_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "there.tif").write_bytes(b"II*\0")
    (tmp_path / "link.tif").symlink_to("there.tif")
    (tmp_path / "out.tif").symlink_to("/proc/self/environ")
    (tmp_path / "zero.tif").symlink_to("/dev/zero")
    said = {path.name: file_problem(str(path)) or "" for path in tmp_path.iterdir()}
    assert "named pipe" in said["pipe.tif"]
    assert "operating system" in said["out.tif"]
    assert "device" in said["zero.tif"]
    assert not said["there.tif"]
    assert not said["link.tif"]
    assert "a folder" in (file_problem(str(tmp_path)) or "")
    assert file_problem(str(tmp_path / "missing.tif")) is None
    assert file_problem("/a\0b") is None
