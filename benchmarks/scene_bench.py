"""What one scene costs the task, beside the limit and beside the tools that users take.

Each table's commands run in turn, so that ratios are of one run. `--only` takes names of tables:
local (with the peers, if `--peers` names their Python), http, area, outputs, start. The scene is
made once and kept in `--folder`. `make bench-scene` runs it with the environments it needs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path

import commands
import machine
import services
import start_up
from commands import Place
from measure import ENVIRONMENT, Command, Run, measure, run
from services import HttpServer
from table import Row, Table, Target, ended, parser, ratio, row, text, to_json, write

PARTS = ("local", "http", "area", "outputs", "start")
SMALL = 256_000_000
"""Bytes of the row with little memory, as `resources.memory: 256MB` gives."""
Runs = dict[str, list[Run]]


def prepare(folder: Path, python: str, peers: str | None, address: str) -> Place:
    """Documents and code for the scene, and the tiles that the limit encodes."""
    target = folder / "prepared.json"
    _python(python, "documents.py", folder / "scene", address, target)
    return Place(folder=folder, python=python, peers=peers, prepared=commands.read_prepared(folder))


def prepare_limit(place: Place) -> None:
    """Arrays of what the task makes of the scene, for the limit to encode; fills the page cache.

    Raises:
        SystemExit: if the task fails.
    """
    made = run(commands.task(place, "preparing", "one"), place.logs)
    if made.error:
        sys.exit(f"The task does not run: {made.error}; see {place.logs}/preparing.err")
    _python(place.python, "limit.py", "prepare", place.output("task"), place.folder / "tiles")


def local(place: Place, rounds: int, *, documented: bool) -> Table:
    """NDVI with SCL mask on local files, the limit, and the peers."""
    ours = [
        commands.task(place, "scenefleet, 1 thread", "one"),
        commands.task(place, "scenefleet, 2 threads", "one", threads=2),
        commands.task(place, "scenefleet, 256 MB", "one", memory=SMALL),
        commands.task(place, "scenefleet, deflate", "deflate"),
    ]
    limits = [commands.limit(place, codec) for codec in ("zstd", "deflate")]
    others = commands.peers(place, same=False) if documented else []
    others += commands.peers(place, same=True) if documented else []
    said = [
        *commands.missing(place),
        "The task also writes the reason band, a picture and the item, which the peers do not.",
        f"Peers of the same output run {commands.SLOW} times at most, those of a target always.",
    ]
    rows = _rows([*ours, *limits, *others], measure_all(place, [*ours, *limits, *others], rounds))
    made = Table(title="NDVI with SCL mask, local files", rows=rows, text="\n".join(said))
    one, two = made.row("scenefleet, 1 thread"), made.row("scenefleet, 2 threads")
    script = made.row("usual script")
    by_windows = "rasterio by windows, COG driver{}, same output"
    deflate = made.row("scenefleet, deflate")
    small = made.row("scenefleet, 256 MB")
    found = [
        ("CPU, of the limit", ratio(one, made.row("limit: codecs alone, zstd")), 2.5, ""),
        (
            "CPU, of the limit, deflate",
            ratio(deflate, made.row("limit: codecs alone, deflate")),
            2.5,
            "",
        ),
        ("CPU, of the usual script", ratio(one, script), 0.25, ""),
        (
            "CPU, of rasterio by windows",
            ratio(one, made.row(by_windows.format(", zstd"))),
            0.5,
            "",
        ),
        (
            "CPU, of rasterio by windows, deflate",
            ratio(deflate, made.row(by_windows.format(""))),
            0.5,
            "",
        ),
        ("wall with 2 threads, of the usual script", ratio(two, script, "wall"), 1 / 6, ""),
        ("peak memory", _peak(one, two), 500, " MB"),
        ("peak memory with 256 MB", _peak(small), 250, " MB"),
    ]
    return _with(made, found)


def http(place: Place, server: HttpServer, rounds: int) -> Table:
    """End to end over HTTP, with upload to Azurite."""
    job = place.folder / "download.json"
    around = server.counted
    both = partial(services.together, server.counted, partial(services.azurite, place.python))
    floor = commands.download(place, "download floor", server.address, job, around)
    rows = [floor]
    for threads in (1, 2):
        plural = f"{threads} thread{'s' if threads > 1 else ''}"
        rows.append(commands.task(place, f"local files, {plural}", "one", threads=threads))
        if not services.azurite_missing():
            name = f"HTTP to Azurite, {plural}"
            rows.append(commands.task(place, name, "http", threads=threads, around=both))
    found = measure_all(place, rows, rounds)
    made = Table(
        title="Over HTTP: 30 ms a request, 60 MB/s a connection, 250 MB/s in all",
        text=services.azurite_missing()
        or "The server and Azurite share the machine's cores with the task; peak and CPU are the "
        "task's.",
        rows=tuple(
            row(command, found[command.name], wall=_own_wall if command is floor else _wall)
            for command in rows
        ),
    )
    targets = []
    for plural in ("1 thread", "2 threads"):
        end, compute = made.row(f"HTTP to Azurite, {plural}"), made.row(f"local files, {plural}")
        base = [made.row("download floor"), compute]
        walls = [one.wall[1] for one in base if one and one.wall]
        value = end.wall[1] / max(walls) if end and end.wall and len(walls) == 2 else None
        what = f"wall, of the floor or the compute time, the larger, {plural}"
        targets.append((what, value, 1.5, ""))
    return _with(made, targets)


def area(place: Place, server: HttpServer, rounds: int) -> Table:
    """A twentieth of the scene."""
    job = place.folder / "area.json"
    rows = [
        commands.download(place, "bare download of the tiles", server.address, job, server.counted),
        commands.task(place, "area of 5%", "area", around=server.counted),
        commands.loading(place, "start-up of the task"),
    ]
    found = measure_all(place, rows, rounds)
    bare = row(rows[0], found[rows[0].name], wall=_own_wall)
    ours, start = (row(one, found[one.name], wall=_wall) for one in rows[1:])
    ranges = json.loads(job.read_text())
    held = sum(size for _, _, size in ranges) / 1e6
    asked = len(ranges) + len({name for name, _, _ in ranges})
    made = Table(
        title="An area of 5% of the scene, over the same HTTP",
        text=f"The touched tiles hold {held:.1f} MB; their rows and the headers are {asked}.",
        rows=(bare, ours, start),
    )
    work = ours.wall[1] - start.wall[1] if ours.wall and start.wall else None
    floor = bare.wall[1] if bare.wall else None
    return _with(
        made,
        [
            ("bytes, of what the touched tiles hold", _over(ours.http, held), 1.25, ""),
            ("requests, of touched tile rows and headers", _over(ours.requests, asked), 1.5, ""),
            ("wall without start-up, of the bare download", _over(work, floor), 2, ""),
        ],
    )


def outputs(place: Place, rounds: int) -> Table:
    """What more outputs cost."""
    rows = [
        commands.task(place, "1 index", "one"),
        commands.task(place, "2 indices", "two"),
        commands.task(place, "4 indices", "four"),
        commands.limit(place, "zstd"),
    ]
    made = Table(
        title="Further outputs of the same bands, local files, 1 thread",
        text="Share of the reason band: its counts, overviews, zstd and SHA-256, by themselves "
        "in the limit's process.",
        rows=_rows(rows, measure_all(place, rows, rounds)),
    )
    first, two, four = (made.row(name) for name in ("1 index", "2 indices", "4 indices"))
    codecs = made.row("limit: codecs alone, zstd")
    reason = sorted(said["reason"] for said in codecs.said)[codecs.rounds // 2] if codecs else None
    return _with(
        made,
        [
            ("the second index, of the first", _further(two, first, 1), 0.35, ""),
            ("each of three further, of the first", _further(four, first, 3), 0.35, ""),
            ("the reason band, of one index", _over(reason, _median(first)), 0.15, ""),
        ],
    )


def start(place: Place, rounds: int) -> Table:
    """CPU until the first read."""
    with start_up.listening() as (listener, address):
        folder = place.folder / "start"
        folder.mkdir(exist_ok=True)
        _python(place.python, "documents.py", place.scene, address, folder / "prepared.json")
        told = commands.read_prepared(folder)
        environment = {
            "SCENEFLEET_TASK": told["tasks"]["http"],
            "SCENEFLEET_STORE": str(place.output("start")),
        }
        argv = [place.python, told["code"], "run"]
        return start_up.table(place.python, argv, environment, listener, rounds)


def measure_all(place: Place, wanted: list[Command], rounds: int) -> Runs:
    """In turn; nothing is warmed up: preparing has filled the page cache."""
    return measure(wanted, rounds, place.logs, warm=False)


def _rows(wanted: list[Command], found: Runs) -> tuple[Row, ...]:
    made = []
    for command in wanted:
        inside = command.name.startswith("limit")
        counts = (_own_cpu, _none) if inside else (_cpu, _wall)
        made.append(row(command, found[command.name], *counts))
    return tuple(made)


def _cpu(one: Run) -> float:
    return one.cpu


def _wall(one: Run) -> float:
    return one.wall


def _own_cpu(one: Run) -> float:
    return one.said["cpu_seconds"]


def _own_wall(one: Run) -> float:
    return one.said["wall"]


def _none(_: Run) -> None:
    return None


def _median(one: Row | None) -> float | None:
    return one.cpu[1] if one and one.cpu else None


def _over(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def _further(more: Row | None, first: Row | None, count: int) -> float | None:
    upper, lower = _median(more), _median(first)
    return None if upper is None or lower is None else (upper - lower) / count / lower


def _peak(*rows: Row | None) -> float | None:
    peaks = [one.peak for one in rows if one and one.peak]
    return max(peaks) if len(peaks) == len(rows) else None


def _with(made: Table, found: list[tuple[str, float | None, float, str]]) -> Table:
    targets = tuple(
        Target(what=what, found=value, limit=limit, unit=unit) for what, value, limit, unit in found
    )
    return Table(title=made.title, rows=made.rows, text=made.text, targets=targets)


def _python(python: str, script: str, *arguments: object) -> None:
    command = [python, str(services.HERE / script), *map(str, arguments)]
    subprocess.run(command, check=True, env={**_path(), **ENVIRONMENT}, stdout=sys.stderr)


def _absolute(python: str | None) -> str | None:
    """Commands run in folders of their own; not resolved, or it were no virtual environment's."""
    found = shutil.which(python) if python else None
    return str(Path(found).absolute()) if found else None


