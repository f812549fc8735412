"""Sends the Batch emulator requests that schemathesis makes up, and looks whether it bears them.

The requests follow the OpenAPI document of the shared folder, half of them on purpose not; ids are
mostly of things that are there, so that they reach further than a 404. They are signed as the
service wants it. No command of theirs runs, and no address of theirs is fetched: command lines and
URLs are replaced. Run it with `make fuzz-emulator`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import random
import secrets
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning, NonInteractiveExampleWarning

VERSION = "2025-06-01"
REPLACED = {
    "commandLine": "/bin/true",
    "coordinationCommandLine": "/bin/true",
    "httpUrl": "http://127.0.0.1:9/nothing",
    "storageContainerUrl": "http://127.0.0.1:9/nothing",
    "containerUrl": "http://127.0.0.1:9/nothing",
    "registryServer": "127.0.0.1:9",
    "imageName": "127.0.0.1:9/nothing",
}
"""What must not be as it was made up."""
IDS = {
    "poolId": ("fuzz-pool", "fuzz-empty"),
    "jobId": ("fuzz-job", "fuzz-idle"),
    "taskId": ("fuzz-task",),
    "jobScheduleId": ("fuzz-schedule",),
    "userName": ("fuzz-user",),
    "extensionName": ("fuzz-extension",),
    "applicationId": ("fuzz-application",),
    "filePath": ("stdout.txt", "wd", "wd/nothing", "shared"),
}
QUIET = 10.0
"""Seconds in which an answer is expected."""
CASES = 10
"""Cases of an operation, one after the other, before the next operation has its turn."""
VARIANTS = 20
"""Requests that are made of a case: it takes schemathesis 100 ms to think of one."""
ODD = (None, "", "x", "\0", "é" * 300, "P1D", "PT0S", "2026-01-01T00:00:00Z", "fuzz-pool", -1, 0, 1)
ODDER = (2**31, 2**63, -(2**63), 1.5, 1e308, True, False, [], {}, [None], [{}], {"id": "x"}, "$[")
"""What a value of a body is changed to."""


class FuzzError(RuntimeError):
    """The emulator did not bear it."""


@dataclass
class Emulator:
    """An emulator that is driven."""

    endpoint: str
    account: str
    key: bytes
    process: subprocess.Popen[str]
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=QUIET))
    answers: Counter[int] = field(default_factory=Counter[int])
    """To what was made up."""
    made_up: int = 0
    slowest: tuple[float, str] = (0.0, "")
    nodes: list[str] = field(default_factory=list[str])

    def send(
        self, method: str, path: str, query: dict[str, Any], headers: dict[str, str], content: bytes
    ) -> httpx.Response:
        """A signed request; the path is encoded already."""
        query = {"api-version": VERSION, **query}
        pairs = [(k, v) for k, many in query.items() for v in _several(many)]
        url = f"{self.endpoint}{path}?{urlencode(pairs)}"
        dated = {"ocp-date": formatdate(usegmt=True), **headers}
        request = httpx.Request(method, url, headers=dated, content=content)
        signature = self._sign(request, path, pairs)
        request.headers["authorization"] = f"SharedKey {self.account}:{signature}"
        began = time.monotonic()
        try:
            answer = self.http.send(request)
        except httpx.HTTPError as error:
            raise FuzzError(f"{method} {url}: {error!r}\n{headers}\n{content[:2000]!r}") from None
        self.slowest = max(self.slowest, (time.monotonic() - began, f"{method} {path}"))
        if answer.status_code >= 500:
            told = answer.text[:500]
            raise FuzzError(f"{method} {url}: {answer.status_code} {told}\n{headers}\n{content!r}")
        return answer

    def order(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A request of the test's own."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.send(method, path, {}, {"content-type": "application/json"}, content)

    def memory(self) -> float:
        """Megabytes that it takes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def _sign(self, request: httpx.Request, path: str, pairs: list[tuple[str, str]]) -> str:
        names = "content-encoding content-language content-length content-md5 content-type date"
        names += " if-modified-since if-match if-none-match if-unmodified-since range"
        values = [request.headers.get(name, "") for name in names.split()]
        own = sorted((k, v) for k, v in request.headers.items() if k.startswith("ocp-"))
        told = [f"{k}:{v}" for k, v in own]
        first = {k.lower(): v for k, v in reversed(pairs) if v}
        asked = [f"{k}:{v}" for k, v in sorted(first.items())]
        text = "\n".join([request.method, *values, *told, f"/{self.account}{path}", *asked])
        return base64.b64encode(hmac.new(self.key, text.encode(), hashlib.sha256).digest()).decode()


