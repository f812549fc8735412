"""What befalls a node on a test's order: it is preempted, breaks, is lost, and comes back.

Its tasks go back to the queue at once; that counts neither as a retry nor as a requeue.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Literal

from batch_emulator.scheduling.boot import boot, come_up
from batch_emulator.scheduling.node_actions import disable_scheduling, enable_scheduling, upgrade
from batch_emulator.scheduling.nodes import drained, end_running, go_on, stop_timer, wipe
from batch_emulator.service import Service
from batch_emulator.state.node import Node, NodeError, NodeState

Fault = Literal["preempted", "unusable", "unknown", "offline", "upgradingos"]
DEFAULT_ERROR = NodeError("NodePreparationError", "An error occurred during node preparation")
RETURNING: tuple[NodeState, ...] = ("preempted", "unusable", "unknown", "offline")
"""The states that a node can be brought back from."""

_UP: frozenset[NodeState] = frozenset({"idle", "running"})
_COMING_UP: frozenset[NodeState] = frozenset(
    {"creating", "starting", "waitingforstarttask", "starttaskfailed", "rebooting", "reimaging"}
)
_OFF: frozenset[NodeState] = frozenset({"offline"})
_ASIDE: frozenset[NodeState] = frozenset({"unknown", "upgradingos"})
_UNUSABLE: frozenset[NodeState] = frozenset({"unusable"})
_HAS_MACHINE = _UP | _COMING_UP | _OFF | _ASIDE
_STRICKEN: dict[Fault, frozenset[NodeState]] = {
    "preempted": _HAS_MACHINE | _UNUSABLE,
    "unusable": _HAS_MACHINE,
    "unknown": _UP | _OFF,
    "offline": _UP,
    "upgradingos": _UP | _OFF,
}


def can_befall(fault: Fault, node: Node) -> bool:
    """Whether a node is in a state for a fault; only low-priority nodes are preempted."""
    return node.state in _STRICKEN[fault] and not (fault == "preempted" and node.dedicated)


def choose(nodes: Sequence[Node], count: int, seed: int) -> list[Node]:
    """Some of a pool's nodes: the same ones for the same seed and nodes in the same order.

    By place and not by id, which differs from run to run.
    """
    places = random.Random(seed).sample(range(len(nodes)), count)  # noqa: S311 - not for secrets
    return [nodes[place] for place in sorted(places)]


def strike(
    service: Service,
    node: Node,
    fault: Fault,
    error: NodeError = DEFAULT_ERROR,
    back_after: timedelta | None = None,
) -> None:
    """Let a fault befall a node.

    Args:
        service: the service.
        node: a node that it can befall.
        fault: the state that it gets into.
        error: what an unusable node says is wrong.
        back_after: when it comes back by itself; if None, not before it is brought back.
    """
    stop_timer(node)
    if fault == "upgradingos":
        upgrade(service, node)
        return
    if fault == "offline":
        disable_scheduling(service, node, "requeue")
    else:
        _break(service, node, fault, error)
    if back_after is not None:
        node.returns = service.now() + back_after
        start_timer(service, node)


def bring_back(service: Service, node: Node) -> None:
    """End a fault: capacity, contact or health have returned."""
    stop_timer(node)
    state = node.state
    if state == "preempted":
        node.enter("creating", service.now())
        go_on(service, node, partial(_return, service, node))
    elif state == "unusable":
        node.enter("starting", service.now())
        go_on(service, node, partial(_recover, service, node))
    elif state == "unknown":
        node.rest(service.now())
        service.wake(node.pool.id)
    elif node.scheduling == "disabled":
        enable_scheduling(service, node)
    node.touch(service.now())


def start_timer(service: Service, node: Node) -> None:
    """Have a node come back when it is to."""
    if node.returns is not None:
        left = (node.returns - service.now()).total_seconds()
        node.timer = service.clock.call_later(left, partial(bring_back, service, node))


def _break(service: Service, node: Node, fault: NodeState, error: NodeError) -> None:
    node.drain = "requeue"
    node.errors = [error] if fault == "unusable" else []
    node.enter(fault, service.now())
    node.touch(service.now())
    end_running(node, "requeue")
    go_on(service, node, partial(_lie_idle, service, node))


async def _lie_idle(service: Service, node: Node) -> None:
    await drained(service, node)
    if node.state == "preempted":
        wipe(service, node)


async def _return(service: Service, node: Node) -> None:
    await drained(service, node)
    wipe(service, node)
    node.users = []
    await come_up(service, node)


async def _recover(service: Service, node: Node) -> None:
    await drained(service, node)
    await boot(service, node)
