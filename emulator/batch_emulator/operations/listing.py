"""Lists: what each operation can be filtered by, and what can be selected.

Source: "OData filters in Batch" of the service's REST reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from batch_emulator.wire.body import property_names, schemas
from batch_emulator.wire.former import names_today
from batch_emulator.wire.odata import Property, parse_filter, parse_select, prop
from batch_emulator.wire.paging import Question, page_size, skip_token
from batch_emulator.wire.versions import version_of

_SAME = "eq ne"
_ORDER = "eq ne ge gt le lt"
_TEXT = "startswith eq ne ge gt le lt"

Properties = Mapping[str, Property]


def _choice(shape: str, name: str, operators: str = _SAME) -> Property:
    """A property that has one of the values which its shape lists."""
    return prop("choice", operators, schemas()[shape]["properties"][name]["enum"])


def _common(shape: str) -> dict[str, Property]:
    return {
        "id": prop("text", _TEXT),
        "state": _choice(shape, "state"),
        "stateTransitionTime": prop("time", _ORDER),
        "creationTime": prop("time", _ORDER),
        "lastModified": prop("time", _ORDER),
    }


def _run(shape: str) -> dict[str, Property]:
    """How a start, preparation or release task went."""
    return {
        "state": _choice(shape, "state", "eq"),
        "startTime": prop("time", _ORDER),
        "endTime": prop("time", _ORDER),
        "exitCode": prop("number", _ORDER),
        "result": _choice(shape, "result"),
    }


def _within(path: str, properties: Properties) -> dict[str, Property]:
    return {f"{path}/{name}": kind for name, kind in properties.items()}


POOLS: Properties = {
    **_common("BatchPool"),
    "allocationState": _choice("BatchPool", "allocationState"),
    "allocationStateTransitionTime": prop("time", _ORDER),
    "enableAutoScale": prop("truth", _SAME),
    "enableInterNodeCommunication": prop("truth", _SAME),
    "vmSize": prop("text", _TEXT),
}
JOBS: Properties = {
    **_common("BatchJob"),
    "priority": prop("number", _ORDER),
    "executionInfo/startTime": prop("time", _ORDER),
    "executionInfo/endTime": prop("time", _ORDER),
    "executionInfo/poolId": prop("text", _TEXT),
}
SCHEDULES: Properties = {
    **_common("BatchJobSchedule"),
    "executionInfo/endTime": prop("time", _ORDER),
    "schedule/doNotRunUntil": prop("time", _ORDER),
    "schedule/doNotRunAfter": prop("time", _ORDER),
}
SCHEDULE_JOBS: Properties = {
    name: kind for name, kind in JOBS.items() if name not in ("id", "priority")
}
TASKS: Properties = {
    **_common("BatchTask"),
    "executionInfo/exitCode": prop("number", _ORDER),
    "executionInfo/result": _choice("BatchTaskExecutionInfo", "result"),
    "executionInfo/retryCount": prop("number", _ORDER),
    "executionInfo/startTime": prop("time", _ORDER),
    "executionInfo/endTime": prop("time", _ORDER),
}
NODES: Properties = {
    "state": _choice("BatchNode", "state"),
    "stateTransitionTime": prop("time", _ORDER),
    "lastBootTime": prop("time", _ORDER),
    "allocationTime": prop("time", _ORDER),
    **_within("startTaskInfo", _run("BatchStartTaskInfo")),
}
PREPARATIONS: Properties = {
    "poolId": prop("text", _SAME),
    "nodeId": prop("text", _SAME),
    **_within("jobPreparationTaskExecutionInfo", _run("BatchJobPreparationTaskExecutionInfo")),
    **_within("jobReleaseTaskExecutionInfo", _run("BatchJobReleaseTaskExecutionInfo")),
}
USAGES: Properties = {"poolId": prop("text", _TEXT)}
NODE_COUNTS: Properties = {"poolId": prop("text", "eq")}
FILES: Properties = {"name": prop("text", "startswith")}
AGENTS: Properties = {"id": prop("text", _SAME), "osType": prop("choice", _SAME)}
IMAGES: Properties = {
    "osType": prop("choice", _SAME),
    "verificationType": prop("choice", _SAME),
    "nodeAgentSKUId": prop("text", _SAME),
}


def question(
    request: Request, properties: Properties, shape: str | None, *, by_name: bool = False
) -> Question:
    """What a list request asks for; a list `by_name` goes on after a name.

    Raises:
        BatchError: if it asks for what cannot be had.
    """
    text = request.query_params.get("$filter")
    return Question(
        predicate=parse_filter(text, properties) if text else None,
        select=selection(request, shape) if shape else None,
        size=page_size(request),
        after=skip_token(request, by_name=by_name),
    )


def selection(request: Request, shape: str) -> frozenset[str] | None:
    """The `$select` of a request for resources of a shape, by today's names."""
    version = version_of(request)
    selected = parse_select(request.query_params.get("$select"), property_names(shape, version))
    return None if selected is None else names_today(selected, shape, version)
