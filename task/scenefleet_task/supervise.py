"""Runs a task's computing process, puts its files into the store, and tells how it ended.

Whatever ends the computing process leaves a log and a result. The supervisor alone knows the store,
and it closes itself to that process (`conceal`). It starts with little more than Python, and loads
the store's client while the other computes. Standard library only, but for the store's client.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from scenefleet_task.attempt import Attempt, Findings, conclude, usage
from scenefleet_task.attend import Ended, Log, attend
from scenefleet_task.broker import Broker
from scenefleet_task.computing import Computing
from scenefleet_task.errand import Errand, Text
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.keep import keep
from scenefleet_task.line import Json
from scenefleet_task.order import Order
from scenefleet_task.put import Target, is_far, memory_of, target_for
from scenefleet_task.receive import Receiver
from scenefleet_task.redact import redact
from scenefleet_task.result import Output, Result, to_line
from scenefleet_task.setting import Setting

WHY = {
    signal.SIGKILL: "most often for want of memory: use larger nodes, or fewer task slots a node",
    signal.SIGTERM: "cancelled, out of time, or the node was taken away: run again",
    signal.SIGINT: "cancelled: run again",
}
"""What a signal that ended a process most often means, and what helps."""
_STOPS = (signal.SIGTERM, signal.SIGINT)
_MESSAGE = 8000
"""Characters of a message that are kept."""


def begin(errand: Errand | None, environment: Mapping[str, str]) -> Attempt:
    """A new attempt, and its folder in the working folder.

    Args:
        errand: None if the document could not be read; then Batch's own task id stands in.
        environment: of this process.
    """
    now = time.time()
    letters = "".join(chr(ord("a") + byte % 26) for byte in os.urandom(4))
    name = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{letters}"
    scratch = Path.cwd() / f"scenefleet-{name}"
    scratch.mkdir()
    return Attempt(
        task=errand.task if errand else environment.get("AZ_BATCH_TASK_ID", "unknown"),
        item=errand.item if errand else "unknown",
        name=name,
        started=now,
        scratch=scratch,
    )


def supervise(
    attempt: Attempt, computing: Computing, text: Text, errand: Errand, setting: Setting
) -> Result:
    """Has the computing process do its task; gives its result, or one that says how it died.

    Args:
        attempt: begun.
        computing: begun, without an order yet.
        text: the document, for the process to read.
        errand: what the supervisor knows of it.
        setting: where files go, and memory.
    """
    with attempt.log_file.open("w+b") as file:
        log = Log(file)
        receiver = Receiver(computing.files, errand, attempt.scratch, lambda: _target(setting, log))
        order = Order(
            text=text,
            scratch=attempt.scratch,
            started=attempt.started,
            memory=setting.budget.memory,
            budget=setting.budget.less(memory_of(setting)),
        )
        broker = Broker(computing.asks, errand, setting.script, log.adopt)
        ended = attend(computing, order, broker, receiver, log)
        result = result_of(attempt, ended, receiver)
        file.seek(0)
        keep_orsay(attempt, setting, receiver.target, file.read(), result)
    return result


def _target(setting: Setting, log: Log) -> Target:
    if is_far(setting.store):
        log.adopt()  # before there is a client that might say something
    return target_for(setting)


def fail(attempt: Attempt, error: TaskError, setting: Setting | None) -> Result:
    """The result of a task that could not even start."""
    result = conclude(attempt, error.exit, error.message, usage())
    say(f"{result.exit}: {result.message}")
    if setting:
        text = f"{result.message}\n".encode()
        keep_orsay(attempt, setting, lambda: target_for(setting), text, result)
    return result


def end(attempt: Attempt, result: Result) -> int:
    """Removes the attempt's files and prints the result: the last line on standard output."""
    remove(attempt)
    sys.stdout.write(to_line(result) + "\n")
    sys.stdout.flush()
    return result.code


def remove(attempt: Attempt) -> None:
    """Removes the attempt's files from the working folder."""
    with contextlib.suppress(OSError):
        attempt.log_file.unlink(missing_ok=True)
        attempt.scratch.rmdir()
        return
    import shutil  # late: only a script leaves more

    shutil.rmtree(attempt.scratch, ignore_errors=True)


def keep_orsay(
    attempt: Attempt,
    setting: Setting,
    target: Callable[[], Target],
    log_text: bytes,
    result: Result,
) -> None:
    """Keeps log and result; a store that does not take them must not hide the result."""
    folder = setting.log_folder(attempt.task, attempt.name)
    if folder is None:
        return
    try:
        keep(folder, target(), log_text, result)
    except (TaskError, OSError, ImportError) as error:
        say(f"log and result are not in the store: {error}")


def result_of(attempt: Attempt, ended: Ended, receiver: Receiver) -> Result:
    """The task's result: what the process told, as far as that can be so, or how it died."""
    cost = usage()
    if ended.trouble:
        text = f"the computing process was ended: {ended.trouble}"
        return conclude(attempt, Exit.INTERNAL, text, cost)
    if receiver.result is not None:
        try:
            exit_, message, findings = _told(receiver.result, receiver)
        except (ValueError, LookupError, TypeError, OverflowError):
            exit_, findings = Exit.INTERNAL, Findings()
            message = "the computing process told a result that is none, or is not so"
        return conclude(attempt, exit_, message, cost, findings)
    if ended.code < 0:
        name = signal.Signals(-ended.code)
        why = WHY.get(name, "a crash in native code: please report the log")
        peak = f"{cost.peak_memory_mb:.0f} MB"
        text = f"the computing process was ended by {name.name} at {peak}, {why}"
        return conclude(attempt, Exit.STOPPED if name in _STOPS else Exit.KILLED, text, cost)
    text = f"the computing process ended with code {ended.code} and no result; its log says why"
    return conclude(attempt, Exit.INTERNAL, text, cost)


def _told(said: Json, receiver: Receiver) -> tuple[Exit, str, Findings]:
    """What the process told of itself, as far as it can be so.

    Raises:
        ValueError: if it cannot; so do LookupError, TypeError and OverflowError.
    """
    exit_ = Exit[said["exit"]]
    message = "".join(c for c in redact(str(said["message"])) if c.isprintable() or c in "\n\t")
    if exit_ is not Exit.DONE:
        return exit_, message[:_MESSAGE], Findings()
    found = cast("Json", said["found"])
    outputs = tuple(Output(**one) for one in cast("list[Json]", found["outputs"]))
    for output in outputs:
        name = output.path.removeprefix(f"{receiver.errand.root}/")
        digest = receiver.digests[name]
        if (output.size, output.sha256) != (digest.size, digest.sha256):
            raise ValueError(name)
    valid = float(found["valid_percent"])
    if not receiver.complete or not math.isfinite(valid):
        raise ValueError(said["exit"])
    reasons = {str(k): int(v) for k, v in cast("Json", found["reasons"]).items()}
    return exit_, "", Findings(valid_percent=valid, reasons=reasons, outputs=outputs)


def say(text: str) -> None:
    """Writes a line to standard error, redacted, with the time."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {redact(text)}\n")
    sys.stderr.flush()
