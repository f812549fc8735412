"""Runs commands in turn (A B C A B C ...) and measures each: CPU, wall, memory, bytes. Linux only.

- CPU: user and system time of the process and all that it waited for, by `wait4`.
- Peak: the largest resident set of any one of these processes, by `wait4`.
- Tree: the largest sum of resident sets of all processes alive at once, looked at every 50 ms;
  pages that they share count in each.
- Read, written: bytes of all its calls of read and write, files that it removes again and the
  modules that Python loads included, by /proc/self/io, which counts children that ended. Neither
  `mmap` nor `recv` shows there: a server counts what went over HTTP.

The kernel counts the starting process's memory as its child's until `exec`: so this module and who
uses it import neither numpy nor rasterio, or each peak would be theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Around = Callable[[], AbstractContextManager["Surrounding"]]
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For all, peers as well: idle BLAS threads would cost them seconds of CPU."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_SECONDS = 0.05
_PATIENCE = 900
"""Seconds until a command is ended as hanging."""


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What a command runs in, made anew for each run."""

    environment: Mapping[str, str] = field(default_factory=dict)
    after: Callable[[], Json] = dict
    """Asked once the command has ended: what a server counted, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One row."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    output: Path | None = None
    """A folder, emptied before each run; its size is counted after it."""
    around: Around = lambda: contextlib.nullcontext(Surrounding())
    note: str = ""
    most: int = 100
    """Rounds at most, for one that is slow and no target's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of a command took."""

    cpu: float
    """Seconds."""
    wall: float
    """Seconds."""
    peak: float
    """MB of 1e6 bytes."""
    tree: float
    """MB."""
    read: float
    """MB."""
    written: float
    """MB."""
    output: float
    """MB left in the output folder."""
    said: Json
    """The last line on standard output, if it is a JSON object; and what servers counted."""
    error: str = ""


def measure(
    commands: Sequence[Command], rounds: int, logs: Path, *, warm: bool = True
) -> dict[str, list[Run]]:
    """Runs of each command, by name.

    Args:
        commands: one after the other, as often as there are rounds.
        rounds: that count.
        logs: a folder for what commands write to standard error.
        warm: one run each before, which does not count.
    """
    signal.signal(signal.SIGTERM, _stop)
    found: dict[str, list[Run]] = {command.name: [] for command in commands}
    for number in range(-1 if warm else 0, rounds):
        for command in commands:
            if number >= command.most or any(run.error for run in found[command.name]):
                continue  # a command that fails does so once
            made = run(command, logs)
            told = f"round {number + 1}/{rounds} {command.name}: {made.cpu:.2f} CPU s, "
            print(f"{told}{made.wall:.2f} s, {made.peak:.0f} MB {made.error}", file=sys.stderr)
            if number >= 0 or made.error:
                found[command.name].append(made)
    return found


def run(command: Command, logs: Path) -> Run:
    """One run."""
    logs.mkdir(parents=True, exist_ok=True)
    if command.output:
        _empty(command.output)
    safe = "".join(c if c.isalnum() else "-" for c in command.name)
    out, err = logs / f"{safe}.out", logs / f"{safe}.err"
    with command.around() as surrounding, out.open("wb") as stdout, err.open("wb") as stderr:
        environment = {
            "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **ENVIRONMENT,
            **command.environment, **surrounding.environment,
        }  # fmt: skip
        before = _transferred()
        start = time.monotonic()
        process = subprocess.Popen(
            command.argv, env=environment, stdout=stdout, stderr=stderr,
            stdin=subprocess.DEVNULL, cwd=command.output, start_new_session=True,
        )  # fmt: skip
        with _ended_with_us(process), _watched(process.pid) as tree, _limited(process):
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
        after = _transferred()
        said = {**_said(out), **surrounding.after()}
    error = "" if process.returncode == 0 else f"exit {process.returncode}: {_last_line(err)}"
    return Run(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=ended - start,
        peak=usage.ru_maxrss * 1024 / 1e6,
        tree=max(tree, default=0) / 1e6,
        read=(after[0] - before[0]) / 1e6,
        written=(after[1] - before[1]) / 1e6,
        output=_size(command.output) / 1e6 if command.output else 0,
        said=said,
        error=error,
    )


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Minimum, median, maximum."""
    return min(values), statistics.median(values), max(values)


def processes(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


@contextlib.contextmanager
def _watched(pid: int) -> Generator[list[int]]:
    """Fills the list it gives with bytes of the process tree's resident sets."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            seen.append(sum(map(_resident, processes(pid))))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _stop(number: int, _: object) -> None:
    """Ends by an exception, so that what we started is ended too."""
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _ended_with_us(process: subprocess.Popen[bytes]) -> Generator[None]:
    """Ends the command where we are interrupted: its session is not the terminal's."""
    try:
        yield
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextlib.contextmanager
def _limited(process: subprocess.Popen[bytes]) -> Generator[None]:
    timer = threading.Timer(_PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _transferred() -> tuple[int, int]:
    """Bytes read and written by this process and the children it waited for."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0, 0
    told = dict(line.split(": ") for line in lines)
    return int(told["rchar"]), int(told["wchar"])


def _empty(folder: Path) -> None:
    # by another process: this one's memory is to stay small and its counts clean
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    folder.mkdir(parents=True)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _said(file: Path) -> Json:
    lines = file.read_bytes().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _last_line(file: Path) -> str:
    lines = file.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""
