"""Keeps an attempt's log and result in the store, after all else.

Standard library only, but for what the store itself needs.
"""

from __future__ import annotations

from pathlib import Path

from scenefleet_task.attempt import Attempt
from scenefleet_task.put import target_for
from scenefleet_task.result import Result, to_line
from scenefleet_task.setting import Setting


def keep(attempt: Attempt, setting: Setting, log_text: bytes, result: Result) -> None:
    """Puts `log.txt`, then `result.json`; nothing where there is no run.

    Raises:
        TaskError: if the store does not take them.
    """
    folder = setting.log_folder(attempt.task, attempt.name)
    if folder is None:
        return
    target = target_for(setting)
    for name, data in (("log.txt", log_text), ("result.json", to_line(result).encode() + b"\n")):
        file = Path(attempt.scratch) / f"keep-{name}"
        file.write_bytes(data)
        target.put(file, f"{folder}/{name}")
