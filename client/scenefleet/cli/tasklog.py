"""Where a task's log is: in the store once it has ended, on its node before."""

from __future__ import annotations

from scenefleet.fleet import Fleet
from scenefleet.run import Run
from scenefleet.run.attempts import last_logs
from scenefleet.store import Store


def read_log(store: Store, fleet: Fleet | None, run: Run, task: str) -> str | None:
    """What the task's latest attempt said; None where nothing is known."""
    if fleet is not None and run.jobs:
        live = fleet.read_file(run.jobs[-1], task, "stderr.txt")
        if live is not None:
            return live.decode(errors="replace").rstrip("\n")
    kept = last_logs(store, run.id, task)
    return None if kept is None else kept.rstrip("\n")
