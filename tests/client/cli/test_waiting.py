"""A catalogue that is slow: the terminal says for what it waits, and Ctrl-C ends it at once."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.catalog.hostile_server import Hostile, reply, serving

from scenefleet.cli.waiting import Wait, waiting

SCENEFLEET = str(Path(sys.executable).with_name("scenefleet"))
CATALOG = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d"}
CONFORMS = [f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "item-search")]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serving() as server:
        yield server


def item(name: str) -> dict[str, Any]:
    ring = [[5, 52], [6, 52], [6, 53], [5, 53], [5, 52]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": "2023-06-01T10:00:00Z"},
        "assets": {},
        "links": [],
    }


def slow_second_page(hostile: Hostile) -> threading.Event:
    """A STAC API that keeps its second page back until the event is set."""
    release = threading.Event()
    links = [{"rel": "search", "href": f"{hostile.url}/search", "method": "GET"}]
    hostile.json("/", json.dumps({**CATALOG, "conformsTo": CONFORMS, "links": links}))
    more = [{"rel": "next", "href": f"{hostile.url}/more"}]
    page = {"type": "FeatureCollection", "numberMatched": 3}
    first = {**page, "features": [item("a"), item("b")], "links": more}
    hostile.json("/search", json.dumps(first))

    def late(line: socket.socket) -> None:
        while not (release.wait(0.1) or hostile.done.is_set()):
            pass
        line.sendall(reply(json.dumps({**page, "features": [item("c")], "links": []}).encode()))

    hostile.answers["/more"] = late
    return release


@pytest.fixture
def recipe(hostile: Hostile, tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"version: 1\nname: slow\nsearch: {{catalog: '{hostile.url}/', dates: 2023-06,"
        " bbox: [5, 52, 6, 53]}\n"
    )
    return path


def test_in_a_pipe_it_is_a_line_of_text_again_and_again(
    hostile: Hostile, recipe: Path, tmp_path: Path
) -> None:
    release = slow_second_page(hostile)
    with subprocess.Popen(
        [SCENEFLEET, "search", str(recipe)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stdout is not None
        lines = [process.stderr.readline() for _ in range(2)]
        release.set()
        assert process.wait(60) == 0
        assert "c\n" in process.stdout.read()
    host = re.escape(hostile.url.removeprefix("http://"))
    for line in lines:
        assert re.fullmatch(rf"waiting for {host}: page 2, 2 items \(\d+ s\)\n", line)


def test_without_a_standard_error_it_goes_on(
    hostile: Hostile, recipe: Path, tmp_path: Path
) -> None:
    release = slow_second_page(hostile)
    threading.Timer(4, release.set).start()
    command = f"exec '{SCENEFLEET}' search '{recipe}' 2>&-"
    done = subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, text=True, cwd=tmp_path, timeout=90,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "c\n" in done.stdout


def test_ctrl_c_ends_the_wait_without_a_traceback(
    hostile: Hostile, recipe: Path, tmp_path: Path
) -> None:
    slow_second_page(hostile)
    with subprocess.Popen(
        [SCENEFLEET, "plan", str(recipe)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting for ")
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 5
        assert time.monotonic() - begun < 10
        rest = process.stderr.read()
    assert rest.splitlines()[-1] == "cancelled"
    assert "Traceback" not in rest


def test_in_a_terminal_of_40_columns_it_is_one_line_that_goes_away(
    hostile: Hostile, recipe: Path, tmp_path: Path
) -> None:
    release = slow_second_page(hostile)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        [SCENEFLEET, "search", str(recipe)],
        stdout=subprocess.DEVNULL, stderr=slave, cwd=tmp_path, env=environment,
    ) as process:  # fmt: skip
        os.close(slave)
        seen = read_until(master, "page 2")
        release.set()
        assert process.wait(60) == 0
        seen += read_until(master, None)
    os.close(master)
    lines = re.findall(r"\r([^\r\n]+)\x1b\[K", seen)
    assert lines
    assert max(map(len, lines)) < 40
    assert re.fullmatch(r"[|/\\-] 127\S+: page 2, 2 items \d+ s", lines[-1])
    assert "\r\x1b[K" in seen  # taken away before the next words
    assert seen.rstrip().splitlines()[-1].endswith("3 scenes")


def read_until(master: int, word: str | None) -> str:
    """What a terminal shows up to a word, or all that is there."""
    text, until = "", time.monotonic() + 60
    while time.monotonic() < until and (word is None or word not in text):
        ready, _, _ = select.select([master], [], [], 0.5 if word is None else 5)
        if not ready and word is None:
            break
        try:
            text += os.read(master, 65_536).decode() if ready else ""
        except OSError:  # the other end is closed
            break
    return text


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_a_line_is_never_wider_than_the_terminal(columns: int) -> None:
    wait = Wait("planetarycomputer.microsoft.com")
    assert len(wait.line(columns)) < columns
    wait.now("planetarycomputer.microsoft.com", "page 1234, 123,400 items")
    assert len(wait.line(columns)) < columns
    if columns >= 40:
        wait.now("planetarycomputer.microsoft.com", "page 4, 300 items")
        assert "page 4, 300 items" in wait.line(columns)
    if columns >= 80:
        assert "planetarycomputer.microsoft.com: page 4" in wait.line(columns)


def test_what_is_over_soon_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("a host"):
        pass
    assert capsys.readouterr().err == ""


AZURE = """
version: 1
name: slow
search: {catalog: items.json}
compute: {backend: azure, image: mine.azurecr.io/scenefleet-task}
output: {store: %s}
"""


@pytest.mark.parametrize(
    ("words", "store", "waits"),
    [
        (("plan", "r.yaml"), "az://mine/box", "waiting for the store az://mine/box ("),
        (("run", "r.yaml", "--yes"), "az://mine/box", "waiting for the store az://mine/box ("),
        (("status", "--store", "az://mine/box"), "x", "waiting for the store az://mine/box ("),
        (("list", "--store", "az://mine/box"), "x", "waiting for the store az://mine/box ("),
        (
            ("doctor", "--recipe", "r.yaml"),
            "results",
            "waiting for mine.westeurope.batch.azure.com: its pools, and the sign-in (",
        ),
    ],
)
def test_a_store_or_a_sign_in_that_takes_long_is_told(
    hostile: Hostile, tmp_path: Path, words: tuple[str, ...], store: str, waits: str
) -> None:
    """The storage service is silent; and so is the endpoint that gives tokens of Entra ID."""
    hostile.answers = Silent(hostile)
    (tmp_path / "r.yaml").write_text(AZURE % store)
    scene = item("a")
    bands = {"red": "B04", "nir": "B08", "scl": "SCL"}
    scene["assets"] = {
        name: {"href": f"https://files.example/{name}.tif", "type": "image/tiff"}
        for name in bands.values()
    }
    scene["properties"]["s2:processing_baseline"] = "05.09"
    collection = {"type": "FeatureCollection", "features": [scene]}
    (tmp_path / "items.json").write_text(json.dumps(collection))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AZURE_")},
        "HOME": str(tmp_path),
        "IDENTITY_ENDPOINT": f"{hostile.url}/token",
        "IDENTITY_HEADER": "x",
        "SCENEFLEET_AZURE_BATCH_ENDPOINT": "https://mine.westeurope.batch.azure.com",
        "SCENEFLEET_AZURE_STORAGE_ENDPOINT": f"{hostile.url}/mine",
        "SCENEFLEET_AZURE_STORAGE_KEY": "a2V5",
    }
    with subprocess.Popen(
        [SCENEFLEET, *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = []
        while not any(line.startswith(waits) for line in said):
            said.append(process.stderr.readline())
            assert said[-1], said
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 5
        assert "Traceback" not in process.stderr.read()


class Silent(dict[str, Any]):
    """The answers of a server that takes every request and says nothing to it."""

    def __init__(self, hostile: Hostile) -> None:
        super().__init__()
        self.hostile = hostile

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return lambda _: self.hostile.done.wait(200)
