"""The benchmarks run, on a scene of a few tiles and once: what they find is not looked at here."""

import http.client
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SIZE = 1024
SMALL = ("--size", SIZE, "--rounds", 1)
SMOKE: dict[str, tuple[object, ...]] = {
    "bench.py": (*SMALL, "--count", 200, "--only", "start", "planning", "submission"),
    "emulator_bench.py": ("--count", 300, "--trivial", 8, "--rounds", 1),
    "full_scene.py": SMALL,
    "profile_scene.py": ("--size", SIZE),
    "radiometry.py": (),
    "radiometry_pieces.py": (),
}
"""What starts each benchmark on something tiny; the rest of the files serve these."""
KEEPS = ("bench.py", "full_scene.py", "profile_scene.py")
"""They keep their scene in a folder."""


def run(script: str, *options: object, seconds: float = 170) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
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
    shown = run("scene_bench.py", *options, "--only", *parts, seconds=560)
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


@pytest.mark.long
@pytest.mark.timeout(600)
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


@pytest.mark.long
@pytest.mark.timeout(600)
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


# --- each of them


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("script", SMOKE)
def test_every_benchmark_runs_on_something_tiny(need, folder, script):
    options = SMOKE[script]
    if script in KEEPS:
        options = ("--folder", folder, *options)
    if script in ("radiometry.py", "radiometry_pieces.py"):
        options = (*options, *([need("shared") / "data"] if "pieces" in script else []))
        need("shared")
    said = run(script, *options, seconds=560)
    assert len(said.splitlines()) > 3


@pytest.mark.long
@pytest.mark.timeout(240)
def test_the_profile_draws_its_picture(folder, tmp_path):
    picture = tmp_path / "profile.svg"
    said = run("profile_scene.py", "--folder", folder, "--size", SIZE, "--svg", picture)
    shares = [int(share) for share in re.findall(r"CPU s +(\d+)%", said)]
    assert sum(shares) == pytest.approx(100, abs=len(shares) / 2)
    svg = ET.fromstring(picture.read_text())  # noqa: S314 - our own
    assert len(svg.findall("{http://www.w3.org/2000/svg}rect")) == 1 + len(shares)


def test_a_command_that_fails_is_a_benchmark_that_fails(tmp_path):
    """What would otherwise be a row of dashes in a table that nobody reads."""
    words = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r})\n"
        "from pathlib import Path\n"
        "from measure import Command, measure\n"
        "from table import Table, ended, row, to_json\n"
        "commands = [Command(name=name, argv=(sys.executable, '-c', f'raise SystemExit({code})'))"
        " for name, code in (('good', 0), ('bad', 3))]\n"
        f"runs = measure(commands, 1, Path({str(tmp_path)!r}))\n"
        "rows = tuple(row(one, runs[one.name]) for one in commands)\n"
        "raise SystemExit(ended(to_json({}, [Table(title='t', rows=rows)])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1, done.stderr
    assert "failed: bad: exit 3" in done.stderr
    assert "good" not in done.stdout


def test_no_benchmark_is_left_out():
    """Each file is started here, or is imported or started by one that is."""
    texts = {path.name: path.read_text() for path in BENCHMARKS.glob("*.py")}

    def used_by(name: str) -> set[str]:
        return {
            other
            for other in texts
            if re.search(rf"^(?:from|import) {other[:-3]}\b", texts[name], re.MULTILINE)
            or f'"{other}"' in texts[name]
            or (name == "bench.py" and f'"{other[:-3]}"' in texts[name])
        }

    seen: set[str] = set()
    waiting = {*SMOKE, "scene_bench.py", "scene.py", "http_server.py"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= used_by(name) - seen
    assert seen == set(texts)
