"""The benchmarks run, on a scene of a few tiles and once: what they find is not looked at here."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SIZE = 1024


def run(script: str, *options: object) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the scene is kept between these tests."""
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def found(folder) -> dict[str, dict]:
    """Tables by the beginning of their titles."""
    parts = ("local", "http", "area", "start")
    target = folder / "told.json"
    options = ("--size", SIZE, "--rounds", 1, "--folder", folder, "--json", target)
    shown = run("scene_bench.py", *options, "--only", *parts)
    told = json.loads(target.read_text())
    assert told["header"]["cores"] >= 1
    for table in told["tables"]:
        assert table["title"] in shown
        for row in table["rows"]:
            assert not row["error"], row
            assert row["rounds"] == 1
    assert len(told["tables"]) == len(parts)
    return {re.split("[,:]", table["title"])[0]: table for table in told["tables"]}


def rows(table: dict) -> dict[str, dict]:
    return {row["name"]: row for row in table["rows"]}


@pytest.mark.timeout(240)
def test_local_files_and_start_up(found):
    local = rows(found["NDVI with SCL mask"])
    assert {"scenefleet, 1 thread", "scenefleet, 2 threads", "scenefleet, 256 MB"} <= set(local)
    limit = local["limit: codecs alone, zstd"]
    assert 0 < limit["cpu"][1] < local["scenefleet, 1 thread"]["cpu"][1]
    assert limit["wall"] is None
    by_what = {target["what"]: target for target in found["NDVI with SCL mask"]["targets"]}
    ratio = by_what["CPU, of the limit"]
    assert ratio["found"] == pytest.approx(
        local["scenefleet, 1 thread"]["cpu"][1] / limit["cpu"][1]
    )
    assert by_what["CPU, of the usual script"]["found"] is None  # no peers were asked for
    assert by_what["CPU, of the usual script"]["met"] is None
    start = rows(found["Start-up"])
    assert start["task until its first read"]["cpu"][1] > 0.1


@pytest.mark.timeout(240)
def test_over_http(need, folder, found):
    far = rows(found["Over HTTP"])
    area = rows(found["An area of 5% of the scene"])
    assert area["area of 5%"]["wall"][1] > 0
    need("azurite")
    for name in ("HTTP to Azurite, 1 thread", "HTTP to Azurite, 2 threads"):
        assert far[name]["requests"] >= 3
        assert far[name]["said"][0]["azurite_cpu"] > 0
    floor = far["download floor"]
    ranges = json.loads((folder / "download.json").read_text())
    assert floor["requests"] == len(ranges) == 5  # two rows of tiles a band, one of SCL
    assert floor["http"] == pytest.approx(sum(size for _, _, size in ranges) / 1e6)


def test_the_scene_is_like_a_real_one(folder):
    told = json.loads(run("scene.py", folder / "scene", "--size", SIZE))
    assert told["compression_ratio"]["B04"] == pytest.approx(1.48, abs=0.03)
    assert told["compression_ratio"]["B08"] == pytest.approx(1.48, abs=0.03)
    assert 0.05 < told["scl_neighbours_that_differ"] < 0.2
    assert {"3", "4", "5", "8", "9"} <= set(told["scl_shares"])


def test_the_server_waits_caps_and_counts(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 8192)  # 2 MiB
    options = ["--latency", "50", "--connection", "10", "--total", "10"]
    command = [sys.executable, str(BENCHMARKS / "http_server.py"), str(tmp_path), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            port = int(re.search(r":(\d+)$", server.stdout.readline().strip())[1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            whole = ask(connection, "/a.bin")
            assert whole == bytes(range(256)) * 8192
            assert ask(connection, "/a.bin", "bytes=10-13") == bytes([10, 11, 12, 13])
            assert ask(connection, "/a.bin", "bytes=-2") == bytes([254, 255])
            assert ask(connection, "/a.bin", "bytes=9999999-") == b""
            assert ask(connection, "/../secret") == b""
            told = json.loads(ask(connection, "/-/counts"))
            assert told["requests"] == 5
            assert told["bytes"] == 2 * 2**20 + 6
            assert told["connections"] == 1
            # four waits of 50 ms, and 2 MiB at 10 MB/s after what a bucket holds
            assert told["last"] - told["first"] > 0.15 + 0.15
            assert json.loads(ask(connection, "/-/counts"))["requests"] == 0
            connection.close()
        finally:
            server.terminate()


def ask(connection: http.client.HTTPConnection, path: str, range_: str | None = None) -> bytes:
    connection.request("GET", path, headers={"Range": range_} if range_ else {})
    answer = connection.getresponse()
    return answer.read()
