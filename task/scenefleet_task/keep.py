"""Keeps an attempt's log and result in the store, after all else. Standard library only."""

from __future__ import annotations

from scenefleet_task.put import Target
from scenefleet_task.result import Result, to_line


def keep(folder: str, target: Target, log_text: bytes, result: Result) -> None:
    """Puts `log.txt`, then `result.json`, into a folder below the store's root.

    Raises:
        TaskError: if the store does not take them.
    """
    target.put(log_text, f"{folder}/log.txt")
    target.put(to_line(result).encode() + b"\n", f"{folder}/result.json")
