"""Starts an emulator as a process of its own, for tests and for programs that want one a while."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from batch_emulator.admin.client import Admin
from batch_emulator.options import DEVELOPMENT_KEY, KEY_VARIABLE

_PATIENCE = 10.0
"""Seconds that an emulator gets to end by itself before it is killed."""


class StartError(RuntimeError):
    """The emulator did not start; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Running:
    """An emulator that answers requests."""

    endpoint: str
    account: str
    key: str = field(repr=False)
    process: subprocess.Popen[str] = field(repr=False)
    trust: bool | str = True
    """A file of certificates to trust, for an endpoint with TLS; or those of the system."""
    identity: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """The environment variables by which clients find its managed identity, if it has one."""

    @property
    def admin(self) -> Admin:
        """Moves its clock."""
        return Admin(self.endpoint, self.account, self.key, self.trust)


@contextlib.contextmanager
def start(
    *options: str, key: str = DEVELOPMENT_KEY, trust: bool | str = True
) -> Generator[Running]:
    """Run an emulator on a free port while the context lasts.

    Args:
        options: of `python -m batch_emulator serve`, such as `--time-scale=50`.
        key: the account's key, in base64.
        trust: a file of certificates to trust, where it serves with TLS.

    Raises:
        StartError: if it does not start.
    """
    process = subprocess.Popen(
        command(options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, KEY_VARIABLE: key},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise StartError(f"the emulator ended with {process.wait()} before it was ready")
        ready = json.loads(line)
        yield Running(
            ready["endpoint"],
            ready["account"],
            ready.get("key", key),
            process,
            trust,
            ready.get("identity", {}),
        )
    finally:
        process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def command(options: Sequence[str]) -> list[str]:
    """The command line of an emulator that ends when its standard input closes."""
    serve = [sys.executable, "-m", "batch_emulator", "serve"]
    return [*serve, "--port=0", "--json", "--exit-with-parent", *options]
