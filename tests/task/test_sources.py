"""Every way a source can fail, against a real server: told apart, named, and never nodata."""

import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from scenefleet_task import heads
from scenefleet_task.access import PlanetaryComputer, Unsigned, container_of
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.names import Name
from scenefleet_task.read import Raster, open_bands, opened
from scenefleet_task.spec import Exit, OffsetCheck, Output, Part
from to_folder import process

SIZE = 1024
BLOCK = "account/container/red.tif"


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(3).integers(1, 9000, (SIZE, SIZE)).astype(np.uint16)


@pytest.fixture
def served(range_server: Any, kit: Any, values: np.ndarray) -> Any:
    kit.write(range_server.root / BLOCK, values, nodata=0)
    return range_server


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch, served: Any) -> Any:
    """A server that wants tokens, and the package asking it for them."""
    monkeypatch.setenv("PC_SDK_SAS_URL", served.token_service)
    PlanetaryComputer().sign("/warm/up")
    settings = importlib.import_module("planetary_computer.settings").Settings
    sas = importlib.import_module("planetary_computer.sas")
    settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()
    served.guarded = True
    yield served
    settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()


def name_of(server: Any) -> Name:
    return Name(item="scene-1", asset="B04", href=server.url(BLOCK))


def read_all(server: Any, access: Any = None) -> np.ndarray:
    """By GDAL from the beginning on."""
    raster = open_bands([name_of(server)], access or Unsigned())[0]
    try:
        return numbers_of(raster)
    finally:
        raster.close()


def read_all_begun(server: Any, access: Any = None) -> np.ndarray:
    """By GDAL, the file's beginning being at hand."""
    with opened([name_of(server)], access or Unsigned()) as (raster,):
        return numbers_of(raster)


WAYS = {"by GDAL": read_all, "begun": read_all_begun}


def numbers_of(raster: Raster) -> np.ndarray:
    return np.concatenate([raster.read(Window(row, 0, 256, SIZE)) for row in range(0, SIZE, 256)])


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_windows_over_http_are_the_file(served: Any, values: np.ndarray, way: Any) -> None:
    assert (way(served) == values).all()


