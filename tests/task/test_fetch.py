"""Ranges over HTTP and from files, against a server that fails in every way: whole, or an error."""

import os
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import range_server as servers
from scenefleet_task.access import Access, Signed, Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError, FileBytes, Patience, patience_of
from scenefleet_task.http_bytes import HttpBytes
from scenefleet_task.reach import Reach
from scenefleet_task.spec import Exit

FILE = "account/container/a band.tif"
ADDRESS = "account/container/a%20band.tif"
SIZE = 200_000
START, LENGTH = 70_000, 50_000
SECRET = "TOPSECRET"
ANY = Reach(origin="file")


@pytest.fixture
def content() -> bytes:
    return b"II*\0" + np.random.default_rng(7).bytes(SIZE - 4)


@pytest.fixture
def served(range_server: Any, content: bytes) -> Any:
    file = range_server.root / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return range_server


@pytest.fixture(autouse=True)
def log_keeps_secrets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG", "scenefleet_task")
    yield
    assert SECRET not in caplog.text


@dataclass
class Signing:
    """An access whose tokens a server issued; it counts."""

    server: Any
    renewable: bool = True
    fresh: list[bool] = field(default_factory=list)

    def sign(self, href: str, *, fresh: bool = False) -> Signed:
        self.fresh.append(fresh)
        time.sleep(0.02)  # as a token service takes; threads that race are caught here
        token = self.server.issue()["token"]
        return Signed(f"{href}?{token}", time.time() + self.server.token_life - 300)


@dataclass
class Query:
    """An access that appends a query, as a signature made elsewhere."""

    query: str
    renewable: bool = False

    def sign(self, href: str, *, fresh: bool = False) -> Signed:
        del fresh
        return Signed(f"{href}{self.query}", float("inf"))


