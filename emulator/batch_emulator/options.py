"""What an emulator is started with: read once, in one place, and never changed after."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

DEVELOPMENT_KEY = base64.b64encode(
    b"batch-emulator: a well-known development key, no secret."
).decode()
"""As Azurite's: published, so worth nothing. It protects against mistakes, not against people."""

KEY_VARIABLE = "BATCH_EMULATOR_KEY"
"""The environment variable a key of one's own comes in: command lines are seen by everybody."""

Containers = Literal["refuse", "process"]
"""What becomes of a container task: refused, or run as a plain process of this machine."""


class OptionError(ValueError):
    """An option that cannot be used: says what was given and what is allowed."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one emulator behaves."""

    state: Path
    """The folder that holds the nodes' files."""
    temporary: bool = False
    """Whether that folder goes with the emulator."""
    account: str = "devaccount"
    key: str = field(default=DEVELOPMENT_KEY, repr=False)
    """The account's shared key, in base64."""
    host: str = "127.0.0.1"
    port: int = 10100
    """0 takes a free one."""
    nodes: int = 16
    """Nodes that may exist at once, over all pools: the account's quota."""
    time_scale: float = 1.0
    """The clock runs this many times faster than real time; processes run in real time."""
    boot_time: float = 5.0
    """Seconds of the clock from a resize to nodes that take tasks. The service takes minutes."""
    containers: Containers = "refuse"
    allow_file_urls: bool = False
    """Whether a resource file may be `file://`, which the service does not know."""
    task_path: tuple[str, ...] = ()
    """Folders put before the host's PATH for tasks."""
    active_jobs: int = 300
    """Active jobs allowed at once: the service's default quota is 100 to 300."""

    def __post_init__(self) -> None:
        """Check what a caller may get wrong."""
        if self.nodes < 0:
            raise OptionError(f"--nodes {self.nodes}: a whole number of 0 or more is allowed")
        if not 0 <= self.port <= 65_535:
            raise OptionError(f"--port {self.port}: 0 to 65535 is allowed, 0 for one that is free")
        if not 0 < self.time_scale <= 1_000_000:
            raise OptionError(f"--time-scale {self.time_scale}: from above 0 to 1000000 is allowed")
        if not 0 <= self.boot_time <= 86_400:
            raise OptionError(f"--boot-time {self.boot_time}: from 0 to 86400 seconds is allowed")
        if self.key == DEVELOPMENT_KEY and not _is_loopback(self.host):
            raise OptionError(
                f"--host {self.host}: others could reach it, and who can create tasks can run "
                f"anything here. Set {KEY_VARIABLE} to a key of your own for that."
            )
        try:
            base64.b64decode(self.key, validate=True)
        except ValueError:
            raise OptionError(f"{KEY_VARIABLE}: not base64; an account key is base64") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