def test_a_header_takes_one_request_and_an_overview_does_not_ask_for_it_again(
    served: Any,
) -> None:
    shape = (SIZE // 2, SIZE // 2)
    with rasterio.open(served.root / BLOCK) as file:
        assert 2 in file.overviews(1)
        right = file.read(1, out_shape=shape)
    with opened([name_of(served)], Unsigned()) as (raster,):
        assert raster.nodata == 0
        assert [(a.start, a.size) for a in served.answers] == [(0, heads.SIZE)]
        assert (raster.read_small(shape) == right).all()
        assert all(answer.start for answer in served.answers[1:] if answer.ranged)


def test_a_file_that_is_all_beginning(served: Any, kit: Any, values: np.ndarray) -> None:
    kit.write(served.root / "account/container/small.tif", values[:64, :64], nodata=0)
    name = Name(item="i", asset="a", href=served.url("account/container/small.tif"))
    with opened([name], Unsigned()) as (raster,):
        assert (raster.read_small((64, 64)) == values[:64, :64]).all()
        assert len(served.answers) == 1
        assert raster.source.size == (served.root / "account/container/small.tif").stat().st_size


FAILURES = [
    ("404", {"status": 404}, Exit.SOURCE_MISSING, "404"),
    ("403", {"status": 403, "body": b"<Error><Code>AuthorizationFailure</Code></Error>"},
     Exit.SOURCE_DENIED, "AuthorizationFailure"),
    ("401", {"status": 401}, Exit.SOURCE_DENIED, "401"),
    ("throttled", {"status": 503, "body": None}, Exit.SOURCE_UNREACHABLE, "Egress is over"),
    ("500", {"status": 500}, Exit.SOURCE_UNREACHABLE, "HTTP 500"),
    ("page", {"status": 200, "body": b"<html><body>sign in</body></html>"},
     Exit.SOURCE_UNREADABLE, "page of HTML"),
    ("page in the middle", {"status": 200, "body": b"<html><body>sign in</body></html>",
                            "after": 2}, Exit.SOURCE_UNREADABLE, "page of HTML"),
    ("not a raster", {"status": 200, "body": b"PK\3\4 a zip file it is"},
     Exit.SOURCE_UNREADABLE, "not a raster"),
    ("empty", {"truncate": 0}, Exit.SOURCE_UNREADABLE, "empty"),
    ("header cut", {"truncate": 200}, Exit.SOURCE_UNREADABLE, "truncated or corrupt"),
    ("header cut among its tags", {"truncate": 500}, Exit.SOURCE_UNREADABLE, "tag ignored"),
    ("cut in the middle", {"truncate": 300_000}, Exit.SOURCE_UNREADABLE,
     "truncated: 300000 bytes are there"),
    ("403 in the middle", {"status": 403, "after": 2}, Exit.SOURCE_DENIED, "403"),
    ("404 in the middle", {"status": 404, "after": 2}, Exit.SOURCE_MISSING, "404"),
    ("503 in the middle", {"status": 503, "after": 2}, Exit.SOURCE_UNREACHABLE, "503"),
    ("206 without a range in the middle", {"status": 206, "body": b"II*\0" + bytes(12), "after": 2},
     Exit.SOURCE_UNREACHABLE, "its answer's range is 'none'"),
    ("corrupt", {"corrupt": range(1_500_000, 1_500_400)}, Exit.SOURCE_UNREADABLE, "corrupt"),
    ("hangs up at once", {"hang_up": True}, Exit.SOURCE_UNREACHABLE, "Retry later"),
    ("hangs up", {"hang_up": True, "after": 1}, Exit.SOURCE_UNREACHABLE, "Retry later"),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("fault", "exit_", "said"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES]
)
def test_a_failing_source_is_told_apart(
    served: Any, kit: Any, fault: dict[str, Any], exit_: Exit, said: str, way: Any
) -> None:
    if fault.get("body", b"") is None:
        fault = {**fault, "body": kit.AZURE_BUSY}
    served.faults[BLOCK] = kit.Fault(**fault)
    with pytest.raises(TaskError, match=said) as caught:
        way(served)
    assert caught.value.exit is exit_
    assert "/vsi" not in caught.value.message
    assert f"item scene-1, asset B04, {served.url(BLOCK)}" in caught.value.message


def test_a_server_that_is_not_there(served: Any) -> None:
    name = Name(item="scene-1", asset="B04", href="http://127.0.0.1:9/a/b/c.tif")
    with pytest.raises(TaskError, match="no answer") as caught:
        open_bands([name], Unsigned())[0]
    assert caught.value.exit is Exit.SOURCE_UNREACHABLE


def test_a_server_that_is_busy_for_a_moment_does_no_harm(
    served: Any, kit: Any, values: np.ndarray
) -> None:
    served.faults[BLOCK] = kit.Fault(status=503, after=1, times=2)
    assert (read_all(served) == values).all()


@pytest.mark.parametrize(
    ("make", "exit_", "said"),
    [
        (lambda _: None, Exit.SOURCE_MISSING, "not there"),
        (lambda p: p.write_bytes(b""), Exit.SOURCE_UNREADABLE, "empty"),
        (lambda p: p.write_text("hello, this is text"), Exit.SOURCE_UNREADABLE, "not a raster"),
        (lambda p: p.mkdir(), Exit.SOURCE_UNREADABLE, "directory"),
    ],
    ids=["missing", "empty", "text", "folder"],
)
def test_local_files_fail_as_clearly(tmp_path: Path, make: Any, exit_: Exit, said: str) -> None:
    file = tmp_path / "red.tif"
    make(file)
    with pytest.raises(TaskError, match=said) as caught:
        open_bands([Name(item="scene-1", asset="B04", href=str(file))], Unsigned())[0]
    assert caught.value.exit is exit_


def test_a_local_file_cut_short(served: Any) -> None:
    file = served.root / BLOCK
    file.write_bytes(file.read_bytes()[:300_000])
    raster = open_bands([Name(item="scene-1", asset="B04", href=str(file))], Unsigned())[0]
    with pytest.raises(TaskError, match="truncated: 300000 bytes are there"):
        raster.read(Window(0, 0, SIZE, SIZE))
    raster.close()


def test_signed_reads_give_the_file_and_ask_for_one_token(signing: Any, values: np.ndarray) -> None:
    assert (read_all(signing, PlanetaryComputer()) == values).all()
    assert len(signing.tokens) == 1
    assert "/api/sas/v1/token/account/container" in signing.requests


def test_a_token_refused_in_the_middle_is_renewed_once(signing: Any, values: np.ndarray) -> None:
    raster = open_bands([name_of(signing)], PlanetaryComputer())[0]
    first = raster.read(Window(0, 0, 256, SIZE))
    signing.revoke()
    second = raster.read(Window(512, 0, 256, SIZE))
    raster.close()
    assert (first == values[:256]).all()
    assert (second == values[512:768]).all()
    assert len(signing.tokens) == 2


def test_a_token_refused_twice_is_an_error_without_the_token(
    signing: Any, kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    signing.faults[BLOCK] = kit.Fault(status=403, after=2)
    with pytest.raises(TaskError, match="403") as caught:
        read_all(signing, PlanetaryComputer())
    assert caught.value.exit is Exit.SOURCE_DENIED
    assert "TOPSECRET" not in caught.value.message
    assert len(signing.tokens) == 2


def test_a_token_is_renewed_before_it_expires(signing: Any, values: np.ndarray) -> None:
    now = time.time()
    access = PlanetaryComputer(clock=lambda: now)
    raster = open_bands([name_of(signing)], access, clock=lambda: now)[0]
    raster.read(Window(0, 0, 256, SIZE))
    now += 2700 - 301
    raster.read(Window(256, 0, 256, SIZE))
    assert len(signing.tokens) == 1
    now += 2
    signing.revoke()  # the old one would be refused from here on
    refused = len(signing.requests)
    assert (raster.read(Window(512, 0, 256, SIZE)) == values[512:768]).all()
    raster.close()
    asked = [request for request in signing.requests[refused:] if "/api/sas" not in request]
    assert len(signing.tokens) == 2
    assert asked
    assert all(signing.tokens[1] in request for request in asked)


def test_a_short_token_is_not_fetched_for_every_window(signing: Any) -> None:
    signing.token_life = 200
    read_all(signing, PlanetaryComputer())
    assert len(signing.tokens) == 1


@pytest.mark.parametrize(
    ("status", "exit_"), [(404, Exit.SOURCE_MISSING), (403, Exit.SOURCE_DENIED)]
)
def test_a_token_service_that_refuses(signing: Any, status: int, exit_: Exit) -> None:
    signing.token_fault = status
    with pytest.raises(TaskError, match=f"account/container: HTTP {status}") as caught:
        open_bands([name_of(signing)], PlanetaryComputer())[0]
    assert caught.value.exit is exit_


@pytest.mark.parametrize(
    ("href", "place"),
    [
        ("https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/31/x.tif",
         ("sentinel2l2a01", "sentinel2-l2")),
        ("https://ai4edatasetspublicassets.blob.core.windows.net/a/b.tif", None),
        ("http://127.0.0.1:10000/account/container/x.tif", ("account", "container")),
        ("https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/a/b/c.tif", None),
        ("/data/a/b/c.tif", None),
    ],
)  # fmt: skip
def test_which_container_an_address_needs_a_token_for(
    href: str, place: tuple[str, str] | None
) -> None:
    assert container_of(href) == place


# --- the look at the pixels


@pytest.fixture
def looking(served: Any, kit: Any, tmp_path: Path) -> Any:
    """A document over blue that looks at red, which lies on the server, and at near infrared."""
    numbers = np.random.default_rng(4).integers(1260, 1560, (SIZE, SIZE)).astype(np.uint16)
    files = {
        name: kit.write(tmp_path / f"{name}.tif", numbers + np.uint16(more), nodata=0)
        for name, more in (("blue", 0), ("nir", 3600))
    }
    kit.write(served.root / BLOCK, numbers, nodata=0)
    red, nir = kit.band("red", served.url(BLOCK)), kit.band("nir", files["nir"])
    blue = kit.band("blue", files["blue"], offset=-0.1)

    def document(said: str) -> Any:
        check = OffsetCheck(
            shift=1000, said=said, evidence=("test",), bands=("blue",), look=(red, nir)
        )
        part = Part(item="scene-1", bands=(blue,), masks=(), check=check)
        output = Output(name="blue", title="", formula="blue", scale=1e-4)
        return kit.document((blue,), parts=(part,), outputs=(output,))

    return document


def test_a_look_reads_an_overview_only(looking: Any, served: Any, tmp_path: Path) -> None:
    rasters = process(looking("carried"), Unsigned(), tmp_path)
    assert rasters.parts[0].finding is not None
    assert rasters.parts[0].finding.settled == "both"
    assert rasters.parts[0].finding.shares.green == 1
    assert served.count(BLOCK) <= 12


@pytest.mark.parametrize("said", ["carried", "removed", "disputed"])
@pytest.mark.parametrize(
    ("fault", "exit_"),
    [
        ({"truncate": 100_000}, Exit.SOURCE_UNREADABLE),
        ({"truncate": 300}, Exit.SOURCE_UNREADABLE),
        ({"status": 404}, Exit.SOURCE_MISSING),
        ({"status": 403, "after": 1}, Exit.SOURCE_DENIED),
    ],
    ids=["cut", "header cut", "missing", "denied"],
)
def test_a_band_that_cannot_be_looked_at_is_a_source_error(
    looking: Any, served: Any, kit: Any, tmp_path: Path, said: str, fault: Any, exit_: Exit
) -> None:
    """Never a doubt about the offset: the pixels have not spoken."""
    served.faults[BLOCK] = kit.Fault(**fault)
    with pytest.raises(TaskError, match="item scene-1, asset RED") as caught:
        process(looking(said), Unsigned(), tmp_path)
    assert caught.value.exit is exit_


def test_pixels_that_contradict_are_a_matter_of_radiometry(looking: Any, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="its pixels say that they carry it") as caught:
        process(looking("removed"), Unsigned(), tmp_path)
    assert caught.value.exit is Exit.RADIOMETRY


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_the_bands_of_one_file_are_fetched_once(
    range_server: Any, kit: Any, tmp_path: Path, interleave: str
) -> None:
    """A block of a file whose bands lie pixel by pixel holds all of them."""
    numbers = np.random.default_rng(7).integers(300, 9000, (4, SIZE, SIZE)).astype(np.uint16)
    path = range_server.root / "account/container/image.tif"
    path.parent.mkdir(parents=True)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=4, width=SIZE, height=SIZE, crs=kit.UTM,
        transform=kit.ORIGIN, nodata=0, compress="deflate", interleave=interleave, tiled=True,
        blockxsize=256, blockysize=256,
    ) as dataset:  # fmt: skip
        dataset.write(numbers)
    href = range_server.url("account/container/image.tif")
    names = [Name(item="i", asset="image", href=href, band=n) for n in (3, 4, 1)]
    with opened(names, Unsigned()) as rasters:
        for row in range(0, SIZE, 256):
            window = Window(row, 0, 256, SIZE)
            for raster, name in zip(rasters, names, strict=True):
                assert (raster.read(window) == numbers[name.band - 1, row : row + 256]).all()
    share = 1 if interleave == "pixel" else 3 / 4
    assert sum(answer.size for answer in range_server.answers) < 1.1 * share * path.stat().st_size


def test_a_band_that_the_file_lacks_leaves_nothing_open(
    range_server: Any, kit: Any, values: np.ndarray
) -> None:
    kit.write(range_server.root / BLOCK, values)
    names = [
        Name(item="i", asset="image", href=range_server.url(BLOCK), band=n, use=f"b{n}")
        for n in (1, 2)
    ]
    with pytest.raises(TaskError, match="no band 2") as caught, opened(names, Unsigned()):
        pass
    assert caught.value.exit is Exit.INPUT_MISMATCH