def _several(value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [v if isinstance(v, str) else json.dumps(v) for v in many]


@contextmanager
def emulator(python: str) -> Iterator[Emulator]:
    """An emulator in a state that ends with it."""
    serve = [python, "-m", "batch_emulator", "serve", "--port=0", "--json", "--exit-with-parent"]
    key = secrets.token_bytes(64)
    process = subprocess.Popen(
        [*serve, "--boot-time=0.2", "--nodes=8", "--pools=100000", "--active-jobs=100000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BATCH_EMULATOR_KEY": base64.b64encode(key).decode()},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield Emulator(ready["endpoint"], ready["account"], key, process)
    finally:
        process.stdin.close()
        process.wait(30)


def furnish(batch: Emulator) -> None:
    """Make what requests are about; what a request took away comes back."""
    image = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    for name, nodes in (("fuzz-pool", 1), ("fuzz-empty", 0)):
        pool = {"id": name, "vmSize": "Standard_D4s_v5", "targetDedicatedNodes": nodes}
        batch.order("POST", "/pools", {**pool, "virtualMachineConfiguration": machine})
    for name, pool_id in (("fuzz-job", "fuzz-pool"), ("fuzz-idle", "fuzz-empty")):
        batch.order("POST", "/jobs", {"id": name, "poolInfo": {"poolId": pool_id}})
        task = {"id": "fuzz-task", "commandLine": "/bin/true"}
        batch.order("POST", f"/jobs/{name}/tasks", task)
    made = {"poolInfo": {"poolId": "fuzz-empty"}}
    schedule = {"id": "fuzz-schedule", "schedule": {"recurrenceInterval": "PT1H"}}
    batch.order("POST", "/jobschedules", {**schedule, "jobSpecification": made})
    listed = batch.order("GET", "/pools/fuzz-pool/nodes")
    if listed.status_code == 200:
        batch.nodes = [node["id"] for node in listed.json()["value"]]


def harmless(value: Any) -> Any:
    """A body without commands and addresses of its own."""
    if isinstance(value, dict):
        members = ((k, REPLACED.get(k, v) if isinstance(v, str) else v) for k, v in value.items())
        return {k: harmless(v) for k, v in members}
    return [harmless(v) for v in value] if isinstance(value, list) else value


def repaired(body: Any, number: int) -> Any:
    """A body with what most would fail for: so that some are taken."""
    if not isinstance(body, dict):
        return body
    image = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
    right = {
        "id": f"fuzz-{number}",
        "poolInfo": {"poolId": "fuzz-empty"},
        "jobSpecification": {"poolInfo": {"poolId": "fuzz-empty"}},
        "virtualMachineConfiguration": {
            "imageReference": image,
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
    }
    return {name: right.get(name, value) for name, value in body.items()}


def changed(body: Any, dice: random.Random) -> Any:
    """A body with one value changed, or left out."""
    if isinstance(body, dict) and body and dice.random() < 0.8:
        name = dice.choice(list(body))
        if dice.random() < 0.2:
            return {k: v for k, v in body.items() if k != name}
        return {**body, name: changed(body[name], dice)}
    if isinstance(body, list) and body and dice.random() < 0.8:
        at = dice.randrange(len(body))
        return [*body[:at], changed(body[at], dice), *body[at + 1 :]]
    return dice.choice(ODD + ODDER)


def drive(batch: Emulator, case: Any, dice: random.Random) -> None:
    """Send a made-up request, and variants of it."""
    plain = not isinstance(case.body, schemathesis.core.NotSet | bytes)
    for variant in range(VARIANTS):
        body = case.body
        if plain and variant % 2:
            body = repaired(body, batch.made_up)
        if plain and variant > 1:
            body = changed(body, dice)
        request(batch, case, body, dice)


def request(batch: Emulator, case: Any, body: Any, dice: random.Random) -> None:
    """Send a request, most of the time about something that is there."""
    path = case.operation.path
    for name, value in (case.path_parameters or {}).items():
        known = batch.nodes if name == "nodeId" else IDS.get(name, ())
        chosen = dice.choice(known) if known and dice.random() < 0.8 else str(value)
        path = path.replace(f"{{{name}}}", quote(chosen, safe=""))
    if case.method == "DELETE" and "/files/" in path and ("%2F" in path or ".." in path):
        return  # nothing but what a node has may go, whatever is wrong with the emulator
    query = {k: v for k, v in (case.query or {}).items() if k != "api-version"}
    if "maxresults" in query and dice.random() < 0.5:
        query["maxresults"] = dice.randrange(1, 1000)
    headers = {
        str(k): str(v)
        for k, v in (case.headers or {}).items()
        if _can_be_sent(str(v)) and str(k).lower() not in ("ocp-date", "authorization")
    }
    content = b""
    if not isinstance(body, schemathesis.core.NotSet):
        content = body if isinstance(body, bytes) else json.dumps(harmless(body)).encode()
        headers.setdefault("content-type", "application/json; odata=minimalmetadata")
    batch.made_up += 1
    batch.answers[batch.send(case.method, path, query, headers, content).status_code] += 1


def _can_be_sent(value: str) -> bool:
    """Whether HTTP can carry a header's value, and a client would send it."""
    return value.isascii() and value.isprintable() and value == value.strip()


def fuzz(batch: Emulator, document: dict[str, Any], wanted: int, start: int, end: float) -> int:
    """Send so many requests, in turns of all operations; returns how many went out in time."""
    schema = schemathesis.openapi.from_dict(document)
    operations = [result.ok() for result in schema.get_all_operations()]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    turn = 0
    cases = max(1, min(CASES, wanted // (len(operations) * len(modes) * VARIANTS)))
    while True:
        for operation in operations:
            furnish(batch)
            for mode in modes:
                _turn(batch, operation, mode, cases, start + turn)
                turn += 1
            if batch.made_up >= wanted or time.monotonic() > end:
                return batch.made_up


def _turn(batch: Emulator, operation: Any, mode: Any, cases: int, number: int) -> None:
    dice = random.Random(number)

    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        drive(batch, case, dice)

    one()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=20_250_601)
    parser.add_argument("--minutes", type=float, default=15.0, help="at most so long")
    parser.add_argument("--memory", type=float, default=600.0, help="MB that are too many")
    parser.add_argument("--python", default=".venv/bin/python", help="that has the emulator")
    return parser.parse_args()


def main() -> int:
    """Run, and say what came of it."""
    arguments = _arguments()
    warnings.simplefilter("ignore", HypothesisWarning)
    warnings.simplefilter("ignore", NonInteractiveExampleWarning)
    shared = Path(os.environ.get("SCENEFLEET_SHARED", "../shared"))
    document = json.loads((shared / "reference/azure-batch-openapi-derived.json").read_text())
    with emulator(arguments.python) as batch:
        began, before = time.monotonic(), batch.memory()
        try:
            sent = fuzz(
                batch,
                document,
                arguments.requests,
                arguments.seed,
                began + 60 * arguments.minutes,
            )
            alive = batch.order("GET", "/jobs").status_code
        except FuzzError as fault:
            print(f"after {batch.made_up} requests: {fault}", file=sys.stderr)
            return 1
        took, after = time.monotonic() - began, batch.memory()
        print(f"{sent} requests in {took:.0f} s, {sent / took:.0f} a second; seed {arguments.seed}")
        print("answers:", ", ".join(f"{n} x {s}" for s, n in sorted(batch.answers.items())))
        print(f"slowest: {batch.slowest[0]:.2f} s, {batch.slowest[1]}")
        print(f"memory: {before:.0f} MB before, {after:.0f} MB after")
        if alive != 200 or after > arguments.memory or sent < arguments.requests:
            print("it does not answer, takes too much, or was too slow", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
