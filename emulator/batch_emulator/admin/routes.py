"""Which request of the admin interface does what."""

from __future__ import annotations

from batch_emulator.admin import clock
from batch_emulator.routes import Operation

PREFIX = "/admin/"

OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/admin/clock", clock.get_clock),
    ("POST", "/admin/clock", clock.move_clock),
)
