"""Makes a task's attempts: the first, and further ones of a failure that may pass.

Azure Batch cannot choose by exit code what it runs again, so its own retries are off and the
supervisor makes them. Each attempt has a fresh computing process, and a log and a result of its
own; the time limit that Batch holds counts for all of them together. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Never

from scenefleet_task.attempt import Attempt, usage
from scenefleet_task.computing import Computing
from scenefleet_task.errand import Errand, Text
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.setting import Setting
from scenefleet_task.supervise import WHY, begin, end, fail, remove, say, supervise

_FIRST = 2.0
"""Seconds before the second attempt; two attempts never begin in one second, as names sort."""
_GROWTH = 3.0
_LONGEST = 60.0
_JITTER = 0.5
"""At most this share is added, so that tasks that failed together do not return together."""


class _Stop(Exception):  # noqa: N818 - no error: a signal that ends a pause
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


def run_attempts(computing: Computing, text: Text, errand: Errand, setting: Setting) -> int:
    """Has a task done, in `setting.retries` further attempts at most; returns its exit code.

    Args:
        computing: the first attempt's, begun, without an order yet.
        text: the document.
        errand: what the supervisor knows of it.
        setting: where files go, memory, and how many further attempts there may be.
    """
    given = set(os.listdir())  # noqa: PTH208 - names are all that is wanted
    attempt = replace(begin(errand, os.environ), left=setting.retries)
    result = supervise(attempt, computing, text, errand, setting)
    for number in range(setting.retries):
        if not result.further:
            break
        seconds = _pause_of(number) * (1 + random.random() * _JITTER)  # noqa: S311 - no secret
        say(f"{result.exit}: {result.message}")
        say(f"attempt {number + 2} of {setting.retries + 1} begins in {seconds:.0f} s")
        remove(attempt)
        _empty(given, os.environ)
        stopped = _pause(seconds)
        spent = usage().cpu_seconds
        attempt = replace(
            _begin_after(attempt, errand), spent=spent, left=setting.retries - number - 1
        )
        if stopped is not None:
            text_ = f"ended by {stopped.name} between two attempts, {WHY[stopped]}"
            return end(attempt, fail(attempt, TaskError(Exit.STOPPED, text_), setting))
        result = supervise(attempt, Computing(), text, errand, setting)
    return end(attempt, result)


def _pause_of(number: int) -> float:
    """Seconds before a further attempt, counted from 0."""
    return min(_FIRST * _GROWTH**number, _LONGEST)


def _empty(but: AbstractSet[str], environment: Mapping[str, str]) -> None:
    """Removes what an attempt left in a node's working folder; a user's own folder is let alone."""
    folder = environment.get("AZ_BATCH_TASK_WORKING_DIR")
    if not folder or not Path(folder).exists() or not Path(folder).samefile(Path.cwd()):
        return
    for path in Path.cwd().iterdir():
        if path.name in but:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _begin_after(last: Attempt, errand: Errand) -> Attempt:
    """Begins an attempt whose name sorts after the last one's."""
    time.sleep(max(0.0, int(last.started) + 1 - time.time()))
    return begin(errand, os.environ)


def _pause(seconds: float) -> signal.Signals | None:
    """Waits; returns the signal that ended the wait early, if one did."""

    def stop(number: int, _frame: FrameType | None) -> Never:
        raise _Stop(number)

    stops = (signal.SIGTERM, signal.SIGINT)
    before = {}
    try:
        before = {number: signal.signal(number, stop) for number in stops}
        time.sleep(seconds)
    except _Stop as error:
        return error.signal
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return None
