"""What the Batch emulator costs, beside what it is to be measured by: one row each, in turn.

- Accepting tasks: the SDK's `create_tasks` to a sink that keeps nothing (`sink.py`), to the
  emulator that keeps its state in memory, and to one that keeps it on disk.
- A page of 1,000 tasks, and the counts, of a job of 100,000 beside one of 1,000.
- 1,000 times `/bin/true` as tasks, beside as many processes from a pool of threads.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import machine
from measure import Command, Json, Surrounding, measure, run
from submission import sink
from table import Table, Target, ended, parser, ratio, row, text, to_json, write

HERE = Path(__file__).resolve().parent
SLOWER, MOST_MB, PAGE, RUN = 2.0, 400.0, 1.5, 2.0
SINK, MEMORY, DISK = "sink", "emulator, in memory", "emulator, --state"
POOL, TASKS, SHM = "pool of threads", "emulator", "emulator, files in /dev/shm"
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only to be told apart from a disk
"""Where a task's folder and its two files cost next to nothing: they are four of a disk's makings,
and the bare pool makes none."""
_KEY = "a2V5"
"""No secret: of an emulator that lives as long as one row."""


@contextmanager
def sunk() -> Generator[Surrounding]:
    """With a sink."""
    with sink() as address:
        yield Surrounding(_access(address))


@contextmanager
def emulated(
    *options: str, job: bool = False, temporary: Path | None = None
) -> Generator[Surrounding]:
    """With an emulator, whose peak of memory is told; its tasks' files are where it is told."""
    command = [sys.executable, "-m", "batch_emulator", "serve", "--port=0", "--json"]
    command += ["--exit-with-parent", "--boot-time=0", *options]
    environment = {**os.environ, "BATCH_EMULATOR_KEY": _KEY}
    if temporary is not None:
        environment["TMPDIR"] = str(temporary)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        access = _access(json.loads(process.stdout.readline())["endpoint"])
        if job:
            _prepare(access)
        yield Surrounding(access, after=lambda: {"server_peak": _peak(process.pid)})
        process.stdin.close()


@contextmanager
def emulated_on_disk() -> Generator[Surrounding]:
    """With an emulator that keeps its state, and a job."""
    with (
        tempfile.TemporaryDirectory() as folder,
        emulated(f"--state={folder}", job=True) as around,
    ):
        yield around


def _access(endpoint: str) -> dict[str, str]:
    return {"BATCH_ENDPOINT": endpoint, "BATCH_ACCOUNT": "devaccount", "BATCH_KEY": _KEY}


def _prepare(access: dict[str, str]) -> None:
    program = "import emulator_load as l\nwith l.client() as c: l.create_job(c, 'job')"
    subprocess.run(
        [sys.executable, "-c", program], cwd=HERE, env={**os.environ, **access}, check=True
    )


