"""What is done to a node on a user's order: reboot, reimage, deallocate, start, stop scheduling.

The node is in the new state from the start, also while it waits for its tasks: the service's own
clients take any other state for the end of the action.
"""

from __future__ import annotations

from functools import partial

from batch_emulator.scheduling.boot import boot
from batch_emulator.scheduling.nodes import drained, end_running, go_on, stop_timer, wipe
from batch_emulator.service import Service
from batch_emulator.state.node import Drain, Node, NodeState

ACTION = 0.4
"""The part of a node's boot time that an action takes before the node starts."""


def reboot(service: Service, node: Node, drain: Drain) -> None:
    """Restart a node; its files stay, and its start task runs again."""
    _act(service, node, "rebooting", drain)


def reimage(service: Service, node: Node, drain: Drain) -> None:
    """Give a node a new disk: files and users are gone."""
    _act(service, node, "reimaging", drain)


def deallocate(service: Service, node: Node, drain: Drain) -> None:
    """Give a node's machine back; it stays in the pool, without its files."""
    _act(service, node, "deallocating", drain)


def upgrade(service: Service, node: Node) -> None:
    """Upgrade a node's operating system; whether tasks may end first is the pool's to say."""
    policy = node.pool.spec.get("upgradePolicy", {}).get("automaticOSUpgradePolicy", {})
    deferred = policy.get("osRollingUpgradeDeferral", False)
    _act(service, node, "upgradingos", "taskcompletion" if deferred else "requeue")


def start(service: Service, node: Node) -> None:
    """Start a node that was deallocated."""
    node.enter("starting", service.now())
    node.touch(service.now())
    go_on(service, node, partial(boot, service, node))


def resume(service: Service, node: Node) -> None:
    """Go on with an action that a restart of the emulator broke off."""
    _act(service, node, node.state, node.drain)


def disable_scheduling(service: Service, node: Node, drain: Drain) -> None:
    """Let no more tasks start on a node; it is offline once those that run have ended."""
    stop_timer(node)
    node.scheduling = "disabled"
    node.journal.note(service.now(), f"scheduling disabled, {drain}")
    node.touch(service.now())
    end_running(node, drain)
    if node.state == "idle":
        node.rest(service.now())


def enable_scheduling(service: Service, node: Node) -> None:
    """Let tasks start on a node again."""
    stop_timer(node)
    node.scheduling = "enabled"
    node.journal.note(service.now(), "scheduling enabled")
    node.touch(service.now())
    if node.state == "offline":
        node.rest(service.now())
    service.wake(node.pool.id)


def _act(service: Service, node: Node, state: NodeState, drain: Drain) -> None:
    node.drain = drain
    node.enter(state, service.now())
    node.touch(service.now())
    end_running(node, drain)
    go_on(service, node, partial(_finish, service, node))


async def _finish(service: Service, node: Node) -> None:
    await drained(service, node)
    if node.state in ("reimaging", "deallocating"):
        wipe(service, node)
    if node.state == "reimaging":
        node.users = []
    await service.clock.sleep(ACTION * service.options.boot_time)
    if node.state == "deallocating":
        node.enter("deallocated", service.now())
    else:
        await boot(service, node)
