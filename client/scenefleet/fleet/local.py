"""A Batch emulator for a run on this machine: a child process that ends with the client.

The emulator's key is made up for each start and travels by the environment, of which the emulator
gets no more than it needs.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from scenefleet.errors import FleetError
from scenefleet.fleet.connection import Connection
from scenefleet.fleet.secrecy import conceal, surroundings

LOCAL_POOL = "local"
_BOOT = 0.05
"""Seconds a virtual node takes to come up: nobody wants to wait the emulator's usual 5 s."""
_DEATH = 2.0
"""Seconds for an emulator whose connections broke off to be seen ended."""


def local_pool(slots: int) -> dict[str, Any]:
    """The data-plane body of the pool for a local run: `slots` virtual nodes of one slot each."""
    return {
        "id": LOCAL_POOL,
        "vmSize": "Standard_D1_v2",
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "microsoft-dsvm",
                "offer": "ubuntu-hpc",
                "sku": "2404",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
        "targetDedicatedNodes": slots,
        "targetLowPriorityNodes": 0,
        "taskSlotsPerNode": 1,
    }


@contextmanager
def emulator(*, slots: int) -> Generator[Connection]:
    """A running emulator; it and every task on it end with the block, or with this process.

    Raises:
        FleetError: if it does not start.
    """
    conceal()  # the scripts of its tasks are processes of the same user
    key = b64encode(secrets.token_bytes(48)).decode()
    with tempfile.TemporaryFile() as log:
        process = _start(key, slots, log)
        try:
            yield Connection(*_ready(process, log), key)
        except FleetError:
            if (end := _end_of(process)) is None:
                raise
            raise FleetError(end) from None
        finally:
            _stop(process)


def _start(key: str, slots: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    interpreter = Path(sys.executable)
    path = os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-m", "batch_emulator", "serve", "--port", "0", "--json"]
    command += ["--exit-with-parent", "--allow-file-urls", "--nodes", str(slots)]
    command += ["--boot-time", str(_BOOT)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        # a session of its own, so that Ctrl-C reaches the client alone, which then says goodbye
        start_new_session=True,
        env={**surroundings(os.environ), "BATCH_EMULATOR_KEY": key, "PATH": path},
    )


def _ready(process: subprocess.Popen[bytes], log: IO[bytes]) -> tuple[str, str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        answer = json.loads(line)
        return str(answer["endpoint"]), str(answer["account"])
    except (ValueError, KeyError):
        process.wait(timeout=10)
        log.seek(0)
        said = log.read().decode(errors="replace").strip().splitlines()[-5:]
        raise FleetError(
            "The local Batch emulator did not start: " + (" | ".join(said) or "it said nothing")
        ) from None


def _end_of(process: subprocess.Popen[bytes]) -> str | None:
    """Returns how an emulator ended that answers no more, or None where it still runs."""
    try:
        code = process.wait(timeout=_DEATH)
    except subprocess.TimeoutExpired:
        return None
    why = f"with exit code {code}"
    if code < 0:
        why = f"by {signal.Signals(-code).name}"
    if code == -signal.SIGKILL:
        why += ", most often for want of memory (lower `compute.slots`)"
    return (
        f"The local Batch emulator (process {process.pid}) was ended {why}, and its tasks with it. "
        "Finished scenes stand; the same `scenefleet run` goes on with the scenes that are left."
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()  # its sign to end its tasks and itself
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
