"""Operations of Azure Resource Manager on pools; the pools are those of the data plane."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.arm.access import CLASSIC_UNTIL
from batch_emulator.arm.answers import answer, below, find_account, next_link
from batch_emulator.arm.errors import no_pool
from batch_emulator.arm.pool_change import create, read_wanted, update
from batch_emulator.arm.pool_document import etag_of, tell_pool
from batch_emulator.scheduling.allocation import delete_pool as begin_deletion
from batch_emulator.scheduling.allocation import stop_resize as end_resize
from batch_emulator.scheduling.autoscaling import end_autoscale
from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.wire.body import read_json
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.iso8601 import format_http_time
from batch_emulator.wire.odata import Property, parse_filter, prop
from batch_emulator.wire.paging import page_size, skip_token
from batch_emulator.wire.reply import check_conditions

Json = dict[str, Any]

_SLOTS = "taskSlotsPerNode"
_RETRY_AFTER = 1
"""Seconds; the service says 15, and takes about a minute."""
_TIMES = ("allocationStateTransitionTime", "creationTime", "lastModified")
_FILTERS: dict[str, Property] = {
    "name": prop("text", "startswith eq ne ge gt le lt"),
    **{f"properties/{name}": prop("time", "eq ne ge gt le lt") for name in _TIMES},
    "properties/provisioningStateTransitionTime": prop("time", "eq ne ge gt le lt"),
    "properties/allocationState": prop("choice", "eq ne", ("steady", "resizing", "stopping")),
    "properties/provisioningState": prop("choice", "eq ne", ("succeeded", "deleting")),
    "properties/interNodeCommunication": prop("choice", "eq ne", ("enabled", "disabled")),
    "properties/vmSize": prop("text", "startswith eq ne ge gt le lt"),
}
"""What the models of azure-mgmt-batch say that pools can be filtered by, but for scale settings."""


async def put_pool(service: Service, request: Request) -> Response:
    """Make a pool, or have one be as is said."""
    find_account(service, request)
    name = request.path_params["pool"]
    body = await read_json(request)
    pool = service.account.pools.get(name.lower())
    if pool is None:
        if "if-match" in request.headers:
            raise BatchError("ConditionNotMet")
        return _tell(service, request, create(service, name, read_wanted(body, new=True)))
    _require_changeable(request, pool)
    update(service, pool, read_wanted(body, new=True), whole=True)
    return _tell(service, request, pool)


async def get_pool(service: Service, request: Request) -> Response:
    """Tell of a pool."""
    pool = _find(service, request)
    check_conditions(request, pool)
    return _tell(service, request, pool)


async def patch_pool(service: Service, request: Request) -> Response:
    """Change what is given; the rest stays."""
    pool = _find(service, request)
    _require_changeable(request, pool)
    wanted = read_wanted(await read_json(request), new=False)
    if request.query_params["api-version"] <= CLASSIC_UNTIL and wanted.spec.get(_SLOTS) == 1:
        del wanted.spec[_SLOTS]  # azure-mgmt-batch 17 and 18 say so in each change
    update(service, pool, wanted, whole=False)
    return _tell(service, request, pool)


async def delete_pool(service: Service, request: Request) -> Response:
    """Begin to delete a pool; where it is gone already, there is nothing to do."""
    account = find_account(service, request)
    pool = service.account.pools.get(request.path_params["pool"].lower())
    if pool is None:
        return answer(None, status=204)
    check_conditions(request, pool)
    if pool.state != "deleting":
        begin_deletion(service, pool)
    name = f"delete-{pool.id}-{pool.etag.removeprefix('0x')}"
    return _wait(below(request, f"{account}/poolOperationResults/{name}"))


async def get_result(service: Service, request: Request) -> Response:
    """Tell whether a deletion is over."""
    account = find_account(service, request)
    name = request.path_params["operation"]
    pool_id = name.removeprefix("delete-").rpartition("-")[0]
    pool = service.account.pools.get(pool_id.lower())
    if pool is not None and pool.state == "deleting":
        return _wait(below(request, f"{account}/poolOperationResults/{name}"))
    return answer(None)


async def disable_autoscale(service: Service, request: Request) -> Response:
    """Leave a pool at the size it has."""
    pool = _find(service, request)
    _require_changeable(request, pool)
    if pool.formula is not None:
        end_autoscale(service, pool)
    return _tell(service, request, pool)


async def stop_resize(service: Service, request: Request) -> Response:
    """Stop a resize that is under way."""
    pool = _find(service, request)
    _require_changeable(request, pool)
    if pool.allocation != "resizing":
        raise BatchError("OperationInvalidForCurrentState", Reason="The pool is not resizing.")
    end_resize(service, pool)
    return _tell(service, request, pool)


async def list_pools(service: Service, request: Request) -> Response:
    """List pools, a page at a time."""
    find_account(service, request)
    text = request.query_params.get("$filter")
    predicate = parse_filter(text, _FILTERS) if text else None
    size, after = page_size(request), skip_token(request)
    version = request.query_params["api-version"]
    told: list[Json] = []
    last = after
    for pool in list(service.account.pools.values()):
        if pool.sequence <= int(after):
            continue
        document = tell_pool(service, pool, version)
        if predicate is not None and not predicate(lambda path, of=document: _peek(of, path)):
            continue
        if len(told) == size:
            return answer({"value": told, "nextLink": next_link(request, int(last))})
        told.append(_selected(document, request.query_params.get("$select")))
        last = pool.sequence
    return answer({"value": told})


def _peek(document: Json, path: str) -> Any:  # noqa: ANN401 - a property may be anything
    """A property for a filter, which has the values of enumerations in lower case."""
    value: Any = document
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - JSON
    return value.lower() if _FILTERS[path].kind == "choice" else value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - JSON


def _selected(document: Json, select: str | None) -> Json:
    """A pool with the selected ones of its `properties`, which are all that can be selected."""
    if not select:
        return document
    names = {name.strip().lower().removeprefix("properties/") for name in select.split(",")}
    chosen = {k: v for k, v in document["properties"].items() if k.lower() in names}
    return {**document, "properties": chosen}


def _find(service: Service, request: Request) -> Pool:
    find_account(service, request)
    name = request.path_params["pool"]
    pool = service.account.pools.get(name.lower())
    if pool is None:
        assert service.options.arm is not None
        raise no_pool(service.options.arm.group, service.options.account, name)
    return pool


def _require_changeable(request: Request, pool: Pool) -> None:
    check_conditions(request, pool)
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted")


def _tell(service: Service, request: Request, pool: Pool) -> Response:
    headers = {"ETag": etag_of(pool), "Last-Modified": format_http_time(pool.modified)}
    body = tell_pool(service, pool, request.query_params["api-version"])
    return answer(body, headers=headers)


def _wait(address: str) -> Response:
    return answer(None, status=202, headers={"Location": address, "Retry-After": str(_RETRY_AFTER)})
