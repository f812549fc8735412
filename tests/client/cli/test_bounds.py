"""What a search leaves open is told; a server's whole archive is asked about, or wants a limit."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive
from scenefleet.demo.server import serve_archive

Cli = Callable[..., CompletedProcess[str]]
BOX = "bbox: [-180, -90, 180, 90]"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=120, acquisitions=ACQUISITIONS[:2])
    return folder


@pytest.fixture(scope="module")
def url(archive: Path) -> Iterator[str]:
    with serve_archive(archive) as address:
        yield address


Write = Callable[[str, object], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def recipe(search: str, catalog: object) -> None:
        text = f"version: 1\nname: a\nsearch: {{catalog: '{catalog}', {search}}}\n"
        (tmp_path / "recipe.yaml").write_text(text)

    return recipe


@pytest.mark.parametrize("verb", ["search", "plan", "try", "run"])
def test_a_whole_archive_is_refused_without_a_terminal(
    cli: Cli, write: Write, url: str, verb: str
) -> None:
    write("cloud_below: 90", url)
    done = cli(verb)
    assert done.returncode == 1
    assert "all of sentinel-2-l2a in " in done.stderr
    for key in ("`bbox:", "`dates:", "`limit:"):
        assert key in done.stderr


@pytest.mark.parametrize(
    "bound", ["limit: 3", "dates: 2021", "bbox: [-179, -89, 179, 0]", "bbox: [5, 51, 6, 53]"]
)
def test_any_bound_will_do(cli: Cli, write: Write, url: str, bound: str) -> None:
    write(bound, url)
    done = cli("search")
    assert "there is no terminal" not in done.stderr


def test_the_whole_globe_is_no_bound(cli: Cli, write: Write, url: str) -> None:
    write(BOX, url)
    assert "there is no terminal" in cli("search").stderr


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 5), (b"\n", 5), (b"y\n", 0)])
def test_a_terminal_is_asked(
    tmp_path: Path, write: Write, url: str, answer: bytes, code: int
) -> None:
    write("cloud_below: 100", url)
    terminal, end = pty.openpty()
    os.write(terminal, answer)
    command = [str(Path(sys.executable).with_name("scenefleet")), "search"]
    try:
        done = subprocess.run(
            command, cwd=tmp_path, stdin=end, capture_output=True, text=True, timeout=120,
            env={**os.environ, "HOME": str(tmp_path)}, check=False,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(end)
    assert "Search all of sentinel-2-l2a in" in done.stderr
    assert done.returncode == code


def test_a_users_own_file_is_told_of_and_not_asked_about(
    cli: Cli, write: Write, archive: Path
) -> None:
    write("", archive / "items.json")
    done = cli("search")
    assert done.returncode == 0
    assert "note: the search has no area and no dates" in done.stderr
    write("dates: 2021", archive / "items.json")
    assert "note: the search has no area: any place will do" in cli("search").stderr
    write("bbox: [5, 51, 7, 53]", archive / "items.json")
    assert "note: the search has no dates: any time will do" in cli("search").stderr


def test_a_file_of_items_on_the_web_is_no_archive(cli: Cli, write: Write, archive: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=archive)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        write("", f"http://127.0.0.1:{server.server_port}/items.json")
        done = cli("search")
        server.shutdown()
    assert done.returncode == 0
    assert "note: the search has no area and no dates" in done.stderr


def test_plan_writes_none_for_what_is_not_set(cli: Cli, write: Write, archive: Path) -> None:
    write("", archive / "items.json")
    told = cli("plan").stderr
    for line in ("area: none", "dates: none", "cloud_below: none", "filter: none", "limit: none",
                 "grid: none", "max_cost: none", "node_price: none", "slots: none"):  # fmt: skip
        assert line in told
    assert "bbox" not in told


def test_mended_polygons_are_told(cli: Cli, write: Write, archive: Path) -> None:
    ring = "[[4, 51], [7, 53], [7, 51], [4, 53], [4, 51]]"
    write(f"area: {{type: Polygon, coordinates: [{ring}]}}", archive / "items.json")
    told = cli("search").stderr
    assert "note: `search.area`: the geometry is not valid (Self-intersection" in told


def test_swapped_coordinates_get_a_hint(cli: Cli, write: Write, archive: Path) -> None:
    write("bbox: [51, 4, 53, 7]", archive / "items.json")
    done = cli("search")
    assert done.returncode == 1
    assert "longitude comes first" in done.stderr
