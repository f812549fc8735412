"""The image's entrypoint, laid out as the Dockerfile lays it out and run by a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenefleet_task.spec import dump, to_json

ROOT = Path(__file__).resolve().parents[2]
Entrypoint = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def entrypoint(tmp_path: Path) -> Entrypoint:
    """`entrypoint("run", "--help")` in a folder of its own, the environment nearly empty."""
    image = tmp_path / "image"
    for sources, target in re.findall(
        r"^COPY (?:--chmod=\d+ )?(.+) /opt/scenefleet/(.*)$",
        (ROOT / "docker/Dockerfile").read_text(),
        re.MULTILINE,
    ):
        for source in sources.split():
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, image / target)
            else:
                image.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, image / target)
    work = tmp_path / "work"
    work.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(image / "entrypoint"), *arguments],
            cwd=work,
            # no HOME: a user whom Batch makes is in no list of the image
            env={"PATH": path, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("arguments", [(), ("help",), ("--help",), ("-h",)])
def test_without_a_command_it_says_what_it_is(
    entrypoint: Entrypoint, arguments: tuple[str, ...]
) -> None:
    ran = entrypoint(*arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("scenefleet-task: the image")
    assert "run --document task.json" in ran.stdout


def test_an_unknown_option_is_refused(entrypoint: Entrypoint) -> None:
    ran = entrypoint("--document", "task.json")
    assert ran.returncode == 2
    assert "Give run, try" in ran.stderr


def test_it_runs_a_document(entrypoint: Entrypoint, scene: Any, kit: Any, tmp_path: Path) -> None:
    red, nir, scl = scene.files
    document = kit.document((kit.band("red", red), kit.band("nir", nir)), scl)
    (tmp_path / "work/task.json").write_bytes(dump(to_json(document)))
    ran = entrypoint("run", "--document", "task.json", "--store", "out")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "work/out/products/ndvi-test/scene-1/scene-1.json").exists()


@pytest.mark.parametrize(
    ("command", "said", "code"),
    [
        (("python3", "-c", "import sys; print(sys.argv[1:])", "a b", "$H"), "['a b', '$H']", 0),
        (("sh", "-c", "echo $0 $1; exit 7", "run", "--document"), "run --document", 7),
        (("python3", "-c", "import os; print(os.environ.get('PYTHONPATH'))"), "None", 0),
        (("sh", "-c", "kill -9 $$"), "", -9),
    ],
)  # fmt: skip
def test_a_command_line_of_batch_is_not_disturbed(
    entrypoint: Entrypoint, command: tuple[str, ...], said: str, code: int
) -> None:
    ran = entrypoint(*command)
    assert (ran.stdout.strip(), ran.returncode) == (said, code)


def test_a_command_that_is_not_there_is_named(entrypoint: Entrypoint) -> None:
    ran = entrypoint("rnu")
    assert ran.returncode == 127
    assert "rnu" in ran.stderr
