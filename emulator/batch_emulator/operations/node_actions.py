"""Operations that do something to a node: reboot, reimage, deallocate, start, scheduling."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.node_states import require_state
from batch_emulator.scheduling import node_actions
from batch_emulator.service import Service
from batch_emulator.state.node import Drain, Node
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.reply import own_url, reply

UP = ("idle", "running")
_RESTARTABLE = (*UP, "starttaskfailed")
"""The specification says idle or running; tools for the service reboot to try a start task anew."""

_Act = Callable[[Service, Node, Drain], None]


async def reboot_node(service: Service, request: Request) -> Response:
    """Restart a node."""
    return await _act(service, request, "Reboot", _RESTARTABLE, node_actions.reboot)


async def reimage_node(service: Service, request: Request) -> Response:
    """Give a node a new disk."""
    return await _act(service, request, "Reimage", _RESTARTABLE, node_actions.reimage)


async def deallocate_node(service: Service, request: Request) -> Response:
    """Give a node's machine back; it stays in the pool."""
    return await _act(service, request, "Deallocate", UP, node_actions.deallocate)


async def start_node(service: Service, request: Request) -> Response:
    """Start a node that was deallocated."""
    node = _node(service, request)
    require_state(node, "deallocated")
    node_actions.start(service, node)
    return reply(202, resource=node, url=own_url(request))


async def disable_scheduling(service: Service, request: Request) -> Response:
    """Let no more tasks start on a node."""
    node = _node(service, request)
    shape = "BatchNodeDisableSchedulingOptions"
    body = await read_body(request, shape, optional=True)
    _require_scheduling(node, "enabled")
    drain = body.get("nodeDisableSchedulingOption", "requeue")
    node_actions.disable_scheduling(service, node, drain)
    return reply(200, resource=node, url=own_url(request))


async def enable_scheduling(service: Service, request: Request) -> Response:
    """Let tasks start on a node again."""
    node = _node(service, request)
    _require_scheduling(node, "disabled")
    node_actions.enable_scheduling(service, node)
    return reply(200, resource=node, url=own_url(request))


async def _act(
    service: Service, request: Request, name: str, states: tuple[str, ...], act: _Act
) -> Response:
    node = _node(service, request)
    body = await read_body(request, f"BatchNode{name}Options", optional=True)
    require_state(node, *states)
    act(service, node, body.get(f"node{name}Option", "requeue"))
    return reply(202, resource=node, url=own_url(request))


def _require_scheduling(node: Node, scheduling: str) -> None:
    if node.state == "leavingpool":
        require_state(node)
    if node.scheduling != scheduling:
        raise BatchError("NodeAlreadyInTargetSchedulingState")


def _node(service: Service, request: Request) -> Node:
    return service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
