"""Lists: what each operation can be filtered by, and what can be selected.

Source: "OData filters in Batch" of the service's REST reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from batch_emulator.wire.body import property_names
from batch_emulator.wire.odata import Property, parse_filter, parse_select, prop
from batch_emulator.wire.paging import Question, page_size, skip_token
from batch_emulator.wire.versions import is_older

_SAME = "eq ne"
_ORDER = "eq ne ge gt le lt"
_TEXT = "startswith eq ne ge gt le lt"

Properties = Mapping[str, Property]

_COMMON: Properties = {
    "id": prop("text", _TEXT),
    "state": prop("choice", _SAME),
    "stateTransitionTime": prop("time", _ORDER),
    "creationTime": prop("time", _ORDER),
    "lastModified": prop("time", _ORDER),
}
POOLS: Properties = {
    **_COMMON,
    "allocationState": prop("choice", _SAME),
    "allocationStateTransitionTime": prop("time", _ORDER),
    "enableAutoScale": prop("truth", _SAME),
    "enableInterNodeCommunication": prop("truth", _SAME),
    "vmSize": prop("text", _TEXT),
}
JOBS: Properties = {
    **_COMMON,
    "priority": prop("number", _ORDER),
    "executionInfo/startTime": prop("time", _ORDER),
    "executionInfo/endTime": prop("time", _ORDER),
    "executionInfo/poolId": prop("text", _TEXT),
}
SCHEDULES: Properties = {
    **_COMMON,
    "executionInfo/endTime": prop("time", _ORDER),
    "schedule/doNotRunUntil": prop("time", _ORDER),
    "schedule/doNotRunAfter": prop("time", _ORDER),
}
SCHEDULE_JOBS: Properties = {
    name: kind for name, kind in JOBS.items() if name not in ("id", "priority")
}
TASKS: Properties = {
    **_COMMON,
    "executionInfo/exitCode": prop("number", _ORDER),
    "executionInfo/result": prop("choice", _SAME),
    "executionInfo/retryCount": prop("number", _ORDER),
    "executionInfo/startTime": prop("time", _ORDER),
    "executionInfo/endTime": prop("time", _ORDER),
}
NODES: Properties = {
    "state": prop("choice", _SAME),
    "stateTransitionTime": prop("time", _ORDER),
    "lastBootTime": prop("time", _ORDER),
    "allocationTime": prop("time", _ORDER),
    "startTaskInfo/state": prop("choice", "eq"),
    "startTaskInfo/result": prop("choice", _SAME),
    "startTaskInfo/exitCode": prop("number", _ORDER),
    "startTaskInfo/startTime": prop("time", _ORDER),
    "startTaskInfo/endTime": prop("time", _ORDER),
}
_RUN: Properties = {
    "state": prop("choice", "eq"),
    "startTime": prop("time", _ORDER),
    "endTime": prop("time", _ORDER),
    "exitCode": prop("number", _ORDER),
    "result": prop("choice", _SAME),
}
PREPARATIONS: Properties = {
    "poolId": prop("text", _SAME),
    "nodeId": prop("text", _SAME),
    **{f"jobPreparationTaskExecutionInfo/{name}": kind for name, kind in _RUN.items()},
    **{f"jobReleaseTaskExecutionInfo/{name}": kind for name, kind in _RUN.items()},
}
USAGES: Properties = {"poolId": prop("text", _TEXT)}
NODE_COUNTS: Properties = {"poolId": prop("text", "eq")}
FILES: Properties = {"name": prop("text", "startswith")}
IMAGES: Properties = {
    "osType": prop("choice", _SAME),
    "verificationType": prop("choice", _SAME),
    "nodeAgentSKUId": prop("text", _SAME),
}


def question(request: Request, properties: Properties, shape: str | None) -> Question:
    """What a list request asks for.

    Raises:
        BatchError: if it asks for what cannot be had.
    """
    text = request.query_params.get("$filter")
    return Question(
        predicate=parse_filter(text, properties) if text else None,
        select=selection(request, shape) if shape else None,
        size=page_size(request),
        after=skip_token(request),
    )


def selection(request: Request, shape: str) -> frozenset[str] | None:
    """The `$select` of a request for resources of a shape."""
    names = property_names(shape, older=is_older(request))
    return parse_select(request.query_params.get("$select"), names)
