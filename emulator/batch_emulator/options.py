"""What an emulator is started with: read once, in one place, and never changed after."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from batch_emulator.arm.place import Place

DEVELOPMENT_KEY = base64.b64encode(
    b"batch-emulator: a well-known development key, no secret."
).decode()
"""As Azurite's: published, so worth nothing. It protects against mistakes, not against people."""

KEY_VARIABLE = "BATCH_EMULATOR_KEY"
"""The environment variable a key of one's own comes in: command lines are seen by everybody."""

AUTO_STORAGE_VARIABLE = "BATCH_EMULATOR_AUTO_STORAGE"
"""The environment variable for the auto-storage account's URL, which may hold a signature."""

OAuth = Literal["off", "basic"]
"""Whether bearer tokens are taken: `basic` looks at what they say and not at who signed them."""

_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEY_LENGTH = 32
"""Bytes a key needs where others can reach the emulator."""

Containers = Literal["auto", "podman", "docker", "refuse", "process"]
"""Where a container task runs: in an engine, in the first that works, nowhere, or, if told so, as a
plain process of this machine."""


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
    tls_cert: Path | None = None
    """A certificate in PEM form: with it the emulator speaks https only."""
    tls_key: Path | None = None
    """Its key, unless the certificate's file holds that too."""
    oauth: OAuth = "off"
    arm: Place | None = None
    """Where the account is in Azure Resource Manager; None where nothing stands in for that."""
    shared_key: bool = True
    """Whether signed requests are taken: the account's `allowedAuthenticationModes`."""
    connections: int = 512
    """Connections open at once; beyond them the one goes that kept the emulator waiting longest."""
    client_timeout: float = 60.0
    """Real seconds a client may take to send a request, to go on reading an answer, or to idle."""
    nodes: int = 16
    """Nodes that may exist at once, over all pools: the account's quota."""
    time_scale: float = 1.0
    """The clock runs this many times faster than real time; processes run in real time."""
    boot_time: float = 5.0
    """Seconds of the clock from a resize to nodes that take tasks. The service takes minutes."""
    containers: Containers = "auto"
    allow_file_urls: bool = False
    """Whether a resource file may be `file://`, which the service does not know."""
    applications: Path | None = None
    """The folder of application packages: `<id>/<version>.zip`."""
    auto_storage: str | None = field(default=None, repr=False)
    """The URL of the blob service that stands for the account's auto-storage account."""
    task_path: tuple[str, ...] = ()
    """Folders put before the host's PATH for tasks."""
    pools: int = 100
    """Pools that may exist at once: the service's default quota."""
    active_jobs: int = 300
    """Active jobs allowed at once: the service's default quota is 100 to 300."""

    def __post_init__(self) -> None:
        """Check what a caller may get wrong."""
        if not _ACCOUNT.fullmatch(self.account):
            raise OptionError(f"--account {self.account}: letters, digits, . - and _ are allowed")
        if self.nodes < 0:
            raise OptionError(f"--nodes {self.nodes}: a whole number of 0 or more is allowed")
        if not 0 <= self.port <= 65_535:
            raise OptionError(f"--port {self.port}: 0 to 65535 is allowed, 0 for one that is free")
        if not 0 < self.time_scale <= 1_000_000:
            raise OptionError(f"--time-scale {self.time_scale}: from above 0 to 1000000 is allowed")
        if not 0 <= self.boot_time <= 86_400:
            raise OptionError(f"--boot-time {self.boot_time}: from 0 to 86400 seconds is allowed")
        if self.connections < 1:
            raise OptionError(f"--connections {self.connections}: a number of 1 or more is allowed")
        if not 0 < self.client_timeout <= 86_400:
            raise OptionError(
                f"--client-timeout {self.client_timeout}: from above 0 to 86400 seconds is allowed"
            )
        try:
            secret = base64.b64decode(self.key, validate=True)
        except ValueError:
            raise OptionError(
                f"{KEY_VARIABLE} or --key-file: not base64; an account key is base64"
            ) from None
        self._check_sources()
        if not is_loopback(self.host):
            self._check_exposed(secret)
        self._check_tls()

    def _check_exposed(self, secret: bytes) -> None:
        """Where others can reach the emulator: who can create tasks can run anything here."""
        exposed = f"--host {self.host}: others could reach it, and who can create tasks can run"
        if self.key == DEVELOPMENT_KEY:
            raise OptionError(
                f"{exposed} anything here. That takes a key of your own: --key new makes one up, "
                f"--key-file or {KEY_VARIABLE} give one."
            )
        if len(secret) < KEY_LENGTH:
            raise OptionError(
                f"{exposed} anything here. The key has {len(secret)} bytes, and {KEY_LENGTH} or "
                "more are needed for that; --key new makes one up."
            )
        if self.oauth != "off":
            raise OptionError(
                f"{exposed} anything here: --oauth basic takes tokens from whoever signed them, so "
                "it is for loopback only."
            )

    def _check_sources(self) -> None:
        if self.applications is not None and not self.applications.is_dir():
            raise OptionError(
                f"--applications {self.applications}: a folder is expected, with <id>/<version>.zip"
            )
        for folder in self.task_path:
            if not Path(folder).is_dir():
                raise OptionError(f"--task-path {folder}: a folder is expected that is there")
        if self.auto_storage is not None and not self.auto_storage.startswith(
            ("http://", "https://")
        ):
            raise OptionError(
                f"{AUTO_STORAGE_VARIABLE}: a URL is expected that containers' names are put to, "
                "such as http://127.0.0.1:10000/devstoreaccount1?<signature>"
            )

    def _check_tls(self) -> None:
        if self.tls_key and not self.tls_cert:
            raise OptionError(f"--tls-key {self.tls_key}: goes with --tls-cert, which is missing")
        if self.oauth != "off" and not self.tls_cert:
            raise OptionError(
                "--oauth basic: takes --tls-cert and --tls-key too. Clients send tokens over https "
                "only, since who sees one can use it."
            )
        if self.arm and self.oauth == "off":
            raise OptionError(
                "--arm: takes --oauth basic, --tls-cert and --tls-key too. Azure Resource Manager "
                "is asked over https, with tokens of Microsoft Entra ID."
            )
        if not self.shared_key and self.oauth == "off":
            raise OptionError("--no-shared-key: nothing would be left; it takes --oauth basic too")


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is one that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
