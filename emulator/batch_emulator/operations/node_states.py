"""Which operations a node's state allows, and what the service says where it does not."""

from __future__ import annotations

from batch_emulator.state.node import Node
from batch_emulator.wire.errors import BatchError

_CODES = {
    "creating": "NodeBeingCreated",
    "starting": "NodeBeingStarted",
    "waitingforstarttask": "NodeBeingStarted",
    "rebooting": "NodeBeingRebooted",
    "reimaging": "NodeBeingReimaged",
    "unusable": "NodeStateUnusable",
    "starttaskfailed": "NodeStateUnusable",
}


def require_state(node: Node, *states: str) -> None:
    """Refuse what cannot be done to a node in its state.

    Args:
        node: the node.
        states: those in which it can be done.

    Raises:
        BatchError: with the code of the node's state.
    """
    if node.state not in states:
        code = _CODES.get(node.state, "OperationInvalidForCurrentState")
        raise BatchError(code, NodeState=node.state, Allowed=", ".join(states) or "none")