def _path() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}


@contextlib.contextmanager
def _ready(arguments: argparse.Namespace) -> Generator[tuple[Place, HttpServer]]:
    """The scene, its server, and all that is run on it."""
    folder = arguments.folder.absolute()
    scene = folder / "scene"
    python, peers = _absolute(arguments.python), _absolute(arguments.peers)
    assert python
    _python(python, "scene.py", scene, "--size", arguments.size)
    with services.http_server(scene) as server:
        place = prepare(folder, python, peers, server.address)
        prepare_limit(place)
        yield place, server


def tables(arguments: argparse.Namespace) -> Generator[Table]:
    """Each as soon as it is measured; none of the scene where none is asked for."""
    if not set(arguments.only) & set(PARTS):
        return
    with _ready(arguments) as (place, server):
        for part in arguments.only:
            match part:
                case "local":
                    yield local(place, arguments.rounds, documented=bool(arguments.peers))
                case "http":
                    yield http(place, server, arguments.rounds)
                case "area":
                    yield area(place, server, arguments.rounds)
                case "outputs":
                    yield outputs(place, arguments.rounds)
                case "start":
                    yield start(place, arguments.rounds)


def add_options(to: argparse.ArgumentParser, parts: Sequence[str] = PARTS) -> None:
    """Beside those of all benchmarks; `parts` are what `--only` chooses from."""
    to.add_argument("--folder", type=Path, default=Path("build/bench"), help="kept between runs")
    to.add_argument("--size", type=int, default=10980, help="pixels along the scene's side, even")
    to.add_argument("--python", default=sys.executable, help="of the environment of the task")
    to.add_argument("--peers", help="the Python of the peers' environment; without it, no peers")
    to.add_argument("--only", nargs="+", choices=parts, default=parts, help="tables")


def main() -> int:
    made = parser(__doc__)
    add_options(made)
    arguments = made.parse_args()
    header = machine.header(arguments.python, arguments.peers)
    print(machine.text(header), end="\n\n", flush=True)
    found = []
    for one in tables(arguments):
        found.append(one)
        print(text(one), flush=True)
        write(arguments.json, to_json(header, found))
    return ended(to_json(header, found))


if __name__ == "__main__":
    sys.exit(main())
