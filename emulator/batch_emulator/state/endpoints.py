"""Where a node is reached from outside, as the service's load balancer would have it.

There is none before a loopback: what these tell is for programs that read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ADDRESS = "127.0.0.1"
"""Reaches every node: they are all this machine."""
ADDRESS_V6 = "::1"
"""The same for nodes with two families of addresses."""
_SSH = 22
_FIRST = 50_000
"""The port outside for the first node's SSH, as recordings of the service show it."""


def inbound_endpoints(spec: Mapping[str, Any], number: int) -> list[dict[str, Any]]:
    """A node's endpoints: SSH on Linux, then those of its pool's NAT pools.

    Args:
        spec: the pool's specification.
        number: the node's place among the pool's, from 0.
    """
    network = spec.get("networkConfiguration", {})
    address = network.get("publicIPAddressConfiguration", {})
    if address.get("provision", "").lower() == "nopublicipaddresses":
        return []
    agent = spec.get("virtualMachineConfiguration", {}).get("nodeAgentSKUId", "")
    ssh = [] if "windows" in agent.lower() else [_endpoint("SSHRule", number, _FIRST, _SSH)]
    pools = network.get("endpointConfiguration", {}).get("inboundNATPools", ())
    return [*ssh, *(_of_pool(nat, number) for nat in pools)]


def has_ipv6(spec: Mapping[str, Any]) -> bool:
    """Whether a pool's nodes have IPv6 addresses beside those of IPv4."""
    network = spec.get("networkConfiguration", {})
    families = network.get("publicIPAddressConfiguration", {}).get("ipFamilies", ())
    return any(family.lower() == "ipv6" for family in families)


def _of_pool(nat: Mapping[str, Any], number: int) -> dict[str, Any]:
    """An endpoint of a NAT pool, with a port of the pool's range."""
    first, last = nat["frontendPortRangeStart"], nat["frontendPortRangeEnd"]
    # a range has fewer ports than this machine may have nodes
    offset = number % (last - first + 1)
    told = _endpoint(nat["name"], number, first + offset - number, nat["backendPort"])
    return {**told, "protocol": nat.get("protocol", "tcp")}


def _endpoint(name: str, number: int, first: int, backend: int) -> dict[str, Any]:
    return {
        "name": f"{name}.{number}",
        "protocol": "tcp",
        "publicIPAddress": ADDRESS,
        "publicFQDN": "localhost",
        "frontendPort": first + number,
        "backendPort": backend,
    }
