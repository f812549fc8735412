"""What docs/emulator.md says of each client, run as it stands, with the emulator's own address.

Run by `run.py`; ENDPOINT and KEY come in the environment. The page's first program is run by
`make test`.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from steps import same, step

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENTS = REPOSITORY / ".venv-conformance"
PAGE = (REPOSITORY / "docs" / "emulator.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:10100"


def block(heading: str) -> str:
    """The first program below a heading, for this emulator."""
    found = re.search(
        rf"^### {re.escape(heading)}\n.*?^```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found, heading
    assert ADDRESS in found[1], heading
    return found[1].replace(ADDRESS, os.environ["ENDPOINT"])


def run(*command: str | Path, program: str, folder: str | Path, path: Path | None = None) -> str:
    """What a program prints, which has to end well."""
    environment = {**os.environ, "AZURE_CONFIG_DIR": f"{folder}/config"}
    if path is not None:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    done = subprocess.run(
        command, input=program, env=environment, cwd=folder,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(done.stderr or done.stdout)
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="conformance-page-") as folder:
        with step("the page", "azure-batch 14"):
            program = block("Python, azure-batch 14")
            python = ENVIRONMENTS / "sdk14/bin/python"
            same(run(python, "-", program=program, folder=folder).strip(), "hello")
        with step("the page", "Azure CLI"):
            program = block("Azure CLI")
            run("/bin/sh", "-e", program=program, folder=folder, path=ENVIRONMENTS / "cli/bin")
            same(Path(folder, "out.txt").read_text("utf-8"), "hello\n")
        with step("the page", "Node.js"):
            program = block("Node.js, @azure/batch")
            node = REPOSITORY / ".venv/bin/node"
            modules = REPOSITORY / "tests/conformance/node"
            same(run(node, "-", program=program, folder=modules), "hello\n")


if __name__ == "__main__":
    main()
