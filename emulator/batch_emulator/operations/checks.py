"""Checks that several operations share: ids, durations, files."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from batch_emulator.node.paths import is_relative
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.iso8601 import parse_duration

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST = timedelta(days=10675200)
"""A limit of time that clients send for none."""
_SOURCES = ("httpUrl", "storageContainerUrl", "autoStorageContainerName")


def check_id(name: str, value: str) -> None:
    """An id is 1 to 64 letters, digits, hyphens and underscores.

    Raises:
        BatchError: if it is not.
    """
    if not _ID.fullmatch(value):
        reason = "Allowed: 1 to 64 letters, digits, hyphens and underscores."
        raise invalid_property(name, value, reason)


def check_range(name: str, value: int, low: int, high: int) -> None:
    """A number within limits.

    Raises:
        BatchError: if it is not.
    """
    if not low <= value <= high:
        raise invalid_property(name, value, f"Allowed: {low} to {high}.")


def check_duration(name: str, text: str, low: timedelta, high: timedelta) -> timedelta:
    """A duration within limits.

    Raises:
        BatchError: if it is not.
    """
    value = parse_duration(text)
    if not low <= value <= high:
        raise invalid_property(name, text, f"Allowed: {low} to {high}.")
    return value


def check_work(spec: dict[str, Any], path: str = "") -> None:
    """Checks the files of a task of any kind; a command that cannot run fails on its node.

    Raises:
        BatchError: if one of them cannot be.
    """
    for at, file in enumerate(spec.get("resourceFiles", ())):
        _check_resource_file(file, f"{path}resourceFiles[{at}]")
    for at, file in enumerate(spec.get("outputFiles", ())):
        _check_output_file(file, f"{path}outputFiles[{at}]")


def check_constraints(constraints: dict[str, Any], path: str = "constraints") -> None:
    """A task's limits.

    Raises:
        BatchError: if one cannot be.
    """
    retries = constraints.get("maxTaskRetryCount", 0)
    check_range(f"{path}.maxTaskRetryCount", retries, -1, 2**31 - 1)
    for name in ("maxWallClockTime", "retentionTime"):
        if name in constraints:
            check_duration(f"{path}.{name}", constraints[name], timedelta(0), LONGEST)


def _check_resource_file(file: dict[str, Any], path: str) -> None:
    sources = [name for name in _SOURCES if name in file]
    if len(sources) != 1:
        raise invalid_property(path, sources, f"Exactly one is needed of {', '.join(_SOURCES)}.")
    if sources == ["httpUrl"] and "filePath" not in file:
        raise missing_property(f"{path}.filePath", "httpUrl needs it.")
    if "filePath" in file and not is_relative(file["filePath"]):
        reason = "It has to be relative, without '..'."
        raise invalid_property(f"{path}.filePath", file["filePath"], reason)
    if not re.fullmatch(r"[0-7]{1,4}", file.get("fileMode", "0770")):
        raise invalid_property(f"{path}.fileMode", file["fileMode"], "An octal mode is expected.")


def _check_output_file(file: dict[str, Any], path: str) -> None:
    if "container" not in file["destination"]:
        raise missing_property(f"{path}.destination.container")
    if "uploadCondition" not in file["uploadOptions"]:
        raise missing_property(f"{path}.uploadOptions.uploadCondition")


def require_active(code_by_state: dict[str, str], state: str) -> None:
    """Refuse what cannot be done in a state.

    Raises:
        BatchError: with the state's code.
    """
    if state in code_by_state:
        raise BatchError(code_by_state[state])
