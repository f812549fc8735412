"""Values of resources as JSON and back: times, durations and the small records they are made of."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.node import NodeError
from batch_emulator.state.node_user import NodeUser
from batch_emulator.state.pool import AllocationFault, AutoscaleRun
from batch_emulator.state.start_task import StartTaskRun
from batch_emulator.state.subtask import Subtask
from batch_emulator.state.task import Failure, Place
from batch_emulator.state.visit import Run

_NODE_KINDS = (NodeError, NodeUser, StartTaskRun)
_TASK_KINDS = (Failure, Place, Run, Subtask, ContainerInfo)
_KINDS = (*_TASK_KINDS, AutoscaleRun, AllocationFault, *_NODE_KINDS)
_RECORDS = {kind.__name__: kind for kind in _KINDS}


def pack(value: Any) -> Any:  # noqa: ANN401 - whatever a resource holds
    """A value as JSON can hold it.

    Raises:
        TypeError: for a kind of value that no resource should hold.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return {"$": "time", "at": value.timestamp()}
    if isinstance(value, timedelta):
        return {"$": "span", "seconds": value.total_seconds()}
    if isinstance(value, Path):
        return {"$": "path", "is": str(value)}
    if isinstance(value, list | tuple):
        members = [pack(member) for member in cast("list[Any]", value)]
        return members if isinstance(value, list) else {"$": "tuple", "of": members}
    kind = type(value).__name__
    if kind in _RECORDS:
        return {"$": kind, **{f.name: pack(getattr(value, f.name)) for f in fields(value)}}
    raise TypeError(f"a {kind} cannot be saved")


def unpack(value: Any) -> Any:  # noqa: ANN401, PLR0911 - as above
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(member) for member in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    rest = cast("dict[str, Any]", value)
    match rest.pop("$"):
        case "time":
            return datetime.fromtimestamp(rest["at"], UTC)
        case "span":
            return timedelta(seconds=rest["seconds"])
        case "path":
            return Path(rest["is"])
        case "tuple":
            return tuple(unpack(member) for member in rest["of"])
        case kind:
            return _RECORDS[kind](**{name: unpack(member) for name, member in rest.items()})
