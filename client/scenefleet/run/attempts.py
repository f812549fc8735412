"""What each attempt at a task left behind: its result, kept after the node is gone."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from scenefleet.errors import NotInStoreError
from scenefleet.store import Store
from scenefleet_task import spec
from scenefleet_task.result import Result, from_line, to_line

_READERS = 8


def read_attempts(store: Store, run: str) -> dict[str, list[Result]]:
    """Results by task id, the latest last; attempts whose node was lost have none."""
    folder = f"runs/{run}/logs"
    paths = sorted(e.path for e in store.list(folder) if e.path.endswith("/result.json"))
    with ThreadPoolExecutor(_READERS, thread_name_prefix="attempts") as pool:
        results = pool.map(partial(_read, store), paths)
    attempts: dict[str, list[Result]] = {}
    for result in results:
        if result is not None:
            attempts.setdefault(result.task, []).append(result)
    return attempts


def write_attempt(store: Store, run: str, result: Result, log: str | None = None) -> None:
    """Keeps the result of an attempt that could not write its own, and its log if there is one."""
    if log:
        store.write(f"{attempt_folder(run, result)}/log.txt", log.encode())
    store.write(f"{attempt_folder(run, result)}/result.json", to_line(result).encode())


def attempt_folder(run: str, result: Result) -> str:
    """Where an attempt's log and result lie."""
    return f"runs/{run}/logs/{result.task}/{result.attempt}"


def read_task(store: Store, run: str, task: str) -> list[Result]:
    """Results of one task's attempts, the latest last; attempts that left none are passed over."""
    folder = f"runs/{run}/logs/{task}"
    found = (_read(store, f"{folder}/{one}/result.json") for one in store.folders(folder))
    return [result for result in found if result is not None]


def last_logs(store: Store, run: str, task: str) -> str | None:
    """The log of the latest attempt that left one; None where none did."""
    folder = f"runs/{run}/logs/{task}"
    for attempt in reversed(store.folders(folder)):
        try:
            return store.read(f"{folder}/{attempt}/log.txt").decode(errors="replace")
        except NotInStoreError:
            continue
    return None


def failed_last(attempts: dict[str, list[Result]], tasks: Iterable[str]) -> set[str]:
    """The tasks, of those given, whose latest attempt failed by itself.

    One that was stopped from outside (a cancel, a lost node) did not fail: it was not let finish.
    Nor did one that was cut off between two attempts. Nor does a full store count: the same run
    goes on once there is room.
    """
    ok = (spec.Exit.DONE, spec.Exit.STOPPED, spec.Exit.STORE_FULL)
    last = {task: tries[-1] for task in tasks if (tries := attempts.get(task))}
    return {task for task, one in last.items() if one.code not in ok and not one.further}


def _read(store: Store, path: str) -> Result | None:
    try:
        return from_line(store.read(path))
    except (ValueError, NotInStoreError):
        return None  # cut off in writing: the attempt left nothing that can be relied on
