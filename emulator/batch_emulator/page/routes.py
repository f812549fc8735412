"""Which request of the page does what."""

from __future__ import annotations

from batch_emulator.page import document, view
from batch_emulator.routes import Operation

PATH = "/"
OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("GET", PATH, document.show_page),
    ("GET", "/page/state.json", view.show_state),
)
PATHS = frozenset(path for _, path, _ in OPERATIONS)
