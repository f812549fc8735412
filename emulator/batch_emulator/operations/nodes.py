"""Operations on nodes."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.checks import check_duration, check_range
from batch_emulator.operations.listing import NODE_COUNTS, NODES, question, selection
from batch_emulator.operations.pool_checks import RESIZE_TIMEOUT
from batch_emulator.scheduling.allocation import remove_nodes as begin_removal
from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply, reply_one

_COUNTED = {
    "starttaskfailed": "startTaskFailed",
    "leavingpool": "leavingPool",
    "upgradingos": "upgradingOS",
    "waitingforstarttask": "waitingForStartTask",
}
_STATES = (
    "creating",
    "deallocated",
    "deallocating",
    "idle",
    "leavingPool",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "startTaskFailed",
    "starting",
    "unknown",
    "unusable",
    "upgradingOS",
    "waitingForStartTask",
)


_MOST_REMOVED = 100
"""Nodes that one request may remove: the service's number."""


async def list_nodes(service: Service, request: Request) -> Response:
    """List a pool's nodes."""
    pool = service.account.pool(request.path_params["poolId"])
    asked = question(request, NODES, "BatchNode")
    base = base_url(request)
    nodes = list(pool.nodes.values())
    return reply_page(request, nodes, asked, lambda node: node.document(base))


async def get_node(service: Service, request: Request) -> Response:
    """Get a node."""
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    document = node.document(base_url(request))
    chosen = choose(document, selection(request, "BatchNode"))
    return reply_one(request, "nodes", chosen, resource=node)


async def remove_nodes(service: Service, request: Request) -> Response:
    """Take certain nodes away."""
    pool = service.account.pool(request.path_params["poolId"])
    check_conditions(request, pool)
    body = await read_body(request, "BatchNodeRemoveOptions")
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted")
    if pool.allocation != "steady":
        raise BatchError("PoolBeingResized")
    check_range("nodeList", len(body["nodeList"]), 0, _MOST_REMOVED)
    timeout = body.get("resizeTimeout")
    limit = check_duration("resizeTimeout", timeout, *RESIZE_TIMEOUT) if timeout else None
    nodes = [service.account.node(pool.id, name) for name in dict.fromkeys(body["nodeList"])]
    begin_removal(service, pool, nodes, body.get("nodeDeallocationOption", "requeue"), limit)
    return reply(202, resource=pool, url=own_url(request))


async def list_node_counts(service: Service, request: Request) -> Response:
    """Counts nodes by state, pool by pool: by their ids, as recorded of the service."""
    asked = question(request, NODE_COUNTS, None, by_name=True)
    pools = [_Counted(pool) for _, pool in sorted(service.account.pools.items())]
    return reply_page(request, pools, asked, _Counted.document)


class _Counted:
    """A pool in the list of node counts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.sequence = pool.id.lower().encode()
        self.gone = pool.gone

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        return self._pool.id if path == "poolId" else None

    def document(self) -> dict[str, Any]:
        return {
            "poolId": self._pool.id,
            "dedicated": self._counts(dedicated=True),
            "lowPriority": self._counts(dedicated=False),
        }

    def _counts(self, *, dedicated: bool) -> dict[str, int]:
        counts: dict[str, int] = dict.fromkeys(_STATES, 0)
        nodes = [n for n in self._pool.nodes.values() if n.dedicated == dedicated]
        for node in nodes:
            counts[_COUNTED.get(node.state, node.state)] += 1
        return {**counts, "total": len(nodes)}
