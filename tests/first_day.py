"""The session that docs/engineer.md shows: storage refuses, nodes break, a quota is hit.

Batch is our emulator with faults on order, and Blob storage is Azurite behind a proxy that refuses
what nodes write until they are given a role. The emulator's clock is moved on, so that nobody
waits for `give_up_minutes`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from batch_emulator.admin.client import Admin

POOL = "scenefleet-spot"
IMAGE = (
    "ContainerInvalidImage",
    "One or more container images specified are invalid ContainerImage: "
    "registry.example/scenefleet-task:1 Message: No such image",
)
"""The service's own code and words. Source: https://github.com/Azure/Batch/issues/49."""
RECIPE = """\
version: 1
name: first
search: {{catalog: '{catalogue}', collections: [sentinel-2-l2a]}}
compute: {{backend: azure, stop_after: 4, retries: 0}}
output: {{store: '{store}'}}
"""


@dataclass
class Terminal:
    """A folder, and what is typed and printed in it."""

    folder: Path
    environment: dict[str, str]
    lines: list[str] = field(default_factory=list[str])

    def type(self, *words: str, code: int, then: Callable[[str], None] = lambda _: None) -> None:
        """Types a command and keeps what it prints; `then` sees each line as it comes."""
        self.lines.append(f"$ scenefleet {' '.join(words)}")
        with subprocess.Popen(
            [str(Path(sys.executable).with_name("scenefleet")), *words],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.lines.append(line.rstrip("\n"))
                then(line)
        assert process.returncode == code, "\n".join(self.lines)


def storage_refuses(terminal: Terminal) -> None:
    """Every scene fails in one way, so that the run is stopped."""
    terminal.type("run", "first.yaml", "--yes", code=3)


def nodes_break(terminal: Terminal, admin: Admin, nodes: int) -> None:
    """The nodes cannot have the image, and the run is given up."""

    def see(line: str) -> None:
        if "the run is ended in" in line and "0 min" not in line:
            admin.advance(timedelta(minutes=7))

    admin.set_quotas(low_priority_nodes=nodes)  # no others can be had instead
    admin.strike(POOL, "unusable", count=nodes, error=IMAGE)
    terminal.type("run", "first.yaml", "--yes", code=3, then=see)
    admin.bring_back(POOL)
    admin.set_quotas(low_priority_nodes=None)


def quota_is_hit(terminal: Terminal, admin: Admin) -> None:
    """The account has no job to spare, until another one ends."""

    def see(line: str) -> None:
        if "ActiveJobAndScheduleQuotaReached" in line and "another command" not in line:
            terminal.lines.append("(in another terminal)")
            terminal.type("status", "first.yaml", code=0)
            admin.set_quotas(active_jobs=None)

    admin.set_quotas(active_jobs=0)
    terminal.type("retry", "first.yaml", "--yes", code=0, then=see)
