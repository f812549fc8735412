"""Which request of the admin interface does what."""

from __future__ import annotations

from batch_emulator.admin import clock, faults, identity, nodes
from batch_emulator.routes import Operation

PREFIX = "/admin/"

OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/admin/clock", clock.get_clock),
    ("POST", "/admin/clock", clock.move_clock),
    ("POST", "/admin/faults", faults.order_fault),
    ("GET", "/admin/faults", faults.list_faults),
    ("DELETE", "/admin/faults", faults.clear_faults),
    ("DELETE", "/admin/faults/{faultId}", faults.clear_fault),
    ("GET", "/admin/requests", faults.list_requests),
    ("POST", "/admin/pools/{poolId}/nodefaults", nodes.strike_nodes),
    ("POST", "/admin/pools/{poolId}/nodereturns", nodes.return_nodes),
    ("POST", "/admin/pools/{poolId}/allocationfaults", nodes.fail_allocations),
    ("GET", "/admin/quotas", nodes.get_quotas),
    ("PATCH", "/admin/quotas", nodes.set_quotas),
    ("GET", identity.PATH, identity.get_token),
)
