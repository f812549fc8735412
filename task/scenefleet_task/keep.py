"""Keeps an attempt's log and result in the store, after all else.

Standard library only, but for what the store itself needs.
"""

from __future__ import annotations

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
    target.put(log_text, f"{folder}/log.txt")
    target.put(to_line(result).encode() + b"\n", f"{folder}/result.json")
