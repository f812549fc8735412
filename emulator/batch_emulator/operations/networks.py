"""What a pool's network may be: its subnet, and its NAT pools by the rules of the models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from batch_emulator.operations.checks import check_range
from batch_emulator.wire.errors import invalid_property

_MOST_POOLS, _MOST_RULES = 5, 25
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,75}[A-Za-z0-9_])?")
_RESERVED = (29876, 29877)
"""Ports of nodes that are the service's own."""
_RESERVED_FRONT = (50_000, 55_000)
"""The same outside, the first and the last."""
_FEWEST = 40
"""Ports outside for one inside: a node takes one."""
_PATH = "networkConfiguration.endpointConfiguration.inboundNATPools"


_NOBODY = "/subscriptions/00000000-0000-0000-0000-000000000000/"
"""A subscription of all zeros is nobody's, so it cannot be the account's."""


def check_subnet(spec: dict[str, Any]) -> None:
    """Checks the subnet of a pool or a job, as far as an account without a subscription can.

    Raises:
        BatchError: if it is certainly in another subscription.
    """
    subnet = spec.get("networkConfiguration", {}).get("subnetId", "")
    if subnet.startswith(_NOBODY):
        reason = "The subnet is in another subscription than the Batch account."
        raise invalid_property("networkConfiguration.subnetId", subnet, reason)


def check_networks(spec: dict[str, Any]) -> None:
    """Checks a pool's subnet and endpoints.

    Raises:
        BatchError: if one cannot be.
    """
    check_subnet(spec)
    network = spec.get("networkConfiguration", {})
    pools = network.get("endpointConfiguration", {}).get("inboundNATPools", [])
    if len(pools) > _MOST_POOLS:
        raise invalid_property(_PATH, len(pools), f"At most {_MOST_POOLS} are allowed.")
    address = network.get("publicIPAddressConfiguration", {})
    if pools and address.get("provision", "").lower() == "nopublicipaddresses":
        reason = "There can be none where nodes have no public addresses."
        raise invalid_property(_PATH, len(pools), reason)
    for at, pool in enumerate(pools):
        _check_pool(pool, f"{_PATH}[{at}]")
    for one, other in combinations(pools, 2):
        _check_pair(one, other)
    _check_rules([rule for pool in pools for rule in pool.get("networkSecurityGroupRules", ())])


def _check_pool(pool: dict[str, Any], path: str) -> None:
    if not _NAME.fullmatch(pool["name"]):
        reason = "Allowed: 1 to 77 letters, digits, '_', '.' and '-', of which a letter or digit "
        raise invalid_property(f"{path}.name", pool["name"], reason + "begins, no '.' or '-' ends.")
    check_range(f"{path}.backendPort", pool["backendPort"], 1, 65535)
    if pool["backendPort"] in _RESERVED:
        raise invalid_property(f"{path}.backendPort", pool["backendPort"], "It is reserved.")
    first, last = pool["frontendPortRangeStart"], pool["frontendPortRangeEnd"]
    for name in ("frontendPortRangeStart", "frontendPortRangeEnd"):
        check_range(f"{path}.{name}", pool[name], 1, 65534)
    low, high = _RESERVED_FRONT
    if first <= high and last >= low:
        reason = f"{low} to {high} are reserved."
        raise invalid_property(f"{path}.frontendPortRangeStart", f"{first}-{last}", reason)
    if last - first + 1 < _FEWEST:
        reason = f"A range has at least {_FEWEST} ports."
        raise invalid_property(f"{path}.frontendPortRangeEnd", f"{first}-{last}", reason)


def _check_pair(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in ("name", "backendPort"):
        if one[name] == other[name]:
            raise invalid_property(f"{_PATH}.{name}", one[name], "Another NAT pool has it.")
    first, last = "frontendPortRangeStart", "frontendPortRangeEnd"
    if one[first] <= other[last] and other[first] <= one[last]:
        told = f"{one[first]}-{one[last]}"
        reason = f"It overlaps {other[first]}-{other[last]}."
        raise invalid_property(f"{_PATH}.{first}", told, reason)


def _check_rules(rules: Sequence[dict[str, Any]]) -> None:
    path = f"{_PATH}.networkSecurityGroupRules"
    if len(rules) > _MOST_RULES:
        raise invalid_property(path, len(rules), f"At most {_MOST_RULES} are allowed in a pool.")
    priorities = [rule["priority"] for rule in rules]
    for at, priority in enumerate(priorities):
        check_range(f"{path}.priority", priority, 150, 4096)
        if priorities.index(priority) != at:
            raise invalid_property(f"{path}.priority", priority, "Another rule has it.")