def _peak(pid: int) -> float:
    """MB of 1e6 bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024 / 1e6


def _load(what: str, count: int, width: int = 0) -> tuple[str, ...]:
    script = str(HERE / "emulator_load.py")
    return (sys.executable, script, what, "--count", str(count), "--width", str(width))


def accepting(count: int, rounds: int, logs: Path) -> Table:
    """How fast tasks are taken, and what memory they need."""
    load = _load("accept", count)
    commands = [
        Command(name=SINK, argv=load, around=sunk),
        Command(name=MEMORY, argv=load, around=lambda: emulated(job=True)),
        Command(name=DISK, argv=load, around=emulated_on_disk),
    ]
    runs = measure(commands, rounds, logs, warm=False)
    bare, memory, disk = (
        row(one, runs[one.name], lambda r: r.said["cpu"], lambda r: r.said["wall"])
        for one in commands
    )
    targets: list[Target] = []
    for one in (memory, disk):
        slower = ratio(one, bare, "wall")
        peak = max((said["server_peak"] for said in one.said), default=None)
        targets += [
            Target(what=f"time to the sink's: {one.name}", found=slower, limit=SLOWER),
            Target(what=f"peak of the {one.name}", found=peak, limit=MOST_MB, unit=" MB"),
        ]
    return Table(
        title=f"Taking {count} tasks from the SDK's create_tasks (CPU is the client's)",
        rows=(bare, memory, disk),
        targets=tuple(targets),
    )


def looking(count: int, rounds: int, logs: Path) -> Table:
    """What lists and counts cost in a large job, to a small one's."""
    command = Command(name="client", argv=_load("look", count), around=emulated)
    said = [run(command, logs).said for _ in range(max(1, rounds // 2))]

    def worst(large: str, small: str) -> float | None:
        return max((one[large] / one[small] for one in said if large in one), default=None)

    page, counts = "page of the small job", "counts of the small job"
    lines = [f"  {name}: {1000 * seconds:.2f} ms" for name, seconds in said[0].items()
             if name != "server_peak"]  # fmt: skip
    return Table(
        title=f"Pages of 1000 tasks and counts, of {count} tasks beside 1000 (medians)",
        rows=(),
        text="\n".join(lines),
        targets=(
            Target(what="first page", found=worst("first page of the large job", page), limit=PAGE),
            Target(what="last page", found=worst("last page of the large job", page), limit=PAGE),
            Target(
                what="page with a filter",
                found=worst("page of the large job, filtered", f"{page}, filtered"),
                limit=PAGE,
            ),
            Target(what="counts", found=worst("counts of the large job", counts), limit=PAGE),
        ),
    )


def running(count: int, width: int, rounds: int, logs: Path) -> Table:
    """What a trivial task costs, beside its process alone."""
    commands = [
        Command(name=POOL, argv=_load("bare", count, width)),
        Command(name=TASKS, argv=_load("trivial", count, width), around=emulated),
        Command(name=DISK, argv=_load("trivial", count, width), around=_trivial_on_disk),
        Command(
            name=SHM,
            argv=_load("trivial", count, width),
            around=lambda: emulated(temporary=MEMORY_DISK),
        ),
    ]
    if not MEMORY_DISK.is_dir():
        commands.pop()
    runs = measure(commands, rounds, logs, warm=False)
    rows = tuple(
        row(one, runs[one.name], lambda _: None, lambda r: r.said["wall"]) for one in commands
    )
    bare = rows[0]
    return Table(
        title=f"{count} times /bin/true, {width} at once",
        rows=rows,
        targets=tuple(
            Target(
                what=f"time to the pool's: {command.name}",
                found=ratio(one, bare, "wall"),
                limit=RUN,
            )
            for command, one in zip(commands[1:], rows[1:], strict=True)
        ),
    )


@contextmanager
def _trivial_on_disk() -> Generator[Surrounding]:
    with tempfile.TemporaryDirectory() as folder, emulated(f"--state={folder}") as around:
        yield around


def main() -> int:
    """Runs the benchmark."""
    made = parser(__doc__)
    made.add_argument("--count", type=int, default=100_000, help="tasks to take")
    made.add_argument("--trivial", type=int, default=1000, help="tasks to run")
    made.add_argument("--width", type=int, default=4, help="of them at once")
    made.add_argument("--only", nargs="*", default=["accepting", "looking", "running"])
    asked = made.parse_args()
    header = machine.header(sys.executable, None)
    print(machine.text(header), end="\n\n", flush=True)
    found: list[Table] = []
    with tempfile.TemporaryDirectory() as temporary:
        logs = Path(temporary)
        steps = {
            "accepting": lambda: accepting(asked.count, asked.rounds, logs),
            "looking": lambda: looking(asked.count, asked.rounds, logs),
            "running": lambda: running(asked.trivial, asked.width, asked.rounds, logs),
        }
        for name, step in steps.items():
            if name in asked.only:
                found.append(step())
                print(text(found[-1]), flush=True)
                told: Json = to_json(header, found)
                write(asked.json, told)
    return ended(to_json(header, found))


if __name__ == "__main__":
    sys.exit(main())
