"""Runs the computing process as a child, and tells how it ended whatever ended it.

Standard library only: this process stays small, so that the kernel, short of memory, ends the
child. It passes the child's output on to standard error, redacted, so that standard output holds
one line: the result.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import string
import sys
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from scenefleet_task.attempt import Attempt, conclude, usage_of
from scenefleet_task.failure import TaskError
from scenefleet_task.gdal_settings import apply_settings
from scenefleet_task.keep import keep
from scenefleet_task.redact import redact
from scenefleet_task.result import Result, from_line, to_line
from scenefleet_task.setting import Setting
from scenefleet_task.spec import Exit, TaskDocument

_WHY = {
    signal.SIGKILL: "most often for want of memory: use larger nodes, or fewer task slots a node",
    signal.SIGTERM: "cancelled, out of time, or the node was taken away: run again",
    signal.SIGINT: "cancelled: run again",
}
_STOPS = (signal.SIGTERM, signal.SIGINT)


def begin(document: TaskDocument | None, environment: Mapping[str, str]) -> Attempt:
    """A new attempt, and its folder in the working folder.

    Args:
        document: None if it could not be read; then Batch's own task id stands in.
        environment: of this process.
    """
    now = time.time()
    letters = "".join(random.choices(string.ascii_lowercase, k=4))  # noqa: S311 - a name, no secret
    name = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{letters}"
    scratch = Path.cwd() / f"scenefleet-{name}"
    scratch.mkdir()
    return Attempt(
        task=document.id if document else environment.get("AZ_BATCH_TASK_ID", "unknown"),
        item=document.source.id if document else "unknown",
        name=name,
        started=now,
        scratch=scratch,
    )


def supervise(attempt: Attempt, compute: Callable[[], int], setting: Setting) -> Result:
    """Runs the computing process, and gives its result or one that says how it died.

    The process is a fork of this one, which has read the document already and is otherwise small:
    no second start of Python. GDAL and numpy are loaded there only.

    Args:
        attempt: begun.
        compute: what the process does; its value is the exit code.
        setting: where logs go, and memory.
    """
    output, end_of_child = os.pipe()
    child = os.fork()
    if not child:
        os.close(output)
        _become(end_of_child, compute, setting)
    os.close(end_of_child)
    with _forwarding(child), os.fdopen(output, "rb") as said, attempt.log_file.open("wb") as log:
        _tee(said, log)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    result = _result_of(attempt, code)
    if not attempt.kept_mark.exists():
        keep_or_say(attempt, setting, attempt.log_file.read_bytes(), result)
    return result


def _become(output: int, compute: Callable[[], int], setting: Setting) -> NoReturn:
    """The computing process, from its beginning to its end."""
    code = Exit.INTERNAL.value
    try:
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # A read that blocks in GDAL would sit on Python's own handler until it is over.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        apply_settings(os.environ, setting.budget.memory)  # before rasterio and numpy are imported
        code = compute()
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run here
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def fail(attempt: Attempt, error: TaskError, setting: Setting | None) -> Result:
    """The result of a task that could not even start."""
    result = conclude(attempt, error.exit, error.message, usage_of(resource.RUSAGE_SELF))
    _say(f"{result.exit}: {result.message}")
    if setting:
        keep_or_say(attempt, setting, f"{result.message}\n".encode(), result)
    return result


def end(attempt: Attempt, result: Result) -> int:
    """Removes the attempt's files and prints the result: the last line on standard output."""
    shutil.rmtree(attempt.scratch, ignore_errors=True)
    sys.stdout.write(to_line(result) + "\n")
    sys.stdout.flush()
    return result.code


def keep_or_say(attempt: Attempt, setting: Setting, log_text: bytes, result: Result) -> None:
    """Keeps log and result; a store that does not take them must not hide the result."""
    try:
        keep(attempt, setting, log_text, result)
    except (TaskError, OSError, ImportError) as error:
        _say(f"log and result are not in the store: {error}")


def _result_of(attempt: Attempt, code: int) -> Result:
    if attempt.result_file.exists():
        return from_line(attempt.result_file.read_text())
    usage = usage_of(resource.RUSAGE_CHILDREN)
    if code < 0:
        name = signal.Signals(-code)
        why = _WHY.get(name, "a crash in native code: please report the log")
        peak = f"{usage.peak_memory_mb:.0f} MB"
        text = f"the computing process was ended by {name.name} at {peak}, {why}"
        return conclude(attempt, Exit.STOPPED if name in _STOPS else Exit.KILLED, text, usage)
    text = f"the computing process ended with code {code} and no result; its log says why"
    return conclude(attempt, Exit.INTERNAL, text, usage)


def _tee(source: IO[bytes], log: IO[bytes]) -> None:
    for line in source:
        clean = redact(line.decode(errors="replace"))
        log.write(clean.encode())
        sys.stderr.write(clean)
        sys.stderr.flush()


@contextlib.contextmanager
def _forwarding(child: int) -> Generator[None]:
    """Passes SIGTERM and SIGINT on to the child, whose end then tells the rest."""

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {redact(text)}\n")
    sys.stderr.flush()
