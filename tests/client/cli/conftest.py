"""The command line as a process of its own, as users start it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli_in(tmp_path: Path) -> Cli:
    """`cli_in(folder, "run", "recipe.yaml")`, with a home of its own."""

    def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("scenefleet")), *arguments],
            cwd=folder,
            env={**os.environ, "HOME": str(tmp_path / "home"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture
def cli(cli_in: Cli, tmp_path: Path) -> Cli:
    """`cli("run", "recipe.yaml")` in a folder and a home of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return cli_in(tmp_path, *arguments, **environment)

    return run
