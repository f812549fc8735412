"""Faults of nodes and of their allocation, and quotas, on demand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.node_states import require_state
from batch_emulator.scheduling.node_faults import (
    DEFAULT_ERROR,
    RETURNING,
    Fault,
    bring_back,
    can_befall,
    choose,
    strike,
)
from batch_emulator.service import Service
from batch_emulator.state.node import Node, NodeError
from batch_emulator.state.pool import AllocationFault, Pool
from batch_emulator.state.quotas import Quotas
from batch_emulator.wire.body import read_json
from batch_emulator.wire.errors import invalid_property
from batch_emulator.wire.iso8601 import parse_duration
from batch_emulator.wire.reply import reply

_FAULTS = ("preempted", "unusable", "unknown", "offline", "upgradingos")
_QUOTAS = {
    "dedicatedNodes": "dedicated_nodes",
    "lowPriorityNodes": "low_priority_nodes",
    "activeJobs": "active_jobs",
    "dedicatedCores": "dedicated_cores",
    "lowPriorityCores": "low_priority_cores",
    "coresByFamily": "family_cores",
}
_MOST = 1_000_000
_FAR = timedelta(days=3660)


async def strike_nodes(service: Service, request: Request) -> Response:
    """Let a fault befall nodes.

    `{"fault": "preempted", "nodes": ["..."]}`, or `"count": 2, "seed": 7` instead of nodes; also
    `"error": {"code", "message"}` for unusable nodes, and `"backAfter": "PT5M"`.
    """
    pool = service.account.pool(request.path_params["poolId"])
    body = await read_json(request)
    if body.get("fault") not in _FAULTS:
        raise invalid_property("fault", body.get("fault"), f"Allowed: {', '.join(_FAULTS)}.")
    fault = cast("Fault", body["fault"])
    error, back_after = _error(body), _back_after(body)
    nodes = _nodes(service, pool, body, fault)
    for node in nodes:
        strike(service, node, fault, error, back_after)
    return _told(nodes)


async def return_nodes(service: Service, request: Request) -> Response:
    """Bring nodes back: `{"nodes": ["..."]}`, or all of the pool's that a fault has befallen.

    Offline nodes are among them, whoever disabled scheduling there.
    """
    pool = service.account.pool(request.path_params["poolId"])
    body = await read_json(request, optional=True)
    if "nodes" in body:
        nodes = _named(service, pool, body["nodes"])
        for node in nodes:
            require_state(node, *RETURNING)
    else:
        nodes = [node for node in pool.nodes.values() if node.state in RETURNING]
    for node in nodes:
        bring_back(service, node)
    return _told(nodes)


async def fail_allocations(service: Service, request: Request) -> Response:
    """Let a pool's next resizes fail that need nodes: `{"code", "message", "times"}`."""
    pool = service.account.pool(request.path_params["poolId"])
    body = await read_json(request)
    code = _text(body, "code", "AllocationFailed")
    message = _text(body, "message", "Desired number of nodes could not be allocated")
    times = _number(body.get("times", 1), "times", 1)
    pool.allocation_faults = [*pool.allocation_faults, AllocationFault(code, message, times)]
    pool.touch(service.now())
    return reply(200, body={"pending": sum(f.times for f in pool.allocation_faults)})


async def get_quotas(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """The quotas that were set; null where it is as the emulator was started."""
    quotas = service.account.quotas
    return reply(200, body=quotas.document("") if quotas else dict.fromkeys(_QUOTAS))


async def set_quotas(service: Service, request: Request) -> Response:
    """Set quotas: `{"dedicatedNodes": 0}`; null undoes one, those that are not named stay."""
    body = await read_json(request)
    for name, value in body.items():
        if name not in _QUOTAS:
            raise invalid_property(name, value, f"Allowed: {', '.join(_QUOTAS)}.")
        if value is not None and name != "coresByFamily":
            _number(value, name, 0)
    if body.get("coresByFamily") is not None:
        body["coresByFamily"] = _families(body["coresByFamily"])
    now = service.now()
    quotas = service.account.quotas or Quotas(id="quotas", created=now, ledger=service.ledger)
    for name, value in body.items():
        setattr(quotas, _QUOTAS[name], value)
    quotas.touch(now)
    service.account.quotas = quotas
    return reply(200, body=quotas.document(""))


def _nodes(service: Service, pool: Pool, body: dict[str, Any], fault: Fault) -> list[Node]:
    """The nodes that a fault is to befall: named, or chosen by a seed."""
    if ("nodes" in body) == ("count" in body):
        raise invalid_property("nodes", body.get("nodes"), "Either nodes or count is needed.")
    able = [node for node in pool.nodes.values() if can_befall(fault, node)]
    if "nodes" in body:
        named = _named(service, pool, body["nodes"])
        for node in named:
            if node not in able:
                reason = f"{node.id} is {node.state}: it cannot be {fault}."
                if fault == "preempted" and node.dedicated:
                    reason = f"{node.id} is dedicated: only low-priority nodes are preempted."
                raise invalid_property("nodes", node.id, reason)
        return named
    count = _number(body["count"], "count", 1)
    if count > len(able):
        reason = f"Only {len(able)} of the pool's nodes can be {fault} now."
        if fault == "preempted" and any(node.dedicated for node in pool.nodes.values()):
            reason += (
                " Its dedicated nodes never are: only Spot (low-priority) nodes are preempted."
            )
        raise invalid_property("count", count, reason)
    return choose(able, count, _number(body.get("seed", 0), "seed", -_MOST))


def _named(service: Service, pool: Pool, names: object) -> list[Node]:
    if not isinstance(names, list):
        raise invalid_property("nodes", names, "A list of ids of nodes is expected.")
    found = dict.fromkeys(str(name) for name in cast("list[object]", names))
    return [service.account.node(pool.id, name) for name in found]


def _families(value: object) -> list[tuple[str, int]]:
    if not isinstance(value, dict):
        reason = 'An object of names and cores is expected: {"standardDDSv5Family": 16}.'
        raise invalid_property("coresByFamily", value, reason)
    given = cast("dict[str, object]", value)
    return [(name, _number(n, f"coresByFamily.{name}", 0)) for name, n in given.items()]


def _number(value: object, name: str, low: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= _MOST:
        raise invalid_property(name, value, f"A whole number from {low} to {_MOST} is expected.")
    return value


def _text(body: dict[str, Any], name: str, default: str) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or not value:
        raise invalid_property(name, value, "A string is expected.")
    return value


def _error(body: dict[str, Any]) -> NodeError:
    error = body.get("error", {})
    if not isinstance(error, dict):
        raise invalid_property("error", error, 'An object is expected: {"code", "message"}.')
    given = cast("dict[str, Any]", error)
    code = _text(given, "code", DEFAULT_ERROR.code)
    return NodeError(code, _text(given, "message", DEFAULT_ERROR.message))


def _back_after(body: dict[str, Any]) -> timedelta | None:
    text = body.get("backAfter")
    if text is None:
        return None
    try:
        span = parse_duration(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        span = None
    if span is None or span > _FAR:
        reason = "An ISO 8601 duration of at most ten years is expected, such as PT5M."
        raise invalid_property("backAfter", text, reason)
    return span


def _told(nodes: list[Node]) -> Response:
    return reply(200, body={"nodes": [node.id for node in nodes]})