@dataclass
class Slept:
    """A sleep that takes no time and remembers."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def opened(
    server: Any,
    access: Access | None = None,
    patience: Patience | None = None,
    **more: Any,
) -> tuple[HttpBytes, Slept]:
    slept = Slept()
    access = access or Query(f"?sv=1&sig={SECRET}")
    file = HttpBytes(server.url(ADDRESS), access, reach=ANY, patience=patience, sleep=slept, **more)
    return file, slept


def refused(file: HttpBytes, start: int = START, size: int = LENGTH) -> FetchError:
    with pytest.raises(FetchError) as caught:
        file.fetch(start, size)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.finding)
    return caught.value


def test_ranges_are_the_files_bytes(served: Any, content: bytes) -> None:
    file, slept = opened(served)
    assert file.start(16) == content[:16]
    for start, size in ((0, 1), (0, SIZE), (START, LENGTH), (SIZE - 1, 1)):
        assert bytes(file.fetch(start, size)) == content[start : start + size]
    assert not slept.seconds


def patience_with(fault: dict[str, Any], stall: float, tries: int = 5) -> Patience:
    """Little where a server stalls; elsewhere a busy machine is no server that stalls."""
    stalls = "hang" in fault or "stall" in fault
    return Patience(stall=stall if stalls else 30, tries=tries)


PASSING: dict[str, dict[str, Any]] = {
    "429": {"status": 429},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "504": {"status": 504},
    "connection closed in mid-body": {"hang_up": True},
    "one byte too few, then closed": {"missing": 1},
    "nothing, then closed": {"missing": LENGTH},
    "too few, and says so": {"short": 1},
    "none, and says so": {"short": LENGTH},
    "another range": {"shift": 4096},
    "says another range": {"content_range": "bytes 0-{end}/{size}"},
    "says a smaller file": {"content_range": "bytes {start}-{end}/71000"},
    "says no size": {"content_range": "bytes {start}-{end}/*"},
    "says nonsense": {"content_range": "tiles 3-4"},
    "says no range": {"status": 206, "body": b"x" * LENGTH},
    "the whole file": {"whole": True},
    "a page": {"status": 200, "body": b"<html>busy</html>"},
    "stalls at once": {"hang": 3},
    "stalls in mid-body": {"stall": 3},
}


@pytest.mark.parametrize(
    ("fault", "times"),
    [(fault, 1) for fault in PASSING.values()]
    + [({"status": 503}, 4), ({"hang_up": True}, 4), ({"short": 1}, 4)],
)
def test_what_passes_by_itself_is_tried_again(
    served: Any, content: bytes, fault: dict[str, Any], times: int
) -> None:
    file, slept = opened(served, patience=patience_with(fault, 1))
    file.start(16)
    served.faults[FILE] = servers.Fault(**fault, times=times, least=1000)
    assert bytes(file.fetch(START, LENGTH)) == content[START : START + LENGTH]
    assert served.count(ADDRESS) == 1 + times + 1
    assert len(slept.seconds) == times
    for n, seconds in enumerate(slept.seconds):
        assert 0.75 * 2**n <= seconds <= 1.25 * 2**n


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_is_a_server_out_of_reach(served: Any, fault: dict[str, Any]) -> None:
    file, slept = opened(served, patience=patience_with(fault, 0.5, tries=2))
    file.start(16)
    served.faults[FILE] = servers.Fault(**fault, least=1000)  # what `probe` asks for comes well
    error = refused(file)
    assert error.finding.exit is Exit.SOURCE_UNREACHABLE
    assert "Retry later" in str(error)
    if fault.get("status", 0) >= 400:
        assert f"HTTP {fault['status']}" in str(error)
    assert len(slept.seconds) == 1


def test_a_range_is_tried_so_often_and_no_more(served: Any) -> None:
    file, slept = opened(served)
    file.start(16)
    served.faults[FILE] = servers.Fault(status=503, body=servers.AZURE_BUSY)
    assert "Egress is over the account limit" in str(refused(file))
    assert len(slept.seconds) == 4
    assert served.count(ADDRESS) == 1 + 5 + 1


@pytest.mark.parametrize(
    ("fault", "exit_", "said"),
    [
        ({"status": 404}, Exit.SOURCE_MISSING, "HTTP 404"),
        ({"status": 410}, Exit.SOURCE_MISSING, "HTTP 410"),
        ({"status": 401}, Exit.SOURCE_DENIED, "HTTP 401"),
        ({"status": 403}, Exit.SOURCE_DENIED, "HTTP 403"),
        ({"status": 409}, Exit.SOURCE_DENIED, "HTTP 409"),
        ({"status": 400}, Exit.SOURCE_UNREADABLE, "HTTP 400"),
        ({"status": 304}, Exit.SOURCE_UNREADABLE, "HTTP 304"),
    ],
)
@pytest.mark.parametrize("least", [0, 1000], ids=["always", "not of a probe"])
def test_what_is_final_is_asked_for_once(
    served: Any, fault: dict[str, Any], exit_: Exit, said: str, least: int
) -> None:
    file, slept = opened(served)
    file.start(16)
    served.faults[FILE] = servers.Fault(**fault, least=least)
    error = refused(file)
    assert error.finding.exit is exit_
    assert said in str(error)
    assert not slept.seconds
    assert served.count(ADDRESS) == 3


@pytest.mark.parametrize("size", [0, 60_000, START, START + LENGTH - 1])
def test_a_file_cut_short_is_called_so(served: Any, size: int) -> None:
    file, _ = opened(served)
    served.faults[FILE] = servers.Fault(truncate=size, least=1000)
    refused(file)
    served.faults[FILE] = servers.Fault(truncate=size)
    error = refused(file)
    assert error.finding.exit is Exit.SOURCE_UNREADABLE
    assert "the file is empty" in str(error) if not size else f"truncated: {size} b" in str(error)


def test_a_size_that_is_too_large_changes_no_byte(served: Any, content: bytes) -> None:
    served.faults[FILE] = servers.Fault(content_range="bytes {start}-{end}/999999999")
    file, _ = opened(served)
    file.start(16)
    assert bytes(file.fetch(START, LENGTH)) == content[START : START + LENGTH]


def test_a_slow_answer_is_no_stalled_one(served: Any, content: bytes) -> None:
    file, slept = opened(served, patience=Patience(stall=2))
    served.faults[FILE] = servers.Fault(drip=4)
    assert bytes(file.fetch(START, LENGTH)) == content[START : START + LENGTH]
    assert not slept.seconds


def test_a_slow_answer_has_its_time_too(served: Any) -> None:
    file, _ = opened(served, patience=Patience(whole=0.3, tries=1))
    served.faults[FILE] = servers.Fault(drip=1.2, least=1000)
    assert "timed out" in str(refused(file))


def test_a_server_that_is_not_there() -> None:
    slept = Slept()
    file = HttpBytes(
        "http://127.0.0.1:9/a/b/c.tif", Query("?sig=TOPSECRET"), reach=ANY, sleep=slept
    )
    error = refused(file)
    assert error.finding.exit is Exit.SOURCE_UNREACHABLE
    assert "no answer" in str(error)
    assert len(slept.seconds) == 4


def test_a_first_answer_that_breaks_is_asked_for_again(served: Any, content: bytes) -> None:
    served.faults[FILE] = servers.Fault(hang_up=True, times=1)
    file, slept = opened(served)
    assert file.start(16) == content[:16]
    assert len(slept.seconds) == 1


def test_patience_is_gdals() -> None:
    assert patience_of({}) == Patience()
    said = {
        "GDAL_HTTP_MAX_RETRY": "1",
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        "GDAL_HTTP_CONNECTTIMEOUT": "3",
        "GDAL_HTTP_LOW_SPEED_TIME": "4",
    }
    assert patience_of(said) == Patience(tries=2, pause=0.5, connect=3, stall=4)


def test_a_closed_file_waits_no_more(served: Any) -> None:
    served.faults[FILE] = servers.Fault(status=503)
    file = HttpBytes(served.url(ADDRESS), Unsigned(), reach=ANY, patience=Patience(pause=60))
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(file.fetch, START, LENGTH)
        while not served.requests:
            time.sleep(0.01)
        began = time.monotonic()
        file.close()
        with pytest.raises(FetchError, match="ended"):
            coming.result(timeout=5)
        assert time.monotonic() - began < 2
    file.close()


# --- versions


def replace(served: Any, size: int = SIZE) -> None:
    file = served.root / FILE
    new = file.with_suffix(".new")
    new.write_bytes(b"II*\0" + np.random.default_rng(8).bytes(size - 4))
    new.replace(file)
    os.utime(file, (1_900_000_000, 1_900_000_000))


@pytest.mark.parametrize(
    ("version", "heeds", "size"),
    [
        ("strong", True, SIZE),
        ("strong", False, SIZE),
        ("weak", True, SIZE),
        ("date", True, SIZE),
        ("none", True, SIZE + 1),
    ],
)
def test_a_file_that_is_replaced_meanwhile_is_an_error(
    served: Any, content: bytes, version: str, heeds: bool, size: int
) -> None:
    served.version, served.heeds_if_match = version, heeds
    file, slept = opened(served)
    file.start(16)
    assert bytes(file.fetch(0, 100)) == content[:100]
    replace(served, size)
    error = refused(file)
    assert error.finding.exit is Exit.SOURCE_UNREACHABLE
    assert "changed while it was read" in str(error)
    assert not slept.seconds


def test_a_retry_does_not_take_another_version(served: Any) -> None:
    served.version = "strong"
    file, _ = opened(served)
    file.start(16)
    served.faults[FILE] = servers.Fault(hang_up=True, times=1)
    file._sleep = lambda _: replace(served)  # the moment between two tries
    assert "changed" in str(refused(file))


# --- tokens


@pytest.fixture
def guarded(served: Any) -> Any:
    served.guarded = True
    return served


def test_a_token_is_renewed_before_it_runs_out(guarded: Any, content: bytes) -> None:
    now = time.time()
    access = Signing(guarded)
    file, _ = opened(guarded, access, clock=lambda: now)
    file.fetch(0, 10)
    now += guarded.token_life - 290
    guarded.revoke()
    assert bytes(file.fetch(START, LENGTH)) == content[START : START + LENGTH]
    assert access.fresh == [False, False]


def test_threads_that_are_refused_together_renew_once(guarded: Any, content: bytes) -> None:
    access = Signing(guarded)
    file, slept = opened(guarded, access)
    file.start(16)
    guarded.revoke()
    gate = threading.Barrier(8)

    def fetch(n: int) -> bytes:
        gate.wait()
        return bytes(file.fetch(n * 1000, 1000))

    with ThreadPoolExecutor(8) as pool:
        assert b"".join(pool.map(fetch, range(8))) == content[:8000]
    assert access.fresh == [False, True]
    assert not slept.seconds


def test_a_token_that_is_refused_for_ever(guarded: Any) -> None:
    access = Signing(guarded)
    file, slept = opened(guarded, access)
    file.start(16)
    guarded.faults[FILE] = servers.Fault(status=403, least=1000)
    error = refused(file)
    assert error.finding.exit is Exit.SOURCE_DENIED
    assert access.fresh == [False, True]
    assert not slept.seconds


def test_a_token_that_is_refused_after_other_faults(guarded: Any, content: bytes) -> None:
    """At the last try of a range: the renewal is none of the tries."""
    access = Signing(guarded)
    file, slept = opened(guarded, access, Patience(tries=3))
    guarded.faults[FILE] = servers.Fault(status=503, times=2)
    file._sleep = lambda seconds: (slept(seconds), guarded.revoke())
    assert bytes(file.fetch(START, LENGTH)) == content[START : START + LENGTH]
    assert access.fresh == [False, True]


def test_a_token_service_that_fails_is_named(served: Any) -> None:
    class Refusing:
        renewable = True

        def sign(self, href: str, *, fresh: bool = False) -> Signed:
            if fresh:
                raise TaskError(Exit.SOURCE_UNREACHABLE, "gave no read token")
            return Signed(href, float("inf"))

    file = HttpBytes(served.url(ADDRESS), Refusing(), reach=ANY)
    served.faults[FILE] = servers.Fault(status=403)
    assert "gave no read token" in str(refused(file))


# --- addresses


QUERIES = [
    "?sv=2024-11-04&sr=c&sp=rl&sig=TOPSECRET%2Fab%2Bc%3D",
    "?sig=TOPSECRET%2fLower%2b&se=2026-01-01T00%3A00%3A00Z",
    "?sig=TOPSECRET+a/b=&x=1;2",
    "?x=%7e~&sig=TOPSECRET&list=a,b:c@d!$()*",
    "?X-Amz-Credential=A%2F2026%2Faws4_request&sig=TOPSECRET&empty=",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_signed_query_is_sent_as_it_was_signed(served: Any, content: bytes, query: str) -> None:
    file, _ = opened(served, Query(query))
    file.start(16)
    assert bytes(file.fetch(START, 10)) == content[START : START + 10]
    assert set(served.requests) == {f"/{ADDRESS}{query}"}


PATHS = ["a%20b/x.tif", "a+b/x.tif", "d%C3%A9j%C3%A0.tif", "a//b.tif", "T31UFT_(1)~!$&',;=:@.tif",
         "100%25.tif"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_an_odd_path_is_sent_as_it_is_written(range_server: Any, path: str) -> None:
    file = range_server.root / servers.unquote(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"II*\0 odd")
    odd = HttpBytes(range_server.url(path), Query("?sig=TOPSECRET%2F"), reach=ANY)
    assert odd.start(8) == b"II*\0 odd"
    assert bytes(odd.fetch(5, 3)) == b"odd"
    assert set(range_server.requests) == {f"/{path}?sig=TOPSECRET%2F"}


@pytest.mark.parametrize("version", ["none", "strong"])
def test_redirects_are_followed(served: Any, content: bytes, version: str) -> None:
    """As archives do that keep their files elsewhere; the version is checked there too."""
    with servers.RangeServer(served.root, version=version) as other:
        served.faults[FILE] = servers.Fault(redirect=other.address)
        file, _ = opened(served)
        assert file.start(16) == content[:16]
        assert bytes(file.fetch(START, LENGTH)) == content[START : START + LENGTH]
        assert [answer.start for answer in other.answers] == [0, START]
        if version == "strong":
            replace(served)
            assert "changed" in str(refused(file))


def test_a_redirect_in_a_circle_is_an_error(served: Any) -> None:
    served.faults[FILE] = servers.Fault(redirect=served.address)
    file, _ = opened(served, patience=Patience(tries=2))
    assert refused(file).finding.exit in {Exit.SOURCE_UNREACHABLE, Exit.SOURCE_UNREADABLE}


def test_a_server_without_ranges_is_told(served: Any) -> None:
    served.ranges = False
    file, slept = opened(served)
    assert file.start(16) is None
    assert not slept.seconds


# --- files


def test_a_local_file_gives_ranges_from_many_threads(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "band.tif"
    path.write_bytes(content)
    file = FileBytes(str(path))
    assert file.start(16) == content[:16]
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda n: bytes(file.fetch(n * 1000, 1000)), range(200))
        assert b"".join(parts) == content
    file.close()
    file.close()
    with pytest.raises(FetchError):
        file.fetch(0, 10)


def test_a_local_file_cut_short_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "band.tif"
    path.write_bytes(content[:1000])
    file = FileBytes(str(path))
    assert bytes(file.fetch(0, 1000)) == content[:1000]
    for start, size in ((0, 1001), (999, 2), (1000, 1), (5000, 10)):
        with pytest.raises(FetchError, match="truncated: 1000 bytes are there") as caught:
            file.fetch(start, size)
        assert caught.value.finding.exit is Exit.SOURCE_UNREADABLE
    file.close()


def test_what_only_gdal_opens_is_no_plain_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.tif", b"II*\0")
    with pytest.raises(OSError, match=r"x\.tif"):
        FileBytes(f"/vsizip/{tmp_path}/a.zip/x.tif")
